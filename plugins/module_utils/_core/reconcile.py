# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one loop: observe, declare, plan, perform, until the plan is empty or done.

In: a use case, products by name, what the process lends (Runtime). Out: Outcome, or a Failure.
Never here: an ``if`` about a product.
"""

from __future__ import annotations

import contextlib
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from .failure import Failure, Kind
from .plan import Desired, Plan, Step

MAX_ROUNDS = 12
SIDE_BY_SIDE = 8
_RANKS_PER_DESIRED = 10_000


class Cache(t.Protocol):
    """What is shared within one run: tokens, exec credentials, discovery. Keys carry the identity they belong to."""

    def get(self, key: str) -> t.Any:
        """Return the stored plain value, or None."""

    def put(self, key: str, value: t.Any) -> None:
        """Store a plain value for the rest of the run."""

    def lock(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Hold a lock of that name against every other worker of the run."""


class NoCache:
    """A cache that keeps nothing; what a remote module gets."""

    def get(self, key: str) -> t.Any:
        """Return None: nothing is kept."""
        return None

    def put(self, key: str, value: t.Any) -> None:
        """Forget the value."""

    def lock(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Return a lock without other users."""
        return contextlib.nullcontext()


class Run(t.Protocol):
    """Runs a command: argv in; return code, output and error out, as text in UTF-8 with surrogates for other bytes.

    ``env`` is added to the environment of this process, whose messages are in English; ``data`` goes to the command's
    standard input, which is empty without it: nothing asks a terminal. A command that is not there answers 127.
    """

    def __call__(
        self, argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None
    ) -> tuple[int, str, str]:
        """Run it to its end."""


def _silent(text: str) -> None:
    """Say nothing: a module has no way to show progress."""


@dataclass
class Runtime:
    """All that a process lends to the code below it.

    ``run`` runs a command; ``progress`` shows a line to people; ``now`` is
    the clock (seconds since 1970); ``identity`` names this process in locks; ``secrets`` collects the values that came
    to light in this run, so that the edge can mask them in the result; ``at_end`` holds what is done when nothing else
    will be asked of the products, whatever came before: connections are closed, tokens of their own given back.
    """

    now: t.Callable[[], float]
    check: bool = False
    run: Run | None = None
    progress: t.Callable[[str], None] = _silent
    identity: str = ""
    cache: Cache = field(default_factory=NoCache)
    secrets: set[str] = field(default_factory=set)
    at_end: list[t.Callable[[], None]] = field(default_factory=list)


class Product(t.Protocol):
    """An outside system. ``plan`` reads only; ``perform`` is the only place that writes and looks before it repeats."""

    def plan(self, desired: t.Any) -> list[Step]:
        """Return the steps from what is there to what is desired; none when nothing differs."""

    def perform(self, step: Step) -> None:
        """Do one step."""

    def result(self, desired: t.Any) -> t.Any:
        """Return what is known of the desired thing as plain data, as read or as last written; None when absent."""


class UseCase(t.Protocol):
    """What should be, and nothing about how."""

    def observe(self) -> t.Any:
        """Read what ``desired`` needs."""

    def desired(self, observed: t.Any) -> t.Sequence[Desired]:
        """Return what should be, in order. Pure."""

    def failed(self, failure: Failure) -> t.Sequence[Desired]:
        """Return the last write after a failure, such as a status; may be empty."""

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Hold the right to write; entered before the first step is performed."""

    def abandoned(self) -> bool:
        """Tell whether a run that was killed still holds that right, as observed: then it is taken and given back."""

    def result(self, outcome: Outcome) -> t.Any:
        """Return the value of the result key."""


@dataclass
class Outcome:
    """What happened: the plan of the first round decides ``changed`` and ``diff``."""

    plan: Plan
    done: list[Step] = field(default_factory=list)
    rounds: int = 1
    observed: t.Any = None
    desired: tuple[Desired, ...] = ()


class Traceless:
    """What every use case shares that leaves nothing behind, neither a last write after a failure nor a lock."""

    def failed(self, failure: Failure) -> t.Sequence[Desired]:
        """Leave no trace."""
        return ()

    def abandoned(self) -> bool:
        """Leave no lock."""
        return False


class Declared(Traceless):
    """The use case of a module that only declares: there is nothing to observe."""

    def __init__(self, desired: t.Sequence[Desired], products: t.Mapping[str, Product], many: bool = False) -> None:
        self._desired = tuple(desired)
        self._products = products
        self._many = many

    def observe(self) -> None:
        """Read nothing."""

    def desired(self, observed: None) -> t.Sequence[Desired]:
        """Return what was declared."""
        return self._desired

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Need no lock."""
        return contextlib.nullcontext()

    def result(self, outcome: Outcome) -> t.Any:
        """Return what the product knows of the declared thing."""
        results = [self._products[item.product].result(item) for item in self._desired]
        if self._many:
            return results
        return results[0] if results else None


def make_plan(desired: t.Sequence[Desired], products: t.Mapping[str, Product]) -> Plan:
    """Return one plan over all products; the order of the desired things is the order of the ranks."""
    steps: list[Step] = []
    for position, item in enumerate(desired):
        base = position * _RANKS_PER_DESIRED
        steps += [replace(step, rank=base + step.rank) for step in products[item.product].plan(item)]
    return Plan(tuple(sorted(steps, key=lambda step: step.rank)), tuple(desired))


def reconcile(use_case: UseCase, products: t.Mapping[str, Product], runtime: Runtime) -> Outcome:
    """Bring the world to what the use case desires. Raises Failure; a second call goes on where it stopped."""
    observed = use_case.observe()
    plan = make_plan(use_case.desired(observed), products)
    outcome = Outcome(plan=plan, observed=observed, desired=plan.desired)
    if runtime.check or not (plan.steps or use_case.abandoned()):
        return outcome
    with use_case.exclusive():
        try:
            _perform_rounds(use_case, products, runtime, outcome)
        except Failure as failure:
            _record(use_case, products, failure)
            raise
    return outcome


def _perform_rounds(use_case: UseCase, products: t.Mapping[str, Product], runtime: Runtime, outcome: Outcome) -> None:
    plan = outcome.plan
    while True:
        ready = _ready(plan)
        if plan.steps and not ready:
            raise Failure(
                Kind.BROKEN,
                tried=f"planning {plan.steps[0].target}",
                said="it waits for a value that no earlier step makes known",
                remedy="Please report this as a fault of the collection",
            )
        _perform(ready, products, runtime, outcome)
        if len(ready) == len(plan.steps):
            return
        if outcome.rounds >= MAX_ROUNDS:
            raise Failure(
                Kind.BROKEN,
                tried=f"reconciling {plan.steps[0].target}",
                said=f"the plan is not empty after {MAX_ROUNDS} rounds",
                remedy="Something else keeps changing it: look for a second writer",
            )
        outcome.rounds += 1
        outcome.observed = use_case.observe()
        plan = make_plan(use_case.desired(outcome.observed), products)
        outcome.desired = plan.desired


def _ready(plan: Plan) -> list[Step]:
    """Return the steps up to the first one that holds something unknown."""
    stop = min((step.rank for step in plan.steps if not step.ready), default=None)
    return [step for step in plan.steps if stop is None or step.rank < stop]


def _perform(steps: t.Sequence[Step], products: t.Mapping[str, Product], runtime: Runtime, outcome: Outcome) -> None:
    for group in _by_rank(steps):
        if len(group) == 1:
            products[group[0].product].perform(group[0])
        else:
            _side_by_side(group, products)
        outcome.done += group
        for step in group:
            if step.change:
                runtime.progress(f"{step.verb} {step.target}")


def _by_rank(steps: t.Sequence[Step]) -> list[list[Step]]:
    groups: list[list[Step]] = []
    for step in steps:
        if groups and groups[-1][0].rank == step.rank:
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


def _side_by_side(steps: t.Sequence[Step], products: t.Mapping[str, Product]) -> None:
    """Perform independent steps at once; all of them end before the first failure is raised."""
    with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(steps))) as pool:
        futures = [pool.submit(products[step.product].perform, step) for step in steps]
    failures = [error for future in futures if (error := future.exception())]
    if failures:
        raise failures[0]


def _record(use_case: UseCase, products: t.Mapping[str, Product], failure: Failure) -> None:
    """Write what the use case wants recorded of a failure; that this fails too must not hide the first failure."""
    try:
        for step in make_plan(use_case.failed(failure), products).steps:
            products[step.product].perform(step)
    except Failure as second:
        failure.remedy = " ".join(
            part for part in (failure.remedy, f"(Recording it failed too: {second.said or second.tried})") if part
        )
