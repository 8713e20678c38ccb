"""OAuth2 providers: found by name, compared field by field, with their application and the groups that may use it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._authentik.oauth2_provider import OAuth2Provider, Redirect
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from tests.sandbox.faults import KINDS, Fault, Match
from tests.sandbox.standins import authentik_blueprints as models
from tests.unit.plugins.module_utils._authentik.conftest import World

CALLBACK = "https://dex.example.org/callback"
OPENID = "goauthentik.io/providers/oauth2/scope-openid"


def _provider(**given: Any) -> OAuth2Provider:
    good: dict[str, Any] = {
        "name": "dex",
        "client_id": "dex",
        "client_secret": Sensitive("CANARY-one"),
        "redirects": (Redirect(CALLBACK),),
        "scope_mappings": (OPENID,),
        "application": "platform",
        "groups": ("platform-admins", "platform-operators"),
    }
    return OAuth2Provider(**{**good, **given})


@pytest.fixture
def people(world: World) -> World:
    for name in ("platform-admins", "platform-operators", "platform-engineering"):
        world.standin.add_group(name)
    return world


def _there(world: World) -> dict[str, Any]:
    return world.standin.items(models.PROVIDER)[0]


def _groups(world: World) -> list[str]:
    names = {item["pk"]: item["name"] for item in world.standin.items(models.GROUP)}
    return sorted(names[item["group"]] for item in world.standin.items(models.BINDING) if item["enabled"])


def test_a_provider_is_made_with_its_application_and_its_groups(people: World) -> None:
    predicted, _result = people.run(_provider(), check=True)
    assert people.writes() == []
    outcome, result = people.run(_provider())
    assert outcome.plan.diff == predicted.plan.diff
    there = _there(people)
    flows = {item["pk"]: item["slug"] for item in people.standin.items(models.FLOW)}
    assert flows[there["authorization_flow"]] == "default-provider-authorization-implicit-consent"
    assert flows[there["invalidation_flow"]] == "default-provider-invalidation-flow"
    assert there["grant_types"] == ["authorization_code", "refresh_token"]
    assert there["signing_key"] == people.standin.items(models.KEY_PAIR)[0]["pk"]
    assert there["redirect_uris"][0] == {
        "url": CALLBACK,
        "matching_mode": "strict",
        "redirect_uri_type": "authorization",
    }
    application = people.standin.items(models.APPLICATION)[0]
    assert (application["slug"], application["provider"]) == ("platform", there["pk"])
    assert _groups(people) == ["platform-admins", "platform-operators"]
    assert (result["id"], result["application"]["groups"]) == (there["pk"], ["platform-admins", "platform-operators"])
    assert result["scope_mappings"] == [OPENID]


def test_a_second_run_reads_and_writes_nothing(people: World) -> None:
    people.run(_provider())
    people.requests()
    assert people.run(_provider())[0].plan.steps == ()
    assert people.writes() == []


def test_a_secret_is_written_when_it_differs_and_never_shown(people: World) -> None:
    people.run(_provider())
    people.requests()
    outcome, result = people.run(_provider(client_secret=Sensitive("CANARY-two")))
    assert _there(people)["client_secret"] == "CANARY-two"
    sent = [json.loads(entry.body) for entry in people.standin.log.entries() if entry.method == "PATCH"]
    assert sent == [{"client_secret": "CANARY-two"}]
    assert "CANARY" not in str(outcome.plan.diff) + str(result)
    assert outcome.plan.diff[0]["before"] != outcome.plan.diff[0]["after"]
    assert people.run(_provider(client_secret=Sensitive("CANARY-two")))[0].plan.steps == ()
    # What is not named stays.
    assert people.run(_provider(client_secret=None))[0].plan.steps == ()


def test_lists_are_compared_without_their_order_and_replaced_as_a_whole(people: World) -> None:
    both = (Redirect(CALLBACK), Redirect("https://b.example.org/"))
    people.run(_provider(redirects=both))
    assert people.run(_provider(redirects=both[::-1]))[0].plan.steps == ()
    outcome, _result = people.run(_provider())
    assert len(outcome.plan.diff[0]["before"]["redirect_uris"]) == 2
    assert len(_there(people)["redirect_uris"]) == 1


def test_a_flow_is_shown_by_its_slug(people: World) -> None:
    people.run(_provider())
    consent = "default-provider-authorization-explicit-consent"
    outcome, _result = people.run(_provider(authorization_flow=consent))
    assert outcome.plan.diff[0]["after"] == {"authorization_flow": consent}
    assert outcome.plan.diff[0]["before"]["authorization_flow"].endswith("implicit-consent")


def test_a_version_without_grant_types_is_left_alone(people: World) -> None:
    people.run(_provider())
    del people.standin.store[models.PROVIDER][0]["grant_types"]
    assert people.run(_provider())[0].plan.steps == ()


def test_groups_are_exactly_these_and_other_bindings_stay(people: World) -> None:
    people.run(_provider())
    target = people.standin.items(models.APPLICATION)[0]["pk"]
    people.standin.worker.make(models.BINDING, {"target": target, "user": 1, "order": 5})
    [admins] = [item["pk"] for item in people.standin.items(models.GROUP) if item["name"] == "platform-admins"]
    [theirs] = [item for item in people.standin.store[models.BINDING] if item.get("group") == admins]
    theirs["enabled"] = False
    outcome, _result = people.run(_provider(groups=("platform-admins", "platform-engineering")))
    assert sorted(step.verb for step in outcome.done) == ["create", "delete", "update"]
    kept = people.standin.items(models.BINDING)
    assert [item["user"] for item in kept if item["user"]] == [1]
    assert len(kept) == 3
    assert people.run(_provider(groups=("platform-engineering", "platform-admins")))[0].plan.steps == ()


def test_the_application_of_another_provider_is_refused(people: World) -> None:
    people.run(_provider())
    with pytest.raises(Failure) as caught:
        people.run(_provider(name="other", client_id="other"))
    assert caught.value.kind is Kind.REFUSED
    assert "belongs to the provider 'dex'" in caught.value.sentence()
    assert len(people.standin.items(models.PROVIDER)) == 1


def test_a_client_id_of_another_provider_is_refused(people: World) -> None:
    people.run(_provider())
    with pytest.raises(Failure) as caught:
        people.run(_provider(name="other", application=None, groups=None))
    assert caught.value.kind is Kind.REFUSED
    assert "the client id 'dex' belongs to the provider 'dex'" in caught.value.sentence()


@pytest.mark.parametrize("model", [models.KEY_PAIR, models.MAPPING])
def test_two_of_one_name_are_refused(people: World, model: str) -> None:
    first = people.standin.items(model)[0]
    people.standin.worker.make(model, {"name": first["name"]})
    with pytest.raises(Failure) as caught:
        people.run(_provider(scope_mappings=(people.standin.items(models.MAPPING)[0]["name"],)))
    assert caught.value.kind is Kind.REFUSED
    assert "there are 2 of that name" in caught.value.sentence()
    assert people.writes() == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"authorization_flow": "default-authorization"}, ("flow default-authorization", "implicit-consent")),
        ({"signing_key": "mine"}, ("key pair mine", "authentik Self-signed Certificate")),
        ({"scope_mappings": ("mine",)}, ("scope mapping mine", OPENID)),
        ({"groups": ("nobody",)}, ("group nobody", "none of that name")),
    ],
)
def test_what_is_not_there_is_told_with_what_is(people: World, given: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(Failure) as caught:
        people.run(_provider(**given))
    assert caught.value.kind is Kind.MISSING
    assert [word for word in words if word not in caught.value.sentence()] == [], caught.value.sentence()
    assert people.writes() == []


def test_both_go_and_what_belongs_to_others_stays(people: World) -> None:
    people.run(_provider())
    absent = OAuth2Provider(name="dex", application="platform", present=False)
    outcome, result = people.run(absent)
    assert [step.target for step in outcome.done] == ["Application platform", "OAuth2 provider dex"]
    assert result is None
    assert people.standin.items(models.APPLICATION) + people.standin.items(models.PROVIDER) == []
    assert people.run(absent)[0].plan.steps == ()
    people.run(_provider(name="another", client_id="another"))
    assert people.run(absent)[0].plan.steps == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_each_creation_leaves_one_of_each(people: World, kind: str) -> None:
    for path in ("oauth2", "applications", "bindings"):
        people.standin.faults.arm(Fault(kind, match=Match("POST", path), retry_after=0, hold=0.1))
    people.run(_provider(), client=people.client(read_timeout=0.5 if kind == "timeout" else 20.0))
    assert len(people.standin.items(models.PROVIDER)) == 1
    assert len(people.standin.items(models.APPLICATION)) == 1
    assert _groups(people) == ["platform-admins", "platform-operators"]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"name": ""}, "its name is empty"),
        ({"application": "a/b"}, "is no slug"),
        ({"application": None}, "no application"),
        ({"client_type": "public"}, "a public client has no secret"),
        ({"client_secret": Sensitive("")}, "client_secret is empty"),
        ({"access_token_validity": "5 minutes"}, "is no time"),
        ({"redirects": (Redirect("dex"),)}, "is no URL"),
    ],
)
def test_what_cannot_be_is_refused_at_once(given: dict[str, Any], word: str) -> None:
    with pytest.raises(Failure) as caught:
        _provider(**given)
    assert caught.value.kind is Kind.INVALID
    assert word in caught.value.sentence()
