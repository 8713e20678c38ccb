"""One vocabulary: a field is called the same in the resource, the spec, the module, the role and the sample inventory.

camelCase in the resource, snake_case everywhere else, in the role behind its name. Nothing generates one from the
other, so this holds them equal.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.module_utils import _options
from ansible_collections.aphex.platform.plugins.module_utils._core.names import camel, snake
from ansible_collections.aphex.platform.plugins.module_utils._tenancy import settings, specs
from tests.tools.layers import PLUGINS
from tests.tools.steps import ROOT

Tree = dict[str, Any]


@dataclass(frozen=True)
class Tenant:
    """One kind of tenant and where its fields are written."""

    role: str
    crd: str
    spec: type[specs.Spec]
    host: str
    # In the resource alone: a field that older manifests carry, and that must be empty.
    only_in_resource: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.role


TENANTS = (
    Tenant("organization", "organizations", specs.OrganizationSpec, "acme-corp", frozenset({"webhook_secret"})),
    Tenant("repo_binding", "repobindings", specs.RepoBindingSpec, "web-shop"),
    Tenant("knowledge_base", "knowledgebases", specs.KnowledgeBaseSpec, "handbook"),
)
# What a task says beside the fields of the resource; where it goes is a matter of the task as well.
OF_THE_TASK = {"name", "namespace", "state", "confirm", "rotate_webhook_secret", *_options.TENANT}
# What the playbooks tell a role; no option of the module.
OF_THE_ROLE = {"host_kinds"}
TYPES = {"string": "str", "integer": "int", "boolean": "bool", "array": "list", "object": "dict"}
# YAML documents: text in the resource, text or a mapping for users.
RAW = {"pipeline_spec"}

every_tenant = pytest.mark.parametrize("tenant", TENANTS, ids=str)


def _schema(tenant: Tenant) -> dict[str, Any]:
    path = ROOT / "roles" / "crds" / "files" / "crds" / f"{tenant.crd}.yaml"
    (definition,) = [item for item in yaml.safe_load_all(path.read_text(encoding="utf-8")) if item]
    (version,) = definition["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


def _options_of(tenant: Tenant) -> dict[str, Any]:
    """Return the module's options without those that say how to reach a product."""
    entry_point = importlib.import_module(f"{PLUGINS}.modules.{tenant.role}").ENTRY_POINT
    connection = {*_options.KUBERNETES, *_options.CLOUDFLARE, *_options.GITHUB, *_options.GIT}
    return {name: option for name, option in entry_point.options.items() if name not in connection}


def _fields_of(tenant: Tenant) -> dict[str, Any]:
    return {name: option for name, option in _options_of(tenant).items() if name not in OF_THE_TASK}


def _arguments_of(tenant: Tenant) -> dict[str, Any]:
    """Return the role's inputs, its name taken away."""
    path = ROOT / "roles" / tenant.role / "meta" / "argument_specs.yml"
    inputs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    return {name.removeprefix(f"{tenant.role}_"): option for name, option in inputs.items()}


def _schema_tree(schema: Mapping[str, Any]) -> Tree:
    inner = schema.get("items", schema)
    return {snake(name): _schema_tree(below) for name, below in inner.get("properties", {}).items()}


def _option_tree(options: Mapping[str, Any]) -> Tree:
    return {name: _option_tree(option.get("options", {})) for name, option in options.items()}


def _value_tree(value: Any) -> Tree:
    """Return the names in plain data; the items of a list count together."""
    if isinstance(value, list):
        return {name: below for item in value for name, below in _value_tree(item).items()}
    return {name: _value_tree(item) for name, item in value.items()} if isinstance(value, dict) else {}


def _sample(name: str) -> dict[str, Any]:
    """Return the variables of a file of the sample inventory, those that are commented out as well."""
    text = (ROOT / "inventory" / "sample" / name).read_text(encoding="utf-8")
    shown = re.sub(r"^# (?=  |[a-z_]+:( |$))", "", text, flags=re.MULTILINE)
    variables: dict[str, Any] = yaml.safe_load(shown)
    return variables


def _without(tree: Tree, names: frozenset[str] | set[str]) -> Tree:
    return {name: below for name, below in tree.items() if name not in names}


@every_tenant
def test_the_schema_has_the_fields_of_the_module(tenant: Tenant) -> None:
    assert _without(_schema_tree(_schema(tenant)), tenant.only_in_resource) == _option_tree(_fields_of(tenant))


@every_tenant
def test_the_spec_has_the_fields_of_the_module(tenant: Tenant) -> None:
    assert set(tenant.spec.fields()) == set(_fields_of(tenant))


@every_tenant
def test_the_role_has_the_options_of_the_module(tenant: Tenant) -> None:
    arguments = _arguments_of(tenant)
    assert set(arguments) >= OF_THE_ROLE
    assert _without(_option_tree(arguments), OF_THE_ROLE) == _option_tree(_options_of(tenant))


@every_tenant
def test_the_role_says_of_each_input_what_the_module_says(tenant: Tenant) -> None:
    _same_options(_options_of(tenant), _arguments_of(tenant), tenant.role)


def _same_options(options: Mapping[str, Any], arguments: Mapping[str, Any], where: str) -> None:
    for name, option in options.items():
        said = arguments[name]
        for word in ("type", "elements", "choices", "default"):
            assert said.get(word) == option.get(word), f"{where}.{name}: {word}"
        # The role takes the name from the inventory.
        if name != "name":
            assert said.get("required", False) == option.get("required", False), f"{where}.{name}: required"
        _same_options(option.get("options", {}), said.get("options", {}), f"{where}.{name}")


