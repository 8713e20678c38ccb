# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs sops and age-keygen: what is secret goes in and comes out by their streams and their environment.

In: an age key, a file in clear or encrypted. Out: the other of both; every error a Failure. Never here: a secret on a
command line or in a file, or what a program said in a message. The only place of this product that reveals a value.

The real programs and no library: the files must be what sops itself, an editor of a person or Argo CD makes of them.
"""

from __future__ import annotations

import json
import typing as t

from .._core.failure import Failure, Kind, invalid, known
from .._core.reconcile import Runtime
from .._core.sensitive import Sensitive
from .._yaml import dump

Document = dict[str, t.Any]

_SECRET_FIELDS = ("data", "stringData")
_ENCRYPTED = f"^({'|'.join(_SECRET_FIELDS)})$"
_NO_KEY, _CHANGED = 128, (51, 52)
_WHERE = {
    "sops": "Install sops 3.9 or newer (github.com/getsops/sops) where the task runs, on its PATH",
    "age-keygen": "Install age 1.1 or newer (github.com/FiloSottile/age) where the task runs, on its PATH",
}
# What a person has set for files of their own must not add keys to those of a platform.
_NO_OTHER_KEYS = dict.fromkeys(
    (
        "SOPS_AGE_RECIPIENTS",
        "SOPS_PGP_FP",
        "SOPS_KMS_ARN",
        "SOPS_GCP_KMS_IDS",
        "SOPS_AZURE_KEYVAULT_URLS",
        "SOPS_VAULT_URIS",
        "SOPS_HUAWEICLOUD_KMS_IDS",
    ),
    "",
)
# Nor may a .sops.yaml of the folder that the playbook was started in decide anything.
_NO_CONFIG = ("--config", "/dev/null")
_FROM_STDIN = "/dev/stdin"


def new_key(runtime: Runtime) -> Sensitive:
    """Return a new age key, as the text of a file of keys."""
    code, out = _run(runtime, ["age-keygen"])
    if code:
        raise _broken("age-keygen", code)
    return out


def recipients(runtime: Runtime, key: Sensitive, where: str) -> list[str]:
    """Return what files are encrypted for so that these keys open them."""
    code, out = _run(runtime, ["age-keygen", "-y"], data=key)
    found = [] if code else out.reveal().split()
    if not found:
        raise invalid(where, "it holds no age key", "Put the key of this platform back, or have it made anew")
    return found


def encrypt(runtime: Runtime, path: str, document: Document, wanted: t.Sequence[str]) -> str:
    """Return a Secret as an encrypted file; its values alone are hidden, and all of it is sealed."""
    argv = [*_sops("encrypt", path, "yaml"), "--age", ",".join(wanted), "--encrypted-regex", _ENCRYPTED, _FROM_STDIN]
    code, out = _run(runtime, argv, _NO_OTHER_KEYS, Sensitive(dump(_revealed(document))))
    if code:
        raise _broken(f"sops for {path}", code)
    return out.reveal()


def decrypt(runtime: Runtime, path: str, text: str, key: Sensitive | None) -> Document:
    """Return the Secret of an encrypted file; without a key, by those of the person who runs the task."""
    env = {"SOPS_AGE_KEY": key.reveal()} if key is not None else {}
    code, out = _run(runtime, [*_sops("decrypt", path, "json"), _FROM_STDIN], env, Sensitive(text))
    if code:
        raise _undecrypted(code, path)
    return _concealed(out, path)


def _sops(verb: str, path: str, output: str) -> list[str]:
    where = ["--filename-override", path, "--input-type", "yaml", "--output-type", output]
    return ["sops", *_NO_CONFIG, verb, *where]


def _undecrypted(code: int, path: str) -> Failure:
    """Return why a file could not be decrypted, by the code that sops ended with."""
    kind, said = Kind.BROKEN, f"it is no file of sops, or sops failed, with code {code}"
    remedy = "Bring the file back from the history of the tree"
    if code == _NO_KEY:
        kind, said = Kind.DENIED, "no age key that is here opens it"
        remedy = (
            "Bring the platform's age.key back into its folder, or name a key of another recipient in "
            "SOPS_AGE_KEY_FILE; nothing was changed"
        )
    elif code in _CHANGED:
        said = "it was changed without sops, its seal is broken"
        remedy += ", and edit it with sops alone"
    return Failure(kind, tried="decrypting", on=path, said=said, remedy=remedy)


def _run(
    runtime: Runtime, argv: list[str], env: t.Mapping[str, str] | None = None, data: Sensitive | None = None
) -> tuple[int, Sensitive]:
    lent = known(runtime.run, "the edge lends a way to run commands")
    code, out, _err = lent(argv, env=env, data=None if data is None else data.reveal())
    if code == 127:
        raise Failure(
            Kind.MISSING, tried="running", on=argv[0], said="the program is not there", remedy=_WHERE[argv[0]]
        )
    return code, Sensitive(out.encode("utf-8", "surrogateescape"))


def _broken(what: str, code: int) -> Failure:
    return Failure(
        Kind.BROKEN, tried="running", on=what, said=f"it ended with code {code}", remedy="Run it by hand to see why"
    )


def _revealed(document: Document) -> Document:
    shown = {
        field: {name: value.reveal() for name, value in document[field].items()}
        for field in _SECRET_FIELDS
        if field in document
    }
    return {**document, **shown}


def _concealed(out: Sensitive, path: str) -> Document:
    try:
        document = json.loads(out.reveal())
        hidden = {
            field: {str(name): Sensitive(str(value)) for name, value in document[field].items()}
            for field in _SECRET_FIELDS
            if document.get(field)
        }
        return {**document, **hidden}
    except (ValueError, AttributeError, TypeError) as error:
        raise invalid(path, "it holds no Secret", "Bring the file back from the history of the tree") from error
