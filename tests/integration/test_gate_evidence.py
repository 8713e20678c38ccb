"""Does a policy that asks GitHub for evidence let through what has it, and nothing else?

In: commits, checks, reviews and teams at the GitHub stand-in, a policy that wants all of them. Out: what the real
process decided, with the reason that people read. Never here: a look-up by itself (`unit/.../test_evidence.py`).
"""

from __future__ import annotations

from pathlib import Path

from tests.integration.gate import REPOSITORY, Gate, a_gate, a_github, decided, eventually, run_of
from tests.sandbox.standins.github import GitHub

POLICY = """
version: 1
groups: {release: {teams: [acme-corp/release]}}
rules:
  - name: production
    match: {environment: production}
    require:
      - actor: {in: release}
      - signed_commits: true
      - checks: {names: [build, scan], wait: 30m}
      - approvals: {count: 1, from: release, source: [pr_review]}
    decision: approve
"""
ONCE = "30d"


def there(github: GitHub) -> None:
    """A team of two and somebody outside of it; the App hears of what may settle a requirement."""
    github.add_team("acme-corp", "release")
    for login in ("ann", "cy"):
        github.add_owner(login, "User")
    for login in ("olga", "ann"):
        github.directory.join_team("acme-corp", "release", login)
    github.subscribe(["check_run", "pull_request_review", "status"])


def change(
    github: GitHub, signed: bool = True, build: str | None = "success", reviewer: str = "ann"
) -> tuple[str, int]:
    """Make a commit of olga's with pull request, checks and review; returns its id and the pull request's number."""
    sha = github.commits.add(REPOSITORY, verified=signed)
    number = github.pulls.add(REPOSITORY, [sha])
    github.checks.check(REPOSITORY, sha, "build", build)
    github.checks.status(REPOSITORY, sha, "scan", "success")
    github.pulls.review(REPOSITORY, number, reviewer)
    return sha, number


def deploy(github: GitHub, sha: str, by: str = "olga") -> int:
    return int(github.start_run(REPOSITORY, ["production"], sha=sha, by=by)["id"])


def waits(gate: Gate, run: int) -> str:
    """Wait until the gate has written down that a run waits; returns why it does."""
    found = eventually(lambda: gate.records(run, "deferred"))
    assert found, gate.said()[-3000:]
    return " ".join(found[-1].reasons)


def ended(github: GitHub, run: int) -> tuple[list[str], str]:
    """Wait until a run is decided; returns how, and what people read of it."""
    assert eventually(lambda: decided(github, run))
    return decided(github, run), str(run_of(github, run)["reviews"][-1]["comment"])


def test_what_has_the_evidence_is_approved_and_what_lacks_it_waits_or_is_refused(tmp_path: Path) -> None:
    with a_github() as github, a_gate(tmp_path, github, POLICY, recover_every=ONCE) as gate:
        there(github)
        good = deploy(github, change(github)[0])
        unsigned = deploy(github, change(github, signed=False)[0])
        red = deploy(github, change(github, build="failure")[0])
        outsider = deploy(github, change(github)[0], by="cy")
        built, _number = change(github, build=None)
        building = deploy(github, built)
        newer, number = change(github, reviewer="cy")
        unseen = deploy(github, newer)
        assert ended(github, good)[0] == ["approved"]
        for run, words in (
            (unsigned, "no signature that GitHub could verify"),
            (red, "the check build ended with failure"),
            (outsider, "cy may not start it"),
        ):
            how, said = ended(github, run)
            assert (how, words in said) == (["rejected"], True), said
        assert "the check build still runs" in waits(gate, building)
        # Who is outside the team, and who has written it, approve nothing.
        github.pulls.review(REPOSITORY, number, "olga")
        assert "1 more approval is wanted" in waits(gate, unseen)
        assert decided(github, building) == decided(github, unseen) == []
        github.checks.check(REPOSITORY, built, "build", "success")
        github.pulls.review(REPOSITORY, number, "ann")
        assert [ended(github, run)[0] for run in (building, unseen)] == [["approved"], ["approved"]]


def test_a_review_of_an_earlier_commit_approves_no_later_one(tmp_path: Path) -> None:
    with a_github() as github, a_gate(tmp_path, github, POLICY, recover_every=ONCE) as gate:
        there(github)
        _seen, number = change(github)
        later, _other = change(github, reviewer="cy")
        github.pulls.grow(REPOSITORY, number, later)
        run = deploy(github, later)
        assert "1 more approval is wanted" in waits(gate, run)
        assert decided(github, run) == []
        github.pulls.review(REPOSITORY, number, "ann")
        assert ended(github, run)[0] == ["approved"]


def test_what_cannot_be_found_out_is_never_approved(tmp_path: Path) -> None:
    with a_github() as github, a_gate(tmp_path, github, POLICY, recover_every=ONCE) as gate:
        there(github)
        runs: dict[int, str] = {}
        for row, path, words in (
            ("permission", "/commits/{sha}$", "Resource not accessible by integration"),
            ("gone", "/commits/{sha}/check-runs$", "Not Found"),
            ("server error", "/commits/{sha}/status$", "Server Error"),
            ("unavailable", "/commits/{sha}/pulls$", "Service unavailable"),
            ("allow list", "/pulls/{number}/reviews$", "IP allow list"),
        ):
            sha, number = change(github)
            github.refusals.order(row, path.format(sha=sha, number=number), "GET", times=1000)
            runs[deploy(github, sha)] = words
        for run, words in runs.items():
            assert words in waits(gate, run)
        # The team is the same for all.
        github.refusals.order("gone", "/teams/release/members$", "GET", times=1000)
        last = deploy(github, change(github)[0])
        assert "Not Found" in waits(gate, last)
        assert [decided(github, run) for run in (*runs, last)] == [[]] * 6
        # It was that alone: once GitHub answers, and says that something has happened, all of them go.
        github.refusals.clear()
        github.checks.status(REPOSITORY, github.commits.add(REPOSITORY), "scan", "success")
        assert [ended(github, run)[0] for run in (*runs, last)] == [["approved"]] * 6
