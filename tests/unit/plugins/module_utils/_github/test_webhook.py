"""Webhooks of repositories and organizations: found again, changed with the fewest writes, their secret never lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import UNKNOWN
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github.hooks import Place
from ansible_collections.aphex.platform.plugins.module_utils._github.webhook import ALWAYS, AppWebhook, Webhook
from tests.sandbox.faults import KINDS
from tests.unit.plugins.module_utils._github.conftest import OWNER, REPOSITORY, World

SECRET = Sensitive("CANARY-first-secret-0123456789")
OTHER = Sensitive("CANARY-other-secret-0123456789")
URL = "https://hooks.example.org/hook/one"
IN_REPOSITORY, IN_ORGANIZATION = Place(OWNER, REPOSITORY), Place(OWNER)
PLACES = [IN_REPOSITORY, IN_ORGANIZATION]


def _webhook(place: Place = IN_REPOSITORY, **given: Any) -> Webhook:
    return Webhook(**{"place": place, "url": URL, "secret": SECRET, **given})


def _secrets(world: World) -> list[str | None]:
    return [hook["secret"] for hook in world.hooks()]


@pytest.mark.parametrize("place", PLACES, ids=["repository", "organization"])
def test_a_webhook_is_made_once_and_then_costs_one_call(world: World, place: Place) -> None:
    outcome, result = world.run(_webhook(place))
    assert outcome.plan.changed
    assert world.requests() == ["GET hooks", "POST hooks"]
    assert result["has_secret"]
    assert result["secret_fingerprint"] == SECRET.fingerprint()
    assert result["level"] == place.level
    outcome, again = world.run(_webhook(place, secret_fingerprint=SECRET.fingerprint()))
    assert not outcome.plan.steps
    assert world.requests() == ["GET hooks"]
    assert again["id"] == result["id"]
    hook = world.hooks()[0]
    assert (hook["url"], hook["content_type"], hook["events"], hook["active"], hook["secret"]) == (
        URL,
        "json",
        ["push"],
        True,
        SECRET.reveal(),
    )


@pytest.mark.parametrize("place", PLACES, ids=["repository", "organization"])
def test_an_app_with_a_narrow_token_may_do_it_all(world: World, place: Place) -> None:
    world.run(_webhook(place), client=world.app())
    world.run(_webhook(place, url=URL + "?a=b", path_pattern="/hook/*"), client=world.app())
    world.run(_webhook(place, events=("star",)), client=world.app())
    world.run(_webhook(place, present=False), client=world.app())
    asked = [json.loads(entry.body) for entry in world.standin.log.entries() if "access_tokens" in entry.path]
    name = "repository_hooks" if place.repository else "organization_hooks"
    assert asked == [{"permissions": {name: "write"}}] * 4


def test_check_mode_predicts_and_writes_nothing(world: World) -> None:
    outcome, result = world.run(_webhook(), check=True)
    assert outcome.plan.changed
    assert result["id"] == UNKNOWN
    assert world.writes() == []


def test_neither_plan_nor_result_shows_a_secret(world: World) -> None:
    shown = []
    for desired in (_webhook(), _webhook(secret=OTHER, update_secret=ALWAYS), _webhook(events=("star",))):
        outcome, result = world.run(desired)
        shown += [str(outcome.plan), str(outcome.plan.diff), str(result), str(outcome.done)]
    assert "CANARY" not in "".join(shown)
    assert f"fingerprint {OTHER.fingerprint()}" in shown[5]


@pytest.mark.parametrize("place", PLACES, ids=["repository", "organization"])
@pytest.mark.parametrize(
    ("change", "write"),
    [
        ({"url": "https://hooks.example.org/hook/two", "path_pattern": "/hook/*"}, "PATCH hooks/config"),
        ({"content_type": "form"}, "PATCH hooks/config"),
        ({"insecure_ssl": True}, "PATCH hooks/config"),
        ({"events": ("push", "pull_request")}, "PATCH hooks"),
        ({"active": False}, "PATCH hooks"),
    ],
    ids=["url", "content_type", "insecure_ssl", "events", "active"],
)
def test_no_update_drops_the_secret(world: World, place: Place, change: dict[str, Any], write: str) -> None:
    """community.general's module updates as a whole without it, and GitHub then forgets it."""
    world.run(_webhook(place))
    world.standin.log.clear()
    outcome, _unused = world.run(_webhook(place, **change))
    assert world.writes() == [write]
    assert set(outcome.plan.diff[0]["after"]) == set(change) - {"path_pattern"}
    assert _secrets(world) == [SECRET.reveal()]
    assert not world.run(_webhook(place, **change))[0].plan.steps


