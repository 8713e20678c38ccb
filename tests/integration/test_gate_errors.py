"""What becomes of a decision when GitHub answers in each of the ways in which it can say no, or nothing?

In: the rows of GitHub's answers to a decision, faults of the network, rights and clocks that do not fit. Out: the state
of the run at GitHub, how often a decision was sent, the reason that people read. Never here: a wait of minutes; what
rests that long is seen to rest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from services.gate.audit import Record
from tests.integration.gate import REPOSITORY, RULE, Gate, a_gate, a_github, decided, eventually, posts, run_of
from tests.sandbox.faults import Fault, Match
from tests.sandbox.standins.github import GitHub
from tests.unit.sandbox.github_client import Client

THE_CALL = f"{RULE}$"
LAST = ("decided", "settled", "dead")
JUST_MINTED = 10.0


@dataclass(frozen=True)
class There:
    """A gate and its GitHub; every row has a run of its own."""

    github: GitHub
    gate: Gate

    def start(self, repository: str = REPOSITORY) -> int:
        return int(self.github.start_run(repository, ["production"])["id"])

    def owner(self, login: str, permissions: dict[str, str] | None = None) -> str:
        """Make an owner with a repository that the App guards; returns the repository's name."""
        name = f"{login}/shop"
        self.github.add_owner(login)
        self.github.add_repository(name)
        self.github.install(self.github.app_id, login, permissions=permissions)
        self.github.guard(name, "production")
        return name

    def last(self, run: int) -> Record:
        """Wait until the audit log says how it ended."""
        found: list[Record] = eventually(lambda: self.gate.records(run, *LAST), 30)
        assert found, (self.gate.records(run), self.gate.said()[-3000:])
        assert len(found) == 1, found
        return found[0]


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    with a_github() as github, a_gate(tmp_path_factory.mktemp("gate"), github, recover_every="30d") as gate:
        yield There(github, gate)


@pytest.mark.parametrize(
    ("row", "sent"),
    [
        ("race", 2),
        ("race in a list", 2),
        ("race in an object", 2),
        ("race in a text", 2),
        ("credentials", 2),
        ("retry after", 2),
        ("too many", 2),
        ("used up", 2),
        ("server error", 2),
        ("bad gateway", 2),
        ("unavailable", 2),
    ],
)
def test_what_may_be_heard_later_is_sent_again_until_it_is(there: There, row: str, sent: int) -> None:
    there.github.refusals.order(row, THE_CALL)
    run = there.start()
    assert there.last(run).kind == "decided"
    assert decided(there.github, run) == ["approved"]
    assert len(posts(there.github, run)) == sent


@pytest.mark.parametrize(
    ("kind", "sent"), [("lost", 1), ("reset", 2), ("timeout", 2), ("garbage", 2), ("500", 2), ("429", 2)]
)
def test_what_was_not_answered_is_looked_after_before_it_is_sent_again(there: There, kind: str, sent: int) -> None:
    there.github.faults.arm(Fault(kind, match=Match("POST", THE_CALL), hold=0.5))
    run = there.start()
    assert there.last(run).kind == "decided"
    assert decided(there.github, run) == ["approved"]
    assert len(posts(there.github, run)) == sent


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("environment", "Environment name is invalid"),
        ("permission", "deployments: write"),
        ("suspended", "This installation has been suspended"),
        ("allow list", "IP allow list"),
    ],
)
def test_what_people_must_mend_is_left_to_them_with_its_reason(there: There, row: str, words: str) -> None:
    there.github.refusals.order(row, THE_CALL, times=1000)
    run = there.start()
    last = there.last(run)
    there.github.refusals.clear()
    assert last.kind == "dead"
    assert words in " ".join((last.answer, *last.reasons))
    assert there.gate.over(run)
    assert decided(there.github, run) == []
    assert len(posts(there.github, run)) == 1


@pytest.mark.parametrize("happens", ["cancelled", "deleted"])
def test_what_was_settled_elsewhere_is_settled(there: There, happens: str) -> None:
    github, runs = there.github, list[int]()
    row, act = {
        "cancelled": ("nothing pending", github.deployments.cancel),
        "deleted": ("gone", github.deployments.delete),
    }[happens]
    github.refusals.order(row, THE_CALL, meanwhile=lambda: eventually(lambda: runs) and act(runs[0]))
    runs.append(there.start())
    assert there.last(runs[0]).kind == "settled"
    assert there.gate.over(runs[0])
    assert len(posts(github, runs[0])) == 1


def test_our_own_word_by_another_replica_is_as_good(there: There) -> None:
    """People are awaited as well, so the run goes on waiting when the App's rule has passed."""
    github, repository = there.github, "acme-corp/crew"
    github.add_repository(repository)
    github.guard(repository, "production")
    github.want_reviewer(repository, "production")
    runs: list[int] = []
    github.refusals.order("reviewed", THE_CALL, meanwhile=lambda: approve(github, repository, runs))
    runs.append(there.start(repository))
    assert there.last(runs[0]).kind == "decided"
    assert run_of(github, runs[0])["status"] == "waiting"
    assert there.gate.over(runs[0])
    assert decided(github, runs[0]) == ["approved"]
    # A later job has to be decided by itself.
    github.go_on(runs[0], "production")
    assert eventually(lambda: decided(github, runs[0]) == ["approved"] * 2)


