"""Where a tenant has a webhook of its own, when it is written and pinged, and what the status records of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.plan import UNKNOWN
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github.hooks import Place
from ansible_collections.aphex.platform.plugins.module_utils._github.proof import Proof
from ansible_collections.aphex.platform.plugins.module_utils._github.webhook import ALWAYS, ON_CHANGE, Webhook
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.webhook import Record, TenantWebhook, own_place

SECRET = Sensitive("first secret of a tenant")
URL = "https://acme.example.org"
PROVEN = Record("acme", "", URL, SECRET.fingerprint(), "guid")
ONE, MANY = {"owner": "Acme"}, {"owner": "Acme", "webhook": "repositories"}


NOTHING = Record()


def hook(recorded: Record = NOTHING, **fields: Any) -> TenantWebhook:
    made = TenantWebhook(Place("acme"), URL, SECRET, recorded, timeout=30)
    return replace(made, **fields)


def written(made: TenantWebhook) -> Webhook:
    (webhook,) = [item for item in made.desired(prove=True) if isinstance(item, Webhook)]
    return webhook


@pytest.mark.parametrize(
    ("github", "repository", "place"),
    [
        ({}, "", None),
        ({}, "web", None),
        (ONE, "", Place("Acme")),
        (ONE, "web", None),
        (MANY, "", None),
        (MANY, "web", Place("acme", "web")),
    ],
)
def test_who_has_a_webhook_of_its_own(github: dict[str, Any], repository: str, place: Place | None) -> None:
    assert own_place(github, "acme" if repository else "", repository) == place


def test_a_repository_of_another_owner_has_one_of_its_own() -> None:
    assert own_place(ONE, "globex", "web") == Place("globex", "web")


def test_a_webhook_that_nobody_recorded_is_written_and_pinged() -> None:
    assert (written(hook()).update_secret, written(hook()).secret_fingerprint) == (ALWAYS, None)
    assert [type(item) for item in hook().desired(prove=True)] == [Webhook, Proof]
    assert hook().record(prove=True)["webhook"]["deliveryId"] == UNKNOWN


def test_a_proven_webhook_is_neither_written_nor_pinged() -> None:
    made = hook(PROVEN)
    assert (written(made).update_secret, written(made).secret_fingerprint) == (ON_CHANGE, SECRET.fingerprint())
    assert made.settled
    assert made.desired(prove=True) == [written(made)]
    assert made.record(prove=True)["webhook"] == {
        "owner": "acme",
        "url": URL,
        "fingerprint": SECRET.fingerprint(),
        "deliveryId": "guid",
    }


@pytest.mark.parametrize("other", [{"secret": Sensitive("second secret")}, {"url": "https://other.example.org"}])
def test_another_secret_or_address_is_proven_anew(other: dict[str, Any]) -> None:
    made = hook(PROVEN, **other)
    assert not made.settled
    assert Proof in [type(item) for item in made.desired(prove=True)]
    assert made.record(prove=True)["webhook"]["deliveryId"] == UNKNOWN


def test_what_this_run_has_pinged_is_not_pinged_again() -> None:
    made = hook(delivery_id="of this run")
    assert made.desired(prove=True) == [written(made)]
    assert written(made).update_secret == ON_CHANGE
    assert made.event == "hook-of this run"
    assert made.record(prove=True)["webhook"]["deliveryId"] == "of this run"


def test_without_a_wait_nothing_is_pinged_and_the_condition_says_so() -> None:
    assert [type(item) for item in hook().desired(prove=False)] == [Webhook]
    (truth,) = hook().truths(prove=False)
    assert (truth.type, truth.met, truth.reason) == ("WebhookReady", False, "NotProven")
    assert "deliveryId" not in hook().record(prove=False)["webhook"]


def test_a_secret_that_is_still_to_be_made_ends_the_round() -> None:
    made = hook(secret=UNKNOWN)
    assert written(made).secret == UNKNOWN
    assert made.fingerprint == UNKNOWN


def test_the_former_webhook_goes_when_there_is_another_one_or_none() -> None:
    assert hook(PROVEN).former_gone() == []
    moved = hook(PROVEN, url="https://other.example.org")
    assert moved.former_gone() == [Webhook(Place("acme"), URL, present=False)]
    assert hook(PROVEN, place=None).former_gone() == [Webhook(Place("acme"), URL, present=False)]
    assert hook(PROVEN, place=None).record(prove=True) == {}
    assert hook(place=None).desired(prove=True) == []
    assert hook(place=None).truths(prove=True) == []


def test_a_record_is_read_as_it_was_written() -> None:
    body = hook(PROVEN).record(prove=True)
    assert Record.of(body) == PROVEN
    assert Record.of({}).place is None
