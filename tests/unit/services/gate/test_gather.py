"""Every fact that a policy may need can be looked up, and what cannot is unknown, each alone, with a reason."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._gate import facts
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import Need, PendingDeployment, Unknown
from services.gate import gather, question
from services.gate.audit import OVERRIDE, Record
from services.gate.gather import Sources
from services.gate.inbox import Approval, Override
from services.gate.payload import parse
from tests.sandbox.faults import KINDS, Fault, Match
from tests.sandbox.standins.server import Answer, Request, StandIn
from tests.unit.services.gate.desk import APP, REPOSITORY, Desk, desk

EVERYTHING = [value for _name, value in inspect.getmembers(facts) if isinstance(value, Need)]
WITH_A_NAME = [facts.members("acme-corp/release"), facts.deployments("staging")]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        made.start(sha="a" * 40)
        yield made


def _pending(at: Desk) -> PendingDeployment:
    return parse(at.entries()[0].delivery, at.at.github.url)


def _sources(at: Desk, *own: int) -> Sources:
    return Sources(at.client(None), at.inbox, APP, at.at.now(), frozenset(own))  # type: ignore[arg-type]


def _look(at: Desk, need: Need, *own: int) -> Any:
    return gather.look_up(_sources(at, *own), _pending(at), need)


def _approved(at: Desk, entry: int, run: int, **more: Any) -> None:
    """Let the gate have approved something, as a worker does."""
    at.inbox.put([at.delivery(f"approved-{entry}", {"x": entry})])
    found = at.inbox.entry(f"approved-{entry}")
    assert found is not None
    leased = at.inbox.take(found.number, "w/0", at.at.now(), 60)
    assert leased is not None
    given = {"owner": "acme-corp", "repository": "web-shop", "environment": "production", "time": at.at.now(), **more}
    at.inbox.intend([leased], "x", Approval(entry=found.number, app=APP, run_id=run, **given))


def test_every_fact_has_a_reader() -> None:
    named = {need.fact for need in (*EVERYTHING, *WITH_A_NAME)} | {"http"}
    assert named == set(gather.READERS)


def test_a_need_that_nobody_knows_is_unknown(at: Desk) -> None:
    found = _look(at, Need("weather", "Rome"))
    assert isinstance(found, Unknown)
    assert "weather of Rome" in found.reason


def test_facts_are_looked_up_side_by_side_and_fail_alone(at: Desk) -> None:
    at.at.github.uninstall("acme-corp")
    at.at.github.install(at.at.github.app_id, "acme-corp", permissions={"actions": "read", "deployments": "write"})
    found = gather.gather(_sources(at), _pending(at), [*EVERYTHING, *WITH_A_NAME])
    assert found.get(facts.RUN)["head_sha"] == "a" * 40
    assert found.get(facts.APPROVED) == []
    assert found.get(facts.deployments("staging")) == []
    for need, right in (
        (facts.CHECKS, "checks: read"),
        (facts.PULLS, "pull_requests: read"),
        (facts.REVIEWS, "pull_requests: read"),
        (facts.COMMIT, "contents: read"),
        (WITH_A_NAME[0], "members: read"),
    ):
        reason = found.get(need)
        assert isinstance(reason, Unknown)
        assert not reason.missing
        assert right in reason.reason


def test_every_fact_is_known_where_the_rights_and_the_things_are_there(at: Desk) -> None:
    github = at.at.github
    github.add_team("acme-corp", "release")
    github.directory.join_team("acme-corp", "release", "olga")
    github.pulls.add(REPOSITORY, ["a" * 40])
    found = gather.gather(_sources(at), _pending(at), [*EVERYTHING, *WITH_A_NAME])
    unknown = {str(need): value for need, value in found.found.items() if isinstance(value, Unknown)}
    assert unknown == {}
    assert found.get(WITH_A_NAME[0]) == ["olga"]


LOOK_UPS = [
    (facts.COMMIT, "/commits/[a-f0-9]+$"),
    (facts.CHECKS, "/check-runs$"),
    (facts.CHECKS, "/status$"),
    (facts.PULLS, "/pulls$"),
    (facts.REVIEWS, "/reviews$"),
    (facts.CHANGED, "/files$"),
    (facts.APPROVALS, "/approvals$"),
    (WITH_A_NAME[0], "/members$"),
    (WITH_A_NAME[1], "/deployments$"),
]


@pytest.mark.parametrize("row", ["permission", "gone", "server error"])
@pytest.mark.parametrize(("need", "path"), LOOK_UPS)
def test_what_github_refuses_to_show_is_unknown_and_not_missing(at: Desk, need: Need, path: str, row: str) -> None:
    at.at.github.pulls.add(REPOSITORY, ["a" * 40])
    at.at.github.refusals.order(row, path, "GET", times=9)
    found = _look(at, need)
    assert isinstance(found, Unknown)
    assert not found.missing


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "429"])
def test_trouble_with_a_look_up_is_unknown(at: Desk, kind: str) -> None:
    at.at.github.faults.arm(Fault(kind, match=Match("GET", r"/runs/[0-9]+$"), hold=0.1))
    found = _look(at, facts.RUN)
    assert isinstance(found, Unknown)
    assert not found.missing
    assert found.reason


@pytest.mark.parametrize("row", ["permission", "suspended", "gone", "server error"])
def test_a_refused_look_up_is_unknown_with_what_github_said(at: Desk, row: str) -> None:
    at.at.github.refusals.order(row, r"/runs/[0-9]+$", "GET", times=9)
    found = _look(at, facts.RUN)
    assert isinstance(found, Unknown)
    assert not found.missing
    wanted = {"permission": "deployments: write", "suspended": "suspended", "gone": "Not Found"}.get(
        row, "Server Error"
    )
    assert wanted in found.reason


def test_a_limit_ends_all_of_them(at: Desk) -> None:
    at.at.github.refusals.order("secondary", "/runs/", "GET", times=9)
    with pytest.raises(Failure) as caught:
        gather.gather(_sources(at), _pending(at), [facts.RUN, facts.APPROVED])
    assert caught.value.kind is Kind.BUSY


@pytest.mark.parametrize("need", [facts.COMMIT, facts.CHECKS, facts.PULLS, facts.REVIEWS, facts.CHANGED])
def test_without_a_commit_nothing_is_known_of_it(at: Desk, need: Need) -> None:
    found = gather.look_up(_sources(at), replace(_pending(at), sha=None), need)
    assert found == Unknown("the delivery names no commit", missing=True)


@pytest.mark.parametrize("ref", [None, "", "refs/tags/v1"])
def test_a_tag_is_no_branch(at: Desk, ref: str | None) -> None:
    found = gather.look_up(_sources(at), replace(_pending(at), ref=ref), facts.BRANCH)
    assert isinstance(found, Unknown)
    assert found.missing


def test_what_was_approved_is_remembered_without_what_is_judged(at: Desk) -> None:
    _approved(at, 1, 7)
    _approved(at, 2, 8, time=at.at.now() - 32 * 24 * 3600)
    own = at.inbox.entry("approved-1")
    assert own is not None
    [found] = _look(at, facts.APPROVED)
    assert (found["repository"], found["owner"], found["environment"], found["run_id"], found["outcome"]) == (
        "acme-corp/web-shop",
        "acme-corp",
        "production",
        7,
        "approve",
    )
    assert _look(at, facts.APPROVED, own.number) == []


def test_what_has_ended_is_active_no_more_and_not_asked_for_again(at: Desk) -> None:
    waiting = at.at.start(sha="b" * 40)
    ended = at.at.start(sha="c" * 40)
    at.at.github.deployments.cancel(ended)
    for number, run in enumerate((waiting, ended, 4)):
        _approved(at, number, run)
    assert [item["run_id"] for item in _look(at, facts.ACTIVE)] == [waiting]
    at.at.github.log.clear()
    assert [item["run_id"] for item in _look(at, facts.ACTIVE)] == [waiting]
    assert at.at.asked("/runs/") == 1


def test_active_is_unknown_when_it_cannot_be_found_out(at: Desk) -> None:
    _approved(at, 1, at.at.start(sha="b" * 40))
    at.at.github.refusals.order("server error", r"/runs/[0-9]+$", "GET", times=9)
    assert isinstance(_look(at, facts.ACTIVE), Unknown)
    assert len(at.inbox.active(APP)) == 1


def test_overrides_are_those_of_this_app_that_last(at: Desk) -> None:
    now = at.at.now()
    for app, expires in ((APP, now + 60), (APP, now - 1), ("other", now + 60)):
        made = Override("olga", "it burns", now, expires, app, "acme-corp", "web-shop", "production")
        at.inbox.add_override(made, Record(OVERRIDE, now))
    [found] = _look(at, facts.OVERRIDES)
    assert (found["by"], found["repository"], found["expires"]) == ("olga", "acme-corp/web-shop", now + 60)


# Another system is asked


class System(StandIn):
    """Answers as it is told, and keeps what it was asked."""

    reply = Answer(200, b'{"status": "approved"}')
    pause = 0.0

    def answer(self, request: Request) -> Answer:
        return self.reply


@pytest.fixture
def system() -> Iterator[System]:
    with System() as made:
        yield made


def _ask(system: System, pending: PendingDeployment, seconds: float = 2.0) -> dict[str, Any]:
    return question.ask(json.dumps({"url": f"{system.url}/api?key=canary", "seconds": seconds}), pending)


PENDING = PendingDeployment("acme", "web", 7, "prod", sha="a" * 40)


def test_a_question_tells_the_deployment_and_its_answer_is_taken_as_it_is(system: System) -> None:
    assert _ask(system, PENDING) == {"status": 200, "body": {"status": "approved"}}
    [asked] = system.log.entries()
    told = json.loads(asked.body)
    assert (told["repository"], told["environment"], told["sha"]) == ("acme/web", "prod", "a" * 40)
    assert "authorization" not in asked.headers


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        (Answer(404, b"{}"), {"status": 404, "body": {}}),
        (Answer(200, b"yes"), {"status": 200, "body": None}),
        (Answer(204), {"status": 204, "body": None}),
        (Answer(302, b"", {"Location": "https://elsewhere.example.com"}), {"status": 302, "body": None}),
        (Answer(200, b"[" * 100_000), {"status": 200, "body": None}),
    ],
)
def test_an_answer_of_another_form_is_told_as_what_it_is(system: System, reply: Answer, wanted: dict[str, Any]) -> None:
    system.reply = reply
    assert _ask(system, PENDING) == wanted
    assert len(system.log.entries()) == 1


@pytest.mark.parametrize("reply", [Answer(500), Answer(503), Answer(429), Answer(200, b"x" * (2 * 1024 * 1024))])
def test_trouble_over_there_is_a_failure_without_the_query(system: System, reply: Answer) -> None:
    system.reply = reply
    with pytest.raises(Failure) as caught:
        _ask(system, PENDING)
    assert caught.value.kind is not Kind.BUSY
    assert "canary" not in caught.value.sentence()


@pytest.mark.parametrize("kind", ["timeout", "reset", "lost"])
def test_no_answer_is_a_failure(system: System, kind: str) -> None:
    system.faults.arm(Fault(kind, hold=1.0))
    with pytest.raises(Failure) as caught:
        _ask(system, PENDING, 0.2)
    assert caught.value.kind in (Kind.TIMEOUT, Kind.BROKEN)
