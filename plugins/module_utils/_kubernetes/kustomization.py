# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of a kustomization, built by kustomize itself in a folder of its own.

In: files by their paths, the command that builds. Out: plain documents. Never here: a rule of kustomize.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t

from .._core.failure import Failure, Kind, invalid
from .._core.reconcile import Runtime
from .._yaml import load_documents

ROOT = "kustomization.yaml"
_LARGEST = 64 * 1024 * 1024
_SAID = 400


def build(wanted: dict[str, t.Any], runtime: Runtime) -> list[t.Any]:
    """Return the documents. ``wanted`` has ``files`` (path: text), ``sources`` (path: file here) and ``command``.

    Raises Failure(invalid) for a set without its root file, a path that leaves the folder, or what kustomize refuses.
    """
    files, sources = wanted["files"] or {}, wanted["sources"] or {}
    if ROOT not in files:
        raise invalid("kustomization", f"its files hold no {ROOT}")
    with tempfile.TemporaryDirectory(prefix="aphex-kustomize-") as folder:
        for path, text in files.items():
            with open(_place(folder, path), "w", encoding="utf-8") as file:
                file.write(str(text))
        for path, source in sources.items():
            if not os.path.isfile(source):
                raise invalid(f"kustomization, source {source}", "there is no such file")
            shutil.copyfile(source, _place(folder, path))
        return load_documents(_built(wanted["command"], folder, runtime), "the kustomization", largest=_LARGEST)


def _place(folder: str, path: str) -> str:
    place = os.path.normpath(os.path.join(folder, path))
    if not place.startswith(folder + os.sep):
        raise invalid(f"kustomization, path {path}", "it leaves the folder of the kustomization")
    os.makedirs(os.path.dirname(place), exist_ok=True)
    return place


def _built(command: t.Sequence[str], folder: str, runtime: Runtime) -> str:
    if runtime.run is None or shutil.which(command[0]) is None:
        raise Failure(
            Kind.MISSING,
            tried="building a kustomization",
            said=f"there is no program {command[0]} here",
            remedy="Install kubectl, or name kustomize in the command of the kustomization",
        )
    code, out, err = runtime.run([*command, folder])
    if code:
        said = " ".join(err.replace(folder, ".").split())[:_SAID]
        raise Failure(Kind.INVALID, tried="building the kustomization", said=said, remedy="Correct the files it names")
    return out
