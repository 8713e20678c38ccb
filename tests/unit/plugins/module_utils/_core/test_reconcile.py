"""The loop: rounds, unknown values, equal ranks, failures, check mode."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import (
    UNKNOWN,
    Change,
    Desired,
    Plan,
    Step,
    holds_unknown,
)
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import (
    MAX_ROUNDS,
    Declared,
    NoCache,
    Outcome,
    Product,
    Runtime,
    UseCase,
    make_plan,
    reconcile,
)


@dataclass(frozen=True)
class Value:
    """A key of a store that should have a value, or be gone; ``rank`` orders it within its product's answer."""

    key: str
    value: str = ""
    product: str = "store"
    present: bool = True
    rank: int = 0

    @property
    def title(self) -> str:
        return self.key


class Store:
    """A product over a dict. ``"id"`` as a value is made by the store itself, and known only afterwards."""

    def __init__(self, **there: str) -> None:
        self.there = there
        self.performed: list[str] = []
        self.before_write: Callable[[str], None] = lambda _key: None
        self._lock = threading.Lock()

    def plan(self, desired: Value) -> list[Step]:
        now = self.there.get(desired.key)
        wanted = desired.value if desired.present else None
        if now == wanted or (wanted == "id" and now is not None):
            return []
        return [
            Step(
                desired.product,
                "write" if desired.present else "delete",
                desired.key,
                desired,
                Change(now, wanted),
                rank=desired.rank,
                unknown=holds_unknown(wanted),
            )
        ]

    def perform(self, step: Step) -> None:
        self.before_write(step.target)
        with self._lock:
            self.performed.append(step.target)
            if step.desired.present:
                value = step.desired.value
                self.there[step.target] = "0815" if value == "id" else value
            else:
                del self.there[step.target]

    def result(self, desired: Value) -> Any:
        return self.there.get(desired.key)


@dataclass
class Wish:
    """A use case over a store, that writes down what it is asked."""

    store: Store
    wants: Callable[[dict[str, str]], Sequence[Desired]]
    last: Sequence[Desired] = ()
    said: list[str] = field(default_factory=list)
    left: bool = False

    def observe(self) -> dict[str, str]:
        self.said.append("observe")
        return dict(self.store.there)

    def desired(self, observed: dict[str, str]) -> Sequence[Desired]:
        return self.wants(observed)

    def failed(self, failure: Failure) -> Sequence[Desired]:
        self.said.append(f"failed: {failure.said}")
        return self.last

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        self.said.append("lock")
        try:
            yield
        finally:
            self.said.append("unlock")

    def abandoned(self) -> bool:
        return self.left

    def result(self, outcome: Outcome) -> Any:
        return outcome.observed


def _run(wish: Wish, check: bool = False, **others: Product) -> Outcome:
    products: dict[str, Product] = {"store": wish.store, **others}
    return reconcile(wish, products, Runtime(now=lambda: 0.0, check=check))


def _wish(store: Store, *values: Value, last: Sequence[Desired] = ()) -> Wish:
    return Wish(store, lambda _observed: values, last)


def test_what_differs_is_performed_in_the_order_in_which_it_is_desired() -> None:
    store = Store(b="2")
    outcome = _run(_wish(store, Value("c", "3"), Value("b", "2"), Value("a", "1")))
    assert store.there == {"a": "1", "b": "2", "c": "3"}
    assert store.performed == ["c", "a"]
    assert outcome.plan.changed
    assert [step.target for step in outcome.done] == ["c", "a"]
    assert outcome.rounds == 1


def test_when_nothing_differs_nothing_is_performed_and_no_lock_is_taken() -> None:
    wish = _wish(Store(a="1"), Value("a", "1"))
    outcome = _run(wish)
    assert (outcome.plan.changed, outcome.done, wish.said) == (False, [], ["observe"])


def test_a_lock_that_a_killed_run_left_is_taken_and_given_back() -> None:
    wish = _wish(Store(a="1"), Value("a", "1"))
    wish.left = True
    outcome = _run(wish)
    assert (outcome.plan.changed, outcome.done, wish.said) == (False, [], ["observe", "lock", "unlock"])
    assert _run(wish, check=True).done == []
    assert wish.said.count("lock") == 1


