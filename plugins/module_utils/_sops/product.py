# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The face of SOPS: Secrets as files that only holders of an age key can read.

In: Secrets as plain dicts with sensitive values, encrypted files. Out: the other of both. It writes nowhere: where a
file lies is for others. Never here: which Secrets there are, or where a key lies.
"""

from __future__ import annotations

import re
import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._core.failure import Failure, invalid
from .._core.reconcile import Runtime
from .._core.sensitive import Sensitive
from .._yaml import load_documents
from . import client
from .client import Document

_SIDE_BY_SIDE = 4
_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{10,4000}")


class Sops:
    """Encrypts and decrypts; holds nothing."""

    name = "sops"

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @classmethod
    def connect(cls, params: dict[str, t.Any], runtime: Runtime) -> Sops:
        """Return a handle; nothing is run yet."""
        return cls(runtime)

    def new_key(self) -> Sensitive:
        """Return a new age key."""
        return client.new_key(self._runtime)

    def recipients(self, key: Sensitive, where: str) -> list[str]:
        """Return the recipients that belong to a text of keys. Raises Failure(invalid) for one without a key."""
        return client.recipients(self._runtime, key, where)

    def encrypted(self, documents: t.Mapping[str, Document], recipients: t.Sequence[str]) -> dict[str, str]:
        """Return the files of these Secrets by path."""
        return self._each(documents, lambda path: client.encrypt(self._runtime, path, documents[path], recipients))

    def decrypted(self, files: t.Mapping[str, str], key: Sensitive | None) -> dict[str, Document]:
        """Return the Secrets of these files by path. Raises Failure when one cannot be read."""
        return self._each(files, lambda path: client.decrypt(self._runtime, path, files[path], key))

    def _each(self, paths: t.Mapping[str, t.Any], function: t.Callable[[str], t.Any]) -> dict[str, t.Any]:
        """Ask for each path, some side by side: a program takes a moment to start."""
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            return dict(zip(paths, pool.map(function, paths), strict=True))


def recipients_of(path: str, text: str) -> set[str]:
    """Return whom a file is encrypted for; one that others than age can open too has none that we know."""
    try:
        [document] = load_documents(text, path)
        sops = document["sops"]
        others = [name for name in ("kms", "pgp", "gcp_kms", "azure_kv", "hc_vault", "key_groups") if sops.get(name)]
        return set() if others else {str(row["recipient"]) for row in sops["age"]}
    except (Failure, ValueError, KeyError, TypeError, AttributeError):
        return set()


def check_recipients(recipients: t.Sequence[str]) -> None:
    """Raise Failure(invalid) for what is no recipient of age."""
    for recipient in recipients:
        if not _RECIPIENT.fullmatch(recipient):
            # What begins like a private key must not stand in a message.
            said = f"{recipient[:8]!r}... is no recipient of age"
            raise invalid("recipients", said, "Write public keys, which begin with age1 in lower-case letters")
