"""The way in answers what GitHub's delivery log should show, and stores what is signed and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import urllib.parse
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from services.gate import http
from services.gate.origin import Origins
from services.gate.payload import EVENT
from tests.unit.services.gate.door import BODY, FORMER, SECRET, Answer, Box, an_app, call, headers, signature

APPS = {"acme": an_app()}
FORM = b"payload=" + urllib.parse.quote_plus(BODY).encode()
BOMB = b"[" * 100_000 + b"]" * 100_000


def sent(*arguments: Any, box: Box | None = None, settings: dict[str, Any] | None = None, **more: Any) -> Answer:
    """Send one request to an application of its own, and return the answer."""

    async def once() -> Answer:
        return await call(http.application(APPS, box or Box(), **(settings or {})), *arguments, **more)

    return asyncio.run(once())


def test_e5_a_signed_delivery_is_stored_whole_and_then_answered_202() -> None:
    box, given = Box(), headers()
    answer = sent(given=given, box=box, settings={"clock": lambda: 17.5})
    [delivery] = box.stored
    assert (answer.status, answer.text) == (202, "stored")
    assert (delivery.guid, delivery.event, delivery.body) == (given["x-github-delivery"], EVENT, BODY)
    assert (delivery.app, delivery.content_type, delivery.secret) == ("acme", "application/json", 0)
    assert delivery.received == 17.5


def test_the_same_bytes_have_one_digest_whatever_their_guid_and_it_signs_nothing() -> None:
    box = Box()
    other = BODY + b" "
    for body in (BODY, BODY, other):
        sent(body, headers(body), box=box)
    first, replayed, another = (item.digest for item in box.stored)
    assert first == replayed != another
    assert len({item.guid for item in box.stored}) == 3
    assert first.hex() not in signature(BODY)


# Each row: headers that are changed, the body, the status, whether it is stored.
ROWS: dict[str, tuple[dict[str, str | None], bytes, int, bool]] = {
    "signed by the former secret": ({"x_hub_signature_256": signature(BODY, FORMER)}, BODY, 202, True),
    "a form": (
        {"content_type": "application/x-www-form-urlencoded; charset=utf-8", "x_hub_signature_256": signature(FORM)},
        FORM,
        202,
        True,
    ),
    "without the id of an App": ({"x_github_hook_installation_target_id": None}, BODY, 202, True),
    "a ping": ({"x_github_event": "ping"}, BODY, 200, False),
    "an event that nobody has heard of": ({"x_github_event": "future_thing"}, BODY, 202, False),
    "no signature": ({"x_hub_signature_256": None}, BODY, 401, False),
    "an empty signature": ({"x_hub_signature_256": ""}, BODY, 401, False),
    "a forged signature": ({"x_hub_signature_256": signature(BODY, "guessed")}, BODY, 401, False),
    "a truncated signature": ({"x_hub_signature_256": signature(BODY)[:-1]}, BODY, 401, False),
    "a signature in capitals": ({"x_hub_signature_256": signature(BODY).upper()}, BODY, 401, False),
    "a signature without its algorithm": ({"x_hub_signature_256": signature(BODY)[7:]}, BODY, 401, False),
    "a signature that is no ASCII": ({"x_hub_signature_256": "sha256=" + "é" * 64}, BODY, 401, False),
    "SHA-1 alone": (
        {
            "x_hub_signature_256": None,
            "x_hub_signature": "sha1=" + hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest(),
        },
        BODY,
        401,
        False,
    ),
    "another body than the signed one": ({"x_hub_signature_256": signature(BODY)}, BODY + b" ", 401, False),
    "no event": ({"x_github_event": None}, BODY, 400, False),
    "an event with a line break": ({"x_github_event": "ping\nx"}, BODY, 400, False),
    "no GUID": ({"x_github_delivery": None}, BODY, 400, False),
    "a GUID with spaces": ({"x_github_delivery": "1 2"}, BODY, 400, False),
    "a long GUID": ({"x_github_delivery": "a" * 65}, BODY, 400, False),
    "of another App": ({"x_github_hook_installation_target_id": "54321"}, BODY, 400, False),
    "no JSON": ({}, b"Hello, World!", 400, False),
    "nothing at all": ({}, b"", 400, False),
    "a JSON bomb": ({}, BOMB, 400, False),
    "a form without payload": ({"content_type": "application/x-www-form-urlencoded"}, b"a=b", 400, False),
    "no content type": ({"content_type": None}, BODY, 415, False),
    "XML": ({"content_type": "text/xml"}, BODY, 415, False),
    "a length over the cap": ({"content_length": str(http.LARGEST + 1)}, BODY, 413, False),
    "a length that is no number": ({"content_length": "²"}, BODY, 400, False),
    "a negative length": ({"content_length": "-1"}, BODY, 400, False),
    "two ways to tell the length": ({"transfer_encoding": "chunked"}, BODY, 400, False),
}


@pytest.mark.parametrize("name", ROWS)
def test_it_answers(name: str) -> None:
    changed, body, status, stored = ROWS[name]
    box = Box()
    answer = sent(body, headers(body, **changed), box=box)
    assert answer.status == status, answer.text
    assert len(box.stored) == int(stored)
    assert answer.headers.get("connection", "") == ("" if status < 300 or name in SIGNED else "close")


SIGNED = ("of another App", "no JSON", "nothing at all", "a JSON bomb", "a form without payload")


def test_what_is_known_is_answered_200() -> None:
    box, given = Box(), headers()

    async def twice() -> list[Answer]:
        application = http.application(APPS, box)
        return [await call(application, given=given) for _time in range(2)]

    assert [(answer.status, answer.text) for answer in asyncio.run(twice())] == [(202, "stored"), (200, "known")]


def test_an_inbox_that_cannot_be_written_is_503_and_says_when_to_come_again() -> None:
    answer = sent(box=Box(trouble=OSError("disk full")))
    assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert "disk" not in answer.text


def test_one_answer_for_every_wrong_signature() -> None:
    wrong = [None, "", "sha256=" + "0" * 64, "sha1=" + "0" * 40, signature(BODY, "guessed")]
    answers = [sent(given=headers(x_hub_signature_256=text)) for text in wrong]
    assert len({(answer.status, answer.body, str(answer.headers)) for answer in answers}) == 1


@pytest.mark.parametrize("name", sorted(set(http._ONCE) - {"transfer-encoding"}))
def test_a_header_that_stands_twice_is_refused(name: str) -> None:
    box = Box()
    pairs = list(headers().items())
    assert sent(given=[*pairs, (name.title(), dict(pairs)[name])], box=box).status == 400
    assert box.stored == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_only_post_is_heard(method: str) -> None:
    answer = sent(method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/webhook/other", "/webhook/", "/webhook/acme/x", "/", "/metrics"])
def test_there_is_nothing_elsewhere(path: str) -> None:
    assert sent(path=path).status == 404


def test_without_a_name_in_the_path_the_id_tells_the_app() -> None:
    apps = {"one": an_app("one", "1", "first"), "two": an_app("two", "2", "second")}
    box = Box()

    async def to(target: str, secret: str) -> int:
        given = headers(x_github_hook_installation_target_id=target, x_hub_signature_256=signature(BODY, secret))
        return (await call(http.application(apps, box), given=given, path="/webhook")).status

    assert asyncio.run(to("2", "second")) == 202
    assert asyncio.run(to("2", "first")) == 401  # the secret of one App opens nothing for another
    assert asyncio.run(to("3", "first")) == 404
    assert [item.app for item in box.stored] == ["two"]


def test_two_hosts_with_an_app_of_one_id_need_a_name_in_the_path() -> None:
    apps = {name: an_app(name, "12345") for name in ("cloud", "server")}

    async def once(path: str) -> int:
        return (await call(http.application(apps, Box()), path=path)).status

    assert asyncio.run(once("/webhook")) == 404
    assert asyncio.run(once("/webhook/server")) == 202


def test_a_body_without_a_length_is_cut_off_at_the_cap() -> None:
    given = headers(b"x", content_length=None, transfer_encoding="chunked")
    assert sent([b"x" * (1024 * 1024)] * 40, given).status == 413


def test_a_body_as_large_as_the_cap_is_taken() -> None:
    body = b'{"a":"' + b"x" * (http.LARGEST - 8) + b'"}'
    assert len(body) == http.LARGEST
    assert sent(body, headers(body)).status == 202


def test_a_body_that_does_not_end_is_given_up() -> None:
    answer = sent(BODY[:10], headers(BODY), endless=True, settings={"slowest": 0.05})
    assert (answer.status, answer.headers["connection"]) == (408, "close")


def test_a_client_that_hangs_up_leaves_nothing() -> None:
    box = Box()
    assert sent(BODY[:10], headers(BODY), gone=True, box=box).status == 400
    assert box.stored == []


def test_large_bodies_wait_for_each_other_and_all_are_taken() -> None:
    body = b'{"a":"' + b"x" * 400_000 + b'"}'
    box = Box()

    async def many() -> list[Answer]:
        application = http.application(APPS, box)
        return list(await asyncio.gather(*(call(application, body, headers(body)) for _number in range(40))))

    assert {answer.status for answer in asyncio.run(many())} == {202}
    assert len(box.stored) == 40


def test_unsigned_traffic_is_throttled_and_signed_traffic_never() -> None:
    box = Box()

    async def flood() -> tuple[list[int], list[int], int]:
        application = http.application(APPS, box)
        unsigned = [(await call(application, given=headers(x_hub_signature_256=None))).status for _n in range(100)]
        forged = headers(x_hub_signature_256=signature(BODY, "guessed"))
        unsigned += [(await call(application, given=forged)).status for _n in range(5)]
        signed = [(await call(application)).status for _n in range(100)]
        stranger = (await call(application, given=headers(x_hub_signature_256=None), client="192.0.2.8")).status
        return unsigned, signed, stranger

    unsigned, signed, stranger = asyncio.run(flood())
    assert set(unsigned[:20]) == {401}
    assert set(unsigned[25:]) == {429}
    assert set(signed) == {202}  # of the very same address: behind a proxy all are of one
    assert stranger == 401


def test_each_answer_is_told_and_the_event_only_when_it_is_signed() -> None:
    told: list[tuple[Any, ...]] = []

    async def some() -> None:
        application = http.application(APPS, Box(), heard=lambda *what: told.append(what))
        await call(application, given=headers(x_hub_signature_256=signature(BODY, FORMER)))
        await call(application, given=headers(x_github_event="ping"))
        await call(application, given=headers(x_github_event="planted", x_hub_signature_256=None))
        await call(application, path="/webhook/other")

    asyncio.run(some())
    assert told == [
        ("acme", "deployment_protection_rule", 202, 1),
        ("acme", "ping", 200, 0),
        ("acme", "", 401, None),
        ("", "", 404, None),
    ]


def test_addresses_that_github_does_not_name_are_refused_once_the_ranges_are_known() -> None:
    def read() -> list[str]:
        return ["198.51.100.0/24"]

    origins = Origins(["10.0.0.0/8"], read)
    given = {**headers(), "x-forwarded-for": "198.51.100.9"}

    async def once(client: str, with_header: bool) -> int:
        application = http.application(APPS, Box(), origins=origins)
        return (await call(application, given=given if with_header else headers(), client=client)).status

    assert asyncio.run(once("192.0.2.7", False)) == 202
    origins.refresh()
    assert asyncio.run(once("192.0.2.7", False)) == 403
    assert asyncio.run(once("192.0.2.7", True)) == 403  # its word does not count
    assert asyncio.run(once("10.1.2.3", True)) == 202
    assert asyncio.run(once("198.51.100.9", False)) == 202


def test_ranges_are_read_while_the_application_runs_and_failures_end_nothing() -> None:
    read: list[int] = []

    def ranges() -> list[str]:
        read.append(1)
        raise Failure(Kind.TIMEOUT, tried="Reading the ranges")

    async def live() -> int:
        application = http.application(APPS, Box(), origins=Origins(read=ranges))
        async with application.router.lifespan_context(application):
            while not read:
                await asyncio.sleep(0.01)
            return (await call(application)).status

    assert asyncio.run(live()) == 202


def test_what_was_handed_in_is_written_before_the_application_ends() -> None:
    box = Box()

    async def live() -> int:
        application = http.application(APPS, box)
        async with application.router.lifespan_context(application):
            answer = asyncio.create_task(call(application))
            await asyncio.sleep(0)
        return (await answer).status

    assert asyncio.run(live()) == 202
    assert len(box.stored) == 1
