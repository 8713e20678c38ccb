"""The command line: what each command prints, and 0 for well, 1 for not, 2 for a wrong call."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from services.gate.__main__ import main, parser
from services.gate.inbox import State
from tests.unit.services.gate.recorded import NOW, POLICY, Seen, a_store

_CASES = """\
version: 1
cases:
  - name: a push to staging is for nobody
    at: 2026-11-27T10:00+01:00
    delivery: {repository: acme-corp/web-shop, environment: staging, event: push}
    expect: %s
"""
_COMMANDS = ("serve", "lint", "test", "schema", "simulate", "explain", "pending", "replay", "decide", "override")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    return a_store(tmp_path)


@pytest.fixture
def run(seen: Seen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("APHEX_GATE_CONFIG", str(seen.config))

    def run_it(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments, NOW.timestamp)
        out, err = capsys.readouterr()
        return code, out, err

    return run_it


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert not [name for name in _COMMANDS if f"    {name} " not in said]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["guess"],
        ["simulate", "--at", "tomorrow"],
        ["decide", "1", "defer", "--reason", "x"],
        ["decide", "1", "approve"],
        ["override", "web-shop", "production", "--for", "1h", "--reason", "x"],
        ["override", "acme-corp/web-shop", "production", "--for", "1 hour", "--reason", "x"],
        ["override", "acme-corp/web-shop", "production", "--for", "1h", "--reason", " "],
    ],
)
def test_a_wrong_call_is_told_apart_from_a_failure(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(arguments)
    assert ended.value.code == 2


def test_a_configuration_that_is_not_there_is_one_sentence(run: Run) -> None:
    code, out, err = run("pending", "--config", "/nowhere/gate.yaml")
    assert (code, out) == (1, "")
    assert err == "/nowhere/gate.yaml: it cannot be read: No such file or directory. Check its path and its rights.\n"


def test_a_configuration_is_checked_without_serving(run: Run, seen: Seen) -> None:
    assert run("serve", "--check")[0] == 0
    (seen.folder / "key").write_text("no key", encoding="utf-8")
    text = seen.config.read_text(encoding="utf-8")
    seen.config.write_text(text.replace("secret_files", "key_file: key, secret_files"), encoding="utf-8")
    code, _out, err = run("serve", "--check")
    assert code == 1
    assert "it is no RSA private key in PEM form" in err


def test_pending_tells_what_waits_and_what_is_dead(run: Run, seen: Seen) -> None:
    code, out, _err = run("pending")
    assert code == 0
    assert "acme-corp/web-shop → production" in out
    assert "the freeze black-friday ends on" in out
    data = json.loads(run("pending", "--format", "json")[1])
    assert {item["entry"]: item["state"] for item in data} == {seen.waiting: "deferred", seen.dead: "dead"}


def test_lint_names_file_line_and_remedy(run: Run, seen: Seen) -> None:
    policy = str(seen.folder / "policy.yml")
    assert run("lint", policy)[0] == 0
    wrong = POLICY.replace("calendar: business", "calendar: busyness")
    (seen.folder / "policy.yml").write_text(wrong, encoding="utf-8")
    code, out, _err = run("lint", policy)
    assert code == 1
    assert "policy.yml:17" in out
    assert "There are: business" in out


def test_cases_beside_a_policy_are_run(run: Run, seen: Seen, tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    folder.mkdir()
    shutil.copy(seen.folder / "policy.yml", folder)
    (folder / "staging.cases.yml").write_text(_CASES % "reject", encoding="utf-8")
    assert run("test", str(folder))[:2] == (0, _table("ok") + "1 cases, 0 failed.\n")
    assert run("test", str(folder / "policy.yml"))[0] == 0
    (folder / "staging.cases.yml").write_text(_CASES % "approve", encoding="utf-8")
    code, out, _err = run("test", str(folder))
    assert code == 1
    assert "the verdict is reject, expected approve" in out


def _table(result: str) -> str:
    return f"CASE                 RESULT  WHAT\nstaging.cases.yml:3  {result}      a push to staging is for nobody\n"


def test_a_policy_without_a_case_is_not_taken_for_tested(run: Run, seen: Seen) -> None:
    code, _out, err = run("test", str(seen.folder / "policy.yml"))
    assert code == 1
    assert "no file *.cases.yml beside it" in err


def test_the_schema_is_one(run: Run) -> None:
    code, out, _err = run("schema")
    assert (code, json.loads(out)["$schema"]) == (0, "https://json-schema.org/draft/2020-12/schema")


def test_a_simulation_shows_what_would_differ(run: Run, seen: Seen) -> None:
    code, out, _err = run("simulate", "--at", "2026-12-02T10:00+01:00")
    assert code == 0
    assert "2 verdicts judged again, 1 would differ (1 from defer to approve)." in out
    stricter = seen.folder / "new.yml"
    stricter.write_text(POLICY.replace("event: schedule", "event: release"), encoding="utf-8")
    data = json.loads(run("simulate", "--policy", str(stricter), "--format", "json")[1])
    [changed] = data["changed"]
    assert (changed["was"]["outcome"], changed["would_be"]["outcome"]) == ("approve", "reject")


def test_a_simulation_of_a_file_is_that_of_its_store(run: Run, seen: Seen) -> None:
    exported = seen.folder / "events.jsonl"
    exported.write_text(run("audit", "export")[1], encoding="utf-8")
    at = ("simulate", "--at", "2026-12-02T10:00+01:00")
    assert run(*at, "--events", str(exported)) == run(*at)
    assert run("audit", "verify", "--events", str(exported)) == run("audit", "verify")
    exported.write_text("{}\n", encoding="utf-8")
    code, _out, err = run(*at, "--events", str(exported))
    assert code == 1
    assert "events.jsonl:1: it is no audit record" in err


@pytest.mark.parametrize("which", ["guid-waiting", "entry"])
def test_explain_takes_a_guid_or_an_entry(run: Run, seen: Seen, which: str) -> None:
    code, out, _err = run("explain", which if which != "entry" else str(seen.waiting))
    assert code == 0
    assert "NO       nightly-is-automatic (policy.yml:10): is passed over" in out
    assert "YES      production (policy.yml:14): counts" in out
    assert "the freeze black-friday ends on 2026-11-30 at 23:00 UTC" in out
    assert "Verdict: defer until 2026-11-30 23:00:00 UTC by the rule production" in out


def test_explain_of_what_nobody_knows_says_where_to_look(run: Run) -> None:
    code, _out, err = run("explain", "guid-unknown")
    assert code == 1
    assert "`aphex-gate pending`" in err


def test_replay_wakes_what_waits_and_what_is_dead_and_refuses_what_is_settled(run: Run, seen: Seen) -> None:
    assert run("replay", "guid-waiting")[0] == 0
    assert run("replay", str(seen.dead))[0] == 0
    states = {number: entry.state for number in (seen.waiting, seen.dead) if (entry := seen.inbox.entry(number))}
    assert states[seen.dead] == State.RECEIVED
    assert {entry.number for entry in seen.inbox.entries() if entry.not_before <= NOW.timestamp()} == {
        seen.waiting,
        seen.dead,
    }
    code, _out, err = run("replay", "guid-approved")
    assert code == 1
    assert "Run the workflow again for another decision" in err


def test_an_override_is_recorded_with_who_and_why_and_wakes_what_waits(run: Run, seen: Seen) -> None:
    place = ("override", "acme-corp/web-shop", "production")
    assert run(*place, "--for", "31d", "--reason", "INC-1")[0] == 1
    code, out, _err = run(*place, "--for", "2h", "--reason", "INC-1: the fix", "--actor", "mona")
    assert code == 0
    assert "1 waiting entries are judged again" in out
    [record] = seen.inbox.records(where={"kind": "override"})
    assert (record.actor, record.reasons, record.environment) == ("mona", ("INC-1: the fix",), "production")


def test_a_token_that_was_pasted_into_a_reason_is_not_written_down(run: Run, seen: Seen) -> None:
    token = "ghp_" + "a1B2" * 9
    given = ("override", "acme-corp/web-shop", "production", "--for", "2h", "--reason", f"with {token}")
    assert run(*given)[0] == 0
    assert token not in run("audit", "export")[1] + repr(seen.inbox.overrides(NOW.timestamp()))


def test_a_broken_chain_is_found(run: Run, seen: Seen) -> None:
    code, out, _err = run("audit", "verify")
    newest = seen.inbox.newest(1)[0]
    assert (code, out) == (0, f"3 records hold. The newest is 3, with the hash {newest.hash}.\n")
    exported = run("audit", "export")[1]
    broken = seen.folder / "broken.jsonl"
    broken.write_text(exported.replace('"answer":"approved"', '"answer":"rejected"'), encoding="utf-8")
    code, _out, err = run("audit", "verify", "--events", str(broken))
    assert code == 1
    assert err == "The chain breaks at record 2: it was altered after it was written.\n"
