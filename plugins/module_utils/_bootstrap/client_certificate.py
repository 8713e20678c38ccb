# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of a client certificate: a kubeconfig with one that is signed by the cluster and ends soon.

In: checked options, the files as they are, the request in the cluster. Out: what should be.
Never here: a right, which is a binding of its own; a key that leaves the machine.

The key is written first and named by the request, so a run that was killed is followed by one that finds both again.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import json
import os
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.plan import Desired
from .._core.reconcile import Outcome, Runtime, Traceless
from .._core.sensitive import Generated, Sensitive
from .._crypto import Certificate, belongs, new_key, new_request, read_certificate
from .._files.product import File, Files
from .._kubernetes.approval import API_VERSION, KIND, Approval, certificate, refuse
from .._kubernetes.objects import APPLIED_BY, Object, ObjectKey, Objects
from .._kubernetes.product import Kubernetes
from .._yaml import dump, load_documents

SIGNER = "kubernetes.io/kube-apiserver-client"
MANAGER = "aphex.platform.client_certificate"
LONGEST = 30
_DAY = 86_400
_MESSAGE = f"Asked for by {MANAGER}"


@dataclass(frozen=True)
class _NewKey(Generated):
    """A private key that is made while its file is."""

    def make(self) -> Sensitive:
        """Return a fresh key."""
        return new_key()


@dataclass(frozen=True)
class Wanted:
    """Who the certificate is for, how long it lasts, and where it lies."""

    user: str
    groups: tuple[str, ...]
    days: int
    renew_days: int
    kubeconfig: str
    context: str
    present: bool = True

    @property
    def key_file(self) -> str:
        """Where the key lies until its certificate is there."""
        return f"{self.kubeconfig}.key"


@dataclass(frozen=True)
class Observed:
    """What is there; absent is None."""

    kubeconfig: Sensitive | None = None
    key: Sensitive | None = None
    request: Object | None = None
    good: bool = False


