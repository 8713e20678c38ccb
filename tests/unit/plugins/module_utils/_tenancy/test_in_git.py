"""A tenant in Git: its resource alone, in a file of its own; equal input gives equal bytes; wrong input is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Outcome, Runtime, UseCase, reconcile
from ansible_collections.aphex.platform.plugins.module_utils._git.tree import GitTree
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.objects import ObjectKey
from ansible_collections.aphex.platform.plugins.module_utils._tenancy import (
    knowledge_base,
    organization,
    repo_binding,
)
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.in_git import InGit, file_of

TREE = {"repository": "/srv/tree.git", "branch": "main", "path": "", "on_edited": "refuse"}
TASK: dict[str, Any] = {"state": "present", "adopt": False, "wait": True, "write_to": "git", "tree": TREE}
PIPELINE = """\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: build}
spec:
  tasks:
    - name: build
      taskSpec: {steps: [{name: build, image: registry.example.org/build:1.0.0, script: make}]}
"""
ORGANIZATION = {
    **TASK, "name": "acme", "display_name": "no", "admin_users": ["ann@acme.example"],
    "quota": {"pods": 3, "limits_cpu": "1", "limits_memory": None},
}  # fmt: skip
BINDING = {
    **TASK, "name": "web", "aphex_org": "acme", "repo_org": "acme-corp", "repo_name": "web", "pipeline_spec": PIPELINE,
}  # fmt: skip
BASE = {
    **TASK, "name": "handbook", "namespace": "docs", "display_name": "Handbook",
    "repositories": [{"url": "https://github.com/acme-corp/web", "branch": None, "paths": None}],
}  # fmt: skip
MODULES = {
    "organization": (organization, ORGANIZATION, "organizations/acme.yaml", "Organization"),
    "repo_binding": (repo_binding, BINDING, "repo_bindings/web.yaml", "RepoBinding"),
    "knowledge_base": (knowledge_base, BASE, "knowledge_bases/docs/handbook.yaml", "KnowledgeBase"),
}
every_kind = pytest.mark.parametrize("kind", MODULES)


class Nothing:
    """A product that must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


class Repository:
    """A product that plans nothing and answers as Git does."""

    def __init__(self, *edited: str) -> None:
        self.edited = edited

    def plan(self, desired: GitTree) -> list[Any]:
        return []

    def result(self, desired: GitTree) -> dict[str, Any]:
        return {"commit": "c0ffee", "edited": list(self.edited)}


def _use_case(kind: str, git: Any = None, **changes: Any) -> UseCase:
    module, params, _path, _name = MODULES[kind]
    products: Mapping[str, Any] = {
        "git": git or Nothing(), "kubernetes": Nothing(), "cloudflare": Nothing(), "github": Nothing(),
    }  # fmt: skip
    found: UseCase = module.use_case({**params, **changes}, products, Runtime(now=lambda: 0.0, check=False))
    assert isinstance(found, InGit)
    return found


def _tree(kind: str, **changes: Any) -> GitTree:
    (tree,) = _use_case(kind, **changes).desired(None)
    assert isinstance(tree, GitTree)
    return tree


def _result(kind: str, git: Any, **changes: Any) -> Any:
    use_case = _use_case(kind, git, **changes)
    outcome: Outcome = reconcile(use_case, {"git": git}, Runtime(now=lambda: 0.0, check=False))
    return use_case.result(outcome)


@every_kind
def test_one_file_with_the_resource_alone(kind: str) -> None:
    _module, params, path, name = MODULES[kind]
    tree = _tree(kind)
    assert (tree.repository, tree.branch, tree.path, tree.drop) == ("/srv/tree.git", "main", "tenants", ())
    assert not tree.rules.prune
    assert list(tree.files) == [path]
    found = yaml.safe_load(tree.files[path])
    assert found.pop("spec")
    assert found == {
        "apiVersion": "aphex.io/v1alpha1",
        "kind": name,
        "metadata": {
            "name": params["name"],
            "namespace": params.get("namespace", "platform-system"),
            "annotations": {"argocd.argoproj.io/sync-options": "Delete=false"},
            "finalizers": ["platform.aphex/finalizer"],
        },
    }


