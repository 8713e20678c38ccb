"""Does each object of the platform stand in one part, whatever the platform is made of?

Two Argo CD Applications that hold one object take it from each other for ever. So all parts are rendered as the
playbook does, with the wiring of `group_vars`, in every combination of what changes them: who signs people in, where
certificates come from, the kind of routes, where secrets come from. What a part says of a release by a patch counts as
its own: the object comes with that release. Secrets that the tree keeps encrypted stand for the references to a store
that have the same names.
"""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, lookup_loader
from ansible.template import Templar, trust_as_template

from tests.tools.steps import ROOT

WRITE_OUT = "aphex.platform.write_out"
WIRING = ROOT / "playbooks" / "group_vars" / "platforms.yml"
PARTS_ROLE = ROOT / "roles" / "platform_parts" / "tasks" / "main.yml"
# What the API server has before any part comes.
THERE = {"default", "kube-system", "kube-public", "kube-node-lease"}
CHOICES: dict[str, tuple[str, ...]] = {
    "platform_auth": ("authentik", "dex", "existing"),
    "platform_tls": ("ca", "acme"),
    "platform_ingress": ("gateway", "traefik"),
    "platform_secrets_source": ("generated", "external", "sops"),
}
PLATFORM: dict[str, Any] = {
    "inventory_hostname": "home",
    "platform_domain": "home.example",
    "platform_repository": "https://git.example.org/platform/tree.git",
    "platform_ca_file": "",
    "platform_secrets_store": "vault",
    "platform_secrets_tree_access": "password",
    "cert_manager_acme_zone": "example.com",
    "cert_manager_acme_email": "ann@example.com",
    "crds_zone": "example.com",
    "crds_account_id": "0123456789abcdef",
    "crds_approved_owners": ["acme-corp"],
    # With connectors of one's own beside Authentik, Dex comes with more.
    "dex_connectors": [{"type": "github", "id": "github", "name": "GitHub", "config": {"clientSecret": "$SECRET"}}],
    "oidc_namespaces": ["team-shop"],
    # Rendered by a task before; its text is no object.
    "__authentik_blueprint": "",
}

Choice = tuple[str, ...]
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Folder:
    """A folder of templates of a part, and on what it depends whether it is there."""

    role: str
    part: str
    path: Path
    namespace: str
    conditions: tuple[str, ...]