@every_tenant
def test_the_role_hands_every_input_to_the_module(tenant: Tenant) -> None:
    (task,) = yaml.safe_load((ROOT / "roles" / tenant.role / "tasks" / "main.yml").read_text(encoding="utf-8"))
    given = task[f"aphex.platform.{tenant.role}"]
    expected = {name: f"{{{{ {tenant.role}_{name} | default(omit) }}}}" for name in _options_of(tenant)}
    assert given == {**expected, "name": f"{{{{ {tenant.role}_name }}}}"}


@every_tenant
def test_the_sample_inventory_shows_every_input(tenant: Tenant) -> None:
    shown = {
        name.removeprefix(f"{tenant.role}_"): value for name, value in _sample(f"host_vars/{tenant.host}.yml").items()
    }
    assert _value_tree(shown) == _option_tree(_arguments_of(tenant))


def test_the_sample_inventory_shows_every_setting_of_the_platform() -> None:
    path = ROOT / "roles" / "crds" / "meta" / "argument_specs.yml"
    inputs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    assert _value_tree(_sample("group_vars/all.yml")) == _option_tree(inputs)


@every_tenant
def test_types_and_choices_are_the_same_in_schema_and_module(tenant: Tenant) -> None:
    _same_types(_schema(tenant), _fields_of(tenant), tenant.role)


def _same_types(schema: Mapping[str, Any], options: Mapping[str, Any], where: str) -> None:
    for name, option in options.items():
        said = schema["properties"][camel(name)]
        if name not in RAW:
            assert option["type"] == TYPES[said["type"]], f"{where}.{name}: type"
        assert option.get("choices") == said.get("enum"), f"{where}.{name}: choices"
        inner = said.get("items", said)
        if said["type"] == "array":
            assert option["elements"] == TYPES[inner["type"]], f"{where}.{name}: elements"
        below = option.get("options", {})
        required = {snake(field) for field in inner.get("required", [])} if below else set()
        assert {field for field, sub in below.items() if sub.get("required")} == required, f"{where}.{name}: required"
        _same_types(inner, below, f"{where}.{name}")


@every_tenant
def test_what_the_schema_wants_the_module_wants_or_fills_in(tenant: Tenant) -> None:
    entry_point = importlib.import_module(f"{PLUGINS}.modules.{tenant.role}").ENTRY_POINT
    rules = {(option, value): names for option, value, names in entry_point.rules["required_if"]}
    wanted = rules["state", "present"]
    filled = {"pipeline_name"}  # by the name of the binding
    options = _fields_of(tenant)
    given = {
        *wanted,
        *filled,
        *(name for name, option in options.items() if option.get("required") or "default" in option),
    }
    assert {snake(name) for name in _schema(tenant)["required"]} <= given
    assert set(wanted) <= {snake(name) for name in _schema(tenant)["required"]}


@every_tenant
def test_the_way_into_git_wants_its_tree(tenant: Tenant) -> None:
    entry_point = importlib.import_module(f"{PLUGINS}.modules.{tenant.role}").ENTRY_POINT
    assert ("write_to", "git", ("tree",)) in entry_point.rules["required_if"]
    assert {"write_to", "tree"} <= OF_THE_TASK


@every_tenant
def test_a_default_that_is_said_twice_is_the_same(tenant: Tenant) -> None:
    fields = {item.name: item for item in dataclasses.fields(tenant.spec)}
    for name, option in _fields_of(tenant).items():
        if "default" not in option:
            continue
        assert fields[name].default == option["default"], f"{name}: spec and module"
        of_schema = _schema(tenant)["properties"][camel(name)].get("default", option["default"])
        assert of_schema == option["default"], f"{name}: schema and module"


@every_tenant
def test_names_come_back_from_the_other_spelling(tenant: Tenant) -> None:
    names = list(_names(_schema(tenant)))
    assert "displayName" in names or "pipelineName" in names
    assert [camel(snake(name)) for name in names] == names


def _names(schema: Mapping[str, Any]) -> list[str]:
    inner = schema.get("items", schema)
    found: list[str] = []
    for name, below in inner.get("properties", {}).items():
        found += [name, *_names(below)]
    return found


def test_quota_and_limits_are_the_same_for_platform_organization_and_binding() -> None:
    path = ROOT / "roles" / "crds" / "meta" / "argument_specs.yml"
    inputs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    for tenant in TENANTS[:2]:
        options = _options_of(tenant)
        assert tuple(options["quota"]["options"]) == specs.QUOTA_FIELDS == tuple(settings.DEFAULT_QUOTA)
        assert tuple(options["limits"]["options"]) == specs.LIMIT_FIELDS == tuple(settings.DEFAULT_LIMITS)
    assert tuple(inputs["crds_quota"]["options"]) == specs.QUOTA_FIELDS
    said = {name: option["default"] for name, option in inputs["crds_quota"]["options"].items()}
    assert said == settings.DEFAULT_QUOTA


def test_there_is_no_option_for_the_webhook_secret_itself() -> None:
    assert "webhook_secret" not in _options_of(TENANTS[0])
    assert "webhookSecret" in _schema(TENANTS[0])["properties"]
