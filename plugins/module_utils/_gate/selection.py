# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which rule is about a deployment, by what its delivery says alone.

In: Policy, PendingDeployment, the time. Out: Selection, with what has to be looked up. Never here: a look-up.
"""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass
from datetime import datetime

from .expression import Context
from .facts import Facts, Need, PendingDeployment, Unknown
from .policy import Combined, Match, Policy, Requirement, Rule
from .words import Patterns

_INDEXED = ("environment", "repository", "owner")
"""Fields that are always there. The owner is a part of the repository's name."""
_LARGEST_INDEX = 4096


@dataclass(frozen=True)
class Selection:
    """The rule that counts, those that are judged beside it, and what has to be looked up for all of them.

    ``unknown`` says why it cannot be told whether the rule matches. Without a rule none matches.
    """

    rule: Rule | None
    shadows: tuple[Rule, ...] = ()
    needs: tuple[Need, ...] = ()
    unknown: str = ""


def select(policy: Policy, pending: PendingDeployment, now: datetime) -> Selection:
    """Return the first rule that matches by the facts of the delivery alone, and what must be looked up for it."""
    delivered = Delivered(pending)
    context = Context(now, policy.is_open)
    shadows: list[Rule] = []
    chosen, unknown = None, ""
    for rule in _about(policy, delivered):
        matched = _holds(rule.match, delivered, context, _INDEXED)
        if matched is False or is_over(rule, now):
            continue
        if rule.mode == "shadow":
            shadows += [rule] if matched is True else []
            continue
        chosen, unknown = rule, matched.reason if isinstance(matched, Unknown) else ""
        break
    judged = [rule for rule in (chosen, *shadows) if rule is not None]
    needs = dict.fromkeys(need for rule in judged for need in _needs(rule.require, pending))
    return Selection(chosen, tuple(shadows), tuple(needs), unknown)


def is_over(rule: Rule, now: datetime) -> bool:
    """Return whether a rule has expired: it is passed over then."""
    return rule.expires is not None and rule.expires <= now


def matches(match: Match, pending: PendingDeployment, context: Context) -> bool | Unknown:
    """Return whether a rule is about this deployment; unknown when that hangs on a field that is not there."""
    return _holds(match, Delivered(pending), context)


class Delivered:
    """The fields of a delivery that patterns are held against, each read once: several values, or Unknown."""

    def __init__(self, pending: PendingDeployment) -> None:
        self._pending = pending
        self._body = pending.payload
        self._read: dict[str, tuple[str, ...] | Unknown] = {}
        self._fit: dict[tuple[str, int], bool | Unknown] = {}

    @property
    def where(self) -> tuple[str, str]:
        """The environment and its repository, as GitHub compares them."""
        return self._pending.environment.lower(), self._pending.full_name.lower()

    @functools.cached_property
    def view(self) -> t.Mapping[str, t.Any]:
        """What the conditions of matches see."""
        return Facts(self._pending).view()

    def fits(self, name: str, patterns: Patterns) -> bool | Unknown:
        """Return whether one pattern fits one value of a field; rules that have the same patterns ask once."""
        key = (name, id(patterns))
        found = self._fit.get(key)
        if found is None:
            found = _fits(patterns, self.field(name))
            if name == "ref" and found is False:
                found = self._tag_or_branch(patterns)
            self._fit[key] = found
        return found

    def field(self, name: str) -> tuple[str, ...] | Unknown:
        """Return the values of a field, of which one must fit."""
        found = self._read.get(name)
        if found is None:
            found = _texts(self._look(name), f"the delivery names no {name}")
            self._read[name] = found
        return found

    def property(self, name: str) -> tuple[str, ...] | Unknown:
        """Return the values of a custom property of the repository."""
        properties = self._inside("repository", "custom_properties")
        found = properties.get(name) if isinstance(properties, dict) else None
        return _texts(found, f"the repository has no property {name}")

    def _tag_or_branch(self, patterns: Patterns) -> bool | Unknown:
        """Return unknown when a ref would fit if it were a tag, and the delivery does not tell what it is."""
        refs = self.field("ref")
        if isinstance(refs, Unknown) or refs[0].startswith("refs/") or not patterns.fit(f"refs/tags/{refs[0]}"):
            return False
        return Unknown(f"the delivery does not tell whether {refs[0]} is a branch or a tag")

    def on_default_branch(self) -> bool | Unknown:
        """Return whether the ref is the default branch; a short ref could be a tag of that name."""
        refs, branch = self.field("ref"), self._inside("repository", "default_branch")
        if isinstance(refs, Unknown):
            return refs
        return f"refs/heads/{branch}" in refs if branch else Unknown("the delivery names no default branch", True)

    def _look(self, name: str) -> t.Any:
        pending = self._pending
        if name == "repository":
            return pending.full_name
        if name == "ref":
            return _spellings(pending.ref, self._body.get("ref"))
        if name == "sender":
            return self._inside("sender", "login")
        if name == "topic":
            return self._inside("repository", "topics")
        if name == "label":
            return self._labels()
        return getattr(pending, name)

    def _inside(self, name: str, key: str) -> t.Any:
        found = self._body.get(name)
        return found.get(key) if isinstance(found, dict) else None

    def _labels(self) -> list[str] | None:
        pulls = self._body.get("pull_requests")
        try:
            return None if pulls is None else [label["name"] for pull in pulls for label in pull.get("labels") or []]
        except (AttributeError, LookupError, TypeError):
            return None  # labels of another form than GitHub's are as good as none


