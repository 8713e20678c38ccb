"""The connection: what cannot work is told at once, lists are read to their end, errors are one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._authentik.client import AuthentikFailure
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from tests.sandbox.faults import Fault, Match
from tests.sandbox.standins.server import Answer
from tests.unit.plugins.module_utils._authentik.conftest import World

GROUPS = "/core/groups/"


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"url": None}, "authentik_url: it is not set"),
        ({"url": "auth.example.org"}, "no http or https URL"),
        ({"url": "https://ann:secret@auth.example.org"}, "no http or https URL"),
        ({"token": None}, "authentik_token"),
        ({"token": Sensitive("CANARY with blanks")}, "blanks"),
        ({"read_timeout": 0.0}, "authentik_timeout"),
    ],
)
def test_what_cannot_work_is_told_before_any_request(world: World, given: dict[str, Any], word: str) -> None:
    with pytest.raises(Failure) as caught:
        world.client(**given).get(GROUPS, tried="Reading")
    assert caught.value.kind is Kind.INVALID
    assert word in caught.value.sentence()
    assert "CANARY" not in caught.value.sentence()
    assert world.requests() == []


def test_the_path_of_the_api_may_be_part_of_the_address(world: World) -> None:
    client = world.client(url=f"{world.standin.url}/api/v3/")
    assert len(client.list(GROUPS, {}, tried="Reading")) == 1


def test_a_list_is_read_to_its_end(world: World) -> None:
    for number in range(250):
        world.standin.add_group(f"group-{number}")
    found = world.client().list(GROUPS, {}, tried="Reading")
    assert len({item["name"] for item in found}) == 251
    assert world.requests() == [f"GET {GROUPS}"] * 3


def test_a_wrong_token_is_a_right_that_is_missing(world: World) -> None:
    with pytest.raises(Failure) as caught:
        world.client(token=Sensitive("CANARY")).get(GROUPS, tried="Reading the groups")
    assert caught.value.kind is Kind.DENIED
    assert caught.value.status == 403
    assert "Token invalid/expired. Check authentik_token" in caught.value.sentence()
    assert "CANARY" not in caught.value.sentence()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (
            400,
            b'{"name": ["This field is required."], "code": "invalid"}',
            Kind.INVALID,
            "name: This field is required",
        ),
        (400, b'{"non_field_errors": ["Either path."]}', Kind.INVALID, ": Either path."),
        (400, b'{"redirect_uris": [{"url": ["No."]}]}', Kind.INVALID, "redirect_uris: {'url': ['No.']}"),
        (404, b'{"detail": "No Group matches the given query."}', Kind.MISSING, "No Group matches"),
        (409, b"{}", Kind.CONFLICT, "Authentik answered 409"),
        (302, b"", Kind.BROKEN, "It redirects"),
        (200, b"<html></html>", Kind.BROKEN, "no JSON"),
        (200, b'"text"', Kind.BROKEN, "none of Authentik's"),
    ],
)
def test_each_answer_has_its_kind_and_its_words(
    world: World, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, kind: Kind, words: str
) -> None:
    monkeypatch.setattr(world.standin, "answer", lambda request: Answer(status, body))
    with pytest.raises(AuthentikFailure) as caught:
        world.client().get(GROUPS, tried="Reading the groups")
    assert (caught.value.kind, words in caught.value.sentence()) == (kind, True), caught.value.sentence()
    assert "\n" not in caught.value.sentence()


def test_one_that_is_starting_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.standin, "answer", lambda request: Answer(503, b""))
    with pytest.raises(AuthentikFailure) as caught:
        world.client().get(GROUPS, tried="Reading the groups")
    assert "/-/health/ready/" in caught.value.sentence()
    assert len(world.requests()) == 5


def test_what_was_made_unanswered_is_found_and_not_made_again(world: World) -> None:
    world.standin.faults.arm(Fault("lost", match=Match("POST")))
    client = world.client()

    def look() -> Any:
        return next(iter(client.list(GROUPS, {"name": "new"}, tried="Looking")), None)

    made = client.post(GROUPS, {"name": "new"}, look=look, tried="Creating")
    assert made["name"] == "new"
    assert world.writes() == [f"POST {GROUPS}"]


def test_what_is_gone_already_is_deleted(world: World) -> None:
    world.client().delete(f"{GROUPS}nothing/", tried="Deleting")
    assert world.writes() == [f"DELETE {GROUPS}nothing/"]
