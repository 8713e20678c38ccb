# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the options of ``kubernetes_objects`` to Objects.

In: checked params. Out: the Desired set and a use case that shows it, or Failure(invalid) before any request.
Never here: a request; how a kustomization is built.
"""

from __future__ import annotations

import os
import typing as t

from .._core.failure import invalid
from .._core.reconcile import Declared, Outcome, Runtime
from .._yaml import load_documents
from . import kustomization, order
from .objects import APPLIED_BY, MANAGER_PREFIX, OWNER_KIND, Condition, ObjectKey, Objects, at_revision, flatten
from .product import Kubernetes


class DeclaredObjects(Declared):
    """The use case of ``kubernetes_objects``: nothing is observed, one set is declared."""

    def __init__(self, desired: Objects, products: t.Mapping[str, t.Any], whole: bool) -> None:
        super().__init__([desired], products, many=True)
        self._set = desired
        self._kubernetes: Kubernetes = products["kubernetes"]
        self._whole = whole

    def result(self, outcome: Outcome) -> list[dict[str, t.Any]]:
        """Return a row an object: its key and uid, and the whole object when asked for."""
        return [self._row(key, live) for key, live in zip(self._set.keys, self._lives(), strict=True)]

    def _lives(self) -> list[dict[str, t.Any] | None]:
        lives: list[dict[str, t.Any] | None] = self._kubernetes.result(self._set)
        return lives

    def _row(self, key: ObjectKey, live: dict[str, t.Any] | None) -> dict[str, t.Any]:
        row: dict[str, t.Any] = {
            "api_version": key.api_version,
            "kind": key.kind,
            "namespace": key.namespace or None,
            "name": key.name,
            "uid": live["metadata"].get("uid") if live else None,
        }
        return {**row, "object": live} if self._whole else row


def use_case(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> DeclaredObjects:
    """Return the use case for checked params. Raises Failure(invalid) for what the input alone shows to be wrong."""
    return DeclaredObjects(from_params(params, runtime), products, params["return_objects"])


def from_params(params: dict[str, t.Any], runtime: Runtime) -> Objects:
    """Return the desired set."""
    manager = params["field_manager"]
    if manager.startswith(MANAGER_PREFIX):
        raise invalid(
            f"field_manager {manager!r}",
            f"names that begin with {MANAGER_PREFIX} belong to the tenants' own modules",
            "Choose another name",
        )
    objects = flatten(_documents(params, runtime), params["namespace"])
    for obj in objects:
        if OWNER_KIND in (obj["metadata"].get("labels") or {}):
            raise invalid(str(ObjectKey.of(obj)), f"it carries the label {OWNER_KIND} of a tenant", "Remove the label")
    place = params["inventory"]
    return Objects(
        title="objects",
        objects=tuple(_marked(_scoped(obj), manager) for obj in objects),
        present=params["state"] == "present",
        manager=manager,
        adopt=params["adopt"],
        force=params["force_conflicts"],
        inventory=ObjectKey("v1", "ConfigMap", place["namespace"], place["name"]) if place else None,
        prune=params["prune"],
        wait=_waits(params, objects) if params["wait"] and params["state"] == "present" else (),
        wait_timeout=params["wait_timeout"],
        patient=params["wait"],
    )


def _documents(params: dict[str, t.Any], runtime: Runtime) -> list[t.Any]:
    definition, src = params["definition"], params["src"]
    if params["kustomization"] is not None:
        return kustomization.build(params["kustomization"], runtime)
    if src is not None:
        if not os.path.isfile(src):
            raise invalid(f"src {src}", "there is no such file", "Name a file on the host that runs this task")
        with open(src, encoding="utf-8") as file:
            return load_documents(file.read(), f"src {src}")
    if isinstance(definition, str):
        return load_documents(definition, "definition")
    if isinstance(definition, dict):
        return [definition]
    if isinstance(definition, list):
        # Each item may itself be YAML text, as file look-ups give it.
        return [
            document
            for item in definition
            for document in (load_documents(item, "definition") if isinstance(item, str) else [item])
        ]
    raise invalid("definition", f"text, a mapping or a list is wanted, not {type(definition).__name__}")


def _scoped(obj: dict[str, t.Any]) -> dict[str, t.Any]:
    """Take the default namespace away from kinds that are known to have none."""
    known = order.row(obj["apiVersion"].rpartition("/")[0], obj["kind"])
    if known and not known.namespaced:
        obj["metadata"].pop("namespace", None)
    elif known and not obj["metadata"].get("namespace"):
        obj["metadata"]["namespace"] = "default"
    return obj


def _marked(obj: dict[str, t.Any], manager: str) -> dict[str, t.Any]:
    """Mark an object as ours: the record of field managers alone is lost when others take over every field."""
    metadata = obj["metadata"]
    metadata["annotations"] = {**(metadata.get("annotations") or {}), APPLIED_BY: manager}
    return obj


def _waits(params: dict[str, t.Any], objects: t.Iterable[dict[str, t.Any]]) -> tuple[tuple[ObjectKey, Condition], ...]:
    wanted, own = params["wait_condition"], at_revision(params["wait_revision"])
    condition = Condition(wanted["type"], wanted["status"], wanted["reason"] or "") if wanted else own
    return tuple(
        (ObjectKey.of(obj), condition)
        for obj in objects
        if wanted or order.waits_for(obj["apiVersion"].rpartition("/")[0], obj["kind"])
    )
