"""A part becomes a kustomization, and all parts one tree: complete, sorted, the same bytes each time."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.aphex.platform.plugins.filter.kustomization import (
    FilterModule,
    kustomization,
    kustomization_sources,
    tree_files,
    tree_sources,
)

DIGEST = f"sha256:{'ab' * 32}"
UPSTREAM: dict[str, Any] = {
    "manifests": [
        {"name": "web", "path": "/mirror/web.yaml", "sha256": "ab" * 32, "url": "https://x/", "version": "v1"}
    ],
    "images": [{"name": "quay.io/shop/web", "digest": DIGEST}],
}
FILES = {"service.yaml": "kind: Service\n", "patches/web.yaml": "kind: Deployment\n", "a.yaml": "kind: Namespace\n"}
PART = {"files": FILES, "manifests": [{"name": "web", "url": "https://x/"}], "namespace": ""}


def _read(texts: dict[str, str]) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(texts["kustomization.yaml"])
    return content


def test_resources_patches_and_digests_have_their_place() -> None:
    content = _read(kustomization(FILES, UPSTREAM))
    assert content["resources"] == ["a.yaml", "service.yaml", "upstream/web.yaml"]
    assert content["patches"] == [{"path": "patches/web.yaml"}]
    assert content["images"] == UPSTREAM["images"]
    assert "namespace" not in content


def test_a_namespace_is_named_only_when_wanted() -> None:
    assert _read(kustomization(FILES, UPSTREAM, "shop"))["namespace"] == "shop"


def test_what_is_not_there_is_not_named() -> None:
    assert _read(kustomization({"a.yaml": ""}, {})) == {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["a.yaml"],
    }


def test_S13_images_of_tekton_get_their_digest_as_well() -> None:
    texts = kustomization({"task.yaml": "apiVersion: tekton.dev/v1\nkind: Task\n"}, UPSTREAM)
    assert _read(texts)["configurations"] == ["image_fields.yaml"]
    fields = yaml.safe_load(texts["image_fields.yaml"])["images"]
    assert {"kind": "Task", "group": "tekton.dev", "path": "spec/steps[]/image"} in fields
    assert "configurations" not in _read(kustomization(FILES, UPSTREAM))


def test_the_same_part_gives_the_same_bytes() -> None:
    backwards = dict(reversed(list(FILES.items())))
    assert kustomization(FILES, UPSTREAM) == kustomization(backwards, UPSTREAM)
    assert tree_files({"b": PART, "a": PART}, {"a": UPSTREAM, "b": UPSTREAM}) == tree_files(
        {"a": {**PART, "files": backwards}, "b": PART}, {"b": UPSTREAM, "a": UPSTREAM}
    )


def test_a_part_that_a_plugin_brings_has_no_kustomization() -> None:
    part = {**PART, "files": {"secrets/a.enc.yaml": "kind: Secret\n"}, "manifests": [], "plugin": "platform-sops"}
    rows = tree_files({"secrets": part}, {"secrets": {}})
    assert [row["path"] for row in rows] == ["parts/secrets/secrets/a.enc.yaml"]


def test_a_tree_holds_texts_and_releases() -> None:
    rows = {row["path"]: row for row in tree_files({"shop": PART}, {"shop": UPSTREAM})}
    assert sorted(rows) == [
        "parts/shop/a.yaml",
        "parts/shop/kustomization.yaml",
        "parts/shop/patches/web.yaml",
        "parts/shop/service.yaml",
        "parts/shop/upstream/web.yaml",
    ]
    assert rows["parts/shop/upstream/web.yaml"] == {
        "path": "parts/shop/upstream/web.yaml",
        "src": "/mirror/web.yaml",
        "sha256": "ab" * 32,
    }
    assert kustomization_sources(UPSTREAM) == {"upstream/web.yaml": "/mirror/web.yaml"}


def test_what_is_to_be_looked_up_are_releases_and_texts() -> None:
    found = tree_sources({"shop": PART})["shop"]
    assert found == {"manifests": PART["manifests"], "texts": list(FILES.values())}


@pytest.mark.parametrize("value", [None, [], "text"])
def test_anything_but_a_mapping_is_refused(value: Any) -> None:
    for function in (tree_sources, kustomization_sources):
        with pytest.raises(AnsibleFilterError):
            function(value)


def test_all_filters_have_their_names() -> None:
    assert sorted(FilterModule().filters()) == ["kustomization", "kustomization_sources", "tree_files", "tree_sources"]