def test_the_configuration_is_changed_without_knowing_the_secret(world: World) -> None:
    world.run(_webhook())
    world.run(_webhook(secret=None, insecure_ssl=True))
    assert _secrets(world) == [SECRET.reveal()]


def test_events_are_not_changed_when_that_would_drop_a_secret_that_nobody_gave(world: World) -> None:
    world.run(_webhook())
    world.standin.log.clear()
    with pytest.raises(Failure) as caught:
        world.run(_webhook(secret=None, events=("star",)))
    assert caught.value.kind is Kind.REFUSED
    assert caught.value.remedy == "Give secret as well"
    assert world.writes() == []


def test_events_of_a_webhook_without_a_secret_are_changed(world: World) -> None:
    world.run(_webhook(secret=None))
    outcome, _unused = world.run(_webhook(secret=None, events=("star",)))
    assert outcome.plan.diff[0]["before"] == {"events": ["push"]}
    assert world.hooks()[0]["events"] == ["star"]


def test_a_secret_is_written_when_there_is_none(world: World) -> None:
    world.run(_webhook(secret=None))
    outcome, _unused = world.run(_webhook())
    assert outcome.plan.diff[0]["before"] == {"secret": "none"}
    assert _secrets(world) == [SECRET.reveal()]


def test_a_fingerprint_tells_a_new_secret_from_the_old_one(world: World) -> None:
    first = world.run(_webhook())[1]["secret_fingerprint"]
    assert not world.run(_webhook(secret_fingerprint=first))[0].plan.steps
    outcome, result = world.run(_webhook(secret=OTHER, secret_fingerprint=first))
    assert outcome.plan.diff[0]["before"] == {"secret": f"fingerprint {first}"}
    assert _secrets(world) == [OTHER.reveal()]
    assert result["secret_fingerprint"] == OTHER.fingerprint()
    assert not world.run(_webhook(secret=OTHER, secret_fingerprint=OTHER.fingerprint()))[0].plan.steps


def test_without_a_fingerprint_a_secret_stays_and_nothing_is_claimed(world: World) -> None:
    world.run(_webhook())
    outcome, result = world.run(_webhook(secret=OTHER))
    assert not outcome.plan.steps
    assert result["secret_fingerprint"] is None
    world.run(_webhook(secret=OTHER, update_secret=ALWAYS))
    assert _secrets(world) == [OTHER.reveal()]


def test_a_new_path_moves_the_webhook_in_place_of_leaving_the_old_one(world: World) -> None:
    first = world.run(_webhook())[1]["id"]
    moved = world.run(_webhook(url="https://hooks.example.org/hook/two", path_pattern="/hook/*"))[1]
    assert moved["id"] == first
    assert [hook["url"] for hook in world.hooks()] == ["https://hooks.example.org/hook/two"]


@pytest.mark.parametrize(
    ("url", "pattern"),
    [("https://other.example.org/hook/two", "/hook/*"), ("https://hooks.example.org/elsewhere", "/else*")],
)
def test_another_host_or_shape_is_another_webhook(world: World, url: str, pattern: str) -> None:
    world.run(_webhook())
    world.run(_webhook(url=url, path_pattern=pattern))
    assert len(world.hooks()) == 2


def test_several_that_fit_the_pattern_are_refused_unless_one_is_the_address(world: World) -> None:
    world.make_hook("https://hooks.example.org/hook/a")
    world.make_hook("https://hooks.example.org/hook/b")
    with pytest.raises(Failure) as caught:
        world.run(_webhook(path_pattern="/hook/*"))
    assert caught.value.kind is Kind.REFUSED
    assert "2 webhooks fit" in caught.value.sentence()
    assert not world.run(_webhook(url="https://hooks.example.org/hook/b", secret=None, path_pattern="/hook/*"))[
        0
    ].plan.steps


def test_b4_absence_takes_all_that_fit_and_nothing_else(world: World) -> None:
    for path in ("hook/a", "hook/b", "other"):
        world.make_hook(f"https://hooks.example.org/{path}")
    world.run(_webhook(present=False, path_pattern="/hook/*"))
    assert [hook["url"] for hook in world.hooks()] == ["https://hooks.example.org/other"]
    world.standin.log.clear()
    assert not world.run(_webhook(present=False, path_pattern="/hook/*"))[0].plan.steps
    assert world.requests() == ["GET hooks"]


@pytest.mark.parametrize("kind", KINDS)
def test_b2_a_webhook_is_made_once_whatever_happens_to_the_answer(world: World, kind: str) -> None:
    world.fault(kind, "POST")
    _unused, result = world.run(_webhook())
    assert [hook["id"] for hook in world.hooks()] == [result["id"]]


