# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of a Secret of the platform: its values are made once, kept, rotated by a number, mirrored.

In: SecretSpec, what the task wants, Kubernetes. Out: what should be, for present and for absent.
Never here: which Secrets a platform has, which the role knows; a request by hand.

A Secret is made by POST with all its values. What a later run has to make, a key that is new or rotated, is made by
POST as well, in a Secret beside it, and taken over from there: whoever comes second finds the first one's value. So a
run that is killed leaves the old value or the new one, never a third, and no copy that the next run leaves behind.
"""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field

from .._core.failure import Failure, Kind, invalid
from .._core.plan import UNKNOWN, Desired
from .._core.reconcile import Outcome, Runtime, Traceless
from .._core.sensitive import Sensitive
from .._crypto import Pair, PairPart, belongs, read_certificate
from .._kubernetes.objects import Object, ObjectKey, Objects
from .._kubernetes.product import Kubernetes
from . import secret_objects as objects
from .secret_spec import CERTIFICATE, PAIR, PRIVATE_KEY, Key, SecretSpec, from_params

_LARGEST_FILE = 64 * 1024


@dataclass(frozen=True)
class Wishes:
    """What a run wants beside the spec."""

    present: bool = True
    adopt: bool = False
    return_secrets: bool = False


@dataclass(frozen=True)
class Observed:
    """What the plan depends on; absent is None. ``files`` is the authority's pair, for a Secret that has none yet."""

    main: Object | None = None
    coming: Object | None = None
    sources: t.Mapping[str, Object | None] = field(default_factory=dict)
    files: t.Mapping[str, t.Any] = field(default_factory=dict)


