"""What does a gate do with requests that somebody else has sent, or that were made to harm it?

Each case of the list of attacks is a test, on the real process and over raw sockets: what it answers, that GitHub
hears nothing of it, that nothing of it lies in the inbox, and that an honest delivery is decided afterwards.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.gate import audit
from services.gate.http import LARGEST
from services.gate.inbox import State
from services.gate.sqlite import SqliteInbox
from tests.integration.gate import (
    APP,
    REPOSITORY,
    SECRET,
    Gate,
    a_github,
    decided,
    eventually,
    hook,
    posts,
    sign,
)
from tests.integration.gate_load import Mailbox
from tests.sandbox.standins.github import GitHub
from tests.unit.services.gate.wire import chunk, head, say, status

NAMES = ("production", "prod/eu west", "produção/✈", "PRODUCTION EU")
PATH = f"/webhook/{APP}"
PATIENT = 60.0


class Place:
    """A gate, its GitHub, and a mailbox that holds the deliveries back: a test sends them as it likes."""

    def __init__(self, gate: Gate, github: GitHub, mailbox: Mailbox) -> None:
        self.gate = gate
        self.github = github
        self._mailbox = mailbox

    def waiting(self, environment: str = "production") -> tuple[int, bytes]:
        """Start a run, and return it with the body of its delivery, which has not reached the gate."""
        run = int(self.github.start_run(REPOSITORY, [environment])["id"])
        letter = self._mailbox.letters.get(timeout=20)
        assert letter is not None
        return run, letter.body

    def headers(self, body: bytes, **changed: str | None) -> list[tuple[str, str]]:
        """The headers of a good delivery; None takes one away."""
        whole: dict[str, str | None] = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "x-github-event": "deployment_protection_rule",
            "x-github-delivery": str(uuid.uuid4()),
            "x-hub-signature-256": sign(body),
            **{name.replace("_", "-"): value for name, value in changed.items()},
        }
        return [(name, value) for name, value in whole.items() if value is not None]

    def send(self, body: bytes, **changed: str | None) -> int:
        """Send a delivery as a whole, and return the status of the answer."""
        return status(say(self.gate.port, head(self.headers(body, **changed), PATH) + body))

    def stored(self) -> int:
        """How much the inbox has ever taken."""
        inbox = SqliteInbox(self.gate.folder / "gate.sqlite3")
        try:
            return len(inbox.entries(list(State), 100_000))
        finally:
            inbox.close_store()

    def dead(self, run: int) -> list[str]:
        """What the gate says of deliveries about this run that it could not judge."""
        inbox = SqliteInbox(self.gate.folder / "gate.sqlite3")
        try:
            entries = inbox.entries([State.DEAD], 1000)
            return [entry.said for entry in entries if f"/runs/{run}/".encode() in entry.delivery.body]
        finally:
            inbox.close_store()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One gate for all tests: whatever one of them does must not hurt the next."""
    with Mailbox() as mailbox, a_github(*NAMES) as github:
        github.deliver_to = mailbox.url
        hook(github)
        gate = Gate(tmp_path_factory.mktemp("gate"), github, recover_every="30d")
        try:
            yield Place(gate.start(), github, mailbox)
        finally:
            gate.stop()


@pytest.fixture
def untouched(place: Place) -> Iterator[None]:
    """Nothing of this test is stored, nothing is told to GitHub, and nothing broke: the next delivery is decided."""
    before, told = place.stored(), len(posts(place.github))
    yield
    assert place.stored() == before
    assert len(posts(place.github)) == told
    _decided(place, *place.waiting())
    assert "Traceback" not in place.gate.said()


def _decided(place: Place, run: int, body: bytes) -> None:
    """Send an honest delivery, and see it decided."""
    assert place.send(body) in (200, 202)
    assert eventually(lambda: decided(place.github, run)) == ["approved"]


# Signatures


@pytest.mark.usefixtures("untouched")
def test_forged(place: Place) -> None:
    _run, body = place.waiting()
    for signature in (sign(body, "guessed"), sign(body + b" "), "sha256=" + "0" * 64, sign(body).replace("256", "512")):
        assert place.send(body, x_hub_signature_256=signature) in (401, 429)
    changed = body.replace(b'"production"', b'"PRODUCTION EU"')
    assert changed != body
    assert place.send(changed, x_hub_signature_256=sign(body)) in (401, 429)