def folders() -> Iterator[Folder]:
    """Yield every folder that a role of the platform hands over; it says in clear or by an expression which one."""
    for entry in _yaml(PARTS_ROLE):
        role = entry.get("ansible.builtin.import_role", {}).get("name", "").rpartition(".")[2]
        tasks = [task for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")) for task in _yaml(path) or []]
        for task in tasks if role not in ("", "platform_tree") else []:
            used = task.get("ansible.builtin.include_role") or task.get("ansible.builtin.import_role") or {}
            if used.get("name") != WRITE_OUT:
                continue
            given = task["vars"]
            part, namespace = given["write_out_part"], given.get("write_out_namespace", "")
            conditions = tuple(str(row["when"]) for row in (entry, task) if "when" in row)
            named = re.findall(r"\b(?:templates|files)(?:/\w+)?\b", str(given.get("write_out_folders", "")))
            for name in named or [f"templates/{part}"]:
                yield Folder(role, part, ROOT / "roles" / role / name, namespace, conditions)


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@dataclass
class Platform:
    """Variables of roles and wiring, as the playbook has them, and what was rendered of them so far."""

    loader: DataLoader = field(default_factory=DataLoader)
    rendered: dict[tuple[Path, Choice], list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        init_plugin_loader()
        files = [*ROOT.glob("roles/*/defaults/main.yml"), WIRING, *sorted(ROOT.glob("roles/*/vars/**/*.yml"))]
        self.variables: dict[str, Any] = {}
        for path in files:
            self.variables |= self.loader.load_from_file(str(path), trusted_as_template=True) or {}
        self.variables |= PLATFORM
        self.words = {name: set(re.findall(r"\w+", str(value))) for name, value in self.variables.items()}

    def parts(self, choice: Choice) -> dict[str, list[dict[str, Any]]]:
        """The objects of each part with these choices."""
        found: dict[str, list[dict[str, Any]]] = {}
        templar = Templar(self.loader, variables={**self.variables, **dict(zip(CHOICES, choice, strict=True))})
        for folder in folders():
            if all(templar.evaluate_conditional(trust_as_template(condition)) for condition in folder.conditions):
                found.setdefault(folder.part, []).extend(self._objects(folder, choice))
        if "sops" in choice:
            found["platform_secrets"] = [
                {**item, "apiVersion": "v1", "kind": "Secret"} for item in found["platform_secrets"]
            ]
        return found

    def value(self, name: str, choice: Choice) -> Any:
        """What a variable says with these choices."""
        templar = Templar(self.loader, variables={**self.variables, **dict(zip(CHOICES, choice, strict=True))})
        return templar.template(self.variables[name])

    def _objects(self, folder: Folder, choice: Choice) -> list[dict[str, Any]]:
        """Render a folder, once for each of the choices that its texts come to speak of."""
        spoken = self._spoken(folder.path)
        known = (folder.path, tuple(value for name, value in zip(CHOICES, choice, strict=True) if name in spoken))
        if known not in self.rendered:
            chosen = dict(zip(CHOICES, choice, strict=True))
            role = str(ROOT / "roles" / folder.role)
            variables = {**self.variables, **chosen, "ansible_search_path": [role], "role_path": role}
            templar = Templar(self.loader, variables=variables)
            lookup = lookup_loader.get("aphex.platform.manifests", loader=self.loader, templar=templar)
            [texts] = lookup.run([str(folder.path)], variables=variables)
            documents = [item for text in texts.values() for item in yaml.safe_load_all(text) if item]
            # What a patch takes out of a release is in no part.
            kept = [item for item in documents if "metadata" in item and item.get("$patch") != "delete"]
            self.rendered[known] = [_moved(item, folder.namespace) for item in kept]
        return self.rendered[known]

    def _spoken(self, folder: Path) -> set[str]:
        texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*.j2")]
        reached, new = set[str](), {word for text in texts for word in re.findall(r"\w+", text)}
        while new := new - reached:
            reached |= new
            new = {word for name in new for word in self.words.get(name, ())}
        return reached


def _moved(item: dict[str, Any], namespace: str) -> dict[str, Any]:
    metadata = item["metadata"]
    return {**item, "metadata": {**metadata, "namespace": namespace}} if namespace and "namespace" in metadata else item


def key(item: Mapping[str, Any]) -> Key:
    """What an object is called in a cluster: group and kind, namespace, name."""
    metadata = item["metadata"]
    group = str(item["apiVersion"]).rpartition("/")[0]
    return group, str(item["kind"]), str(metadata.get("namespace", "")), str(metadata["name"])


def owners(parts: Mapping[str, list[dict[str, Any]]]) -> dict[Key, set[str]]:
    """The parts of each object."""
    found: dict[Key, set[str]] = {}
    for part, items in parts.items():
        for item in items:
            found.setdefault(key(item), set()).add(part)
    return found


def homeless(parts: Mapping[str, list[dict[str, Any]]]) -> set[tuple[str, str]]:
    """Parts with an object in a namespace that no part brings."""
    brought = {name for _group, kind, _namespace, name in owners(parts) if kind == "Namespace"} | THERE
    lived_in = {(part, str(item["metadata"].get("namespace", ""))) for part, items in parts.items() for item in items}
    return {(part, namespace) for part, namespace in lived_in if namespace and namespace not in brought}


@functools.cache
def _platform() -> Platform:
    return Platform()


def rendered(choice: Choice) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """The objects of each part with these choices, and the namespaces that the playbook makes beforehand."""
    return _platform().parts(choice), list(_platform().value("__platform_secrets_places", choice))


@pytest.fixture(scope="module")
def process() -> Iterator[ProcessPoolExecutor]:
    """A process of its own: the loader of plugins takes over how collections are imported."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("choice", list(itertools.product(*CHOICES.values())), ids="-".join)
def test_every_object_and_every_namespace_has_one_part(process: ProcessPoolExecutor, choice: Choice) -> None:
    parts, places = process.submit(rendered, choice).result()
    assert len(parts) > 8
    assert {item: named for item, named in owners(parts).items() if len(named) > 1} == {}
    assert homeless(parts) == set()
    # What the playbook makes beforehand, so that secrets have a place, a part brings later.
    brought = {name for _group, kind, _namespace, name in owners(parts) if kind == "Namespace"}
    assert set(places) <= brought


def test_the_choices_are_those_of_the_roles() -> None:
    options = _yaml(ROOT / "roles/platform_secrets/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    for name in ("auth", "tls", "source"):
        choices = CHOICES.get(f"platform_{name}", CHOICES["platform_secrets_source"])
        assert set(options[f"platform_secrets_{name}"]["choices"]) == set(choices)
    ingress = _yaml(ROOT / "roles/ingress/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert set(ingress["ingress_kind"]["choices"]) == set(CHOICES["platform_ingress"])


def test_an_object_of_two_parts_and_a_namespace_of_none_are_found() -> None:
    item = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shop", "namespace": "web"}}
    parts = {"one": [item], "two": [item]}
    assert owners(parts) == {("", "Secret", "web", "shop"): {"one", "two"}}
    assert homeless(parts) == {("one", "web"), ("two", "web")}