@pytest.mark.parametrize("kind", KINDS)
def test_an_update_ends_in_the_same_state_whatever_happens_to_the_answer(world: World, kind: str) -> None:
    world.run(_webhook())
    world.fault(kind, "PATCH")
    world.run(_webhook(events=("star",)))
    assert world.hooks()[0]["events"] == ["star"]
    assert _secrets(world) == [SECRET.reveal()]


def test_a_value_that_is_not_known_yet_is_neither_sent_nor_compared(world: World) -> None:
    outcome, result = world.run(_webhook(url=f"https://{UNKNOWN}/hook", secret=UNKNOWN), check=True)
    assert [step.ready for step in outcome.plan.steps] == [False]
    assert result["secret_fingerprint"] == UNKNOWN
    world.run(_webhook())
    assert not world.run(_webhook(secret=UNKNOWN, secret_fingerprint=SECRET.fingerprint()), check=True)[0].plan.steps


@pytest.mark.parametrize(
    ("place", "event", "words"),
    [
        (IN_REPOSITORY, "deployment_protection_rule", "webhooks of Apps only"),
        (IN_ORGANIZATION, "deployment_protection_rule", "webhooks of Apps only"),
        (IN_REPOSITORY, "deployment_review", "webhooks of Apps only"),
        (IN_REPOSITORY, "membership", "webhooks of organizations only"),
        (IN_REPOSITORY, "projects_v2", "webhooks of organizations only"),
        (IN_ORGANIZATION, "workflow_dispatch", "webhooks of Apps only"),
        (IN_ORGANIZATION, "ping", "by itself"),
        (IN_ORGANIZATION, "pull request", "no name of an event"),
    ],
)
def test_events_that_the_level_cannot_have_are_refused(place: Place, event: str, words: str) -> None:
    with pytest.raises(Failure) as caught:
        _webhook(place, events=("push", event))
    assert caught.value.kind is Kind.INVALID
    assert words in caught.value.sentence()


def test_events_of_an_organization_and_of_tomorrow_are_allowed() -> None:
    assert _webhook(IN_ORGANIZATION, events=("membership", "push")).events == ("membership", "push")
    assert _webhook(events=("something_new",)).events == ("something_new",)
    assert _webhook(events=("*",)).events == ("*",)


@pytest.mark.parametrize(
    "given",
    [
        {"url": "hooks.example.org"},
        {"url": "ftp://hooks.example.org"},
        {"url": "https://"},
        {"url": "https://[::1/hook"},
        {"url": "https://localhost/hook"},
        {"url": "https://127.0.0.1/hook"},
        {"events": ()},
        {"events": ("*", "push")},
        {"secret": Sensitive("")},
        {"secret": "in clear"},
        {"path_pattern": "hook/*"},
    ],
)
def test_e11_values_that_github_would_refuse_are_refused_first(given: dict[str, Any]) -> None:
    with pytest.raises(Failure) as caught:
        _webhook(**given)
    assert caught.value.kind is Kind.INVALID
    assert "in clear" not in caught.value.sentence()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"owner": "a/b"}, "no name of a user"),
        ({"owner": "acme", "repository": "acme/web"}, "the name alone"),
        ({"owner": None}, "owner is missing"),
        ({"owner": "acme", "repository": ".."}, "no name of a repository"),
        ({"owner": "acme", "app": True}, "app is set beside"),
    ],
)
def test_a_place_that_is_none_is_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure) as caught:
        Place.from_params(params)
    assert words in caught.value.sentence()


def test_the_apps_own_webhook_is_configured_with_what_differs(world: World) -> None:
    world.address_of_app("https://former.example.org/")
    desired = AppWebhook(url=URL, secret=SECRET)
    outcome, result = world.run(desired, client=world.app())
    assert set(outcome.plan.diff[0]["after"]) == {"url", "secret"}
    assert world.requests() == ["GET app/hook/config", "PATCH app/hook/config"]
    assert result["secret_fingerprint"] == SECRET.fingerprint()
    again = AppWebhook(url=URL, secret=SECRET, secret_fingerprint=SECRET.fingerprint())
    assert not world.run(again, client=world.app())[0].plan.steps
    assert world.requests() == ["GET app/hook/config"]
    rotated = AppWebhook(secret=OTHER, secret_fingerprint=SECRET.fingerprint())
    assert world.run(rotated, client=world.app())[0].plan.changed
    assert world.standin.state()["apps"][0]["webhook"]["secret"] == OTHER.reveal()
    assert world.standin.state()["apps"][0]["webhook"]["url"] == URL


def test_the_apps_webhook_is_no_personal_tokens(world: World) -> None:
    with pytest.raises(Failure) as caught:
        world.run(AppWebhook(url=URL))
    assert "github_app_id" in caught.value.sentence()
    assert world.requests() == []