@pytest.mark.usefixtures("untouched")
def test_truncated(place: Place) -> None:
    _run, body = place.waiting()
    assert place.send(body, x_hub_signature_256=sign(body)[:-1]) in (401, 429)
    assert place.send(body, x_hub_signature_256="sha256=") in (401, 429)
    assert place.send(body[:-1], x_hub_signature_256=sign(body)) in (401, 429)
    for size in (0, 1, len(body) - 1):
        say(place.gate.port, head(place.headers(body), PATH) + body[:size], hang_up=True)


@pytest.mark.usefixtures("untouched")
def test_non_ascii_signature(place: Place) -> None:
    _run, body = place.waiting()
    for signature in ("sha256=" + "é" * 64, "ÿ" * 71, "sha256=" + "²" * 64):
        assert place.send(body, x_hub_signature_256=signature) in (401, 429)


@pytest.mark.usefixtures("untouched")
def test_sha_1_only(place: Place) -> None:
    _run, body = place.waiting()
    old = "sha1=" + hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
    assert place.send(body, x_hub_signature_256=None, x_hub_signature=old) in (401, 429)
    assert place.send(body, x_hub_signature_256=old) in (401, 429)


@pytest.mark.usefixtures("untouched")
def test_duplicate_headers(place: Place) -> None:
    _run, body = place.waiting()
    pairs = place.headers(body)
    for name, value in pairs:
        answer = say(place.gate.port, head([*pairs, (name, value)], PATH) + body)
        assert status(answer) in (400, 429), name
    planted = [("X-Hub-Signature-256", sign(body, "guessed")), *pairs]
    assert status(say(place.gate.port, head(planted, PATH) + body)) in (400, 429)


def test_unsigned_traffic_is_throttled_and_signed_traffic_of_the_same_address_is_not(place: Place) -> None:
    run, body = place.waiting()
    answers = [place.send(body, x_hub_signature_256=None) for _number in range(40)]
    assert answers[-1] == 429
    _decided(place, run, body)


# Bodies


