"""Every module keeps its contract: the same stages, on both paths, for each case in `cases/`.

In: a case. Out: it refuses what is wrong before anything is sent, predicts in check mode, creates, repairs, updates and
deletes, writes nothing when there is nothing to write, and answers the same on both paths. Never here: a module's name.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import extent, search
from tests.contract.case import Bad, Case, Drift, all_cases
from tests.contract.story import Story, Told, telling
from tests.contract.world import World
from tests.sandbox.sandbox import CHECKOUT

CASES = all_cases()


def test_every_module_has_a_case() -> None:
    modules = {path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.py")}
    assert {case.module for case in CASES} == modules


@pytest.mark.parametrize("case", CASES, ids=[case.module for case in CASES])
def test_contract(case: Case, both: dict[str, World], tmp_path: Path) -> None:
    walked = {path: both[path] for path in extent.paths_of_stages()}
    audit = next(iter(walked.values())).side.sandbox.audit.mark()
    with telling(case, walked, tmp_path) as story:
        for bad in case.bad:
            _refuses(story, bad)
        if case.reads_only:
            _reads(story)
        else:
            _writes(story)
        for world, begun, playing in zip(story.worlds, story.begun, story.playings, strict=True):
            assert world.side.unlogged(begun, audit) == []
            tokens = {"token": world.cloudflare.token, "token of the account": world.side.token}
            tokens["Git token"] = world.git.token
            tokens["Authentik token"] = world.authentik.token
            tokens |= {f"GitHub token {number}": value for number, value in enumerate(world.github.access.tokens)}
            assert search.found(search.run_places(playing), tokens) == []


def _writes(story: Story) -> None:
    _brings_about(story, "create")
    for drift in story.case.drifts:
        _repairs(story, drift)
    if story.case.update:
        for told in _brings_about(story, "update"):
            _shows(told, story.case.update_shows(told.world))
    if story.case.back_shows:
        for told in _brings_about(story, "back from the update"):
            _shows(told, story.case.back_shows(told.world))
    if story.case.absent is None:
        return
    _brings_about(story, "delete")
    if story.case.left:
        assert story.outside(story.case.left) == [[] for _world in story.worlds]
    for told in story.last:
        assert story.case.emptied(told.answer.result[story.case.key]), told.text


def _refuses(story: Story, bad: Bad) -> None:
    """A wrong argument is one sentence with a kind; nothing is sent, or where it takes a look, nothing is written."""
    story.outside(bad.prepare)
    for told in _told(story, f"bad arguments: {bad.why}"):
        assert told.answer.ended == "failed", told.text
        assert not told.answer.changed, told.text
        assert [word for word in bad.words if word not in told.answer.msg] == [], told.text
        assert told.answer.kind, told.text
        assert "\n" not in told.answer.msg, told.text
        assert (told.writes if bad.looks else told.sent) == [], (bad.why, told.sent)


def _brings_about(story: Story, stage: str) -> list[Told]:
    """Check mode predicts and writes nothing; the task does what was predicted; again, it does nothing."""
    predicted = _told(story, f"check before {stage}")
    for told in predicted:
        assert told.answer.ended == "ok", told.text
        assert told.answer.changed, told.text
        assert told.writes == [], told.text
    done = _told(story, stage)
    for told in done:
        assert told.answer.ended == "ok", told.text
        assert told.answer.changed, told.text
        assert told.writes, told.text
    for before, told in zip(predicted, done, strict=False):
        _as_predicted(before, told)
    for told in _told(story, f"again after {stage}"):
        _did_nothing(told)
    return done


def _repairs(story: Story, drift: Drift) -> None:
    story.outside(drift.happens)
    for told in _brings_about(story, f"drift: {drift.why}"):
        _shows(told, drift.shows(told.world))


def _reads(story: Story) -> None:
    for stage in ("check", "read"):
        for told in _told(story, stage):
            _did_nothing(told)
            assert told.sent or story.case.files, told.text
            found = str(told.answer.result[story.case.key])
            assert [word for word in story.case.found(told.world) if word not in found] == [], told.text


def _did_nothing(told: Told) -> None:
    assert told.answer.ended == "ok", told.text
    assert not told.answer.changed, told.text
    assert told.answer.diff == [], told.text
    assert told.answer.steps == [], told.text
    assert told.writes == [], told.text


def _as_predicted(before: Told, told: Told) -> None:
    """What was done is what check mode had announced: the same changes, and at least the same steps."""
    announced, done = (each.comparable("diff")["diff"] for each in (before, told))
    assert announced == done, told.text
    for change in told.answer.diff:
        assert change["before"] != change["after"], change
    foreseen, taken = (each.comparable("steps")["steps"] for each in (before, told))
    assert [step for step in foreseen if step not in taken] == [], told.answer.steps


def _shows(told: Told, words: tuple[str, ...]) -> None:
    shown = str(told.answer.diff)
    assert [word for word in words if word not in shown] == [], told.text


def _told(story: Story, stage: str) -> list[Told]:
    """Run the next task; what both sides answer is the same but for names, ids and times."""
    told = story.tell()
    first, *others = (each.comparable(story.case.key) for each in told)
    assert [other for other in others if other != first] == [], f"{stage}: {told[0].text}"
    return told
