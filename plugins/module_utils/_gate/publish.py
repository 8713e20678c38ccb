# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of a published policy: files that were linted become a ConfigMap, or lie in a folder.

In: checked options, policy and holiday files of this machine. Out: what should be, told by rule. Never here: a
judgement about a rule, which lint has; anything that the gate's process imports. The only file of this package that
reads and writes.
"""

from __future__ import annotations

import contextlib
import os
import re
import typing as t
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

from .._core.failure import Failure, Kind, invalid
from .._core.names import check_label, is_subdomain
from .._core.plan import Change, Desired, Step
from .._core.reconcile import Outcome, Runtime, Traceless
from .._core.sensitive import Sensitive
from .._files.product import PUBLIC, File, Files, Moved
from .._kubernetes.approval import Approval
from .._kubernetes.objects import MANAGER_PREFIX, Amend, Object, ObjectKey, Objects, Owner
from .._kubernetes.product import Kubernetes
from . import cases, lint
from .difference import Difference, difference, is_policy
from .lint import ERROR, Problem
from .policy import Policy, load

MANAGER = MANAGER_PREFIX + "protection_policy"
RULES, HOLIDAYS, CASES = "rules", "holidays", "cases"
_NAME = re.compile(r"[A-Za-z0-9][-._A-Za-z0-9]{0,251}")
_FILES = r"[A-Za-z0-9][-._A-Za-z0-9]*[.](ya?ml|ics)"
# The API server takes a ConfigMap of 1 MiB, with its metadata.
_LARGEST = 1_000_000


@dataclass(frozen=True)
class Place:
    """Where a policy is published: a ConfigMap, or a folder of this machine. Without one it is linted alone."""

    config_map: ObjectKey | None = None
    labels: t.Mapping[str, str] = field(default_factory=dict, hash=False)
    folder: str = ""


@dataclass(frozen=True)
class Linted:
    """A policy that may be published: what it says, warnings about it, how many cases it has passed."""

    policy: Policy
    warnings: tuple[Problem, ...] = ()
    cases: int = 0


@dataclass(frozen=True)
class Published:
    """What a run wants: these files, by their names; ``linted`` is what they mean."""

    place: Place
    texts: t.Mapping[str, str] = field(default_factory=dict, hash=False)
    linted: Linted | None = None
    present: bool = True
    adopt: bool = False


@dataclass(frozen=True)
class Observed:
    """The files that are published; there is nothing where nothing is published."""

    texts: t.Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class PolicyFile(File):
    """A file of a policy, with its text before and after, since a policy is no secret."""

    before: str | None = None
    after: str | None = None


class PolicyFiles(Files):
    """The files of this machine; what changes in a policy is told by rule."""

    def plan(self, desired: File | Moved) -> list[Step]:
        """Return the steps for one file."""
        steps = super().plan(desired)
        if not isinstance(desired, PolicyFile):
            return steps
        name = os.path.basename(desired.path)
        told = difference(_one(name, desired.before), _one(name, desired.after))
        return [_told(step, told, ("mode",)) for step in steps]


class PolicyKubernetes(Kubernetes):
    """Kubernetes; what changes in a policy is told by rule."""

    def plan(self, desired: Objects | Amend | Approval) -> list[Step]:
        """Return the steps for a set of objects."""
        return [_by_rule(step) for step in super().plan(desired)]


class PublishedPolicy(Traceless):
    """A policy that should be published, or not."""

    def __init__(self, wanted: Published, kubernetes: Kubernetes, files: Files) -> None:
        self.wanted = wanted
        self.kubernetes = kubernetes
        self.files = files

    def observe(self) -> Observed:
        """Read what is published."""
        place = self.wanted.place
        if place.config_map is not None:
            live = self.kubernetes.get(place.config_map)
            return Observed(dict((live or {}).get("data") or {}))
        names = self.files.names(place.folder, _FILES) if place.folder else []
        return Observed({name: _read(os.path.join(place.folder, name)) for name in names})

    def desired(self, observed: Observed) -> t.Sequence[Desired]:
        """Return the ConfigMap, or each file of the folder."""
        wanted = self.wanted
        if wanted.place.config_map is not None:
            return [self._objects(wanted.place.config_map)]
        # The files that come are written before those that go: a gate that starts in between has all its rules.
        gone = [name for name in observed.texts if name not in wanted.texts]
        return [self._file(name, observed) for name in (*sorted(wanted.texts), *gone)] if wanted.place.folder else []

    def _objects(self, key: ObjectKey) -> Objects:
        owner = Owner("ProtectionPolicy", key.name, key.namespace)
        metadata = {"name": key.name, "namespace": key.namespace}
        labels = {**self.wanted.place.labels, **owner.labels()}
        obj: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "labels": labels}}
        return Objects(
            title="the policy",
            objects=({**obj, "data": dict(sorted(self.wanted.texts.items()))},),
            present=self.wanted.present,
            owner=owner,
            manager=MANAGER,
            adopt=self.wanted.adopt,
        )

    def _file(self, name: str, observed: Observed) -> PolicyFile:
        text = self.wanted.texts.get(name)
        return PolicyFile(
            path=os.path.join(self.wanted.place.folder, name),
            content=Sensitive(text or ""),
            mode=PUBLIC,
            present=text is not None,
            before=observed.texts.get(name),
            after=text,
        )

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Need no lock: the whole policy is one object, or files that are written one by one."""
        return contextlib.nullcontext()

    def result(self, outcome: Outcome) -> dict[str, t.Any] | None:
        """Return the policy, and what has changed by rule; None when it is gone."""
        linted, place = self.wanted.linted, self.wanted.place
        if linted is None:
            return None
        there = outcome.observed.texts if place.config_map or place.folder else self.wanted.texts
        told = difference(there, self.wanted.texts)
        rules = linted.policy.rules
        return {
            "digest": linted.policy.digest,
            "files": sorted(name for name in self.wanted.texts if kind(name) == RULES),
            "holidays": sorted(name for name in self.wanted.texts if kind(name) == HOLIDAYS),
            "content": dict(sorted(self.wanted.texts.items())),
            "rules": [{"name": rule.name, "decision": rule.decision, "mode": rule.mode} for rule in rules],
            "added": list(told.added),
            "changed": list(told.changed),
            "removed": list(told.removed),
            "moved": told.moved,
            "cases": linted.cases,
            "warnings": [asdict(item) for item in linted.warnings],
        }