class PlatformSecret(Traceless):
    """A Secret that should be there with its values, or not."""

    def __init__(self, spec: SecretSpec, wishes: Wishes, kubernetes: Kubernetes, runtime: Runtime) -> None:
        self.spec = spec
        self.wishes = wishes
        self.kubernetes = kubernetes
        self.runtime = runtime
        self.owner = objects.owner_of(spec)
        self.key = objects.main_key(spec)

    # observe --------------------------------------------------------------------------------------------------------

    def observe(self) -> Observed:
        """Read the Secret, what is coming for it, the Secrets that it mirrors, and files where they count."""
        coming = objects.coming_key(self.spec)
        sources = {key.name: objects.key_of(key.source.namespace, key.source.name)
                   for key in self.spec.keys if key.source and self.wishes.present}  # fmt: skip
        lives = self.kubernetes.get_many([self.key, coming, *sources.values()])
        main = lives[self.key]
        return Observed(
            main,
            lives[coming],
            {name: lives[key] for name, key in sources.items()},
            self._files() if self.wishes.present and not _filled(main, PRIVATE_KEY) else {},
        )

    def _files(self) -> dict[str, t.Any]:
        """Return the pair that was made before the cluster; in check mode an earlier task may be about to make it."""
        if not self.spec.private_key_file:
            return {}
        paths = {CERTIFICATE: self.spec.certificate_file, PRIVATE_KEY: self.spec.private_key_file}
        found = {name: _read(path, self.runtime.check) for name, path in paths.items()}
        if UNKNOWN not in found.values() and not belongs(found[PRIVATE_KEY], found[CERTIFICATE], str(self.key)):
            raise invalid(
                str(self.key),
                f"the key in {self.spec.private_key_file} is not that of the certificate in "
                f"{self.spec.certificate_file}",
                "Name the two files of one authority",
            )
        return {name: value if value == UNKNOWN else value.base64() for name, value in found.items()}

    # desired --------------------------------------------------------------------------------------------------------

    def desired(self, observed: Observed) -> t.Sequence[Desired]:
        """Return what should be, in order."""
        if not self.wishes.present:
            return self._absent(observed)
        self._check_type(observed.main)
        told = {**self._given(observed), **observed.files}
        versions = {**objects.versions_of(observed.main), **self._raised(observed)}
        wanted = self._wanted(observed)
        if observed.main is None:
            data = {**self._new(self.spec.made), **told}
            first = self._set("the Secret", objects.main(self.spec, data, versions, None), create=True)
            known = {name: data[name] if name in told else UNKNOWN for name in data}
            return [first, *self._copies(known), *self._leftover(observed)]
        coming, values = self._coming(observed, wanted, versions)
        live = observed.main.get("data") or {}
        kept = {name: live[name] for name in {*self.spec.made, *objects.keys_of_ours(observed.main)} if name in live}
        data = {**kept, **values, **told}
        return [
            *self._former_copies(observed),
            *coming,
            self._set("the Secret", objects.main(self.spec, data, versions, observed.main)),
            *self._copies(data),
            *self._leftover(observed),
        ]

    def _check_type(self, main: Object | None) -> None:
        if main is not None and main.get("type", "Opaque") != self.spec.type:
            raise Failure(
                Kind.REFUSED,
                tried="changing",
                on=str(self.key),
                said=f"its type is {main.get('type')} and can never become {self.spec.type}",
                remedy="Give the type that it has, or delete it first",
            )

    def _given(self, observed: Observed) -> dict[str, t.Any]:
        """Return the values that are told: by the task, or by another Secret."""
        answer: dict[str, t.Any] = {}
        for key in self.spec.keys:
            if key.value is not None:
                answer[key.name] = key.value.base64()
            elif key.source is not None:
                answer[key.name] = self._mirrored(key, observed.sources[key.name])
        return answer

    def _mirrored(self, key: Key, live: Object | None) -> Sensitive | str:
        name = key.source.key if key.source else ""
        if live is not None and _filled(live, name):
            value: Sensitive = live["data"][name]
            return value
        if live is None and self.runtime.check:
            # The same playbook may be about to make it: then a check of the whole must not end here.
            return UNKNOWN
        raise Failure(
            Kind.MISSING,
            tried=f"taking over the key {name} of",
            on=str(key.source),
            said="it is not there" if live is None else "it has no such key, or an empty one",
            remedy=f"Make it first; {self.key} takes its {key.name} from there",
        )

    def _raised(self, observed: Observed) -> dict[str, int]:
        """Return the versions to record: a number that is not higher than the recorded one changes nothing."""
        there = objects.versions_of(observed.main)
        return {name: max(number, there.get(name, 1)) for name, number in self.spec.versions.items()}

    def _wanted(self, observed: Observed) -> list[str]:
        """Return the keys that need a new value: those that are not there, and those whose version was raised."""
        there = objects.versions_of(observed.main)
        raised = {name for name, number in self.spec.versions.items() if number > there.get(name, 1)}
        names = [name for name in self.spec.made if name in raised or not _filled(observed.main, name)]
        if self.spec.authority and any(name in names for name in PAIR):
            names += [name for name in PAIR if name not in names]
        return [name for name in names if name not in observed.files]

    def _new(self, names: t.Iterable[str]) -> dict[str, t.Any]:
        """Return what makes the values of these keys while a Secret is created."""
        made: dict[str, t.Any] = {key.name: key.generated for key in self.spec.keys if key.generated}
        if self.spec.authority:
            pair = Pair(self.spec.authority, self.runtime.now())
            made |= {name: PairPart(name=name, pair=pair) for name in PAIR}
        return {name: made[name] for name in names}

    def _coming(
        self, observed: Observed, wanted: list[str], versions: dict[str, int]
    ) -> tuple[list[Desired], dict[str, t.Any]]:
        """Return what makes new values, and the values as far as they are known."""
        if not wanted:
            return [], {}
        these = {name: versions.get(name, 1) for name in wanted}
        there = observed.coming
        if there is None:
            return [self._set("the coming values", objects.coming(self.spec, self._new(wanted), these), create=True)], (
                dict.fromkeys(wanted, UNKNOWN)
            )
        if self.owner.owns(there) and objects.versions_of(there) == these and all(_filled(there, k) for k in wanted):
            return [], {name: there["data"][name] for name in wanted}
        # Of a run with other wishes that was killed: nobody has used them, the next round makes new ones.
        return [self._gone(objects.coming_key(self.spec), lenient=False)], dict.fromkeys(wanted, UNKNOWN)

    def _copies(self, data: t.Mapping[str, t.Any]) -> list[Desired]:
        return [self._set("a copy", objects.copied(self.spec, copy, data)) for copy in self.spec.copies]

    def _former_copies(self, observed: Observed) -> list[Desired]:
        """Return that copies which are not wanted any more should go; their places are recorded until they have."""
        wanted = {copy.place for copy in self.spec.copies}
        found = [key for key in objects.copies_of(observed.main) if f"{key.namespace}/{key.name}" not in wanted]
        return [self._gone(key) for key in found]

    def _leftover(self, observed: Observed) -> list[Desired]:
        return [self._gone(objects.coming_key(self.spec))] if observed.coming is not None else []

    def _absent(self, observed: Observed) -> list[Desired]:
        recorded = objects.copies_of(observed.main)
        copies = [objects.key_of(copy.namespace, copy.name) for copy in self.spec.copies]
        return [
            *(self._gone(key) for key in dict.fromkeys([*recorded, *copies])),
            self._gone(objects.coming_key(self.spec)),
            self._gone(self.key, lenient=False),
        ]

    def _set(self, title: str, obj: Object, create: bool = False) -> Objects:
        return Objects(
            title=title,
            objects=(obj,),
            owner=self.owner,
            manager=objects.MANAGER,
            create=create,
            adopt=self.wishes.adopt,
            force=None if create else True,
        )

    def _gone(self, key: ObjectKey, lenient: bool = True) -> Objects:
        return Objects(
            title=str(key),
            objects=(objects.named(key),),
            present=False,
            owner=self.owner,
            manager=objects.MANAGER,
            adopt=self.wishes.adopt and not lenient,
            lenient=lenient,
        )

    # the rest of a use case -----------------------------------------------------------------------------------------

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Need no lock: values are made by POST, and everything else is written as it was read."""
        return contextlib.nullcontext()

    def result(self, outcome: Outcome) -> dict[str, t.Any] | None:
        """Return the Secret for the result, its values only when asked for; None when it is gone."""
        if not self.wishes.present:
            return None
        written = [item for item in outcome.desired if isinstance(item, Objects) and self.key in item.keys]
        live = next((self.kubernetes.result(item)[0] for item in written), None) or {}
        data = live.get("data") or {}
        known = {name: data[name].decoded() for name in self.spec.names if isinstance(data.get(name), Sensitive)}
        versions = objects.versions_of(live) if live else {}
        shown: dict[str, t.Any] = {
            "namespace": self.spec.namespace,
            "name": self.spec.name,
            "type": self.spec.type,
            "secret_keys": [
                {
                    "name": name,
                    "version": versions.get(name, self.spec.versions.get(name, 1)),
                    "fingerprint": known[name].fingerprint() if name in known else None,
                }
                for name in self.spec.names
            ],
            "copies": [copy.place for copy in self.spec.copies],
            "authority": self._shown_authority(known.get(CERTIFICATE)),
        }
        if self.wishes.return_secrets:
            shown["secret_values"] = {name: value.shown() for name, value in known.items()}
        return shown

    def _shown_authority(self, certificate: Sensitive | None) -> dict[str, t.Any] | None:
        if not self.spec.authority or certificate is None:
            return None
        found = read_certificate(certificate, f"{self.key}, {CERTIFICATE}")
        return {
            "common_name": found.common_name,
            "ends": found.ends_at,
            "certificate_fingerprint": found.fingerprint,
            "permitted_domains": list(found.domains),
        }


def _filled(live: Object | None, name: str) -> bool:
    value = ((live or {}).get("data") or {}).get(name)
    return isinstance(value, Sensitive) and len(value) > 0


def _read(path: str, check: bool) -> t.Any:
    try:
        with open(path, "rb") as file:
            return Sensitive(file.read(_LARGEST_FILE))
    except FileNotFoundError as error:
        if check:
            return UNKNOWN
        remedy = "Make the authority first, with aphex.platform.platform_authority"
        raise Failure(Kind.MISSING, tried="reading", on=path, said="there is no such file", remedy=remedy) from error
    except OSError as error:
        raise Failure(
            Kind.DENIED, tried="reading", on=path, said=str(error.strerror), remedy="Let the task's user read it"
        ) from error


def use_case(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> PlatformSecret:
    """Return the use case for checked params. Raises Failure(invalid) for what the input alone shows to be wrong."""
    return PlatformSecret(
        from_params(params),
        Wishes(
            present=params["state"] == "present",
            adopt=params["adopt"],
            return_secrets=params["return_secrets"],
        ),
        products["kubernetes"],
        runtime,
    )
