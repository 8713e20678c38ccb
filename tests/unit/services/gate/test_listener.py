"""The way in over real sockets and a real uvicorn: what a client does that an HTTP library would not let it do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import uvicorn

from services.gate import http, listener
from services.gate.origin import Origins
from tests.unit.services.gate.door import BODY, Box, an_app, headers
from tests.unit.services.gate.wire import chunk, say, status
from tests.unit.services.gate.wire import head as wire_head

PATH = "/webhook/acme"


@dataclass
class Listening:
    """A server in a thread, and what it has stored."""

    port: int
    box: Box

    def say(self, *parts: bytes, pause: float = 0.0, hang_up: bool = False) -> bytes:
        """Send parts as they are, and return all that is said until the other side closes."""
        return say(self.port, *parts, pause=pause, hang_up=hang_up)


def head(pairs: Sequence[tuple[str, str]]) -> bytes:
    """A request line and headers of a delivery."""
    return wire_head(pairs, PATH)


def whole(**changed: str | None) -> list[tuple[str, str]]:
    """The headers of a good delivery."""
    return list(headers(BODY, **changed).items())


CHUNKED = {"content_length": None, "transfer_encoding": "chunked"}


@contextmanager
def listening(origins: Origins | None = None) -> Iterator[Listening]:
    """A server on a port that the system picks."""
    box = Box()
    application = http.application({"acme": an_app()}, box, slowest=0.5, origins=origins)
    server = uvicorn.Server(listener.configured(application, "127.0.0.1", 0))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield Listening(server.servers[0].sockets[0].getsockname()[1], box)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[Listening]:
    """One server for all: what one client does must not hurt the next."""
    patience = listener.HEAD_SECONDS
    listener.HEAD_SECONDS = 0.5
    with listening() as found:
        yield found
    listener.HEAD_SECONDS = patience


@pytest.fixture(autouse=True)
def still_there(server: Listening) -> Iterator[None]:
    """Whatever a test has done: a good delivery is stored after it."""
    server.box.stored.clear()
    yield
    before = len(server.box.stored)
    assert status(server.say(head(whole()), BODY)) == 202
    assert len(server.box.stored) == before + 1


def test_a_delivery_in_one_piece_in_bytes_and_in_chunks(server: Listening) -> None:
    assert status(server.say(head(whole()) + BODY)) == 202
    assert status(server.say(*(bytes([byte]) for byte in head(whole())), BODY)) == 202
    chunks = [chunk(BODY[start : start + 50]) for start in range(0, len(BODY), 50)]
    assert status(server.say(head(whole(**CHUNKED)), *chunks, b"0\r\n\r\n")) == 202
    assert [item.body for item in server.box.stored] == [BODY] * 3


@pytest.mark.parametrize("name", ["x-hub-signature-256", "x-github-delivery", "x-github-event", "content-type"])
def test_duplicate_headers(server: Listening, name: str) -> None:
    pairs = whole()
    assert status(server.say(head([*pairs, (name, dict(pairs)[name])]) + BODY)) == 400
    assert status(server.say(head([(name.upper(), "planted"), *pairs]) + BODY)) == 400
    assert server.box.stored == []


def test_two_lengths_and_a_length_beside_chunks(server: Listening) -> None:
    pairs = whole()
    for more in (("content-length", "5"), ("transfer-encoding", "chunked")):
        answer = server.say(head([*pairs, more]) + chunk(BODY) + b"0\r\n\r\n")
        assert status(answer) == 400
        assert answer.count(b"HTTP/1.1 ") == 1
    assert server.box.stored == []


def test_chunked_oversize_is_cut_off_before_its_end(server: Listening) -> None:
    million = chunk(b"x" * 1_000_000)
    parts = [million] * 40
    answer = server.say(head(whole(**CHUNKED)), *parts)
    assert status(answer) == 413
    assert server.box.stored == []


def test_an_announced_oversize_is_refused_before_its_body(server: Listening) -> None:
    assert status(server.say(head(whole(content_length=str(http.LARGEST + 1))))) == 413


def test_expect_100_continue_is_not_asked_for_what_is_refused(server: Listening) -> None:
    expecting = ("expect", "100-continue")
    assert server.say(head([*whole(x_hub_signature_256=None), expecting])).startswith(b"HTTP/1.1 401")
    assert server.say(head([*whole(), expecting]), BODY).startswith(b"HTTP/1.1 100")


def test_a_slow_body_is_given_up(server: Listening) -> None:
    begun = head(whole())
    assert status(server.say(begun + BODY[:5])) == 408
    assert status(server.say(begun, *(bytes([byte]) for byte in BODY[:40]), pause=0.05)) == 408
    assert server.box.stored == []


def test_a_slow_head_is_given_up(server: Listening) -> None:
    assert server.say() == b""
    assert server.say(b"POST /webhook/acme HT") == b""
    drops = (bytes([byte]) for byte in head(whole())[:40])
    assert server.say(*drops, pause=0.05) == b""


def test_a_head_without_end_is_given_up(server: Listening) -> None:
    lines = (f"x-{number}: {'x' * 1000}\r\n".encode() for number in range(10_000))
    assert b"HTTP/1.1 2" not in server.say(b"POST /webhook/acme HTTP/1.1\r\n", *lines)


def test_truncated_bodies_are_not_stored(server: Listening) -> None:
    for size in (0, 1, len(BODY) // 2, len(BODY) - 1):
        server.say(head(whole()) + BODY[:size], hang_up=True)
    server.say(head(whole(**CHUNKED)) + chunk(BODY[:20]), hang_up=True)
    server.say(head(whole(**CHUNKED)) + b"zz\r\n" + BODY)
    assert server.box.stored == []


def test_a_length_shorter_than_the_body_makes_no_second_delivery(server: Listening) -> None:
    hidden = head(whole()) + BODY
    inner = headers(b"")
    answer = server.say(head(list({**inner, "content-length": "0"}.items())) + hidden)
    assert status(answer) == 400  # signed, and no JSON
    assert server.box.stored == []


@pytest.mark.parametrize(
    "line", [b"POST\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n"]
)
def test_what_is_no_http(server: Listening, line: bytes) -> None:
    assert b" 2" not in server.say(line, hang_up=True)[:12]


def test_signatures_that_are_no_ascii(server: Listening) -> None:
    for value in ("sha256=" + "é" * 64, "ÿ", "sha256=" + "0" * 63 + "²"):
        assert status(server.say(head(whole(x_hub_signature_256=value)) + BODY)) == 401


def test_a_client_s_word_about_its_address_does_not_count_without_a_trusted_proxy() -> None:
    def ranges() -> list[str]:
        return ["198.51.100.0/24"]

    pairs = [*whole(), ("x-forwarded-for", "198.51.100.9")]
    for proxies, wanted in (((), 403), (("127.0.0.0/8",), 202)):
        origins = Origins(proxies, ranges)
        origins.refresh()
        with listening(origins) as guarded:
            assert status(guarded.say(head(pairs) + BODY)) == wanted


def test_answers_do_not_name_the_server(server: Listening) -> None:
    answer = server.say(head(whole()) + BODY).lower()
    assert b"server:" not in answer
    assert b"uvicorn" not in answer