def use_case(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> PublishedPolicy:
    """Return the use case for checked params. Raises Failure(invalid) for what the input alone shows to be wrong."""
    place = _place(params)
    if params["state"] == "absent":
        if place.config_map is None and not place.folder:
            raise invalid("state absent", "it says neither config_map nor folder", "Say where the policy is published")
        wanted = Published(place, present=False, adopt=params["adopt"])
    else:
        texts = _sources(params["src"] or [], params["content"] or {})
        linted = _linted(texts, datetime.fromtimestamp(runtime.now(), UTC))
        published = {name: text for name, text in texts.items() if kind(name) != CASES}
        wanted = Published(place, published, linted, adopt=params["adopt"])
    return PublishedPolicy(wanted, products["kubernetes"], products["files"])


def _place(params: dict[str, t.Any]) -> Place:
    named, folder = params["config_map"], params["folder"] or ""
    if folder and not os.path.isabs(folder):
        raise invalid(f"folder {folder!r}", "it is no absolute path", "Begin it with /")
    if named is None:
        return Place(folder=folder)
    namespace, name = check_label("config_map namespace", named["namespace"]), named["name"]
    if not is_subdomain(name):
        raise invalid(f"config_map name {name[:80]!r}", "it is no name", "Choose a name such as aphex-gate-policy")
    labels = {str(key): str(value) for key, value in (named["labels"] or {}).items()}
    return Place(ObjectKey("v1", "ConfigMap", namespace, name), labels)


def _sources(paths: t.Sequence[str], content: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Return the texts of all files by their names. Raises Failure(invalid) for a name that stands twice."""
    given = [(name, str(text)) for name, text in content.items()]
    given += [(os.path.basename(path), _read(path)) for path in _spread(paths)]
    texts: dict[str, str] = {}
    for name, text in given:
        if not _NAME.fullmatch(name) or not kind(name):
            said = "it is neither a policy nor cases nor holidays"
            raise invalid(f"file {name[:80]!r}", said, "End its name with .yml, .yaml or .ics, without other signs")
        if name in texts:
            raise invalid(f"file {name}", "it is given twice", "Give each file a name of its own")
        texts[name] = text
    if RULES not in map(kind, texts):
        raise invalid("src", "no policy file is given", "Name one, or a folder that holds one")
    if sum(len(text.encode()) for text in texts.values()) > _LARGEST:
        raise invalid("src", f"the files hold more than {_LARGEST} bytes together", "Leave out what is not needed")
    return texts


def _spread(paths: t.Sequence[str]) -> t.Iterator[str]:
    """Yield the files that are meant; of a folder those of a policy."""
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for name in sorted(os.listdir(path)):
            if re.fullmatch(_FILES, name):
                yield os.path.join(path, name)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(_LARGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise Failure(
            Kind.INVALID, tried="reading", on=path, said=said or "it cannot be read", remedy="Name another file"
        ) from error


def _linted(texts: t.Mapping[str, str], now: datetime) -> Linted:
    """Return the policy. Raises Failure(invalid) that tells every problem, the first one whole."""
    rules, holidays, told = (
        {name: text for name, text in texts.items() if kind(name) == wanted} for wanted in (RULES, HOLIDAYS, CASES)
    )
    found = lint.problems(rules | told, holidays, now)
    _refuse([(f"{item.file}:{item.line}", item.said, item.remedy) for item in found if item.severity == ERROR])
    policy = load(rules, holidays)
    results = cases.run(policy, cases.load(told))
    remedy = "Correct the rule, or what the case expects"
    _refuse([(each.case.place, f"{each.case.name}: {said}", remedy) for each in results for said in each.problems])
    return Linted(policy, tuple(found), len(results))


def _refuse(wrong: t.Sequence[tuple[str, str, str]]) -> None:
    if not wrong:
        return
    place, said, remedy = wrong[0]
    rest = ", ".join(item[0] for item in wrong[1:11])
    raise invalid(place, f"{said}{f', and {len(wrong) - 1} more at {rest}' if rest else ''}", remedy)


def kind(name: str) -> str:
    """Return what a file of this name holds; empty for what belongs to no policy."""
    if name.endswith(cases.SUFFIXES):
        return CASES
    return RULES if is_policy(name) else HOLIDAYS if name.endswith(".ics") else ""


def _one(name: str, text: str | None) -> dict[str, str]:
    return {} if text is None else {name: text}


def _by_rule(step: Step) -> Step:
    """Return a step of a ConfigMap, its files told by rule."""
    if step.change is None:
        return step
    before, after = ((side or {}).get("data") or {} for side in (step.change.before, step.change.after))
    return _told(step, difference(before, after), ("metadata",))


def _told(step: Step, told: Difference, kept: tuple[str, ...]) -> Step:
    """Return a step whose change shows what differs between rules, beside some of what it showed."""
    if step.change is None:
        return step
    sides = [
        None if side is None else {**{name: side[name] for name in kept if name in side}, **rules}
        for side, rules in ((step.change.before, told.before), (step.change.after, told.after))
    ]
    return replace(step, change=Change(*sides)) if sides[0] != sides[1] else step
