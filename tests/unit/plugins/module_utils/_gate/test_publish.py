"""A policy in a folder: what is written, what goes, and what is told of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Outcome, Runtime, reconcile
from ansible_collections.aphex.platform.plugins.module_utils._gate.publish import PolicyFiles, use_case

STAGING = "version: 1\nrules:\n  - {name: staging, match: {environment: staging}, decision: approve}\n"
CASES = """version: 1
cases:
  - {name: free, at: "2026-03-02T10:00:00Z", delivery: {repository: a/b, environment: staging}, expect: approve}
"""
STRICT = STAGING.replace("approve", "reject")
NOTHING = {"src": None, "content": None, "config_map": None, "folder": None, "state": "present", "adopt": False}


def _run(check: bool = False, **params: Any) -> tuple[Outcome, Any]:
    runtime = Runtime(now=lambda: 0.0, check=check)
    products: dict[str, Any] = {"files": PolicyFiles.connect({}, runtime), "kubernetes": None}
    wanted = use_case({**NOTHING, **params}, products, runtime)
    outcome = reconcile(wanted, products, runtime)
    return outcome, wanted.result(outcome)


def test_a_policy_that_is_linted_alone_changes_nothing(tmp_path: Path) -> None:
    outcome, result = _run(content={"a.yml": STAGING})
    assert not outcome.plan.changed
    assert result["rules"] == [{"name": "staging", "decision": "approve", "mode": "enforce"}]
    assert result["added"] == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_holds_the_policy_and_no_other(tmp_path: Path) -> None:
    folder, source = tmp_path / "etc", tmp_path / "source"
    source.mkdir()
    (source / "a.yml").write_text(STAGING, encoding="utf-8")
    (source / "a.cases.yml").write_text(CASES, encoding="utf-8")
    folder.mkdir()
    (folder / "former.yml").write_text(STAGING.replace("staging", "former"), encoding="utf-8")
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    outcome, result = _run(src=[str(source)], folder=str(folder))
    assert sorted(os.listdir(folder)) == ["a.yml", "notes.txt"]
    assert result["cases"] == 1
    assert (result["added"], result["removed"]) == (["staging"], ["former"])
    assert [entry["after"].get("rules", {}).keys() for entry in outcome.plan.diff] == [{"staging"}, set()]
    assert not _run(src=[str(source)], folder=str(folder))[0].plan.changed


def test_a_changed_rule_is_told_and_in_check_mode_not_written(tmp_path: Path) -> None:
    _run(content={"a.yml": STAGING}, folder=str(tmp_path))
    outcome, result = _run(check=True, content={"a.yml": STRICT}, folder=str(tmp_path))
    [told] = outcome.plan.diff
    assert told["before"]["rules"]["staging"]["decision"] == "approve"
    assert told["after"]["rules"]["staging"]["decision"] == "reject"
    assert result["changed"] == ["staging"]
    assert (tmp_path / "a.yml").read_text(encoding="utf-8") == STAGING


def test_a_folder_is_left_without_its_policy(tmp_path: Path) -> None:
    _run(content={"a.yml": STAGING}, folder=str(tmp_path))
    outcome, result = _run(state="absent", folder=str(tmp_path))
    assert outcome.plan.changed
    assert result is None
    assert list(tmp_path.iterdir()) == []


def test_every_problem_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    broken = STAGING + "  - {name: b, decision: perhaps}\n  - {name: c, decision: never}\n"
    with pytest.raises(Failure, match=r"a[.]yml:4.*1 more at a[.]yml:5"):
        _run(content={"a.yml": broken}, folder=str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_a_policy_that_fails_its_cases_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"a[.]cases[.]yml:3.*reject, expected approve"):
        _run(content={"a.yml": STRICT, "a.cases.yml": CASES}, folder=str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_a_warning_is_told_and_keeps_nothing_back(tmp_path: Path) -> None:
    unused = STAGING + "groups: {release: {users: [ann]}}\n"
    assert [item["line"] for item in _run(content={"a.yml": unused})[1]["warnings"]] == [4]


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(STAGING, encoding="utf-8")
    with pytest.raises(Failure, match=r"a[.]yml: it is given twice"):
        _run(content={"a.yml": STAGING}, src=[str(tmp_path)])