@pytest.mark.usefixtures("untouched")
def test_chunked_oversize(place: Place) -> None:
    chunked = place.headers(b"x", content_length=None, transfer_encoding="chunked")
    parts = [chunk(b"x" * 1_000_000)] * (LARGEST // 1_000_000 + 10)
    assert status(say(place.gate.port, head(chunked, PATH), *parts)) in (413, 429)
    announced = place.headers(b"x", content_length=str(LARGEST + 1))
    assert status(say(place.gate.port, head(announced, PATH))) in (413, 429)


@pytest.mark.usefixtures("untouched")
def test_slow_body(place: Place) -> None:
    _run, body = place.waiting()
    begun = time.monotonic()
    answer = say(place.gate.port, head(place.headers(body), PATH), *(body[:1] for _byte in range(40)), pause=0.4)
    assert status(answer) in (408, 429)
    assert time.monotonic() - begun < PATIENT


def test_others_are_served_while_somebody_is_slow(place: Place) -> None:
    run, body = place.waiting()
    with ThreadPoolExecutor(20) as pool:
        slow = [
            pool.submit(say, place.gate.port, head(place.headers(body), PATH), body[:1], pause=1.0, hang_up=True)
            for _client in range(20)
        ]
        _decided(place, run, body)
        for each in slow:
            each.result()


@pytest.mark.usefixtures("untouched")
def test_json_bombs(place: Place) -> None:
    for bomb in (b"[" * 200_000, b'{"a":' * 200_000, b"[" * 200_000 + b"]" * 200_000, b'{"action":"requested"'):
        assert place.send(bomb) == 400


def test_json_that_is_no_payload_is_kept_for_people_and_decides_nothing(place: Place) -> None:
    told = len(posts(place.github))
    for body in (
        b"{}",
        b"[]",
        b"null",
        b'"x"',
        b'{"action":"requested","repository":[],"sender":null}',
        b'{"a":1e999}',
    ):
        assert place.send(body) in (202, 400)
    assert eventually(place.gate.idle)
    assert len(posts(place.github)) == told


# Payloads that are signed: the secret has leaked, or somebody at GitHub has made them


def _changed(body: bytes, **fields: Any) -> bytes:
    return json.dumps({**json.loads(body), **fields}).encode()


def test_callback_url_to_other_host(place: Place) -> None:
    run, body = place.waiting()
    honest = json.loads(body)["deployment_callback_url"]
    path = honest.removeprefix(place.github.url)
    with Mailbox() as thief:
        urls = [
            thief.url + path,
            f"{place.github.url}@{thief.url.removeprefix('http://')}{path}",
            place.github.url.replace("http:", "https:") + path,
            f"{honest}?x={thief.url}",
            f"{place.github.url}/../..{path}",
            f"//{thief.url.removeprefix('http://')}{path}",
            "http://[",
            "",
        ]
        for url in urls:
            assert place.send(_changed(body, deployment_callback_url=url)) == 202
        assert eventually(place.gate.idle)
        assert thief.log.entries() == []
    assert decided(place.github, run) == []
    assert len(place.dead(run)) >= len(urls) - 2
    _decided(place, run, body)


def test_run_id_mismatch(place: Place) -> None:
    run, body = place.waiting()
    other, other_body = place.waiting()
    theirs = json.loads(other_body)["deployment_callback_url"]
    assert place.send(_changed(body, workflow_run={"id": other})) == 202
    assert place.send(_changed(body, deployment_callback_url=theirs.replace("web-shop", "api-service"))) == 202
    for bad in ("0", "-1", str(2**63), "1e3", f"{run}/../{other}"):
        url = json.loads(body)["deployment_callback_url"].replace(f"/runs/{run}/", f"/runs/{bad}/")
        assert place.send(_changed(body, deployment_callback_url=url)) == 202
    assert eventually(place.gate.idle)
    assert decided(place.github, run) == decided(place.github, other) == []
    _decided(place, run, body)
    _decided(place, other, other_body)


def test_replay_with_new_guid(place: Place) -> None:
    run, body = place.waiting()
    _decided(place, run, body)
    told = len(posts(place.github, run))
    for _number in range(20):
        assert place.send(body) == 202
    assert eventually(place.gate.idle)
    assert len(posts(place.github, run)) == told == 1


def test_a_replay_after_the_run_is_over_decides_nothing(place: Place) -> None:
    run, body = place.waiting()
    place.github.deployments.cancel(run)
    assert place.send(body) == 202
    assert eventually(place.gate.idle)
    assert decided(place.github, run) == []


@pytest.mark.parametrize("name", NAMES[1:])
def test_environment_with_slash_and_unicode(place: Place, name: str) -> None:
    run, body = place.waiting(name)
    _decided(place, run, body)
    [post] = posts(place.github, run)
    assert json.loads(post.body or "{}")["environment_name"] == name


def test_an_environment_that_is_no_name_decides_nothing(place: Place) -> None:
    run, body = place.waiting()
    for name in ("", "\0", "../production", "x" * 5000, "production\r\nX-Planted: 1", 7, ["production"], None):
        assert place.send(_changed(body, environment=name)) in (202, 400)
    assert eventually(place.gate.idle)
    assert decided(place.github, run) == []


# What is left behind


def test_no_secret_is_left_anywhere_and_the_records_hold(place: Place) -> None:
    key = place.github.private_key.splitlines()[1]
    tokens = [text for text in place.github.state()["tokens"] if text.startswith("ghs_")]
    assert tokens
    kept = b"".join(path.read_bytes() for path in place.gate.folder.glob("gate.sqlite3*"))
    seen = place.gate.said() + place.gate.inside("/metrics") + place.gate.inside("/")
    for secret in (SECRET, key, *tokens):
        assert secret not in seen
        assert secret.encode() not in kept
    inbox = SqliteInbox(place.gate.folder / "gate.sqlite3")
    records = inbox.records(limit=100_000)
    inbox.close_store()
    assert audit.verify(records, audit.NO_HASH) is None
    assert SECRET not in b"".join(map(audit.encode, records)).decode()
    assert "a defect" not in place.gate.said()
    assert not [line for line in place.gate.said().splitlines() if line.startswith("X-Planted")]
