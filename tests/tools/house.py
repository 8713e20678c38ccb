"""The rules of the house that no tool knows: what lies where, and what it must say.

In: the root of a checkout. Out: sentences about what breaks a rule, none when all is well. Never here: the layer rule
(`layers.py`), or a file that is let off.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

HEADER = """\
# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""

ACTION = HEADER + (
    """
from __future__ import annotations

from ansible_collections.aphex.platform.plugins.modules.{name} import ENTRY_POINT
from ansible_collections.aphex.platform.plugins.plugin_utils._in_process import InProcess


class ActionModule(InProcess):
    \"\"\"Run module M(aphex.platform.{name}) inside the ansible-playbook process.\"\"\"

    entry_point = ENTRY_POINT
"""
)

LONGEST_FILE = 600
LONGEST_PLAYBOOK = 25
_SHORT_FILE = 30
_SOURCES = {".py", ".yml", ".yaml", ".j2", ".go", ".md", ".sh", ".toml"}
_ROLE_FILES = (
    "README.md",
    "meta/argument_specs.yml",
    "defaults/main.yml",
    "tasks/main.yml",
    "tasks/preflight.yml",
    "tasks/verify.yml",
)
_MODULE_PARTS = ("DOCUMENTATION", "EXAMPLES", "RETURN", "ENTRY_POINT", "main")
# A play of ours names hosts and roles; a connection in it would keep a delegated task on the controller.
_PLAY_WORDS = {
    "any_errors_fatal",
    "gather_facts",
    "hosts",
    "max_fail_percentage",
    "module_defaults",
    "name",
    "order",
    "roles",
    "serial",
    "tags",
    "throttle",
    "vars",
}
_UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
_LEFT_OUT = re.compile(r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b")
_OF_ONE_MACHINE = re.compile(r"(?:^|[\s'\"=:(])/(?:root|home/\w+|Users/\w+)/")
# Words that the house has others for: stand-in, present and absent, verify.
_OTHER_WORDS = {"fake", "faked", "mock", "mocked", "dummy", "ensure", "destroy", "healthcheck", "diagnose"}
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def files(root: Path) -> Iterator[Path]:
    """Yield every file of the collection; what tools have made lies in hidden folders and is left out."""
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        hidden = any(part.startswith(".") or part in ("__pycache__", "collections") for part in parts[:-1])
        if path.is_file() and (not hidden or parts[0] == ".ci"):
            yield path


def module_names(root: Path) -> list[str]:
    """Return the names of the modules."""
    return sorted(path.stem for path in (root / "plugins" / "modules").glob("*.py"))


def modules(root: Path) -> Iterator[str]:
    """Every module says all its parts, and has the one action file; no action stands alone."""
    for name in module_names(root):
        tree = ast.parse((root / "plugins" / "modules" / f"{name}.py").read_text(encoding="utf-8"))
        defined = _top_names(tree)
        yield from (f"modules/{name}.py: no {part}" for part in _MODULE_PARTS if part not in defined)
        action = root / "plugins" / "action" / f"{name}.py"
        if not action.is_file():
            yield f"modules/{name}.py: no action plugin of that name"
        elif action.read_text(encoding="utf-8") != ACTION.format(name=name):
            yield f"action/{name}.py: differs from the template in tests/tools/house.py"
    for action in sorted((root / "plugins" / "action").glob("*.py")):
        if action.stem not in module_names(root):
            yield f"action/{action.name}: no module of that name"


def _top_names(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def action_groups(
    declared: Mapping[str, Iterable[str]], options: Mapping[str, set[str]], groups: Mapping[str, set[str]]
) -> Iterator[str]:
    """The groups of `meta/runtime.yml` hold exactly the modules that take the whole option group of that name.

    ``options`` are the option names of each module, ``groups`` those of each option group.
    """
    for group in sorted(declared.keys() | groups.keys()):
        if group not in groups:
            yield f"action group {group}: there are no options of that name"
            continue
        expected = {module for module, names in options.items() if groups[group] <= names}
        partly = {module for module, names in options.items() if groups[group] & names} - expected
        listed = list(declared.get(group, []))
        yield from (f"{module}: takes only a part of the options {group}" for module in sorted(partly))
        yield from (f"action group {group}: {module} is missing" for module in sorted(expected - set(listed)))
        yield from (f"action group {group}: {module} does not take it" for module in sorted(set(listed) - expected))
        if listed != sorted(set(listed)):
            yield f"action group {group}: not in order, or a name twice"


def roles(root: Path) -> Iterator[str]:
    """Every role has its files; its inputs carry its name, are described, and each default is one of them."""
    for role in sorted(path for path in (root / "roles").glob("*") if path.is_dir()):
        missing = [name for name in _ROLE_FILES if not (role / name).is_file()]
        yield from (f"roles/{role.name}: no {name}" for name in missing)
        if not missing:
            yield from _role_inputs(role)


def _role_inputs(role: Path) -> Iterator[str]:
    options = _yaml(role / "meta" / "argument_specs.yml")["argument_specs"]["main"].get("options", {})
    defaults = _yaml(role / "defaults" / "main.yml") or {}
    for name in sorted(options.keys() | defaults.keys()):
        if not name.startswith((f"{role.name}_", f"__{role.name}_")):
            yield f"roles/{role.name}: input {name} does not begin with {role.name}_"
    for name in sorted(defaults.keys() - options.keys()):
        yield f"roles/{role.name}: default {name} is not in meta/argument_specs.yml"
    for name, option in options.items():
        if not option.get("description"):
            yield f"roles/{role.name}: input {name} is not described"
        # The check of role arguments prints the value that it refuses, unless any text is a right one.
        if option.get("no_log") and (option.get("type", "str") != "str" or "choices" in option):
            yield f"roles/{role.name}: secret input {name} must be a str without choices"


def playbooks(root: Path) -> Iterator[str]:
    """A playbook is short and names hosts and roles, nothing else."""
    for path in sorted((root / "playbooks").glob("*.yml")):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_PLAYBOOK:
            yield f"playbooks/{path.name}: {lines} lines, {LONGEST_PLAYBOOK} are allowed"
        for play in _yaml(path):
            for word in sorted(play.keys() - _PLAY_WORDS - {"import_playbook", "ansible.builtin.import_playbook"}):
                yield f"playbooks/{path.name}: a play does not say {word}"


def texts(root: Path) -> Iterator[str]:
    """Files are not too long, finished, of no one machine; Python files begin with what they are."""
    for path in files(root):
        if path.suffix not in _SOURCES:
            continue
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        length = len(text.splitlines())
        if length > LONGEST_FILE and name != "CHANGELOG.md":
            yield f"{name}: {length} lines, {LONGEST_FILE} are allowed"
        for number, line in enumerate(text.splitlines(), 1):
            if _UNFINISHED.search(line):
                yield f"{name}:{number}: unfinished"
            if _OF_ONE_MACHINE.search(line):
                yield f"{name}:{number}: a path of one machine"
            if path.suffix == ".py" and name.startswith("tests/") and _LEFT_OUT.search(line):
                yield f"{name}:{number}: a test that is left out"
        if path.suffix == ".py":
            yield from _python(name, text)


def _python(name: str, text: str) -> Iterator[str]:
    folder = name.split("/")[0]
    if folder == "plugins" and HEADER not in text[:400]:
        yield f"{name}: no licence header"
    docstring = ast.get_docstring(ast.parse(text))
    described = folder == "plugins" and name.split("/")[1] in ("module_utils", "plugin_utils")
    if text.strip() and not docstring and (described or folder == "tests"):
        yield f"{name}: its first docstring is missing"
    if described and docstring and len(text.splitlines()) > _SHORT_FILE and "Never here:" not in docstring:
        yield f"{name}: its first docstring does not say what is never there"


def links(root: Path) -> Iterator[str]:
    """A link from a page to a file of the checkout leads somewhere."""
    for path in files(root):
        if path.suffix == ".md":
            for target in _LINK.findall(path.read_text(encoding="utf-8")):
                if "://" not in target and not (path.parent / target).exists():
                    yield f"{path.relative_to(root)}: no {target}"


def words(root: Path) -> Iterator[str]:
    """Names in Python files use the words of the house."""
    for path in files(root):
        if path.suffix != ".py":
            continue
        name = path.relative_to(root).as_posix()
        for used, line in _names(path):
            other = _OTHER_WORDS & {word.lower() for word in _WORD.findall(used)}
            if other:
                yield f"{name}:{line}: {used}: docs/words.md has another word for {', '.join(sorted(other))}"


def _names(path: Path) -> Iterator[tuple[str, int]]:
    yield path.stem, 1
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno


def identity(root: Path) -> Iterator[str]:
    """What is said in two places is the same: bounds, the version, the oldest core and Python."""
    wanted, for_images = (_requirements(root / name) for name in ("requirements.txt", "meta/ee-requirements.txt"))
    if wanted != for_images:
        yield f"meta/ee-requirements.txt differs from requirements.txt: {sorted(set(wanted) ^ set(for_images))}"
    galaxy = _yaml(root / "galaxy.yml")
    spoken = re.search(
        r'^VERSION = "(.*)"$', (root / "plugins/module_utils/_core/version.py").read_text(encoding="utf-8"), re.M
    )
    if spoken is None or spoken.group(1) != galaxy["version"]:
        yield f"plugins/module_utils/_core/version.py does not say version {galaxy['version']} of galaxy.yml"
    if galaxy["dependencies"]:
        yield "galaxy.yml: the collection depends on no other"
    if _yaml(root / "meta/runtime.yml")["requires_ansible"] != ">=2.19.0":
        yield "meta/runtime.yml: requires_ansible is not that of tests/tools/setup.py"
    tools = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    if (tools["ruff"]["target-version"], tools["mypy"]["python_version"]) != ("py311", "3.11"):
        yield "pyproject.toml: ruff and mypy check for another Python than 3.11"


def _requirements(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
