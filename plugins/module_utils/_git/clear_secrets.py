# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No secret in clear may go into a tree: it stays in the history for ever, and everybody who reads the tree has it.

In: the path and bytes of a file. Out: nothing, or the names of Secrets with values in clear. Never here: their values.
"""

from __future__ import annotations

import re
import typing as t

from .._core.failure import Failure, Kind
from .._yaml import load_documents

_SUFFIXES = (".yaml", ".yml", ".json")
_DOCUMENT = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
_VALUES = ("data", "stringData")
_KIND = re.compile(r"""^[\s{,-]*["']?kind["']?\s*:\s*["']?Secret["']?\s*[,}]?\s*$""", re.MULTILINE)
_FIELD = re.compile(r"""^\s*["']?(data|stringData)["']?\s*:""", re.MULTILINE)
_SOPS = re.compile(r"^sops:\s*$(?:\n[ \t].*)*?\n[ \t]+mac:", re.MULTILINE)


def refuse_secrets(files: t.Mapping[str, bytes]) -> None:
    """Raise Failure(refused) when a file holds a Secret with values in clear (P29)."""
    found = sorted(path for path, content in files.items() if path.lower().endswith(_SUFFIXES) and _holds(content))
    if found:
        raise Failure(
            Kind.REFUSED,
            tried="Writing the tree",
            said=f"a Secret stands in clear in {', '.join(found[:5])}{' and more' if found[5:] else ''}",
            remedy="Keep it in the cluster or in a store and write an ExternalSecret, or encrypt the file with SOPS",
        )


def _holds(content: bytes) -> bool:
    # A kind is written as it is or with escapes; every other file is spared the parser.
    if b"Secret" not in content and b"\\" not in content:
        return False
    text = content.decode("utf-8", "replace")
    return any(_document_holds(part) for part in _DOCUMENT.split(text) if "Secret" in part or "\\" in part)


def _document_holds(text: str) -> bool:
    try:
        return any(_is_clear(document) for document in load_documents(text, "a file of the tree"))
    except Failure:
        # What is more than plain YAML, such as a template, is judged by its lines.
        return bool(_KIND.search(text) and _FIELD.search(text) and not _SOPS.search(text))


def _is_clear(document: t.Any) -> bool:
    """Tell whether an object, or one of the objects in a list, is a Secret whose values can be read."""
    if isinstance(document, list):
        return any(_is_clear(item) for item in document)
    if not isinstance(document, dict):
        return False
    if document.get("kind") != "Secret":
        return _is_clear(document.get("items") or [])
    values = [value for name in _VALUES for value in _values(document.get(name))]
    sops = document.get("sops")
    if isinstance(sops, dict) and sops.get("mac"):
        return not all(str(value).startswith("ENC[") for value in values)
    return bool(values)


def _values(field: t.Any) -> list[t.Any]:
    if isinstance(field, dict):
        return list(field.values())
    return [field] if field else []
