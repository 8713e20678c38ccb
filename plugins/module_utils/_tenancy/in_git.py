# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of a tenant that goes into the platform's Git tree: its resource alone, as one file below `tenants`.

In: the spec of a resource, what the task wants, where the tree is, the product Git. Out: one GitTree, for present and
for absent. Never here: a look at the cluster, at Cloudflare or at GitHub; a secret; who provisions the tenant then.
"""

from __future__ import annotations

import typing as t

from .._core.failure import invalid
from .._core.names import is_subdomain
from .._core.reconcile import Declared, Outcome
from .._git.compare import Rules
from .._git.tree import GitTree
from .._kubernetes.objects import ObjectKey
from .._yaml import dump
from . import names, pipeline
from .specs import KnowledgeBaseSpec, OrganizationSpec, Plain, RepoBindingSpec, Spec
from .tenant import Wishes, resource_of

_FOLDERS = {
    names.ORGANIZATION: "organizations",
    names.REPO_BINDING: "repo_bindings",
    names.KNOWLEDGE_BASE: "knowledge_bases",
}


def is_wanted(params: Plain) -> bool:
    """Tell whether the tenant goes into Git."""
    return params.get("write_to") == "git"


class InGit(Declared):
    """The file of a tenant that should be there, or not; ``known`` is what its result says beside."""

    def __init__(
        self, key: ObjectKey, spec: Spec | None, known: Plain, params: Plain, products: t.Mapping[str, t.Any]
    ) -> None:
        for what, name in (("name", key.name), ("namespace", key.namespace)):
            if not is_subdomain(name):
                raise invalid(f"{key.kind} {key.name[:80]!r}, {what}", "it is no legal name", "Correct it")
        self._key = key
        self._spec = spec
        self._known = known
        self._file = file_of(key)
        self._tree = _tree(self._file, key, spec, params)
        self._git = products["git"]
        super().__init__([self._tree], products)

    def result(self, outcome: Outcome) -> Plain | None:
        """Return what the input tells of the tenant, and its commit; None when it should be gone.

        What only the cluster knows is None.
        """
        if self._spec is None:
            return None
        found = self._git.result(self._tree)
        return {
            "name": self._key.name,
            "namespace": self._key.namespace,
            "phase": None,
            "message": None,
            "conditions": [],
            **self._known,
            "spec": self._spec.to_resource(),
            "tree": {
                "commit": found["commit"],
                "path": self._tree.at(self._file),
                "edited": self._file in found["edited"],
            },
        }


def organization(spec: OrganizationSpec, wishes: Wishes, params: Plain, products: t.Mapping[str, t.Any]) -> InGit:
    """Return the use case of an organization."""
    if wishes.rotate:
        what = f"Organization {spec.name}, rotate_webhook_secret"
        raise invalid(what, "the secret is in the cluster, and never in Git", "Raise webhook_secret_version instead")
    host = spec.tunnel.get("hostname")
    known = {
        "organization_namespace": names.organization_namespace(spec.name),
        "webhook_url": f"https://{host}" if host else None,
        "tunnel_id": None,
        "webhook_secret": None,
        "webhook": None,
    }
    return InGit(names.organization_key(spec.name), spec if wishes.present else None, known, params, products)


def repo_binding(key: ObjectKey, wishes: Wishes, params: Plain, products: t.Mapping[str, t.Any]) -> InGit:
    """Return the use case of a binding; to leave, its name is enough."""
    if not wishes.present:
        return InGit(key, None, {}, params, products)
    spec = RepoBindingSpec.from_params(params)
    pipeline.parse(spec.pipeline_spec)
    known = {
        "organization": spec.aphex_org,
        "repository": spec.repository,
        "pipeline_namespace": spec.pipeline_name,
        "webhook_configuration": None,
        "webhook": None,
    }
    return InGit(key, spec, known, params, products)


def knowledge_base(spec: KnowledgeBaseSpec, wishes: Wishes, params: Plain, products: t.Mapping[str, t.Any]) -> InGit:
    """Return the use case of a knowledge base."""
    key = ObjectKey(names.API_VERSION, names.KNOWLEDGE_BASE, spec.namespace, spec.name)
    known = {"repository_count": len(spec.repositories), "mcp": None}
    return InGit(key, spec if wishes.present else None, known, params, products)


def file_of(key: ObjectKey) -> str:
    """Return the path of a tenant's file below `tenants`.

    Two organizations may use one name for a binding, so what lives in a namespace of its own has a folder of its own.
    """
    below = "" if key.namespace == names.PLATFORM_NAMESPACE else f"{key.namespace}/"
    return f"{_FOLDERS[key.kind]}/{below}{key.name}.yaml"


def text_of(key: ObjectKey, spec: Spec) -> str:
    """Return the resource as it stands in the tree; equal input gives equal bytes, whatever the order of its fields."""
    return dump(_sorted(resource_of(key, spec, names.LEAVES_WITH_ITS_FILE)))


def _tree(file: str, key: ObjectKey, spec: Spec | None, params: Plain) -> GitTree:
    place = params["tree"]
    above = str(place.get("path") or "").strip("/")
    return GitTree(
        repository=place["repository"],
        branch=place.get("branch") or "main",
        # The record of what is ours stands there too, one for all tenants: each run names its own file alone.
        path=f"{above}/{names.TENANTS_FOLDER}" if above else names.TENANTS_FOLDER,
        files={} if spec is None else {file: text_of(key, spec).encode()},
        drop=(file,) if spec is None else (),
        message=f"{'Remove ' if spec is None else ''}{key.kind} {key.name}",
        rules=Rules(place.get("on_edited") or "refuse", bool(params.get("adopt"))),
    )


def _sorted(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
