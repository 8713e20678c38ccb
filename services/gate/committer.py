"""Many deliveries, one write to the disk.

In: Deliveries, one by one. Out: each caller's answer, once its delivery is on the disk. Never here: SQL, HTTP.
"""

from __future__ import annotations

import asyncio
import threading
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
    """Stores deliveries in groups: those that came while one group was written go into the next one together.

    The thread that writes takes the next group by itself: to ask the event loop for it would have the disk wait.
    """

    def __init__(self, inbox: Storing) -> None:
        self._inbox = inbox
        self._waiting: list[_Waiting] = []
        self._writing = False
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="inbox")

    async def put(self, delivery: Delivery) -> bool:
        """Return once it is on the disk; tell whether it is new. Raises what the store raises."""
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[bool] = loop.create_future()
        with self._lock:
            self._waiting.append((delivery, stored))
            begin, self._writing = not self._writing, True
        if begin:
            self._pool.submit(self._write, loop)
        return await stored

    async def close(self) -> None:
        """Wait until all that was handed in is written."""
        await asyncio.to_thread(self._pool.shutdown)

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        while group := self._next():
            try:
                outcome: Sequence[bool] | Exception = self._inbox.put([item for item, _stored in group])
            except Exception as error:  # noqa: BLE001  whatever the store has, each who waits is told
                outcome = error
            loop.call_soon_threadsafe(_tell, group, outcome)

    def _next(self) -> list[_Waiting]:
        """Return the next group; once there is none, the next delivery begins anew."""
        with self._lock:
            group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
            self._writing = bool(group)
            return group


def _tell(group: Sequence[_Waiting], outcome: Sequence[bool] | Exception) -> None:
    """Answer all of a group; who has gone meanwhile is passed over."""
    for position, (_item, stored) in enumerate(group):
        if stored.done():
            continue
        if isinstance(outcome, Exception):
            stored.set_exception(outcome)
        else:
            stored.set_result(outcome[position])
