"""What systemd is told: ready, reloading, stopping, still alive.

In: the environment that systemd gives a service. Out: datagrams to its socket, nothing without one. Never here: a
library, a decision when something is to be said.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Notifier:
    """Speaks to the manager of services. ``every`` is how often it wants to hear that all is well, None for never."""

    address: str = ""
    every: float | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str], process: int) -> Notifier:
        """Return the notifier of a process, by NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID."""
        mine = environment.get("WATCHDOG_PID", str(process)) == str(process)
        limit = environment.get("WATCHDOG_USEC", "")
        every = int(limit) / 2_000_000 if mine and limit.isdigit() and int(limit) else None
        return cls(environment.get("NOTIFY_SOCKET", ""), every)

    def ready(self, status: str) -> None:
        """Say that the start or a reload is over."""
        self._say("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that a reload has begun; systemd wants to know when, by the clock that never jumps."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._say("STOPPING=1", "STATUS=finishing what is decided now")

    def alive(self) -> None:
        """Say that everything still works."""
        self._say("WATCHDOG=1")

    def _say(self, *lines: str) -> None:
        if not self.address:
            return
        # An address that begins with @ is one without a file.
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(1.0)
            try:
                channel.sendto("\n".join(line.replace("\n", " ") for line in lines).encode(), address)
            except OSError:
                # The gate goes on without its manager; one that hears nothing acts by itself.
                return
