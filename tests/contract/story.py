"""One case told on both sides at once: the tasks of its stages in one playbook a side, walked through in step.

In: a case and two worlds. Out: what each task answered, sent and wrote. Never here: a judgement.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.contract.case import Args, Bad, Case
from tests.contract.runner import HOST, Answer, Playing, Task, local_host, play_of
from tests.contract.world import Mark, World

# What two runs of the same cannot have in common, and what no run has: ids, times, digests, sizes.
_OWN = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"\b[0-9a-f]{10,64}\b"), "DIGEST"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+"), "PORT"),
    (re.compile(r"\b10\.96\.\d+\.\d+\b"), "SERVICE"),
)


@dataclass(frozen=True)
class Told:
    """One task on one side."""

    world: World
    answer: Answer
    sent: list[str]
    writes: list[str]

    def comparable(self, key: str) -> Any:
        """See `comparable`."""
        return comparable(self.answer, key, self.world)

    @property
    def text(self) -> str:
        """All of it, for the message of a test that fails."""
        result = {name: item for name, item in self.answer.result.items() if name != "invocation"}
        lines = [f"{self.world.side.path}, {self.world.name}: {self.answer.ended}", json.dumps(result, indent=1)]
        return "\n".join([*lines, "sent:", *self.sent])


def comparable(answer: Answer, key: str, world: World) -> Any:
    """A result without what differs by nature between two runs of the same task."""
    parts = ("changed", "failed", "msg", "failure", "diff", "steps", key)
    found = {name: answer.result.get(name) for name in parts}
    return without_own({**found, "failed": bool(found["failed"])}, world)


Pair = tuple[Told, Told]


@dataclass
class Story:
    """A case under way on both sides."""

    case: Case
    worlds: list[World]
    playings: list[Playing]
    begun: list[Mark] = field(default_factory=list)
    last: tuple[Told, ...] = ()

    def tell(self) -> Pair:
        """Run the next task on both sides, side by side."""
        marks = [world.side.mark() for world in self.worlds]
        for playing in self.playings:
            playing.go()
        answers = [next(iter(playing.wait().values())) for playing in self.playings]
        first, second = (
            Told(world, answer, world.side.sent(mark), world.side.writes(mark))
            for world, answer, mark in zip(self.worlds, answers, marks, strict=True)
        )
        return first, second

    def outside(self, happens: Callable[[World], Any]) -> list[Any]:
        """Let something happen on both sides, behind the module's back."""
        return [happens(world) for world in self.worlds]


def tasks_of(case: Case, world: World) -> list[Task]:
    """The tasks of all stages, in the order in which `test_contract` walks through them."""
    tasks = [Task(case.module, _bad_args(case, bad, world)) for bad in case.bad]
    good = case.args(world)
    if case.reads_only:
        return [*tasks, Task(case.module, good, check=True), Task(case.module, good)]
    stages: list[Args] = [good, *(good for _drift in case.drifts)]
    if case.update:
        stages.append(case.args(world, case.update(world)))
    if case.absent:
        stages.append(case.args(world, case.absent(world)))
    for args in stages:
        tasks += [Task(case.module, args, check=True), Task(case.module, args), Task(case.module, args)]
    return tasks


def _bad_args(case: Case, bad: Bad, world: World) -> Args:
    return case.args(world, bad.args(world))


@contextmanager
def telling(case: Case, both: dict[str, World], folder: Path) -> Iterator[Story]:
    """Prepare both sides and start a playbook on each."""
    worlds = list(both.values())
    for world in worlds:
        case.prepare(world)
    with ExitStack() as stack:
        playings = [
            stack.enter_context(
                Playing(
                    folder / world.name,
                    [play_of(tasks_of(case, world))],
                    world.side.env,
                    hosts={HOST: local_host(path)},
                )
            )
            for path, world in both.items()
        ]
        yield Story(case, worlds, playings, [world.side.mark() for world in worlds])


def without_own(value: Any, world: World) -> Any:
    """A result without what belongs to one run alone: its name, ids, times and digests."""
    if isinstance(value, dict):
        return {without_own(key, world): without_own(item, world) for key, item in value.items()}
    if isinstance(value, list):
        return [without_own(item, world) for item in value]
    if not isinstance(value, str):
        return value
    text = value.replace(world.name, "NAME")
    for pattern, word in _OWN:
        text = pattern.sub(word, text)
    return text
