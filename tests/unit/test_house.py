"""The rules of the house hold in this checkout; and each of them finds what it is there to find."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.module_utils import _options
from tests.tools import house
from tests.tools.layers import PLUGINS
from tests.tools.steps import ROOT

RULES = (house.modules, house.roles, house.playbooks, house.texts, house.links, house.words, house.identity)
Rule = Callable[[Path], Iterator[str]]


@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
def test_the_checkout_keeps_the_rule(rule: Rule) -> None:
    assert list(rule(ROOT)) == []


def test_action_groups_are_the_modules_that_take_the_options() -> None:
    declared = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    options = {name: set(_entry_point(name).options) for name in house.module_names(ROOT)}
    assert list(house.action_groups(declared, options, _option_groups())) == []


def test_every_option_group_is_told_to_people() -> None:
    for group, options in _option_groups().items():
        fragment = importlib.import_module(f"{PLUGINS}.doc_fragments._{group}")
        documented = yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]
        assert set(documented) == options, group


def _entry_point(name: str) -> Any:
    return importlib.import_module(f"{PLUGINS}.modules.{name}").ENTRY_POINT


def _option_groups() -> dict[str, set[str]]:
    """Every product whose options `_options.py` knows."""
    products = [path.parent.name.lstrip("_") for path in ROOT.glob("plugins/module_utils/_*/product.py")]
    return {name: set(getattr(_options, name.upper())) for name in products if hasattr(_options, name.upper())}


GROUPS = {"kubernetes": {"host", "api_key"}}
TAKES = {"objects": {"host", "api_key", "state"}, "record": {"zone"}}


@pytest.mark.parametrize(
    ("declared", "options", "sentences"),
    [
        ({"kubernetes": ["objects"]}, TAKES, []),
        ({"kubernetes": []}, TAKES, ["objects is missing"]),
        ({}, TAKES, ["objects is missing"]),
        ({"kubernetes": ["objects", "record"]}, TAKES, ["record does not take it"]),
        ({"kubernetes": ["gone", "objects"]}, TAKES, ["gone does not take it"]),
        ({"kubernetes": ["objects", "objects"]}, TAKES, ["a name twice"]),
        ({"kubernetes": ["objects"]}, {**TAKES, "half": {"host"}}, ["takes only a part"]),
        ({"kubernetes": ["objects"], "github": []}, TAKES, ["no options of that name"]),
    ],
)
def test_the_rule_of_action_groups_finds(
    declared: dict[str, list[str]], options: dict[str, set[str]], sentences: list[str]
) -> None:
    found = list(house.action_groups(declared, options, GROUPS))
    assert len(found) == len(sentences)
    assert all(sentence in each for each, sentence in zip(found, sentences, strict=True))


MODULE = house.HEADER + "DOCUMENTATION = EXAMPLES = RETURN = ''\nENTRY_POINT = 1\ndef main(): ...\n"
ROLE: dict[str, str] = {
    "README.md": "# Role",
    "meta/argument_specs.yml": "argument_specs: {main: {options: {web_name: {description: The name.}}}}",
    "defaults/main.yml": "web_name: x",
    "tasks/main.yml": "[]",
    "tasks/preflight.yml": "[]",
    "tasks/verify.yml": "[]",
}
PRODUCT_FILE = house.HEADER + '"""One.\n\nNever here: a thing.\n"""\n'
UNFINISHED = "TO" + "DO"


def _role(**changed: str) -> dict[str, str]:
    return {f"roles/web/{name.replace('__', '/')}": text for name, text in {**ROLE, **changed}.items()}


def _specs(option: str) -> dict[str, str]:
    return _role(**{"meta/argument_specs.yml": f"argument_specs: {{main: {{options: {{web_name: {option}}}}}}}"})


# Each row: the rule, the files of a checkout, a part of the sentence that must come; None when none may come.
CASES: dict[str, tuple[Rule, dict[str, str], str | None]] = {
    "a whole module": (
        house.modules,
        {"plugins/modules/web.py": MODULE, "plugins/action/web.py": house.ACTION.format(name="web")},
        None,
    ),
    "a module without action": (house.modules, {"plugins/modules/web.py": MODULE}, "no action plugin"),
    "an action with a line more": (
        house.modules,
        {"plugins/modules/web.py": MODULE, "plugins/action/web.py": house.ACTION.format(name="web") + "\n"},
        "differs from the template",
    ),
    "an action of another module": (
        house.modules,
        {"plugins/modules/web.py": MODULE, "plugins/action/web.py": house.ACTION.format(name="other")},
        "differs from the template",
    ),
    "an action alone": (house.modules, {"plugins/action/web.py": house.ACTION.format(name="web")}, "no module"),
    "a module without examples": (
        house.modules,
        {
            "plugins/modules/web.py": MODULE.replace("EXAMPLES", "SAMPLES"),
            "plugins/action/web.py": house.ACTION.format(name="web"),
        },
        "no EXAMPLES",
    ),
    "a whole role": (house.roles, _role(), None),
    "a role without verify": (
        house.roles,
        {name: text for name, text in _role().items() if "verify" not in name},
        "no tasks/verify.yml",
    ),
    "an input without the role's name": (house.roles, _role(**{"defaults/main.yml": "name: x"}), "does not begin"),
    "a default that is no input": (
        house.roles,
        _role(**{"defaults/main.yml": "web_other: x"}),
        "not in meta/argument_specs.yml",
    ),
    "an input without description": (house.roles, _specs("{type: str}"), "not described"),
    "a secret that is a number": (
        house.roles,
        _specs("{description: A secret., type: int, no_log: true}"),
        "must be a str",
    ),
    "a playbook": (house.playbooks, {"playbooks/x.yml": "- hosts: all\n  roles: [web]"}, None),
    "a playbook with a task": (house.playbooks, {"playbooks/x.yml": "- hosts: all\n  tasks: []"}, "not say tasks"),
    "a play with a connection": (
        house.playbooks,
        {"playbooks/x.yml": "- hosts: all\n  connection: local"},
        "not say connection",
    ),
    "a long playbook": (house.playbooks, {"playbooks/x.yml": "- hosts: all\n" + "#\n" * 25}, "26 lines"),
    "a file that says what it is": (house.texts, {"plugins/module_utils/_x.py": PRODUCT_FILE + "\n" * 40}, None),
    "a file without header": (house.texts, {"plugins/module_utils/_x.py": '"""One."""'}, "licence header"),
    "a file without docstring": (house.texts, {"plugins/module_utils/_x.py": house.HEADER + "X = 1"}, "docstring"),
    "a docstring without its last part": (
        house.texts,
        {"plugins/module_utils/_x.py": house.HEADER + '"""One."""' + "\n" * 40},
        "never there",
    ),
    "a test file without docstring": (house.texts, {"tests/unit/test_x.py": "X = 1"}, "docstring"),
    "a long file": (house.texts, {"docs/x.md": "x\n" * 601}, "601 lines"),
    "an unfinished file": (house.texts, {"docs/x.md": f"{UNFINISHED}: later"}, "unfinished"),
    "a path of one machine": (house.texts, {"docs/x.md": "run " + "/home/me" + "/x"}, "one machine"),
    "a test that is left out": (
        house.texts,
        {"tests/unit/test_x.py": '"""One."""\n@pytest.mark.' + "skip\ndef test(): ..."},
        "left out",
    ),
    "a link that leads somewhere": (
        house.links,
        {"docs/x.md": "[y](y.md#part), [z](../z.md), [w](https://example.com/)", "docs/y.md": "", "z.md": ""},
        None,
    ),
    "a link that leads nowhere": (house.links, {"docs/x.md": "[y](y.md)"}, "no y.md"),
    "the words of the house": (house.words, {"tests/x.py": "stand_in = 1"}, None),
    "another word in a variable": (house.words, {"tests/x.py": "fake_server = 1"}, "another word for fake"),
    "another word in a class": (house.words, {"tests/x.py": "class HTTPMock: ..."}, "another word for mock"),
    "another word in an argument": (house.words, {"tests/x.py": "def f(ensure): ..."}, "another word for ensure"),
    "another word in a file name": (house.words, {"tests/fake.py": ""}, "another word for fake"),
}


@pytest.mark.parametrize(("rule", "content", "sentence"), CASES.values(), ids=CASES.keys())
def test_the_rule_finds(tmp_path: Path, rule: Rule, content: dict[str, str], sentence: str | None) -> None:
    _write(tmp_path, content)
    found = list(rule(tmp_path))
    if sentence is None:
        assert found == []
    else:
        assert [each for each in found if sentence in each], found


SAME = {
    "requirements.txt": "# why\nhttpx>=1\n",
    "meta/ee-requirements.txt": "httpx>=1\n",
    "meta/runtime.yml": "requires_ansible: '>=2.19.0'",
    "galaxy.yml": "version: 1.0.0\ndependencies: {}",
    "plugins/module_utils/_core/version.py": 'VERSION = "1.0.0"\n',
    "pyproject.toml": '[tool.ruff]\ntarget-version = "py311"\n[tool.mypy]\npython_version = "3.11"\n',
}
DIFFERENT = {
    "meta/ee-requirements.txt": "httpx>=2\n",
    "meta/runtime.yml": "requires_ansible: '>=2.18.0'",
    "galaxy.yml": "version: 1.0.1\ndependencies: {}",
    "pyproject.toml": '[tool.ruff]\ntarget-version = "py312"\n[tool.mypy]\npython_version = "3.11"\n',
}


def test_what_is_said_twice_is_the_same(tmp_path: Path) -> None:
    _write(tmp_path, SAME)
    assert list(house.identity(tmp_path)) == []


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_rule_finds_what_is_said_differently(tmp_path: Path, name: str) -> None:
    _write(tmp_path, {**SAME, name: DIFFERENT[name]})
    assert len(list(house.identity(tmp_path))) == 1


def _write(root: Path, content: dict[str, str]) -> None:
    for name, text in content.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
