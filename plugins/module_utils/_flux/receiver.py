# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of a Flux Receiver: its token, the Receiver, and the path that both agree on.

In: ReceiverSpec, what the task wants, Kubernetes. Out: what should be, for present and for absent; what is there.
Never here: exposure and monitoring, which are templates of the role; a request by hand.

Order of making: the token (a Secret by POST when it is generated, an ExternalSecret, or a Secret that is there), the
Receiver, then waiting until Flux serves the very path that the token gives. Order of leaving: the Receiver first.
"""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field

from .._core.failure import Failure, Kind
from .._core.names import short_hash
from .._core.plan import UNKNOWN, Desired
from .._core.reconcile import Outcome, Runtime, Traceless
from .._core.sensitive import Generated, Sensitive
from .._kubernetes.objects import MANAGER_PREFIX, Amend, Condition, Object, ObjectKey, Objects
from .._kubernetes.product import Kubernetes
from .._kubernetes.ready import holds
from . import receiver_objects as objects
from .spec import TOKEN_KEY, ReceiverSpec, from_params, token_problem

MANAGER = MANAGER_PREFIX + "flux"
READY = "Ready"


@dataclass(frozen=True)
class Wishes:
    """What a run wants beside the spec."""

    present: bool = True
    adopt: bool = False
    allow_missing_sources: bool = False
    wait: bool = True
    wait_timeout: float = 120.0
    return_secrets: bool = False


@dataclass(frozen=True)
class Observed:
    """What the plan depends on; absent is None. ``missing`` are sources that a delivery would not find (A17)."""

    receiver: Object | None = None
    secret: Object | None = None
    missing: list[str] = field(default_factory=list)


class Receiver(Traceless):
    """A Receiver that should be there, or not."""

    def __init__(self, spec: ReceiverSpec, wishes: Wishes, kubernetes: Kubernetes) -> None:
        self.spec = spec
        self.wishes = wishes
        self.kubernetes = kubernetes
        self.owner = objects.owner_of(spec)
        self.key = objects.receiver_key(spec)

    # observe --------------------------------------------------------------------------------------------------------

    def observe(self) -> Observed:
        """Read the Receiver, its Secret and the sources."""
        sources = [] if not self.wishes.present else list(self.spec.sources)
        named = {objects.source_key(source): source for source in sources if not source.many}
        secret = objects.secret_key(self.spec)
        lives = self.kubernetes.get_many([self.key, secret, *named])
        missing = [source.title for key, source in named.items() if lives[key] is None]
        missing += [source.title for source in sources if source.many and not self._chosen(source)]
        return Observed(lives[self.key], lives[secret] if self.spec.traits.token else None, missing)

    def _chosen(self, source: t.Any) -> list[Object]:
        labels = ",".join(f"{name}={value}" for name, value in source.match_labels.items())
        return self.kubernetes.list(source.api_version, source.kind, source.namespace, labels)

    # desired --------------------------------------------------------------------------------------------------------

    def desired(self, observed: Observed) -> t.Sequence[Desired]:
        """Return what should be, in order."""
        if not self.wishes.present:
            return self._absent(observed)
        if observed.missing and not self.wishes.allow_missing_sources:
            raise Failure(
                Kind.MISSING,
                tried="declaring",
                on=str(self.key),
                said=f"there is no {' and no '.join(observed.missing)}; every delivery would end in a 500 (A17)",
                remedy="Make the sources first, correct their names, or set allow_missing_sources to true",
            )
        path = self.path(observed)
        return [
            *self._token(observed),
            *self._look_again(observed, path),
            self._owned("the Receiver", objects.receiver(self.spec), wait=self._served(path)),
        ]

    def _token(self, observed: Observed) -> list[Desired]:
        """Return what makes the token, and the refusal of one that cannot be used."""
        if not self.spec.traits.token:
            return []
        if self.spec.external:
            wait = ((objects.external_secret_key(self.spec), Condition(READY)),) if self.wishes.wait else ()
            return [self._owned("the token", objects.external_secret(self.spec), wait=wait), *self._checked(observed)]
        without_external = self._gone(objects.external_secret(self.spec))
        if self.spec.token is not None:
            return [without_external, self._owned("the token", objects.secret(self.spec, self.spec.token))]
        if observed.secret is not None and not self.owner.owns(observed.secret):
            # Somebody else makes it: a file in Git, another operator.
            return [without_external, *self._checked(observed)]
        made = objects.secret(self.spec, Generated(32, "hex"))
        return [without_external, self._owned("the token", made, create=True), *self._checked(observed)]

    def _checked(self, observed: Observed) -> list[Desired]:
        if observed.secret is not None:
            _usable(observed.secret, self.spec)
        return []

    def token(self, observed: Observed) -> Sensitive | None:
        """Return the token as it is, or as it will be; None while nobody knows it."""
        if self.spec.token is not None:
            return self.spec.token
        value = ((observed.secret or {}).get("data") or {}).get(TOKEN_KEY)
        return value.decoded() if isinstance(value, Sensitive) else None

    def path(self, observed: Observed) -> str:
        """Return the path that Flux will serve, UNKNOWN until there is a token."""
        token = self.token(observed)
        if self.spec.traits.token and token is None:
            return UNKNOWN
        return objects.webhook_path(token, self.spec.name, self.spec.namespace)

    def _look_again(self, observed: Observed, path: str) -> list[Desired]:
        """Ask Flux to look at once when it still serves the path of an earlier token."""
        served = ((observed.receiver or {}).get("status") or {}).get("webhookPath")
        if served in (None, "", path) or path == UNKNOWN:
            return []
        return [Amend(self.key, annotations={objects.REQUESTED_AT: f"path-{short_hash(path)}"})]

    def _served(self, path: str) -> tuple[tuple[ObjectKey, Condition], ...]:
        """Return the wait until the Receiver is ready at that path; a suspended one keeps an old status."""
        if not self.wishes.wait or self.spec.suspend:
            return ()
        return ((self.key, Condition(READY, field="webhookPath", value=path)),)

    def _absent(self, observed: Observed) -> list[Desired]:
        made = objects.secret(self.spec, Generated())
        return [
            self._set("the Receiver", (objects.receiver(self.spec),), present=False),
            self._gone(objects.external_secret(self.spec)),
            self._gone(made),
        ]

    def _owned(
        self,
        title: str,
        obj: Object,
        create: bool = False,
        wait: tuple[tuple[ObjectKey, Condition], ...] = (),
    ) -> Objects:
        return self._set(title, (obj,), create=create, wait=wait)

    def _gone(self, obj: Object) -> Objects:
        return self._set("what is not needed any more", (obj,), present=False, lenient=True)

    def _set(self, title: str, objs: tuple[Object, ...], **more: t.Any) -> Objects:
        return Objects(
            title=title,
            objects=objs,
            owner=self.owner,
            manager=MANAGER,
            adopt=self.wishes.adopt,
            wait_timeout=self.wishes.wait_timeout,
            **more,
        )

    # the rest of a use case -----------------------------------------------------------------------------------------

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Need no lock: every object is written under its own name and owner."""
        return contextlib.nullcontext()

    def result(self, outcome: Outcome) -> dict[str, t.Any] | None:
        """Return the Receiver for the result; None when it is gone."""
        if not self.wishes.present:
            return None
        observed: Observed = outcome.observed
        path = self.path(observed)
        hidden = self.spec.traits.path_alone and not self.wishes.return_secrets and path != UNKNOWN
        token = self.token(observed)
        shown = {
            "name": self.spec.name,
            "namespace": self.spec.namespace,
            "type": self.spec.type,
            "secret_name": self.spec.secret_name if self.spec.traits.token else None,
            "webhook_path": Sensitive(path) if hidden else path,
            "path_is_secret": self.spec.traits.path_alone,
            "token_fingerprint": token.fingerprint() if token is not None else None,
            "missing_sources": observed.missing,
            "suspended": self.spec.suspend,
            "ready": holds(self.kubernetes.get(self.key), Condition(READY))[0],
        }
        if self.wishes.return_secrets:
            shown["token"] = token.shown() if token is not None else None
        return shown


def _usable(secret: Object, spec: ReceiverSpec) -> None:
    """Raise Failure(invalid) for a Secret whose token, or another key that the type needs, cannot be used."""
    data = secret.get("data") or {}
    value = data.get(TOKEN_KEY)
    problem = token_problem(value.decoded()) if isinstance(value, Sensitive) else f"there is no key {TOKEN_KEY}"
    missing = [key for key in spec.traits.keys if key not in data and key not in spec.extra]
    if not problem and missing:
        problem = f"type {spec.type} needs the key {missing[0]} as well"
    if problem:
        raise Failure(
            Kind.INVALID,
            tried="using the token",
            on=str(ObjectKey.of(secret)),
            said=problem,
            remedy="Correct it where it comes from; a file that ends in a line break is the usual cause",
        )


def use_case(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> Receiver:
    """Return the use case for checked params. Raises Failure(invalid) for what the input alone shows to be wrong."""
    return Receiver(
        from_params(params),
        Wishes(
            present=params["state"] == "present",
            adopt=params["adopt"],
            allow_missing_sources=params["allow_missing_sources"],
            wait=params["wait"],
            wait_timeout=float(params["wait_timeout"]),
            return_secrets=params["return_secrets"],
        ),
        products["kubernetes"],
    )
