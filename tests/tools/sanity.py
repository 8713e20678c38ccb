"""Run ansible-test's sanity tests on a copy of what users get.

In: the environment that runs this file, the files that git knows or would add, what galaxy.yml leaves out of the
artefact. Out: the exit code of ansible-test. Tests and services are no plugins: ruff and mypy judge those.
A copy, because ansible-test wants a real folder `ansible_collections/aphex/platform`; and a home of its own, because it
keeps its virtual environments there. Never here: an ignore file, or anything written to the user's home.
"""

from __future__ import annotations

import ast
import configparser
import fnmatch
import functools
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import yaml

from .steps import CACHE, ROOT, say


def main(arguments: list[str]) -> int:
    """Copy the tree and test it with the Python that runs this; further arguments go to ansible-test."""
    core = version("ansible-core")
    base = CACHE / "sanity" / core
    tree = base / "ansible_collections" / "aphex" / "platform"
    home = base / "home"
    copy_tree(tree)
    prepare_home(home)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    say(f"sanity: ansible-core {core}, Python {python}")
    command = ["ansible-test", "sanity", "--local", "--color", "no", "--python", python, *arguments]
    environment = {**os.environ, "HOME": str(home)}
    environment.pop("ANSIBLE_COLLECTIONS_PATH", None)
    environment.pop("PYTHONPATH", None)
    return subprocess.call(command, cwd=tree, env=environment)


def copy_tree(target: Path) -> None:
    """Make ``target`` hold the files of the working tree that are shipped, committed or not, and nothing else."""
    question = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(question, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    shutil.rmtree(target, ignore_errors=True)
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        # A file that was deleted and not yet committed is still listed.
        if source.is_file() and is_shipped(name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)
    # ansible-test asks git for the files; without a repository here it would ask the checkout's, which ignores them.
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)


def is_shipped(name: str) -> bool:
    """Tell whether a file goes into the artefact, by the patterns of galaxy.yml as ansible-galaxy reads them."""
    path = PurePosixPath(name)
    places = [str(place) for place in (path, *path.parents)]
    return not any(fnmatch.fnmatch(place, pattern) for pattern in _left_out() for place in places)


@functools.cache
def _left_out() -> list[str]:
    patterns: list[str] = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["build_ignore"]
    return patterns


def prepare_home(home: Path) -> None:
    """Give ansible-test a home with pip's settings and the script that it would download."""
    hook = home / ".ansible" / "test" / "cache" / f"get_pip_{bootstrap_version().replace('.', '_')}.py"
    hook.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("get_pip.py"), hook)
    settings = home / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.touch(mode=0o600)
    with settings.open("w", encoding="utf-8") as file:
        pip_settings().write(file)


def bootstrap_version() -> str:
    """Return the version of pip whose bootstrap script this ansible-test asks for."""
    import ansible_test

    source = Path(ansible_test.__path__[0]) / "_internal" / "python_requirements.py"
    found = re.search(r"default_packages = dict\(\s*pip='([\d.]+)'", source.read_text(encoding="utf-8"))
    if found is None:
        raise RuntimeError(
            f"ansible-test of core {version('ansible-core')} no longer says which pip it wants: {source}"
        )
    return found.group(1)


def pip_settings() -> configparser.RawConfigParser:
    """Return pip's settings from all its files and the environment, as one file.

    ansible-test hands pip neither our environment nor our home, so a mirror, a proxy or a certificate would be lost.
    """
    settings = configparser.RawConfigParser()
    settings.add_section("global")
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, check=True, text=True
    ).stdout
    for line in listed.splitlines():
        key, _equals, value = line.partition("=")
        section, _dot, option = key.rpartition(".")
        section = "global" if section == ":env:" else section
        if not settings.has_section(section):
            settings.add_section(section)
        settings.set(section, option, str(ast.literal_eval(value)))
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")
    if proxy and not settings.has_option("global", "proxy"):
        settings.set("global", "proxy", proxy)
    return settings


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
