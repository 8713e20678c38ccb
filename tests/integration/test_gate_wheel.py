"""Is the wheel of the gate whole: one file that runs where neither Ansible nor this checkout is?

In: the checkout. Out: the wheel as pip builds it, installed into an environment of what it asks for. Never here: a
delivery.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import yaml

from tests.contract.environments import environment
from tests.sandbox.sandbox import CHECKOUT

# Requirements of modules that talk to a cluster or to Cloudflare, which the gate never does.
_NOT_THE_GATES = {"kubernetes", "cloudflare"}
_ROOMS = "ansible_collections/aphex/platform/plugins/module_utils/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as `pip wheel .` makes it."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT))
    [made] = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The Python of an environment with what the wheel asks for, and the folder that the wheel was installed into."""
    programs = environment("gate", *sorted(_asked_for(wheel)))
    folder = tmp_path_factory.mktemp("installed")
    python = programs / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps")
    _run(*pip, "--target", str(folder), str(wheel))
    return python, folder


def test_the_command_line_runs_where_there_is_no_ansible(installed: tuple[Path, Path], tmp_path: Path) -> None:
    _python, folder = installed
    assert _says(installed, tmp_path, "-c", "import importlib.util as u; print(u.find_spec('ansible'))") == "None\n"
    env = {**_clean(), "PYTHONPATH": str(folder)}
    said = subprocess.run(
        [folder / "bin" / "aphex-gate", "--help"], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert "aphex-gate" in said
    assert "serve" in said


def test_every_file_of_it_can_be_imported_there(installed: tuple[Path, Path], wheel: Path, tmp_path: Path) -> None:
    names = [name[:-3].replace("/", ".") for name in _files(wheel) if name.endswith(".py") and "__" not in name]
    assert len(names) > 30
    text = f"import importlib\nfor name in {names!r}:\n    importlib.import_module(name)\nprint('all')"
    assert _says(installed, tmp_path, "-c", text) == "all\n"


def test_it_holds_the_rooms_that_the_gate_needs_and_no_other(wheel: Path) -> None:
    files = _files(wheel)
    rooms = {name.removeprefix(_ROOMS).split("/")[0] for name in files if name.startswith(_ROOMS)}
    assert rooms == {"_gate", "_github", "_core", "_http.py", "_yaml.py", "_crypto.py"}
    assert {name.split("/")[0] for name in files if ".dist-info/" not in name} == {"services", "ansible_collections"}
    service = CHECKOUT / "services" / "gate"
    ours = {path.relative_to(CHECKOUT).as_posix() for path in service.rglob("*") if path.is_file()}
    packed = {name for name in files if name.startswith("services/")}
    assert packed == {name for name in ours if "__pycache__" not in name} - {"services/gate/Containerfile"}


def test_it_is_of_the_collections_version_and_asks_for_what_the_requirements_say(wheel: Path) -> None:
    galaxy = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        assert Parser().parsestr(archive.read(name).decode())["Version"] == galaxy["version"]
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(line for lines in project["optional-dependencies"].values() for line in lines)]
    assert asked == [
        line for line in (*_lines("requirements.txt"), *_lines("requirements-gate.txt"))
        if re.split(r"[\[>]", line)[0] not in _NOT_THE_GATES
    ]  # fmt: skip


def test_what_the_containerfile_copies_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    text = (CHECKOUT / "services" / "gate" / "Containerfile").read_text(encoding="utf-8")
    context = tmp_path / "context"
    copies = re.findall(r"^COPY (?!--)(.+) (\S+)$", text, re.MULTILINE)
    for names, place in copies:
        for name in names.split():
            target = context / place / (name if place == "./" else "")
            if (CHECKOUT / name).is_dir():
                shutil.copytree(CHECKOUT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(CHECKOUT / name, target)
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(context))
    assert _files(tmp_path / wheel.name) == _files(wheel)
    assert re.findall(r"^ARG BASE=\S+:(\S+)$", text, re.MULTILINE) == ["3.13.9-slim-trixie"]
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${BASE}"] * 2
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    # What is copied is all that is sent to whoever builds.
    sent = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").split() if line[0] == "!"}
    assert sent == {name for names, _place in copies for name in names.split()}


def _lines(name: str) -> list[str]:
    lines = (CHECKOUT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _asked_for(wheel: Path) -> list[str]:
    """Return what the wheel requires, with what several replicas need as well."""
    [found] = importlib.metadata.distributions(path=[str(wheel)])
    return [line.split(";")[0].strip() for line in found.requires or []]


def _files(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def _says(installed: tuple[Path, Path], folder: Path, *words: str) -> str:
    python, target = installed
    env = {**_clean(), "PYTHONPATH": str(target)}
    return _run(str(python), *words, env=env, cwd=folder)


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ANSIBLE_"))}


def _run(*words: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    ended = subprocess.run(words, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{' '.join(words)}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout
