"""What systemd hears: the words of its protocol, over its socket; without a socket nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.gate.notify import Notifier


def _heard(channel: socket.socket) -> list[str]:
    return channel.recv(4096).decode().splitlines()


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "file" else f"@aphex-gate-test-{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.settimeout(5)
        channel.bind("\0" + name[1:] if name.startswith("@") else name)
        yield channel, name


def test_it_speaks_as_systemd_wants_it(manager: tuple[socket.socket, str]) -> None:
    channel, name = manager
    notifier = Notifier.of({"NOTIFY_SOCKET": name}, 7)
    notifier.ready("policy\nREADY=0")
    assert _heard(channel) == ["READY=1", "STATUS=policy READY=0"]
    notifier.reloading()
    said = _heard(channel)
    assert said[0] == "RELOADING=1"
    assert said[1].removeprefix("MONOTONIC_USEC=").isdigit()
    notifier.stopping()
    assert _heard(channel)[0] == "STOPPING=1"
    notifier.alive()
    assert _heard(channel) == ["WATCHDOG=1"]


def test_a_manager_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "nobody")).alive()
    Notifier().alive()


@pytest.mark.parametrize(
    ("environment", "every"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_it_knows_how_often_it_must_be_heard(environment: dict[str, str], every: float | None) -> None:
    assert Notifier.of(environment, 7).every == every
