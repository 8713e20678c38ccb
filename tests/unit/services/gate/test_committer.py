"""Many deliveries are one write to the disk, and each caller hears of its own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from services.gate.committer import Committer
from services.gate.payload import Delivery


class Disk:
    """A store that is as slow as it is told to be."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.groups: list[list[str]] = []

    def put(self, deliveries: list[Delivery]) -> list[bool]:
        """Take a group when the disk is free."""
        self.free.wait(10)
        self.groups.append([item.guid for item in deliveries])
        if any(item.event == "broken" for item in deliveries):
            raise OSError("no space left")
        return [item.event == "new" for item in deliveries]


def _delivery(number: int, event: str = "new") -> Delivery:
    return Delivery(str(number), event, b"{}", "acme")


async def _begun(disk: Disk, committer: Committer, deliveries: list[Delivery]) -> list[asyncio.Task[bool]]:
    """Hand deliveries in, the first one alone; the disk takes nothing yet."""
    tasks = [asyncio.create_task(committer.put(deliveries[0]))]
    await asyncio.sleep(0.05)
    tasks += [asyncio.create_task(committer.put(item)) for item in deliveries[1:]]
    await asyncio.sleep(0.05)
    assert disk.groups == []
    return tasks


def test_what_comes_while_one_group_is_written_goes_into_the_next_one_together() -> None:
    async def live() -> list[bool]:
        disk = Disk()
        committer = Committer(disk)
        tasks = await _begun(disk, committer, [_delivery(n, "known" if n == 3 else "new") for n in range(40)])
        assert not any(task.done() for task in tasks)
        disk.free.set()
        answers = await asyncio.gather(*tasks)
        assert disk.groups == [["0"], [str(number) for number in range(1, 40)]]
        await committer.close()
        return answers

    assert [number for number, new in enumerate(asyncio.run(live())) if not new] == [3]


def test_a_group_that_cannot_be_written_fails_for_all_of_it_and_for_nobody_else() -> None:
    async def live() -> None:
        disk = Disk()
        committer = Committer(disk)
        tasks = await _begun(disk, committer, [_delivery(0), _delivery(1, "broken"), _delivery(2)])
        disk.free.set()
        assert await tasks[0]
        for task in tasks[1:]:
            with pytest.raises(OSError, match="no space left"):
                await task
        assert await committer.put(_delivery(3))
        await committer.close()

    asyncio.run(live())


def test_who_goes_away_takes_no_answer_from_the_others() -> None:
    async def live() -> None:
        disk = Disk()
        committer = Committer(disk)
        tasks = await _begun(disk, committer, [_delivery(number) for number in range(4)])
        tasks[1].cancel()
        broken = asyncio.create_task(committer.put(_delivery(9, "broken")))
        await asyncio.sleep(0.05)
        disk.free.set()
        with pytest.raises(OSError, match="no space left"):
            await broken
        assert await tasks[0]
        assert [task.cancelled() for task in tasks] == [False, True, False, False]
        for task in tasks[2:]:
            with pytest.raises(OSError, match="no space left"):
                await task
        await committer.close()

    asyncio.run(live())


def test_the_end_waits_for_what_was_handed_in() -> None:
    async def live() -> None:
        disk = Disk()
        committer = Committer(disk)
        tasks = await _begun(disk, committer, [_delivery(number) for number in range(3)])
        ending = asyncio.create_task(committer.close())
        await asyncio.sleep(0.05)
        assert not ending.done()
        disk.free.set()
        await ending
        assert [task.result() for task in tasks] == [True] * 3

    asyncio.run(live())
