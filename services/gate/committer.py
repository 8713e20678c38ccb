"""Many deliveries, one write to the disk.

In: Deliveries, one by one. Out: each caller's answer, once its delivery is on the disk. Never here: SQL, HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from services.gate.payload import Delivery

_GROUP = 500
_Waiting = tuple[Delivery, "asyncio.Future[bool]"]


class Storing(Protocol):
    """What is asked of the inbox here."""

    def put(self, deliveries: list[Delivery]) -> list[bool]:
        """Store deliveries durably, all or none; tell for each whether it is new."""


class Committer:
    """Stores deliveries in groups: those that came while one group was written go into the next one together."""

    def __init__(self, inbox: Storing) -> None:
        self._inbox = inbox
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="inbox")

    async def put(self, delivery: Delivery) -> bool:
        """Return once it is on the disk; tell whether it is new. Raises what the store raises."""
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, stored))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await stored

    async def close(self) -> None:
        """Wait until all that was handed in is written."""
        if self._writing is not None:
            await self._writing
        self._pool.shutdown()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
            try:
                new = await loop.run_in_executor(self._pool, self._inbox.put, [item for item, _stored in group])
            except Exception as error:  # noqa: BLE001  told to each who waits, and answered 503
                _tell(group, error)
            else:
                _tell(group, new)


def _tell(group: Sequence[_Waiting], outcome: Sequence[bool] | Exception) -> None:
    """Answer all of a group; who has gone meanwhile is passed over."""
    for position, (_item, stored) in enumerate(group):
        if stored.done():
            continue
        if isinstance(outcome, Exception):
            stored.set_exception(outcome)
        else:
            stored.set_result(outcome[position])
