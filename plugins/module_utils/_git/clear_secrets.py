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
_DOCUMENT = re.compile(r"---(?=\s|\Z)")
_VALUES = ("data", "stringData")
_DEFINES = "kind: CustomResourceDefinition"
_OF_DEFINITION = {"apiVersion: apiextensions.k8s.io/v1", _DEFINES, "metadata:", "spec:", "status:"}
_FIRST_LINE = re.compile(r"(?: *(?:#.*)?\n)*(.*)")
# What else ends a line for YAML.
_OTHER_BREAKS = "\r\x85\u2028\u2029"
_KIND = re.compile(r"""^[\s{,-]*["']?kind["']?\s*:\s*["']?Secret["']?\s*[,}]?\s*$""", re.MULTILINE)
_FIELD = re.compile(r"""^\s*["']?(data|stringData)["']?\s*:""", re.MULTILINE)
# A value as SOPS writes it, from its begin to its end: whatever stands beside it would be in clear.
_PART = r"[A-Za-z0-9+/=]*"
_ENCRYPTED = re.compile(rf"ENC\[AES256_GCM,data:{_PART},iv:{_PART},tag:{_PART},type:[a-z]+\]")


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
    parts = [part for part in _documents(text) if "Secret" in part or "\\" in part]
    return any(_document_holds(part) for part in parts if not _is_definition(part))


def _documents(text: str) -> t.Iterator[str]:
    """Yield the documents of a text. Releases are large: what is searched for here begins with plain letters."""
    begun = 0
    for line in _DOCUMENT.finditer(text):
        if line.start() == 0 or text[line.start() - 1] == "\n":
            yield text[begun : line.start()]
            begun = line.end()
    yield text[begun:]


def _is_definition(text: str) -> bool:
    """Tell whether a document defines a kind: the largest ones there are, and their left margin says what they are.

    It begins at the margin, so all keys of its mapping stand there, each one as the text of definitions has it.
    """
    if any(mark in text for mark in _OTHER_BREAKS):
        return False
    first = _FIRST_LINE.match(text)
    margin = {line for line in text.split("\n") if line and line[0] not in " #"}
    return first is not None and first[1] in margin and _DEFINES in margin and margin <= _OF_DEFINITION


def _document_holds(text: str) -> bool:
    try:
        return any(_is_clear(document) for document in load_documents(text, "a file of the tree"))
    except Failure:
        # What is more than plain YAML, such as a template, is judged by its lines; SOPS writes plain YAML alone.
        return bool(_KIND.search(text) and _FIELD.search(text))


def _is_clear(document: t.Any) -> bool:
    """Tell whether an object, or one of the objects in a list, is a Secret whose values can be read."""
    if isinstance(document, list):
        return any(_is_clear(item) for item in document)
    if not isinstance(document, dict):
        return False
    if document.get("kind") != "Secret":
        return _is_clear(document.get("items") or [])
    values = [value for name in _VALUES for value in _values(document.get(name))]
    return bool(values) and not (_is_sealed(document.get("sops")) and all(_is_encrypted(value) for value in values))


def _is_sealed(sops: t.Any) -> bool:
    """Tell whether SOPS has sealed a document, so that it notices when somebody changes what it encrypted."""
    return isinstance(sops, dict) and _is_encrypted(sops.get("mac"))


def _is_encrypted(value: t.Any) -> bool:
    return isinstance(value, str) and bool(_ENCRYPTED.fullmatch(value))


def _values(field: t.Any) -> list[t.Any]:
    if isinstance(field, dict):
        return list(field.values())
    return [field] if field else []
