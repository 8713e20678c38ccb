"""Does the sample inventory of a platform name variables that exist, all of those that a platform can set?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools.steps import ROOT

SAMPLE = ROOT / "inventory" / "sample"
VARIABLES = ROOT / "playbooks" / "group_vars" / "platforms.yml"
GUIDE = ROOT / "docs" / "guides" / "bootstrap.md"

# What the wiring works out of the others; to set one of these is to know the wiring.
WORKED_OUT = {
    "platform_asked_hosts",
    "platform_host_aliases",
    "platform_pod_host_aliases",
    "platform_ca_file",
    "platform_context",
    "platform_kubeconfig",
    "platform_kubectl",
    "platform_routes",
    "platform_routes_left_out",
}


def sample(name: str) -> dict[str, Any]:
    """Return the variables of a file of the sample, those that are commented out as well."""
    text = (SAMPLE / "host_vars" / name).read_text(encoding="utf-8")
    shown = re.sub(r"^# (?=  |[a-z0-9_]+:( |$))", "", text, flags=re.MULTILINE)
    variables: dict[str, Any] = yaml.safe_load(shown)
    return variables


def inputs() -> set[str]:
    """Return the inputs of all roles."""
    found: set[str] = set()
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        found |= yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"].get("options", {}).keys()
    return found


def roles() -> set[str]:
    """Return the names of all roles."""
    return {path.name for path in (ROOT / "roles").iterdir() if path.is_dir()}


def shared() -> set[str]:
    """Return the variables that the wiring reads: those that it gives a default, and those that it does not."""
    return set(re.findall(r"\bplatform_[a-z_]+", _code(VARIABLES))) - inputs() - roles()


def _code(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def test_the_sample_shows_every_variable_that_parts_share() -> None:
    assert {name for name in sample("home.yml") if name in shared()} == shared() - WORKED_OUT


@pytest.mark.parametrize("name", ["home.yml", "box.yml"])
def test_every_other_variable_of_the_sample_is_an_input_of_a_role(name: str) -> None:
    others = {variable for variable in sample(name) if not variable.startswith("ansible_")} - shared()
    assert others - inputs() == set()


def test_the_guide_names_variables_and_playbooks_that_exist() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    prefixes = "|".join(sorted((*roles(), "platform"), key=len, reverse=True))
    named = set(re.findall(rf"\b(?:{prefixes})_[a-z0-9_]*[a-z0-9]\b(?!/)", text)) - roles()
    assert named - inputs() - shared() == set()
    playbooks = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    assert set(re.findall(r"aphex\.platform\.([a-z_]+)", text)) - playbooks - roles() == set()


def test_a_role_that_takes_its_connection_by_name_is_given_that_of_the_platform() -> None:
    """An option that such a role leaves out has no default of its action group: what stands in the task counts."""
    wired = yaml.safe_load(VARIABLES.read_text(encoding="utf-8"))
    named = {name for name in inputs() if re.fullmatch(r"crds_(kubeconfig|context)", name)}
    assert len(named) == 2
    assert {name for name in named if "platform_" not in wired.get(name, "")} == set()