@every_kind
def test_absent_drops_that_file_and_needs_no_more_than_the_name(kind: str) -> None:
    _module, params, path, name = MODULES[kind]
    least = dict.fromkeys(set(params) - {*TASK, "name", "namespace"})
    tree = _tree(kind, **least, state="absent")
    assert (dict(tree.files), tree.drop, tree.message) == ({}, (path,), f"Remove {name} {params['name']}")
    assert tree.present  # the record of the other tenants stays
    assert _result(kind, Repository(), **least, state="absent") is None


@every_kind
def test_the_place_is_as_given(kind: str) -> None:
    tree = _tree(kind, tree={**TREE, "path": "/clusters/home/", "branch": "live", "on_edited": "keep"}, adopt=True)
    assert (tree.path, tree.branch) == ("clusters/home/tenants", "live")
    assert (tree.rules.on_edited, tree.rules.adopt) == ("keep", True)


def test_text_is_quoted_and_the_order_of_fields_does_not_matter() -> None:
    text = _tree("organization").files["organizations/acme.yaml"].decode()
    assert 'displayName: "no"' in text
    assert 'limitsCpu: "1"' in text
    assert "limitsMemory" not in text
    other = {"limits_memory": None, "limits_cpu": "1", "pods": 3}
    assert _tree("organization", quota=other).files["organizations/acme.yaml"].decode() == text


def test_results_have_the_keys_of_before_and_say_null_for_what_only_the_cluster_knows() -> None:
    found = _result("organization", Repository())
    assert found["tree"] == {"commit": "c0ffee", "path": "tenants/organizations/acme.yaml", "edited": False}
    assert found["spec"]["adminUsers"] == ["ann@acme.example"]
    assert (found["organization_namespace"], found["webhook_url"], found["phase"]) == ("org-acme", None, None)
    found = _result("organization", Repository(), tunnel={"hostname": "hooks.acme.example"})
    assert found["webhook_url"] == "https://hooks.acme.example"
    found = _result("repo_binding", Repository())
    assert (found["repository"], found["pipeline_namespace"]) == ("acme-corp/web", "web")
    found = _result("knowledge_base", Repository("knowledge_bases/docs/handbook.yaml"))
    assert (found["repository_count"], found["tree"]["edited"]) == (1, True)


def test_a_binding_in_a_namespace_of_its_own_has_a_folder_of_its_own() -> None:
    files = {
        file_of(ObjectKey("aphex.io/v1alpha1", "RepoBinding", namespace, "web"))
        for namespace in ("platform-system", "org-acme", "org-globex")
    }
    assert files == {"repo_bindings/web.yaml", "repo_bindings/org-acme/web.yaml", "repo_bindings/org-globex/web.yaml"}


@pytest.mark.parametrize(
    ("kind", "changes", "word"),
    [
        ("organization", {"rotate_webhook_secret": True}, "webhook_secret_version"),
        ("organization", {"name": "argocd"}, "reserved"),
        ("repo_binding", {"pipeline_spec": "kind: Task"}, "Pipeline"),
        ("repo_binding", {"state": "absent", "name": "../web"}, "no legal name"),
        ("repo_binding", {"state": "absent", "namespace": "a/b"}, "no legal name"),
        ("knowledge_base", {"namespace": "Docs"}, "no legal name"),
        ("knowledge_base", {"tree": {**TREE, "path": "../other"}}, "no path inside the tree"),
        ("knowledge_base", {"tree": {**TREE, "repository": "https://me:x@git.example.org/t.git"}}, "credentials"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_anything_is_asked(kind: str, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(Failure, match=word):
        _use_case(kind, **changes)
