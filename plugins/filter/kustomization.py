# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kustomization of a part, and all parts as the files of one tree.

In: what the parts gave, and what their releases and images are. Out: text, or rows of files.
Never here: a read, a rule of kustomize.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.aphex.platform.plugins.module_utils._yaml import dump

ROOT = "kustomization.yaml"
_PATCHES = "patches/"
_FIELDS = "image_fields.yaml"
_INTRODUCTION = "# Written by aphex.platform: resources of this part, and the digest of each image.\n"

# Where Tekton's objects name images: kustomize knows only those of pods.
_TEKTON = {
    "images": [
        {"kind": "Task", "group": "tekton.dev", "path": "spec/steps[]/image"},
        {"kind": "Pipeline", "group": "tekton.dev", "path": "spec/tasks[]/taskSpec/steps[]/image"},
        {"kind": "Pipeline", "group": "tekton.dev", "path": "spec/finally[]/taskSpec/steps[]/image"},
    ]
}

Row = t.Mapping[str, t.Any]


def kustomization(files: Row, upstream: Row, namespace: str = "") -> dict[str, str]:
    """Return what kustomize reads of a part beside its manifests: ``kustomization.yaml``, and where images stand.

    ``files`` are its own texts by path, those below ``patches/`` change what others have released. ``upstream`` has
    the part's ``manifests`` and ``images`` as M(aphex.platform.upstream_manifest_info) returns them.
    """
    _want(files, "files")
    _want(upstream, "upstream")
    own = sorted(path for path in files if not path.startswith(_PATCHES))
    others = [_released(row) for row in upstream.get("manifests") or ()]
    images = [{"name": str(row["name"]), "digest": str(row["digest"])} for row in upstream.get("images") or ()]
    patches = [{"path": str(path)} for path in sorted(files) if path.startswith(_PATCHES)]
    tekton = bool(images) and any("tekton.dev/" in str(text) for text in files.values())
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": str(namespace),
        "resources": [str(path) for path in (*own, *others)],
        "patches": patches,
        "images": images,
        "configurations": [_FIELDS] if tekton else [],
    }
    texts = {ROOT: _INTRODUCTION + dump({name: value for name, value in content.items() if value})}
    return {**texts, _FIELDS: dump(_TEKTON)} if tekton else texts


def kustomization_sources(upstream: Row) -> dict[str, str]:
    """Return the files of releases by their path in the kustomization."""
    _want(upstream, "upstream")
    return {_released(row): str(row["path"]) for row in upstream.get("manifests") or ()}


def tree_sources(parts: Row) -> dict[str, dict[str, t.Any]]:
    """Return what M(aphex.platform.upstream_manifest_info) is to look up for the parts."""
    _want(parts, "parts")
    return {
        name: {"manifests": list(part.get("manifests") or ()), "texts": [str(text) for text in part["files"].values()]}
        for name, part in parts.items()
    }


def tree_files(parts: Row, upstream: Row, below: str = "parts") -> list[dict[str, str]]:
    """Return the files of all parts, each with ``path`` and either ``content`` or ``src`` with ``sha256``, sorted."""
    _want(parts, "parts")
    _want(upstream, "upstream")
    rows = [row for name in sorted(parts) for row in _of_part(parts[name], upstream[name], f"{below}/{name}")]
    return sorted(rows, key=lambda row: row["path"])


def _of_part(part: Row, upstream: Row, folder: str) -> t.Iterator[dict[str, str]]:
    # A part that a plugin of Argo CD brings is no kustomization: without the plugin nobody takes it for manifests.
    built = {} if part.get("plugin") else kustomization(part["files"], upstream, part.get("namespace") or "")
    texts = {**part["files"], **built}
    for path, text in texts.items():
        yield {"path": f"{folder}/{path}", "content": str(text)}
    for row in upstream.get("manifests") or ():
        yield {"path": f"{folder}/{_released(row)}", "src": str(row["path"]), "sha256": str(row["sha256"])}


def _released(row: Row) -> str:
    return f"upstream/{row['name']}.yaml"


def _want(value: t.Any, what: str) -> None:
    if not isinstance(value, t.Mapping):
        raise AnsibleFilterError(f"The filter wants a mapping as {what}, not {type(value).__name__}")


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters of this file by name."""
        return {
            "kustomization": kustomization,
            "kustomization_sources": kustomization_sources,
            "tree_files": tree_files,
            "tree_sources": tree_sources,
        }