def approve(github: GitHub, repository: str, runs: list[int]) -> None:
    """Approve as the App, as another replica would."""
    assert eventually(lambda: runs)
    call = Client(github)
    body = {"environment_name": "production", "state": "approved", "comment": "by another"}
    path = f"/repos/{repository}/actions/runs/{runs[0]}{RULE}"
    assert call("POST", path, body, call.installation_token()).status == 204
    call.close()


def test_a_limit_without_a_time_is_waited_for_in_the_store(there: There) -> None:
    repository = there.owner("slow")
    there.github.refusals.order("secondary", THE_CALL)
    run = there.start(repository)
    assert eventually(lambda: posts(there.github, run))
    # Others go on meanwhile: nobody waits with the one that has to.
    assert there.last(there.start()).kind == "decided"
    assert there.gate.open_entries() >= 1
    assert there.gate.records(run, *LAST) == []
    assert len(posts(there.github, run)) == 1


def test_a_repository_that_was_renamed_is_followed(there: There) -> None:
    github = there.github
    repository = there.owner("mover")
    github.refusals.order(
        "bad gateway",
        "/mover/shop/.*/pending_deployments$",
        "GET",
        meanwhile=lambda: github.rename_repository(repository, "store"),
    )
    run = there.start(repository)
    assert there.last(run).kind == "decided"
    assert decided(github, run) == ["approved"]


def test_rights_that_are_missing_and_an_installation_that_is_gone(there: There) -> None:
    github = there.github
    few = there.owner("few", permissions={"metadata": "read", "actions": "read"})
    last = there.last(there.start(few))
    assert last.kind == "dead"
    assert "deployments" in " ".join((last.answer, *last.reasons))
    paused = there.owner("paused")
    github.refusals.order("unavailable", "/access_tokens$", meanwhile=lambda: github.suspend("paused"))
    run = there.start(paused)
    last = there.last(run)
    assert (last.kind, "suspended" in " ".join((last.answer, *last.reasons))) == ("dead", True)
    left = there.owner("left")
    github.refusals.order("unavailable", "/orgs/left/installation", "GET", meanwhile=lambda: github.uninstall("left"))
    last = there.last(there.start(left))
    assert (last.kind, "not installed" in " ".join(last.reasons)) == ("settled", True)


def test_a_clock_that_is_wrong_is_found_out(there: There) -> None:
    """Each owner needs a token of its own, so each clock sees a claim that is signed by ours."""
    github, refused = there.github, dict[float, int]()
    for skew in (90.0, -90.0, 3 * 3600.0, 0.0):
        repository = there.owner(f"skewed{len(refused)}")
        github.clock.shift = skew
        begun = len(github.log.entries())
        assert there.last(there.start(repository)).kind == "decided"
        refused[skew] = sum(entry.status == 401 for entry in github.log.entries()[begun:])
    # A claim is dated back by a minute and ends early, which is enough for a clock ahead of ours by so little.
    assert refused == {90.0: 0, -90.0: 1, 3 * 3600.0: 1, 0.0: 1}


def test_a_token_that_is_not_known_everywhere_yet_is_used_again(there: There) -> None:
    github, repository = there.github, there.owner("replicated")
    github.access.refusals = 1
    run = there.start(repository)
    assert there.last(run).kind == "decided"
    github.access.refusals = 0
    assert len([entry for entry in github.log.entries() if entry.path.endswith("/orgs/replicated/installation")]) == 1


def test_a_token_that_has_ended_is_replaced_unless_the_app_is_gone(there: There) -> None:
    github, gone = there.github, there.owner("revoked")
    for repository in (REPOSITORY, gone):
        assert there.last(there.start(repository)).kind == "decided"
    minted = [entry.at for entry in github.log.entries() if entry.path.endswith("/access_tokens")]
    before = github.access.minted
    # In its first seconds GitHub may not know a token yet everywhere, and it is tried again as it is.
    time.sleep(max(0.0, minted[-1] + JUST_MINTED + 0.5 - time.time()))
    for token in list(github.access.tokens.values()):
        if token.installation is not None:
            # As an hour does, or somebody who revokes it.
            token.expires_at = github.clock.now()
    assert there.last(there.start()).kind == "decided"
    assert github.access.minted == before + 1
    path = f"/{gone}/.*/pending_deployments$"
    github.refusals.order("credentials", path, "GET", meanwhile=lambda: github.uninstall("revoked"))
    last = there.last(there.start(gone))
    assert (last.kind, "not installed" in " ".join(last.reasons)) == ("settled", True)
