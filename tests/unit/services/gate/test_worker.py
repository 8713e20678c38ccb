"""The way of a delivery from the inbox to GitHub: decided once, deferred with a reason, and never lost to an error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._gate import evaluate
from services.gate import audit, decide
from services.gate.inbox import State
from services.gate.worker import Worker
from tests.sandbox.faults import KINDS, Fault, Match
from tests.unit.services.gate.desk import APP, APPROVE, REJECT, REPOSITORY, RULE, Desk, desk

CHECK = """
version: 1
rules:
  - name: main-only
    require: [{when: "event == 'release'"}]
    decision: approve
    else: defer
"""
ON_RUN = """
version: 1
rules:
  - name: known-workflow
    require: [{run: "path == '.github/workflows/deploy.yml'"}]
    decision: approve
"""
ONE_AT_A_TIME = """
version: 1
rules:
  - name: one
    require: [{max_concurrent: 1}]
    decision: approve
"""
FROZEN = """
version: 1
freezes: {f: [{name: winter, from: 2000-01-01, to: 2100-01-01}]}
rules:
  - {name: frozen, require: [{no_freeze: f}], decision: approve}
"""
HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


# One answer for everything that waits


@pytest.mark.parametrize(("policy", "state"), [(APPROVE, "approved"), (REJECT, "rejected")])
def test_e2_a_deployment_is_decided_and_the_record_says_by_what(at: Desk, policy: str, state: str) -> None:
    at.policy = policy
    run = at.start()
    at.work()
    assert at.states(run) == [state]
    assert at.entry().state is State.SETTLED
    [record] = at.inbox.records()
    assert (record.kind, record.rule, record.answer, record.run_id) == (audit.DECIDED, "all", state, run)
    assert record.policy
    assert [told.kind for told in at.told] == [audit.DECIDED]


def test_a_warm_decision_costs_three_calls(at: Desk) -> None:
    at.policy = ON_RUN
    at.start()
    at.work()
    run = at.start()
    at.at.github.log.clear()
    at.work()
    assert at.states(run) == ["approved"]
    assert [(entry.method, entry.path.rpartition("/")[2]) for entry in at.at.github.log.entries()] == [
        ("GET", str(run)),
        ("GET", "pending_deployments"),
        ("POST", RULE[1:]),
    ]


def test_e10_all_jobs_of_a_run_get_one_answer_and_each_its_record(at: Desk) -> None:
    run = at.start(jobs=20)
    at.work()
    assert at.posts() == 1
    assert at.states(run) == ["approved"]
    assert [entry.state for entry in at.entries()] == [State.SETTLED] * 20
    assert sorted(at.kinds()) == [audit.DECIDED] + [audit.SETTLED] * 19
    [decided] = at.inbox.records(where={"kind": audit.DECIDED})
    assert len(set(decided.together)) == 20
    assert {record.deployment_id for record in at.inbox.records()} == set(decided.together)


def test_e10_a_later_job_of_the_run_is_asked_for_and_answered_again(at: Desk) -> None:
    run = at.start()
    at.work()
    at.at.github.go_on(run, "production")
    at.feed()
    at.work()
    assert at.posts() == 2
    assert at.kinds() == [audit.DECIDED, audit.DECIDED]


def test_e1_what_reviewers_still_hold_is_answered_once_by_the_app(at: Desk) -> None:
    at.at.github.want_reviewer(REPOSITORY, "production")
    run = at.start()
    first = at.feed() or at.entries()
    at.work()
    assert len(first) == 1
    late = at.delivery("a-late-one", at.at.lines()[0]["request"]["payload"] | {"organization": {"login": "x"}})
    late = replace(late, body=late.body.replace(b'"deployment":{"id":', b'"deployment":{"id":9'))
    at.inbox.put([late])
    at.work()
    assert at.states(run) == ["approved"]
    assert at.kinds() == [audit.DECIDED, audit.SETTLED]
    assert len(at.inbox.approved(APP, 0)) == 1


@pytest.mark.parametrize("how", ["guid", "body", "deployment"])
def test_what_comes_again_is_decided_once(at: Desk, how: str) -> None:
    at.start()
    payload = at.at.lines()[0]["request"]["payload"]
    guid = at.at.lines()[0]["guid"]
    more = {} if how != "deployment" else {"later": "field"}
    for number in range(100):
        at.inbox.put([at.delivery(guid if how == "guid" else f"{guid}-{number}", payload | more)])
    at.work()
    assert at.posts() == 1
    assert at.kinds().count(audit.DECIDED) == 1
    assert {entry.state for entry in at.entries()} == {State.SETTLED}


def test_a_replay_finds_nothing_pending_and_sends_nothing(at: Desk) -> None:
    run = at.start()
    at.at.github.deployments.cancel(run)
    at.work()
    assert at.posts() == 0
    assert at.entry().said == "our rule waits for nothing there any more: it was settled elsewhere"


def test_a_request_that_is_older_than_github_lets_anything_wait_is_ignored(at: Desk) -> None:
    at.start()
    payload = at.at.lines()[0]["request"]["payload"]
    at.at.github.clock.shift += 31 * DAY
    at.inbox.put([at.delivery("replayed", payload | {"x": 1})])
    entry = at.inbox.entry("replayed")
    at.work()
    assert entry is not None
    assert at.inbox.entry("replayed").state is State.IGNORED  # type: ignore[union-attr]


# Waiting


def test_what_is_deferred_says_why_once_and_is_judged_again(at: Desk) -> None:
    at.policy = FROZEN
    run = at.start()
    at.work()
    assert at.entry().state is State.DEFERRED
    assert [review["state"] for review in at.reviews(run)] == ["pending"]
    assert "the freeze winter" in at.reviews(run)[0]["comment"]
    for _hour in range(3):
        at.wait(DAY)
    assert len(at.reviews(run)) == 1
    assert at.kinds() == [audit.DEFERRED]
    at.policy = APPROVE
    at.inbox.wake(APP, at.at.now())
    at.work()
    assert at.states(run) == ["approved"]


def test_a_signal_wakes_what_waits_before_its_time(at: Desk) -> None:
    at.policy = FROZEN
    run = at.start()
    at.work()
    at.policy = APPROVE
    at.work()
    assert at.states(run) == []
    at.inbox.put([at.delivery("s", {"action": "completed", "repository": {"full_name": REPOSITORY}}, "check_suite")])
    at.work()
    at.wait(3)
    assert at.states(run) == ["approved"]


@pytest.mark.parametrize(
    ("event", "payload", "wakes"),
    [
        ("check_run", {"action": "created", "repository": {"full_name": REPOSITORY}}, False),
        ("check_run", {"action": "completed", "repository": {"full_name": REPOSITORY.upper()}}, True),
        ("status", {"repository": {"full_name": REPOSITORY}}, True),
        ("issues", {"action": "labeled", "repository": {"full_name": REPOSITORY}}, True),
        ("workflow_run", {"action": "completed", "repository": {"full_name": "acme-corp/api-service"}}, False),
        ("deployment_review", {"action": "approved", "repository": {"full_name": REPOSITORY}}, True),
        (
            "deployment_review",
            {"action": "approved", "repository": {"full_name": REPOSITORY}, "workflow_run": {"id": 4}},
            False,
        ),
        ("star", {"action": "created", "repository": {"full_name": REPOSITORY}}, False),
        ("status", b"[", False),
    ],
)
def test_only_what_may_matter_wakes(at: Desk, event: str, payload: Any, wakes: bool) -> None:
    at.policy = FROZEN
    at.start()
    at.work()
    before = at.entry().not_before
    at.inbox.put([at.delivery("signal", payload, event)])
    at.work()
    [waiting] = at.inbox.entries()
    assert (waiting.not_before < before) is wakes
    assert at.inbox.entry("signal").state is State.IGNORED  # type: ignore[union-attr]


def test_what_people_end_meanwhile_is_not_waited_for(at: Desk) -> None:
    at.policy = FROZEN
    run = at.start()
    at.work()
    at.at.github.deployments.cancel(run)
    at.wait(DAY)
    at.inbox.wake(APP, at.at.now())
    at.work()
    assert at.entry().state is State.SETTLED


def test_the_deadline_ends_every_wait(at: Desk) -> None:
    at.policy = FROZEN
    run = at.start()
    at.work()
    at.wait(29 * DAY + 60)
    assert at.states(run) == ["rejected"]
    assert "29 days" in at.reviews(run)[-1]["comment"]


def test_comments_have_a_budget(at: Desk) -> None:
    run = at.start()
    for number in range(decide.MOST_NOTES + 4):
        at.policy = FROZEN.replace("winter", f"winter-{number}")
        at.inbox.wake(APP, at.at.now())
        at.work()
    assert len(at.reviews(run)) == decide.MOST_NOTES
    assert len(at.kinds()) == decide.MOST_NOTES + 4


def test_two_runs_that_are_judged_at_once_do_not_both_get_the_only_place(at: Desk) -> None:
    at.policy = ONE_AT_A_TIME
    # What a reviewer still holds has not ended.
    at.at.github.want_reviewer(REPOSITORY, "production")
    runs = [at.start(), at.start(sha="a" * 40)]
    slow = at.worker("desk/1")
    while any(entry.state is State.RECEIVED for entry in at.entries()):
        slow.run_once()
    intend, others = at.inbox.intend, [at.worker("desk/2")]

    def slowly(*arguments: Any) -> bool:
        # All facts are gathered, and now another worker is faster.
        while others:
            others.pop().run_once()
        return intend(*arguments)

    at.inbox.intend = slowly  # type: ignore[method-assign, assignment]
    slow.run_once()
    assert sorted(at.states(run) for run in runs) == [[], ["approved"]]
    assert sorted(entry.state for entry in at.entries()) == [State.DEFERRED, State.SETTLED]


def test_several_workers_decide_each_run_once(at: Desk) -> None:
    runs = [at.start(jobs=3, sha=f"{number:040x}") for number in range(12)]
    workers = [at.worker(f"desk/{number}") for number in range(4)]

    def work(worker: Worker) -> None:
        while at.inbox.entries():
            worker.run_once()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [at.states(run) for run in runs] == [["approved"]] * 12
    assert at.posts() == 12
    assert at.kinds().count(audit.DECIDED) == 12
    assert len(at.kinds()) == 36
    assert audit.verify(at.inbox.records(), audit.NO_HASH) is None


def test_who_took_so_long_that_another_has_it_sends_nothing(at: Desk) -> None:
    run = at.start()
    slow = at.worker("slow/0")
    slow.run_once()
    intend, others = at.inbox.intend, [at.worker("fast/0")]

    def late(*arguments: Any) -> bool:
        while others:
            at.at.github.clock.shift += 61
            others.pop().run_once()
        return intend(*arguments)

    at.inbox.intend = late  # type: ignore[method-assign, assignment]
    slow.run_once()
    assert at.states(run) == ["approved"]
    assert at.posts() == 1
    assert at.kinds() == [audit.DECIDED]


# Errors: every row of 2.2, of the decision


@pytest.mark.parametrize("row", ["race", "race in a list", "race in an object", "race in a text"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_race_is_settled_by_a_look(at: Desk, row: str, times: int) -> None:
    run = at.start()
    at.at.github.refusals.order(row, RULE, times=times)
    at.work()
    for _hour in range(times):
        at.wait(HOUR)
    assert at.states(run) == ["approved"]
    assert at.kinds()[-1] == audit.DECIDED


@pytest.mark.parametrize("times", [1, 3, 99])
def test_what_github_says_against_itself_is_asked_again_and_not_for_ever(at: Desk, times: int) -> None:
    run = at.start()
    at.at.github.refusals.order("nothing pending", RULE, times=times)
    at.work()
    for _hour in range(8):
        at.wait(HOUR)
    assert at.states(run) == (["approved"] if times < 99 else [])
    assert at.entry().state is State.SETTLED
    assert at.posts() <= 6
    assert len(at.inbox.approved(APP, 0)) == int(times < 99)


@pytest.mark.parametrize("row", ["server error", "bad gateway", "unavailable", "too many", "retry after", "used up"])
def test_what_passes_is_tried_again_until_it_is_decided(at: Desk, row: str) -> None:
    run = at.start()
    at.at.github.refusals.order(row, RULE, times=5)
    at.work()
    for _hour in range(6):
        at.wait(HOUR)
    assert at.states(run) == ["approved"]
    assert at.kinds()[-1] == audit.DECIDED
    assert at.kinds().count(audit.DECIDED) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", [RULE, "pending_deployments", "access_tokens"])
def test_whatever_happens_to_an_answer_it_is_decided_once(at: Desk, kind: str, path: str) -> None:
    run = at.start()
    at.at.github.faults.arm(Fault(kind, match=Match("", path), times=2, hold=0.1))
    at.work()
    for _hour in range(4):
        at.wait(HOUR)
    assert at.states(run) == ["approved"]
    assert at.kinds().count(audit.DECIDED) == 1


@pytest.mark.parametrize("row", ["environment", "permission", "suspended", "allow list"])
def test_what_needs_people_is_dead_with_a_reason(at: Desk, row: str) -> None:
    at.start()
    at.at.github.refusals.order(row, RULE, times=99)
    at.work()
    at.wait(HOUR)
    assert at.entry().state is State.DEAD
    assert at.posts() == 1
    [record] = at.inbox.records()
    assert record.kind == audit.DEAD
    wanted = {"permission": "deployments: write", "environment": "Environment name is invalid"}.get(row, "")
    assert wanted in record.reasons[0]


@pytest.mark.parametrize(
    ("event", "action"), [("installation", "unsuspend"), ("installation", "new_permissions_accepted")]
)
def test_a_mended_installation_has_its_dead_judged_again(at: Desk, event: str, action: str) -> None:
    run = at.start()
    at.at.github.suspend("acme-corp")
    at.work()
    assert at.entry().state is State.DEAD
    at.at.github.suspend("acme-corp", False)
    payload = {"action": action, "installation": {"account": {"login": "Acme-Corp"}}}
    at.inbox.put([at.delivery("mended", payload, event)])
    at.work()
    assert at.states(run) == ["approved"]


def test_a_right_that_was_granted_has_what_waits_for_it_judged_again(at: Desk) -> None:
    github = at.at.github
    at.policy = "version: 1\nrules: [{name: signed, require: [signed_commits: true], decision: approve}]\n"
    github.uninstall("acme-corp")
    github.install(github.app_id, "acme-corp", permissions={"actions": "read", "deployments": "write"})
    run = at.start(sha=github.commits.add(REPOSITORY, verified=True))
    at.work()
    assert at.states(run) == []
    [waits] = at.inbox.entries()
    assert "the App lacks the permission contents: read" in waits.said
    github.accept_permissions("acme-corp", {"contents": "read"})
    at.feed()
    at.work()
    assert at.states(run) == ["approved"]


def test_a_token_that_github_refuses_for_good_ends_with_a_reason_and_not_in_a_loop(at: Desk) -> None:
    at.start()
    at.at.github.refusals.order("credentials", "", "GET", times=10_000)
    at.at.github.refusals.order("credentials", "", "POST", times=10_000)
    for _day in range(12):
        at.work()
        at.at.github.clock.shift += DAY
    assert at.entry().state is State.DEAD
    assert "Bad credentials" in at.entry().said
    assert at.entry().attempts < 12


def test_a_defect_ends_with_people_and_not_in_a_loop(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_facts: object) -> None:
        raise ZeroDivisionError("a word of the payload")

    monkeypatch.setattr(evaluate, "evaluate", broken)
    at.start()
    for _day in range(6):
        with pytest.raises(ZeroDivisionError):
            at.work()
        at.at.github.clock.shift += DAY
    assert at.work() == 0
    assert at.entry().state is State.DEAD
    assert at.entry().said == "a defect of the gate (ZeroDivisionError), see its log"


@pytest.mark.parametrize("how", ["run", "installation"])
def test_what_is_gone_is_settled(at: Desk, how: str) -> None:
    run = at.start()
    if how == "run":
        at.at.github.deployments.delete(run)
    else:
        at.at.github.uninstall("acme-corp")
    at.work()
    assert at.entry().state is State.SETTLED
    assert at.entry().said.startswith("it is gone")


def test_a_limit_holds_for_all_of_the_installation(at: Desk) -> None:
    at.start()
    at.start(sha="b" * 40)
    at.at.github.refusals.order("secondary", RULE, times=99)
    at.work()
    assert at.posts() == 1
    at.at.github.refusals.clear()
    at.wait(120)
    assert at.kinds().count(audit.DECIDED) == 2


def test_look_ups_that_fail_for_good_are_rejected_at_the_deadline(at: Desk) -> None:
    at.policy = ON_RUN
    run = at.start()
    at.at.github.faults.arm(Fault("500", match=Match("GET", f"runs/{run}$"), times=None))
    at.work()
    assert at.entry().state is State.DEFERRED
    assert "the run" in at.entry().said
    at.wait(29 * DAY + 60)
    assert at.states(run) == ["rejected"]


# A worker that dies


def test_a_decision_that_was_heard_before_its_worker_died_is_found_out(at: Desk) -> None:
    run = at.start()
    worker = at.worker("killed/0")
    worker.run_once()

    class Killed(BaseException):
        """The process ends here."""

    def die(*_arguments: Any, **_more: Any) -> bool:
        raise Killed

    close, at.inbox.close = at.inbox.close, die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        worker.run_once()
    at.inbox.close = close  # type: ignore[method-assign]
    assert at.states(run) == ["approved"]
    assert at.entry().state is State.DECIDING
    at.inbox.release("killed")
    at.work()
    assert at.posts() == 1
    [record] = at.inbox.records()
    assert (record.kind, record.rule) == (audit.DECIDED, "all")
    assert "interruption" in record.answer
    assert len(at.inbox.approved(APP, 0)) == 1


def test_a_decision_that_was_not_heard_is_judged_by_the_policy_of_now(at: Desk) -> None:
    run = at.start()
    at.at.github.faults.arm(Fault("reset", match=Match("POST", RULE), times=None))
    at.work()
    assert at.entry().state is State.DECIDING
    at.at.github.faults.clear()
    at.policy = REJECT
    at.wait(HOUR)
    assert at.states(run) == ["rejected"]
    assert at.inbox.approved(APP, 0) == []


def test_a_worker_that_lost_its_lease_writes_nothing(at: Desk) -> None:
    at.start()
    slow = at.worker("slow/0")
    slow.run_once()
    entry = at.inbox.lease("slow/0", at.at.now(), 60)
    assert entry is not None
    at.at.github.clock.shift += 61
    at.work()
    assert not at.inbox.close([entry], State.DEAD, "too late", at.at.now(), [audit.Record(audit.DEAD, 1.0)])
    assert at.kinds() == [audit.DECIDED]


# People, and what cannot be read


@pytest.mark.parametrize(("outcome", "state"), [("approve", "approved"), ("reject", "rejected")])
def test_a_person_decides_what_waits(at: Desk, outcome: str, state: str) -> None:
    at.policy = FROZEN
    run = at.start(jobs=3)
    at.work()
    decision = at.worker("cli").by_hand(at.entries()[0].number, outcome, "olga", "it burns")
    assert decision.state == state
    assert at.states(run) == [state]
    assert "olga: it burns" in at.reviews(run)[-1]["comment"]
    [manual] = at.inbox.records(where={"kind": audit.MANUAL})
    assert (manual.actor, manual.outcome) == ("olga", outcome)
    assert at.inbox.entries() == []
    with pytest.raises(Failure, match="not open"):
        at.worker("cli").by_hand(at.entries()[0].number, outcome, "olga", "again")


@pytest.mark.parametrize(
    ("change", "state", "said"),
    [
        ({"action": "created"}, State.IGNORED, "asks for no decision"),
        (
            {"deployment_callback_url": "https://evil.example.com/repos/a/b/actions/runs/1/x"},
            State.DEAD,
            "none of this API",
        ),
        ({"workflow_run": {"id": 7}}, State.DEAD, "another run"),
        ({"environment": None}, State.DEAD, "no environment"),
    ],
)
def test_what_asks_for_nothing_or_cannot_be_judged_has_a_reason(
    at: Desk, change: dict[str, Any], state: State, said: str
) -> None:
    at.at.start()
    at.inbox.put([at.delivery("odd", at.at.lines()[0]["request"]["payload"] | change)])
    at.work()
    assert at.entry().state is state
    assert said in at.entry().said
    assert at.posts() == 0
    assert len(at.kinds()) == 1


def test_no_secret_comes_into_the_log_the_store_or_a_comment(at: Desk, caplog: pytest.LogCaptureFixture) -> None:
    canary = f"ghs_{'a1B2' * 20}.x.y"
    at.policy = CHECK.replace("else: defer", "else: reject").replace("release", "never")
    run = at.at.start()
    payload = at.at.lines()[0]["request"]["payload"]
    payload["pull_requests"] = [{"title": canary, "body": "It's a Secret to Everybody"}]
    at.policy = at.policy.replace("event == 'never'", "contains(pull_requests[].title, 'x') && `1` > `2`")
    with caplog.at_level(0):
        at.inbox.put([at.delivery("canary", payload)])
        at.work()
    [record] = at.inbox.records()
    for text in (audit.encode(record).decode(), str(at.reviews(run)), caplog.text, str(at.told)):
        assert canary not in text
        assert "Secret to Everybody" not in text