def test_the_right_to_write_is_held_while_steps_are_performed() -> None:
    store = Store()
    wish = _wish(store, Value("a", "1"))
    store.before_write = wish.said.append
    _run(wish)
    assert wish.said == ["observe", "lock", "a", "unlock"]


def test_check_mode_plans_and_performs_nothing() -> None:
    wish = _wish(Store(old="x"), Value("a", f"{UNKNOWN}.example.org"), Value("old", present=False))
    outcome = _run(wish, check=True)
    assert outcome.plan.changed
    assert [step.target for step in outcome.plan.steps] == ["a", "old"]
    assert (wish.store.performed, outcome.done) == ([], [])
    assert wish.said == ["observe"]


def test_a_value_that_a_write_makes_known_ends_a_round() -> None:
    store = Store()

    def wants(observed: dict[str, str]) -> list[Value]:
        found = observed.get("tunnel", UNKNOWN)
        return [Value("tunnel", "id"), Value("record", f"{found}.example.org"), Value("status", "ready")]

    wish = Wish(store, wants)
    outcome = _run(wish)
    assert store.there == {"tunnel": "0815", "record": "0815.example.org", "status": "ready"}
    assert store.performed == ["tunnel", "record", "status"]
    assert outcome.rounds == 2
    assert wish.said == ["observe", "lock", "observe", "unlock"]
    assert outcome.observed == {"tunnel": "0815"}, "as observed at the begin of the last round"


def test_changed_and_diff_are_those_of_the_first_round() -> None:
    def wants(observed: dict[str, str]) -> list[Value]:
        return [Value("tunnel", "id"), Value("record", observed.get("tunnel", UNKNOWN))]

    outcome = _run(Wish(Store(), wants))
    assert [step.target for step in outcome.plan.steps] == ["tunnel", "record"]
    assert outcome.plan.diff[1]["after"] == UNKNOWN
    assert len(outcome.done) == 2


def test_a_run_after_a_kill_goes_on_where_the_first_one_stopped() -> None:
    def wants(observed: dict[str, str]) -> list[Value]:
        return [Value("tunnel", "id"), Value("record", observed.get("tunnel", UNKNOWN))]

    store = Store()

    def kill(key: str) -> None:
        if key == "record":
            raise KeyboardInterrupt

    store.before_write = kill
    with pytest.raises(KeyboardInterrupt):
        _run(Wish(store, wants))
    store.before_write = lambda _key: None
    again = _run(Wish(store, wants))
    assert store.there == {"tunnel": "0815", "record": "0815"}
    assert (again.rounds, [step.target for step in again.done]) == (1, ["record"])


def test_a_plan_that_begins_with_the_unknown_is_a_fault_and_not_a_hang() -> None:
    with pytest.raises(Failure, match="waits for a value that no earlier step makes known") as caught:
        _run(_wish(Store(), Value("a", UNKNOWN)))
    assert caught.value.kind is Kind.BROKEN


def test_a_plan_that_is_never_done_ends_after_some_rounds() -> None:
    store = Store()

    def wants(observed: dict[str, str]) -> list[Value]:
        return [Value(f"key-{len(observed)}", "1"), Value("after", UNKNOWN)]

    with pytest.raises(Failure, match=f"not empty after {MAX_ROUNDS} rounds"):
        _run(Wish(store, wants))
    assert len(store.performed) == MAX_ROUNDS


class Row:
    """A product whose one desired thing takes a step for each key, with the ranks that the keys are given."""

    def __init__(self, ranks: dict[str, int], fails: Sequence[str] = ()) -> None:
        self.ranks = ranks
        self.fails = fails
        self.together = threading.Barrier(sum(rank == 0 for rank in ranks.values()), timeout=10)
        self.done: list[str] = []

    def plan(self, desired: Value) -> list[Step]:
        steps = [Step("row", "write", key, desired, Change(None, key), rank=rank) for key, rank in self.ranks.items()]
        return [step for step in steps if step.target not in self.done]

    def perform(self, step: Step) -> None:
        if step.rank == 0:
            self.together.wait()
        if step.target in self.fails:
            raise Failure(Kind.DENIED, tried="writing", on=step.target, said=f"no right to write {step.target}")
        self.done.append(step.target)

    def result(self, desired: Value) -> None:
        return None


def test_equal_ranks_are_performed_side_by_side_and_before_the_next_rank() -> None:
    row = Row({"late": 5, "a": 0, "b": 0, "c": 0})
    _run(_wish(Store(), Value("row", product="row")), row=row)
    assert row.done[3:] == ["late"]
    assert sorted(row.done[:3]) == ["a", "b", "c"]


