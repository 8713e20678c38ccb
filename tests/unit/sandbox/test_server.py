"""The server under the stand-ins: routes, log, clock, every fault on a real socket, control from outside, speed."""

from __future__ import annotations

import errno
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.faults import Fault, Kill, Match, ProcessKill
from tests.sandbox.standins.control import Control, ControlError
from tests.sandbox.standins.server import Answer, Request, StandIn, json_answer, route


class Notes(StandIn):
    """A stand-in of two routes: notes that are kept, and one that fails."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.actions["add"] = self._add
        self.add_routes(
            route("GET", "/notes", lambda request: json_answer(200, self.notes)),
            route("POST", "/notes", self._post),
            route("DELETE", "/notes/([0-9]+)", self._delete),
            route("GET", "/echo", self._echo),
            route("GET", "/broken", self._broken),
        )

    def state(self) -> Any:
        return {"notes": self.notes}

    def _add(self, text: str) -> int:
        self.notes.append(text)
        return len(self.notes)

    def _post(self, request: Request) -> Answer:
        self.notes.append(request.body.decode())
        return json_answer(201, {"count": len(self.notes)}, {"X-Kind": "note"})

    def _delete(self, request: Request) -> Answer:
        del self.notes[int(request.params[0])]
        return Answer(204)

    def _echo(self, request: Request) -> Answer:
        return json_answer(200, {"query": request.query, "one": request.argument("q"), "none": request.argument("z")})

    def _broken(self, request: Request) -> Answer:
        raise KeyError("never there")


@pytest.fixture
def notes() -> Iterator[Notes]:
    with Notes() as standin:
        yield standin


@pytest.fixture
def client(notes: Notes) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", notes.port, timeout=5)
    yield connection
    connection.close()


def ask(
    client: http.client.HTTPConnection, method: str, path: str, body: str | None = None
) -> tuple[int, str, dict[str, str]]:
    client.request(method, path, body)
    answer = client.getresponse()
    return answer.status, answer.read().decode(), dict(answer.getheaders())


def test_routes_answer_and_the_connection_stays_open(notes: Notes, client: http.client.HTTPConnection) -> None:
    status, text, headers = ask(client, "POST", "/notes", "hello")
    assert (status, json.loads(text), headers["X-Kind"]) == (201, {"count": 1}, "note")
    first = client.sock
    assert ask(client, "GET", "/notes")[1] == '["hello"]'
    assert ask(client, "DELETE", "/notes/0")[0] == 204
    assert ask(client, "GET", "/notes")[1] == "[]"
    assert client.sock is first


def test_query_unknown_path_unknown_method_and_defects(
    client: http.client.HTTPConnection, caplog: pytest.LogCaptureFixture
) -> None:
    echoed = json.loads(ask(client, "GET", "/echo?q=a%20b&q=c&e=")[1])
    assert echoed == {"query": {"q": ["a b", "c"], "e": [""]}, "one": "a b", "none": None}
    assert ask(client, "GET", "/nowhere")[0] == 404
    assert ask(client, "PATCH", "/notes")[0] == 405
    status, text, _unused = ask(client, "GET", "/broken")
    assert status == 500
    assert "the stand-in itself failed: KeyError" in text
    assert "failed in the stand-in itself" in caplog.text


def test_head_has_no_body_and_chunked_bodies_are_read(notes: Notes, client: http.client.HTTPConnection) -> None:
    client.request(
        "POST", "/notes", iter([b"in ", b"two parts"]), {"Transfer-Encoding": "chunked"}, encode_chunked=True
    )
    assert client.getresponse().read() == b'{"count": 1}'
    assert notes.notes == ["in two parts"]
    status, text, got = ask(client, "HEAD", "/notes")
    assert (status, text) == (405, "")
    assert int(got["Content-Length"]) > 0


def test_an_expectant_client_is_told_to_continue(notes: Notes) -> None:
    with socket.create_connection(("127.0.0.1", notes.port), timeout=5) as plain:
        plain.sendall(b"POST /notes HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert plain.recv(100).startswith(b"HTTP/1.1 100 ")
        plain.sendall(b"ok")
        assert plain.recv(1000).startswith(b"HTTP/1.1 201 ")


def test_the_log_keeps_everything(notes: Notes, client: http.client.HTTPConnection) -> None:
    ask(client, "POST", "/notes?dry=1", "a secret")
    ask(client, "GET", "/notes")
    first, second = notes.log.entries()
    assert (first.number, first.method, first.path, first.query, first.body) == (
        1,
        "POST",
        "/notes",
        "dry=1",
        "a secret",
    )
    assert (first.status, first.answer, first.fault, first.performed) == (201, '{"count": 1}', None, True)
    assert abs(first.at - time.time()) < 5
    assert 0 < first.took < 1
    assert "host" in first.headers
    assert [entry.path for entry in notes.log.writes()] == ["/notes"]
    assert not second.writes
    notes.log.clear()
    ask(client, "GET", "/notes")
    assert [entry.number for entry in notes.log.entries()] == [3]


def test_the_clock_can_be_shifted(notes: Notes) -> None:
    before = notes.clock.now()
    notes.clock.shift = 3600
    assert 3599 < (notes.clock.now() - before).total_seconds() < 3700
    assert notes.clock.stamp().endswith("Z")


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500)])
def test_faults_that_answer(notes: Notes, client: http.client.HTTPConnection, kind: str, status: int) -> None:
    notes.faults.arm(Fault(kind, retry_after=7))
    got, _unused, headers = ask(client, "POST", "/notes", "x")
    assert got == status
    assert headers.get("Retry-After") == ("7" if kind == "429" else None)
    assert ask(client, "GET", "/notes")[1] == "[]"
    assert notes.log.entries()[0].fault == kind
    assert not notes.log.entries()[0].performed


def test_a_reset_is_a_real_reset(notes: Notes, client: http.client.HTTPConnection) -> None:
    notes.faults.arm(Fault("reset"))
    with pytest.raises(ConnectionResetError) as caught:
        ask(client, "POST", "/notes", "x")
    assert caught.value.errno == errno.ECONNRESET
    assert notes.notes == []
    assert notes.log.entries()[0].status is None


def test_a_time_out_keeps_the_caller_waiting(notes: Notes) -> None:
    notes.faults.arm(Fault("timeout"))
    impatient = http.client.HTTPConnection("127.0.0.1", notes.port, timeout=0.2)
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        ask(impatient, "POST", "/notes", "x")
    impatient.close()
    assert 0.15 < time.monotonic() - started < 2
    assert notes.notes == []


def test_a_time_out_ends_by_itself(notes: Notes, client: http.client.HTTPConnection) -> None:
    notes.faults.arm(Fault("timeout", hold=0.1))
    with pytest.raises(http.client.RemoteDisconnected):
        ask(client, "GET", "/notes")


def test_garbage_is_whole_and_no_json_or_cut_short(notes: Notes, client: http.client.HTTPConnection) -> None:
    notes.faults.arm(Fault("garbage"))
    status, text, _unused = ask(client, "GET", "/notes")
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    notes.faults.arm(Fault("garbage", cut=True))
    with pytest.raises(http.client.IncompleteRead):
        ask(client, "GET", "/notes")


def test_a_lost_answer_took_effect(notes: Notes, client: http.client.HTTPConnection) -> None:
    notes.faults.arm(Fault("lost", match=Match("POST")))
    with pytest.raises(http.client.RemoteDisconnected):
        ask(client, "POST", "/notes", "kept")
    assert notes.notes == ["kept"]
    entry = notes.log.entries()[0]
    assert (entry.status, entry.fault, entry.performed) == (None, "lost", True)


@pytest.mark.parametrize(("when", "kept"), [("before", []), ("after", ["x"])])
def test_a_kill_acts_at_the_nth_write(
    notes: Notes, client: http.client.HTTPConnection, when: str, kept: list[str]
) -> None:
    killed: list[list[str]] = []
    notes.faults.arm(Kill(1, when, lambda: killed.append(list(notes.notes))))
    ask(client, "GET", "/notes")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(client, "POST", "/notes", "x")
    assert killed == [kept]
    assert notes.notes == kept
    assert notes.log.writes()[0].fault == f"kill-{when}"


def test_control_from_outside(notes: Notes, client: http.client.HTTPConnection) -> None:
    control = Control(notes.url)
    ask(client, "POST", "/notes", "a")
    assert [entry.path for entry in control.writes()] == ["/notes"]
    assert control.do("add", text="b") == 2
    assert control.state() == {"notes": ["a", "b"]}
    control.arm(Fault("429", match=Match("GET", "/notes")))
    assert control.waiting() == 1
    assert ask(client, "GET", "/notes")[0] == 429
    assert [item.kind for item in control.struck()] == ["429"]
    assert control.waiting() == 0
    control.arm(Kill(1, "before", ProcessKill(pid=99999999)))
    control.clear_faults()
    assert (control.waiting(), control.struck()) == (0, [])
    control.clear_log()
    assert control.log() == []
    control.shift_clock(86400)
    assert notes.clock.shift == 86400
    with pytest.raises(ControlError, match="no control"):
        control.do("unknown")


def test_control_is_neither_logged_nor_struck(notes: Notes) -> None:
    notes.faults.arm(Fault("reset", times=None))
    assert Control(notes.url).state() == {"notes": []}
    assert notes.log.entries() == []


def test_a_request_costs_no_forty_milliseconds(notes: Notes, client: http.client.HTTPConnection) -> None:
    """Two packets and Nagle would cost 40 ms each; the bound leaves room for a busy machine."""
    ask(client, "GET", "/notes")
    took = []
    for _unused in range(50):
        started = time.perf_counter()
        ask(client, "POST", "/notes", "x" * 100)
        took.append(time.perf_counter() - started)
    assert sorted(took)[25] < 0.01


def test_many_callers_at_once(notes: Notes) -> None:
    def post(number: int) -> None:
        own = http.client.HTTPConnection("127.0.0.1", notes.port, timeout=5)
        assert ask(own, "POST", "/notes", str(number))[0] == 201
        own.close()

    threads = [threading.Thread(target=post, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, notes.notes)) == list(range(40))
    assert [entry.number for entry in notes.log.entries()] == list(range(1, 41))


def test_stop_frees_the_port_and_breaks_off_what_is_open() -> None:
    standin = Notes().start()
    port = standin.port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    ask(connection, "GET", "/notes")
    standin.stop()
    standin.stop()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        ask(connection, "GET", "/notes")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    with pytest.raises(RuntimeError, match="not started"):
        assert standin.url
