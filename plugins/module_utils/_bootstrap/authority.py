# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of the platform's certificate authority: two files that are there before the cluster is.

In: checked options, files, and the Secret of a cluster that has an authority already. Out: what should be.
Never here: how a certificate is made; a private key that leaves the cluster.

The key is written first, so a run that is killed leaves a key that the next one makes a certificate for. A certificate
without its key is what a platform has whose key lies in its cluster alone, and is left as it is.
"""

from __future__ import annotations

import contextlib
import os
import typing as t
from dataclasses import dataclass, field

from .._core.failure import Failure, invalid
from .._core.plan import UNKNOWN, Desired
from .._core.reconcile import Outcome, Runtime, Traceless
from .._core.sensitive import Generated, Sensitive
from .._crypto import (
    Authority,
    Certificate,
    belongs,
    new_certificate,
    new_key,
    read_certificate,
    require_library,
)
from .._files.product import PUBLIC, File, Files, Moved
from .._kubernetes.objects import ObjectKey
from .._kubernetes.product import Kubernetes
from .secret_spec import CERTIFICATE, checked_authority

CERTIFICATE_FILE, KEY_FILE = "ca.crt", "ca.key"


@dataclass(frozen=True)
class _NewKey(Generated):
    """A private key that is made while its file is."""

    def make(self) -> Sensitive:
        """Return a fresh key."""
        return new_key()


@dataclass(frozen=True)
class _NewCertificate(Generated):
    """A certificate that is made while its file is."""

    authority: Authority = field(default_factory=lambda: Authority("", 1))
    key: Sensitive = field(default_factory=lambda: Sensitive(""))
    now: float = 0.0

    def make(self) -> Sensitive:
        """Return the certificate of that key."""
        return Sensitive(new_certificate(self.authority, self.key, self.now))


@dataclass(frozen=True)
class Observed:
    """The two files and the certificate in the cluster; what is absent is None."""

    key: Sensitive | None = None
    certificate: Sensitive | None = None
    cluster: Sensitive | None = None


class PlatformAuthority(Traceless):
    """An authority that should be there."""

    def __init__(
        self,
        authority: Authority,
        folder: str,
        secret: ObjectKey | None,
        products: t.Mapping[str, t.Any],
        runtime: Runtime,
    ) -> None:
        self.authority = authority
        self.certificate_path = os.path.join(folder, CERTIFICATE_FILE)
        self.key_path = os.path.join(folder, KEY_FILE)
        self.secret = secret
        self.files: Files = products["files"]
        self.kubernetes: Kubernetes = products["kubernetes"]
        self.runtime = runtime

    def observe(self) -> Observed:
        """Read the files, and the cluster if it is named; what stands half is told from what is wrong."""
        found = Observed(self.files.read(self.key_path), self.files.read(self.certificate_path), self._in_cluster())
        if found.key is not None and not len(found.key):
            raise self._broken(self.key_path, "it is empty")
        if found.certificate is not None:
            self._read(found.certificate, self.certificate_path)
        if found.key is not None and found.certificate is not None and found.cluster is None:
            self._check_pair(found.key, found.certificate)
        if self.secret and found.key is None and found.certificate is not None and found.cluster is None:
            # Only the public part of a cluster's authority lies here, and this cluster has none.
            raise self._broken(self.certificate_path, f"its key is neither here nor in {self.secret}")
        return found

    def _in_cluster(self) -> Sensitive | None:
        live = self.kubernetes.get(self.secret) if self.secret else None
        value = ((live or {}).get("data") or {}).get(CERTIFICATE)
        if not isinstance(value, Sensitive) or not len(value):
            return None
        self._read(value.decoded(), f"{self.secret}, {CERTIFICATE}")
        return value.decoded()

    def _read(self, certificate: Sensitive, what: str) -> Certificate:
        found = read_certificate(certificate, what)
        if not found.authority:
            raise self._broken(what, "its certificate is not that of an authority")
        return found

    def _check_pair(self, key: Sensitive, certificate: Sensitive) -> None:
        if not belongs(key, certificate, self.key_path):
            raise self._broken(self.key_path, f"it is not the key of {self.certificate_path}")

    def _broken(self, what: str, said: str) -> Failure:
        remedy = f"Restore {CERTIFICATE_FILE} and {KEY_FILE}, or move both away to have a new authority made"
        return invalid(what, said, remedy)

    # desired --------------------------------------------------------------------------------------------------------

    def desired(self, observed: Observed) -> t.Sequence[Desired]:
        """Return what should be, in order."""
        if observed.cluster is not None:
            return self._as_in_cluster(observed, observed.cluster)
        if observed.certificate is not None:
            kept = [File(self.key_path, observed.key, create=True)] if observed.key else []
            return [*kept, File(self.certificate_path, observed.certificate, PUBLIC, create=True)]
        certificate: Generated | str = UNKNOWN
        if observed.key is not None:
            certificate = _NewCertificate(authority=self.authority, key=observed.key, now=self.runtime.now())
        return [
            File(self.key_path, _NewKey(), create=True),
            File(self.certificate_path, certificate, PUBLIC, create=observed.key is not None),
        ]

    def _as_in_cluster(self, observed: Observed, cluster: Sensitive) -> list[Desired]:
        """Return the cluster's certificate as the file; files of another authority are moved aside and not lost."""
        public = File(self.certificate_path, cluster, PUBLIC)
        if observed.key is None:
            return [public]
        if belongs(observed.key, cluster, self.key_path):
            return [File(self.key_path, observed.key, create=True), public]
        mark = observed.key.fingerprint()[:12]
        aside: list[Desired] = [Moved(self.key_path, f"{self.key_path}.{mark}")]
        if observed.certificate is not None and observed.certificate != cluster:
            aside.insert(0, File(f"{self.certificate_path}.{mark}", observed.certificate, PUBLIC))
        return [*aside, public]

    # the rest of a use case -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def exclusive(self) -> t.Iterator[None]:
        """Hold the folder against another run on this machine."""
        with self.runtime.cache.lock(f"platform authority {self.key_path}"):
            yield

    def result(self, outcome: Outcome) -> dict[str, t.Any]:
        """Return the authority for the result: all of it is public but where its key lies."""
        certificate = self.files.read(self.certificate_path)
        key = self.files.read(self.key_path)
        shown: dict[str, t.Any] = {
            "certificate_file": self.certificate_path,
            "private_key_file": self.key_path if key is not None else None,
            "certificate": None,
        }
        if certificate is None:
            return shown
        found = read_certificate(certificate, self.certificate_path)
        return {
            **shown,
            "certificate": certificate.shown(),
            "common_name": found.common_name,
            "ends": found.ends_at,
            "days_left": int((found.ends - self.runtime.now()) // 86400),
            "certificate_fingerprint": found.fingerprint,
            "permitted_domains": list(found.domains),
        }


def use_case(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> PlatformAuthority:
    """Return the use case for checked params. Raises Failure(invalid) for what the input alone shows to be wrong."""
    require_library()
    folder = params["folder"]
    if not os.path.isabs(folder):
        raise invalid("folder", f"{folder[:200]!r} is no absolute path", "Write it from / on")
    place = params["secret"]
    secret = ObjectKey("v1", "Secret", place["namespace"], place["name"]) if place else None
    what = f"The authority in {folder}"
    authority = checked_authority(params["common_name"], params["days"], params["permitted_domains"], what)
    return PlatformAuthority(authority, folder, secret, products, runtime)