class ClientCertificate(Traceless):
    """A client certificate that should be there, or gone."""

    def __init__(self, wanted: Wanted, products: t.Mapping[str, t.Any], runtime: Runtime) -> None:
        self.wanted = wanted
        self.files: Files = products["files"]
        self.kubernetes: Kubernetes = products["kubernetes"]
        self.runtime = runtime

    def observe(self) -> Observed:
        """Read the files, and the request that belongs to the key."""
        if self.wanted.present:
            # Before anything is written: without a usable connection there would be a key and nothing else.
            _server = self.kubernetes.server
        kubeconfig, key = self.files.read(self.wanted.kubeconfig), self.files.read(self.wanted.key_file)
        if kubeconfig is not None:
            self._refuse_foreign(kubeconfig)
        if not self.wanted.present or (kubeconfig is not None and self._good(kubeconfig)):
            return Observed(kubeconfig, key, good=self.wanted.present)
        self.kubernetes.forget()
        request = self.kubernetes.get(self._request_key(key)) if key is not None else None
        refuse(request, self._request_key(key) if key is not None else ObjectKey(API_VERSION, KIND, "", ""))
        return Observed(kubeconfig, key, request)

    def _request_key(self, key: Sensitive) -> ObjectKey:
        """Return the request that this key makes for this person: another key or another person is another one."""
        asked = json.dumps([self.wanted.user, self.wanted.groups, self.wanted.days])
        name = f"aphex-{key.fingerprint()}-{hashlib.sha256(asked.encode()).hexdigest()[:16]}"
        return ObjectKey(API_VERSION, KIND, "", name)

    def _refuse_foreign(self, kubeconfig: Sensitive) -> None:
        """Raise Failure(refused) for a file that holds anything but a certificate of this user."""
        found = self._read(kubeconfig)
        if found is None or found.common_name != self.wanted.user:
            raise Failure(
                Kind.REFUSED,
                tried="keeping a client certificate in",
                on=self.wanted.kubeconfig,
                said=f"what lies there is no kubeconfig of {self.wanted.user} by this module",
                remedy="Move it away, or name another file",
            )

    def _read(self, kubeconfig: Sensitive) -> Certificate | None:
        try:
            return read_certificate(kubeconfig.map(_part("client-certificate-data")), self.wanted.kubeconfig)
        except (Failure, ValueError, UnicodeDecodeError):
            return None

    def _good(self, kubeconfig: Sensitive) -> bool:
        """Tell whether the certificate is the wanted one, for this cluster, and lasts long enough."""
        found = self._read(kubeconfig)
        if found is None or set(found.organizations) != set(self.wanted.groups):
            return False
        if found.ends - self.runtime.now() <= self.wanted.renew_days * _DAY:
            return False
        pem, key = kubeconfig.map(_part("client-certificate-data")), kubeconfig.map(_part("client-key-data"))
        try:
            if not belongs(key, pem, self.wanted.kubeconfig):
                return False
        except Failure:
            return False
        # What differs now is the cluster's address, its CA or the context. A certificate is public.
        return self._text(key, pem.shown().wanted()) == kubeconfig

    def _text(self, key: Sensitive, pem: str) -> Sensitive:
        """Return the whole kubeconfig."""
        server, authority = self.kubernetes.server
        cluster = {"server": server}
        if authority:
            cluster["certificate-authority-data"] = _base64(authority)
        name = self.wanted.context

        def whole(text: str) -> str:
            user = {"client-certificate-data": _base64(pem.encode()), "client-key-data": _base64(text.encode())}
            return dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": name, "cluster": cluster}],
                    "contexts": [{"name": name, "context": {"cluster": name, "user": self.wanted.user}}],
                    "current-context": name,
                    "users": [{"name": self.wanted.user, "user": user}],
                }
            )

        return key.map(whole)

    # desired --------------------------------------------------------------------------------------------------------

    def desired(self, observed: Observed) -> t.Sequence[Desired]:
        """Return what should be, in order."""
        wanted = self.wanted
        no_key = File(wanted.key_file, present=False)
        if not wanted.present:
            return [File(wanted.kubeconfig, present=False), no_key]
        if observed.good and observed.kubeconfig is not None:
            return [File(wanted.kubeconfig, observed.kubeconfig), no_key]
        if observed.key is None:
            return [File(wanted.key_file, _NewKey(), create=True), File(wanted.kubeconfig)]
        signed = certificate(observed.request)
        if signed:
            pem = base64.b64decode(signed).decode()
            return [File(wanted.kubeconfig, self._text(observed.key, pem)), no_key]
        name = self._request_key(observed.key).name
        request = self._request(observed.key, name)
        return [
            File(wanted.key_file, observed.key, create=True),
            Objects(title=f"the request for {wanted.user}", objects=(request,), manager=MANAGER, create=True),
            Approval(name, _MESSAGE),
            File(wanted.kubeconfig),
        ]

    def _request(self, key: Sensitive, name: str) -> Object:
        request = new_request(key, self.wanted.user, self.wanted.groups)
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            # What was made by a POST whose answer was lost is found again by this.
            "metadata": {"name": name, "annotations": {APPLIED_BY: MANAGER}},
            "spec": {
                "signerName": SIGNER,
                "usages": ["client auth"],
                "expirationSeconds": self.wanted.days * _DAY,
                "request": _base64(request.encode()),
            },
        }

    # the rest of a use case -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def exclusive(self) -> t.Iterator[None]:
        """Hold the file against another run on this machine."""
        with self.runtime.cache.lock(f"client certificate {self.wanted.kubeconfig}"):
            yield

    def result(self, outcome: Outcome) -> dict[str, t.Any] | None:
        """Return whose certificate lies where, and until when it holds."""
        kubeconfig = self.files.read(self.wanted.kubeconfig)
        found = self._read(kubeconfig) if kubeconfig is not None else None
        if not self.wanted.present or (found is None and not self.runtime.check):
            return None
        return {
            "kubeconfig_file": self.wanted.kubeconfig,
            "user": self.wanted.user,
            "groups": list(self.wanted.groups),
            "ends": _stamp(found.ends) if found else None,
            "days_left": int((found.ends - self.runtime.now()) // _DAY) if found else None,
        }


def _stamp(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _part(name: str) -> t.Callable[[str], str]:
    """Return what takes one part of the user's entry out of a kubeconfig; empty for what is none of ours."""

    def look(text: str) -> str:
        documents = load_documents(text, "the kubeconfig")
        users = documents[0].get("users") if len(documents) == 1 and isinstance(documents[0], dict) else None
        if not isinstance(users, list) or len(users) != 1 or not isinstance(users[0], dict):
            return ""
        entry = users[0].get("user")
        return base64.b64decode(str(entry.get(name) or "")).decode() if isinstance(entry, dict) else ""

    return look


def use_case(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> ClientCertificate:
    """Return the use case for checked params. Raises Failure(invalid) for what the input alone shows to be wrong."""
    wanted = Wanted(
        user=params["user"],
        groups=tuple(params["groups"]),
        days=params["days"],
        renew_days=params["renew_days"],
        kubeconfig=params["kubeconfig_file"],
        context=params["context_name"],
        present=params["state"] == "present",
    )
    _check_names(wanted)
    if not os.path.isabs(wanted.kubeconfig):
        raise invalid("kubeconfig_file", f"{wanted.kubeconfig[:200]!r} is no absolute path", "Write it from / on")
    if not 1 <= wanted.days <= LONGEST:
        said = f"a certificate cannot be taken back, so it lasts from 1 to {LONGEST} days"
        raise invalid(f"days is {wanted.days}", said, "Choose a shorter time")
    if not 0 <= wanted.renew_days < wanted.days:
        said = f"it is to be from 0 to {wanted.days - 1}, or every run would make a new one"
        raise invalid(f"renew_days is {wanted.renew_days}", said, "Choose fewer days")
    return ClientCertificate(wanted, products, runtime)


def _check_names(wanted: Wanted) -> None:
    for what, name in (("user", wanted.user), *(("groups", group) for group in wanted.groups)):
        if not name or len(name) > 64 or not name.isprintable():
            raise invalid(f"{what} {name[:80]!r}", "a name has 1 to 64 letters", "Correct it")
        if name.startswith("system:"):
            said = "names that begin with system: are the cluster's own, and no binding could take them back (P32)"
            raise invalid(f"{what} {name!r}", said, "Bind a name of your own")
    if not wanted.context:
        raise invalid("context_name", "it is empty", "Name the context")
