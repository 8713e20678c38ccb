# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One Tekton Pipeline out of YAML, or a sentence why not.

In: a user's text or mapping. Out: the Pipeline as a plain dict, named and placed. Never here: a request.

``tekton.dev/v1beta1`` is refused: most of it means the same in v1, but not all, and a silent conversion would run
something else than what was reviewed.
"""

from __future__ import annotations

import re
import typing as t

from .._core.failure import Failure, invalid
from .._yaml import dump, load_documents

LARGEST = 96 * 1024
WANTED = "tekton.dev/v1"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")


def to_text(value: t.Any) -> str:
    """Return a pipeline as text: text as it is, a mapping as YAML. Raises Failure(invalid) for anything else."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, dict):
        text = dump(value)
    else:
        raise _wrong(f"text or a mapping is wanted, not {type(value).__name__}", "Give the Pipeline as YAML")
    if len(text.encode()) > LARGEST:
        raise _wrong(f"it has {len(text.encode())} bytes, {LARGEST} are allowed", "Move tasks to the catalog")
    return text


def parse(text: str) -> dict[str, t.Any]:
    """Return the one Pipeline of a text. Raises Failure(invalid) with the reason (P18)."""
    to_text(text)
    documents = load_documents(text, "pipeline_spec", aliases=False)
    if len(documents) != 1:
        raise _wrong(f"it holds {len(documents)} documents, one is wanted", "Give exactly one Pipeline")
    pipeline = documents[0]
    if not isinstance(pipeline, dict):
        raise _wrong("it is no mapping", "Give a Pipeline with apiVersion, kind and spec")
    if pipeline.get("kind") != "Pipeline":
        raise _wrong(f"its kind is {repr(pipeline.get('kind'))[:80]}, not Pipeline", "Give a Tekton Pipeline")
    if pipeline.get("apiVersion") != WANTED:
        raise _wrong(
            f"its apiVersion is {repr(pipeline.get('apiVersion'))[:80]}, not {WANTED}",
            f"Convert it to {WANTED}; v1beta1 is not converted silently",
        )
    spec = pipeline.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("tasks"), list) or not spec["tasks"]:
        raise _wrong("its spec has no tasks", "Add spec.tasks")
    metadata = pipeline.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise _wrong("its metadata is no mapping", "Give metadata as a mapping, or leave it out")
    for group in ("labels", "annotations"):
        if not isinstance(metadata.get(group) or {}, dict):
            raise _wrong(f"its metadata.{group} are no mapping", f"Give {group} as a mapping, or leave them out")
    _check_names(spec, "params", "param")
    _check_names(spec, "workspaces", "workspace")
    return pipeline


def problem(text: str) -> str:
    """Return why a text is no usable Pipeline, or nothing."""
    try:
        parse(text)
    except Failure as failure:
        return failure.said
    return ""


def declared_params(pipeline: dict[str, t.Any]) -> dict[str, str]:
    """Return the params that a Pipeline declares: name to type (string, array, object)."""
    params = pipeline["spec"].get("params") or []
    return {item["name"]: item.get("type") or _type_of(item.get("default")) for item in params}


def declared_workspaces(pipeline: dict[str, t.Any]) -> list[str]:
    """Return the names of the workspaces that a Pipeline declares."""
    return [item["name"] for item in pipeline["spec"].get("workspaces") or []]


def _check_names(spec: dict[str, t.Any], group: str, word: str) -> None:
    items = spec.get(group) or []
    if not isinstance(items, list):
        raise _wrong(f"spec.{group} is no list", f"Give {group} as a list")
    for item in items:
        if not isinstance(item, dict) or not _NAME.fullmatch(str(item.get("name", ""))):
            raise _wrong(f"a {word} has no legal name", f"Name {group} with letters, digits, hyphens and underscores")


def _type_of(default: t.Any) -> str:
    return "array" if isinstance(default, list) else "object" if isinstance(default, dict) else "string"


def _wrong(said: str, remedy: str) -> Failure:
    return invalid("The pipeline in pipeline_spec", said, remedy)
