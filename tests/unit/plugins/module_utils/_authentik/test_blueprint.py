"""Blueprints: made, applied and waited for; the reasons of a failure told; the content never shown."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._authentik.blueprint import Blueprint
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from tests.sandbox.faults import Fault, Match
from tests.unit.plugins.module_utils._authentik.conftest import World

FILE = "mounted/platform/platform.yaml"


def _text(group: str = "platform-admins", **more: Any) -> str:
    entry = f"{{model: authentik_core.group, identifiers: {{name: {group}}}, attrs: {{is_superuser: false}}}}"
    return f"version: 1\nmetadata: {{name: Platform}}\nentries: [{entry}]\n"


def _from_file(**given: Any) -> Blueprint:
    return Blueprint(**{"name": "Platform", "path": FILE, **given})


@pytest.fixture
def mounted(world: World) -> World:
    world.standin.set_file(FILE, _text())
    return world


def _groups(world: World) -> set[str]:
    return {item["name"] for item in world.standin.items("authentik_core.group")}


def test_a_file_is_applied_and_then_costs_two_reads(mounted: World) -> None:
    mounted.standin.reads_until_applied = 3
    outcome, result = mounted.run(_from_file())
    assert [step.verb for step in outcome.done] == ["create", "apply"]
    assert result["status"] == "successful"
    assert "platform-admins" in _groups(mounted)
    mounted.requests()
    outcome, again = mounted.run(_from_file())
    assert outcome.plan.steps == ()
    assert mounted.requests() == ["GET /managed/blueprints/", "GET /managed/blueprints/available/"]
    assert again == result


def test_check_mode_predicts_and_writes_nothing(mounted: World) -> None:
    predicted, result = mounted.run(_from_file(), check=True)
    assert mounted.writes() == []
    assert result["id"] == "(known after apply)"
    assert mounted.run(_from_file())[0].plan.diff == predicted.plan.diff


def test_a_changed_file_is_applied(mounted: World) -> None:
    mounted.run(_from_file())
    mounted.standin.set_file(FILE, _text("platform-operators"))
    mounted.requests()
    outcome, _result = mounted.run(_from_file())
    assert outcome.plan.diff[0]["before"] == {"applied": "another version"}
    assert [text.rpartition("/blueprints/")[2].partition("/")[2] for text in mounted.writes()] == ["apply/"]
    assert "platform-operators" in _groups(mounted)


def test_one_that_the_worker_has_made_is_taken_by_its_name(mounted: World) -> None:
    mounted.standin.discover()
    assert mounted.run(_from_file())[0].plan.steps == ()


def test_a_file_that_another_instance_has_is_refused(mounted: World) -> None:
    mounted.standin.discover()
    with pytest.raises(Failure) as caught:
        mounted.run(_from_file(name="Another"))
    assert caught.value.kind is Kind.REFUSED
    assert "'Platform' has it already" in caught.value.sentence()


def test_a_file_that_the_worker_does_not_see_is_told_before_any_write(world: World) -> None:
    with pytest.raises(Failure) as caught:
        world.run(_from_file())
    assert caught.value.kind is Kind.MISSING
    assert world.writes() == []


def test_always_applies_it_each_time(mounted: World) -> None:
    mounted.run(_from_file())
    for _time in range(2):
        outcome, _result = mounted.run(_from_file(apply="always"))
        assert [step.verb for step in outcome.done] == ["apply"]


def test_one_that_cannot_be_applied_fails_with_the_reasons_and_keeps_nothing(mounted: World) -> None:
    mounted.standin.set_file(FILE, _text().replace("is_superuser", "is_superhero"))
    before = _groups(mounted)
    with pytest.raises(Failure) as caught:
        mounted.run(_from_file())
    assert caught.value.kind is Kind.INVALID
    assert "authentik_core.group has no field is_superhero" in caught.value.sentence()
    assert _groups(mounted) == before
    mounted.standin.set_file(FILE, _text())
    assert mounted.run(_from_file())[1]["status"] == "successful"


def test_one_that_the_worker_never_applies_is_given_up(mounted: World) -> None:
    mounted.standin.reads_until_applied = 10_000
    with pytest.raises(Failure) as caught:
        mounted.run(_from_file(timeout=5))
    assert caught.value.kind is Kind.TIMEOUT
    assert "wait_timeout" in caught.value.sentence()
    outcome, result = mounted.run(_from_file(timeout=0))
    assert [step.verb for step in outcome.done] == ["apply"]
    assert result["status"] == "(known after apply)"


def test_a_content_is_shown_by_its_digest_alone(world: World) -> None:
    outcome, _result = world.run(Blueprint(name="Own", content=_text("CANARY")))
    assert "CANARY" in _groups(world)
    assert "CANARY" not in str(outcome.plan.diff)
    assert outcome.plan.diff[0]["after"]["content"].startswith("sha256:")
    assert world.run(Blueprint(name="Own", content=_text("CANARY")))[0].plan.steps == ()


def test_a_content_that_was_written_and_never_applied_is_applied(world: World) -> None:
    world.run(Blueprint(name="Own", content=_text("first")))
    world.standin.instances[0]["content"] = _text("second")
    assert [step.verb for step in world.run(Blueprint(name="Own", content=_text("second")))[0].done] == ["apply"]
    assert "second" in _groups(world)


def test_a_change_that_was_written_and_never_applied_is_applied_by_the_next_run(world: World) -> None:
    """Neither the status nor the hash of the content would tell: only the context has changed."""
    content = _text("!Context group")

    def asked(group: str) -> Blueprint:
        return Blueprint(name="Own", content=content, context={"group": group})

    world.run(asked("first"))
    world.standin.faults.arm(Fault("500", match=Match("POST", "/apply/$"), times=None))
    with pytest.raises(Failure):
        world.run(asked("second"))
    world.standin.faults.clear()
    outcome, result = world.run(asked("second"))
    assert [step.verb for step in outcome.done] == ["apply", "settle"]
    assert "second" in _groups(world)
    assert result["context"] == world.standin.instances[0]["context"] == {"group": "second"}
    assert world.run(asked("second"))[0].plan.steps == ()


def test_a_content_that_authentik_refuses_is_one_sentence(world: World) -> None:
    with pytest.raises(Failure) as caught:
        world.run(Blueprint(name="Own", content="version: 1\nentries: [{model: nothing.at_all}]\n"))
    assert caught.value.kind is Kind.INVALID
    assert "unknown model 'nothing.at_all'" in caught.value.sentence()


def test_an_instance_goes_and_what_it_made_stays(mounted: World) -> None:
    mounted.run(_from_file())
    absent = Blueprint(name="Platform", present=False)
    outcome, result = mounted.run(absent)
    assert [step.verb for step in outcome.done] == ["delete"]
    assert (result, mounted.standin.instances) == (None, [])
    assert "platform-admins" in _groups(mounted)
    assert mounted.run(absent)[0].plan.steps == ()


def test_an_apply_without_an_answer_is_not_asked_for_twice(mounted: World) -> None:
    mounted.standin.faults.arm(Fault("lost", match=Match("POST", "/apply/$")))
    mounted.run(_from_file())
    assert [text for text in mounted.writes() if text.endswith("/apply/")] != []
    assert len(mounted.standin.tasks) == 1


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"name": " "}, "its name is empty"),
        ({"path": None}, "either a path or a content"),
        ({"content": _text()}, "either a path or a content"),
        ({"path": "/etc/passwd"}, "not below the folder"),
        ({"path": "../x.yaml"}, "not below the folder"),
        ({"timeout": -1}, "below 0"),
        ({"apply": "always", "enabled": False}, "never applied"),
    ],
)
def test_what_cannot_be_is_refused_at_once(given: dict[str, Any], word: str) -> None:
    with pytest.raises(Failure) as caught:
        _from_file(**given)
    assert caught.value.kind is Kind.INVALID
    assert word in caught.value.sentence()