def _about(policy: Policy, delivered: Delivered) -> tuple[Rule, ...]:
    """Return the rules that may be about an environment of a repository: the same ones for each delivery of it."""
    key = delivered.where
    found = policy.index.get(key)
    if found is None:
        found = tuple(rule for rule in policy.rules if _may_fit(rule.match, delivered))
        if len(policy.index) >= _LARGEST_INDEX:
            policy.index.clear()
        policy.index[key] = found
    return found


def _may_fit(match: Match, delivered: Delivered) -> bool:
    return all(delivered.fits(name, match.patterns[name]) is not False for name in _INDEXED if name in match.patterns)


def _holds(match: Match, delivered: Delivered, context: Context, known: tuple[str, ...] = ()) -> bool | Unknown:
    """Return whether a match holds; fields that are ``known`` to fit are not asked again."""
    unknown: Unknown | None = None
    for held in _answers(match, delivered, context, known):
        if held is False:
            return False
        if isinstance(held, Unknown):
            unknown = unknown or held
    return True if unknown is None else unknown


def _answers(
    match: Match, delivered: Delivered, context: Context, known: tuple[str, ...]
) -> t.Iterator[bool | Unknown]:
    """Yield what each part of a match says, the cheap ones first: one that does not hold ends the search."""
    for name, patterns in match.patterns.items():
        if name not in known:
            yield delivered.fits(name, patterns)
    for name, patterns in match.properties.items():
        yield _fits(patterns, delivered.property(name))
    if match.default_branch is not None:
        held = delivered.on_default_branch()
        yield held if isinstance(held, Unknown) else held is match.default_branch
    if match.but_not is not None:
        held = _holds(match.but_not, delivered, context)
        yield held if isinstance(held, Unknown) else not held
    if match.when is not None:
        yield match.when.holds(delivered.view, context)


def _fits(patterns: Patterns, values: tuple[str, ...] | Unknown) -> bool | Unknown:
    return values if isinstance(values, Unknown) else any(patterns.fit(value) for value in values)


def _texts(found: t.Any, missing: str) -> tuple[str, ...] | Unknown:
    if found is None:
        return Unknown(missing, missing=True)
    return tuple(str(item) for item in found) if isinstance(found, (list, tuple)) else (str(found),)


def _spellings(ref: str | None, full: t.Any) -> list[str] | None:
    """Return how a ref can be written: GitHub gives the short name alone, unless the body has the whole one too.

    A short name is taken for a branch's, since most are; the requirement ``branch`` makes sure of it.
    """
    if ref is None:
        return None
    if isinstance(full, str) and full in (f"refs/heads/{ref}", f"refs/tags/{ref}"):
        ref = full
    if ref.startswith("refs/"):
        return [ref, ref.removeprefix("refs/heads/").removeprefix("refs/tags/")]
    return [ref, f"refs/heads/{ref}"]


def _needs(part: Requirement | Combined, pending: PendingDeployment) -> t.Iterator[Need]:
    if isinstance(part, Requirement):
        yield from part.kind.needs(part.arguments, pending)
    else:
        for item in part.parts:
            yield from _needs(item, pending)
