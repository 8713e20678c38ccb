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

from tests.contract.case import Args, Case
from tests.contract.runner import HOST, IN_PROCESS, Answer, Playing, Task, local_host, play_of
from tests.contract.world import Mark, World

# What two runs of the same cannot have in common, and what no run has: ids, times, digests, sizes.
_OWN = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"), "TIME"),
    (re.compile(r"\d{8}T\d{6}Z"), "TIME"),
    (re.compile(r"\b[0-9a-f]{10,64}\b"), "DIGEST"),
    (re.compile(r"\b[0-9A-F]{4}(:[0-9A-F]{6,8}){4}\b"), "REQUEST"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+"), "PORT"),
    (re.compile(r"\b10\.96\.\d+\.\d+\b"), "SERVICE"),
    (re.compile(r"(?s)-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----"), "CERTIFICATE"),
    (re.compile(r"ENC\[[^\]]*\]|\bage1[a-z0-9]{58}\b"), "ENCRYPTED"),
    (re.compile(r"(?s)-----BEGIN AGE ENCRYPTED FILE-----.*?-----END AGE ENCRYPTED FILE-----"), "ENCRYPTED"),
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
    parts = ("changed", "msg", "failure", "diff", "steps", key)
    found = {name: answer.result.get(name) for name in parts}
    return without_own({**found, "ended": answer.ended}, world)


@dataclass(frozen=True)
class Turn:
    """One task of a story, as each world asks for it. A module costs twenty times what a task in process does, so
    what only says the same again is asked in process alone."""

    args: Callable[[World], Args]
    check: bool = False
    everywhere: bool = True

    def concerns(self, world: World) -> bool:
        return self.everywhere or world.side.path == IN_PROCESS


@dataclass
class Story:
    """A case under way on both sides."""

    case: Case
    worlds: list[World]
    playings: list[Playing]
    turns: Iterator[Turn]
    begun: list[Mark] = field(default_factory=list)
    last: list[Told] = field(default_factory=list)

    def tell(self) -> list[Told]:
        """Run the next task on the sides that it concerns, side by side."""
        turn = next(self.turns)
        pairs = [pair for pair in zip(self.worlds, self.playings, strict=True) if turn.concerns(pair[0])]
        marks = [(world.side.mark(), self._files(world)) for world, _playing in pairs]
        for _world, playing in pairs:
            playing.go()
        answers = [next(iter(playing.wait().values())) for _world, playing in pairs]
        self.last = [
            Told(world, answer, world.side.sent(mark), world.side.writes(mark) + self._written(world, files))
            for (world, _playing), answer, (mark, files) in zip(pairs, answers, marks, strict=True)
        ]
        return self.last

    def _files(self, world: World) -> Any:
        return self.case.files(world) if self.case.files else None

    def _written(self, world: World, before: Any) -> list[str]:
        return ["files"] if self._files(world) != before else []

    def outside(self, happens: Callable[[World], Any]) -> list[Any]:
        """Let something happen on both sides, behind the module's back."""
        return [happens(world) for world in self.worlds]


def turns_of(case: Case) -> list[Turn]:
    """The tasks of all stages, in the order in which `test_contract` walks through them."""
    turns = [_refusal(case, number) for number in range(len(case.bad))]
    if case.reads_only:
        return [*turns, Turn(case.args, check=True, everywhere=False), Turn(case.args)]
    turns += [Turn(case.args, check=True), Turn(case.args), Turn(case.args)]
    for _drift in case.drifts:
        turns += _stage(case, None)
    if case.update:
        turns += _stage(case, case.update)
    if case.back_shows:
        turns += _stage(case, None)
    return [*turns, *_stage(case, case.absent, again=True)] if case.absent else turns


def _refusal(case: Case, number: int) -> Turn:
    """A wrong argument; by module only the first that Ansible refuses, the first that we refuse, and the last one."""
    bad = case.bad[number]
    return Turn(lambda world: case.args(world, bad.args(world)), everywhere=number in (0, 3, len(case.bad) - 1))


def _stage(case: Case, changes: Callable[[World], Args] | None, again: bool = False) -> list[Turn]:
    """Check mode, the task, and the task again."""

    def args(world: World) -> Args:
        return case.args(world, changes(world) if changes else None)

    return [Turn(args, check=True, everywhere=False), Turn(args), Turn(args, everywhere=again)]


@contextmanager
def telling(case: Case, both: dict[str, World], folder: Path) -> Iterator[Story]:
    """Prepare both sides and start a playbook on each."""
    worlds = list(both.values())
    for world in worlds:
        case.prepare(world)
    turns = turns_of(case)
    with ExitStack() as stack:
        playings = []
        for path, world in both.items():
            tasks = [Task(case.module, turn.args(world), turn.check) for turn in turns if turn.concerns(world)]
            env = {**world.side.env, "ANSIBLE_PIPELINING": "true"}
            playing = Playing(folder / world.name, [play_of(tasks)], env, hosts={HOST: local_host(path)})
            playings.append(stack.enter_context(playing))
        yield Story(case, worlds, playings, iter(turns), [world.side.mark() for world in worlds])


def without_own(value: Any, world: World) -> Any:
    """A result without what belongs to one run alone: its name, ids, times and digests."""
    if isinstance(value, dict):
        return {without_own(key, world): _without_id(key, item, world) for key, item in value.items()}
    if isinstance(value, list):
        return [without_own(item, world) for item in value]
    if not isinstance(value, str):
        return value
    text = value.replace(world.name, "NAME")
    for pattern, word in _OWN:
        text = pattern.sub(word, text)
    return text


def _without_id(key: Any, item: Any, world: World) -> Any:
    """The item; an id that is a number tells how much else was made on that side before."""
    named = key == "id" or str(key).endswith("_id")
    return "ID" if named and isinstance(item, int) else without_own(item, world)