def test_when_one_of_equal_ranks_fails_the_others_end_and_the_next_rank_does_not_begin() -> None:
    row = Row({"late": 5, "a": 0, "b": 0, "c": 0}, fails=["b"])
    with pytest.raises(Failure, match="no right to write b"):
        _run(_wish(Store(), Value("row", product="row")), row=row)
    assert sorted(row.done) == ["a", "c"]


def test_the_ranks_of_what_is_desired_later_come_later() -> None:
    store, row = Store(), Row({"a": 0, "b": 0, "late": 9_000})
    desired = [Value("row", product="row"), Value("last", "1", rank=-1)]
    plan = make_plan(desired, {"store": store, "row": row})
    assert [step.target for step in plan.steps] == ["a", "b", "late", "last"]
    assert plan.desired == tuple(desired)


def _refuse(key: str) -> Callable[[str], None]:
    def refuse(target: str) -> None:
        if target == key:
            raise Failure(Kind.DENIED, tried="writing", on=key, said=f"no right to write {key}", remedy="Give it")

    return refuse


def test_the_last_write_after_a_failure_is_what_the_use_case_wants_recorded() -> None:
    store = Store()
    store.before_write = _refuse("b")
    wish = _wish(store, Value("a", "1"), Value("b", "2"), Value("c", "3"), last=[Value("status", "Failed")])
    with pytest.raises(Failure, match="no right to write b"):
        _run(wish)
    assert store.there == {"a": "1", "status": "Failed"}
    assert wish.said == ["observe", "lock", "failed: no right to write b", "unlock"]


def test_a_failure_to_record_does_not_hide_the_first_one() -> None:
    store = Store()

    def refuse(target: str) -> None:
        raise Failure(Kind.BROKEN, tried="writing", on=target, said=f"{target} is broken", remedy="Look at it")

    store.before_write = refuse
    with pytest.raises(Failure) as caught:
        _run(_wish(store, Value("a", "1"), last=[Value("status", "Failed")]))
    assert caught.value.sentence() == (
        "writing a: a is broken. Look at it (Recording it failed too: status is broken)."
    )


def test_a_failure_while_observing_or_planning_records_nothing() -> None:
    store = Store()

    def wants(_observed: dict[str, str]) -> list[Value]:
        raise Failure(Kind.REFUSED, tried="provisioning", said="it is foreign")

    wish = Wish(store, wants, last=[Value("status", "Failed")])
    with pytest.raises(Failure, match="it is foreign"):
        _run(wish)
    assert (store.there, wish.said) == ({}, ["observe"])


def test_progress_is_told_for_changes_and_not_for_waits() -> None:
    store, told = Store(), list[str]()
    runtime = Runtime(now=lambda: 0.0, progress=told.append)
    reconcile(_wish(store, Value("a", "1")), {"store": store}, runtime)
    assert told == ["write a"]

    class Waiting(Store):
        def plan(self, desired: Value) -> list[Step]:
            return [replace(step, change=None, condition="Ready") for step in super().plan(desired)]

    waiting = Waiting()
    outcome = reconcile(_wish(waiting, Value("b", "1")), {"store": waiting}, runtime)
    assert told == ["write a"]
    assert (outcome.plan.changed, [step.target for step in outcome.done]) == (False, ["b"])


def test_what_is_only_declared_is_shown_as_the_product_knows_it() -> None:
    store = Store()
    products: dict[str, Product] = {"store": store}
    one, two = Value("a", "1"), Value("b", "2")
    single: UseCase = Declared([one], products)
    many: UseCase = Declared([one, two], products, many=True)
    for use_case, shown in ((single, "1"), (many, ["1", "2"])):
        outcome = reconcile(use_case, products, Runtime(now=lambda: 0.0))
        assert use_case.result(outcome) == shown
        assert use_case.failed(Failure(Kind.BROKEN, tried="x")) == ()
    assert store.performed == ["a", "b"]


def test_a_remote_module_has_no_cache() -> None:
    cache = NoCache()
    with cache.lock("key"):
        cache.put("key", 1)
    assert cache.get("key") is None


def test_an_empty_plan_has_no_steps() -> None:
    assert make_plan([], {}) == Plan()
