"""Does GitHub call: is the webhook of a tenant made, proven, rotated without a loss, repaired, and gone in the end?

GitHub is a stand-in that signs and sends its deliveries for real: through the edge, the DNS record, the tunnel's rules,
to Tekton's own listener. What proves a webhook is the Event that the listener makes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.contract.platform import OWNER
from tests.integration.tenants import Tenants, eventually, exactly, soon, succeeded, tenants
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.standins.github import GitHub, writes

ORGANIZATION, MANY = {"owner": OWNER}, {"owner": OWNER, "webhook": "repositories"}

A_SECOND = 5
"""How many pushes GitHub delivers in a second while a secret rotates."""

OUTAGE = 60
"""How many deliveries are lost in an outage."""


@pytest.fixture(scope="module")
def on(sandbox: Sandbox) -> Iterator[Tenants]:
    with tenants(sandbox) as made:
        yield made
        assert made.sandbox.github.checked.report()["mismatches"] == []


@pytest.fixture
def github(on: Tenants) -> Iterator[GitHub]:
    """GitHub, which calls nobody any more when a test is over: all have one owner, and each would hear every push."""
    yield on.sandbox.github
    for place in (f"/orgs/{OWNER}", *(f"/repos/{name}" for name in on.sandbox.github.state()["repositories"])):
        for webhook in on.github("GET", f"{place}/hooks?per_page=100"):
            on.github("DELETE", f"{place}/hooks/{webhook['id']}")


def webhooks(github: GitHub, url: str) -> list[dict[str, Any]]:
    """The webhooks with that address."""
    return [item for item in github.state()["webhooks"] if item["url"] == url]


def url(on: Tenants, word: str) -> str:
    return f"https://{on.host(word)}"


def body(on: Tenants, plural: str, word: str) -> dict[str, Any]:
    """The status of a tenant."""
    resource = on.resource(plural, word)
    assert resource is not None
    return dict(resource["status"])


def ready(status: dict[str, Any]) -> tuple[str, str]:
    """The condition WebhookReady and its reason."""
    (found,) = [item for item in status["conditions"] if item["type"] == "WebhookReady"]
    return found["status"], found["reason"]


def asked(github: GitHub, since: int) -> list[str]:
    return [f"{entry.method} {entry.path}" for entry in github.log.entries()[since:]]


def known(on: Tenants, github: GitHub, word: str, repository: str) -> set[str]:
    """Push until the listener knows the repository's trigger; the runs that come of it, now or when others are looked
    for: a push before the last one may have been taken as well."""
    pushed: set[str] = set()

    def try_one() -> set[str] | None:
        pushed.add(run_of(on, word, github.push(f"{OWNER}/{repository}")))
        return soon(lambda: pushed & set(on.runs(word)))

    eventually(f"a push to {repository} starts a run", try_one)
    github.settle()
    return pushed


def run_of(on: Tenants, word: str, guid: str) -> str:
    """The run that a push becomes in the namespace of a pipeline."""
    return f"{on.name(word)}/push-{guid}"


def test_P6_an_organization_is_ready_when_its_listener_has_answered_to_a_signed_ping(
    on: Tenants, github: GitHub
) -> None:
    assert succeeded(on.organization("hooked", github=ORGANIZATION))
    (webhook,) = webhooks(github, url(on, "hooked"))
    assert webhook["events"] == ["push"]
    assert webhook["content_type"] == "json"
    status = body(on, "organizations", "hooked")
    assert ready(status) == ("True", "Proven")
    assert on.api.exists(f"/api/v1/namespaces/org-{on.name('hooked')}/events/hook-{status['webhook']['deliveryId']}")
    assert webhook["secret"] not in str(status)
    begun, pinged = len(github.log.entries()), len(github.log_of(webhook["id"]))
    again = on.organization("hooked", github=ORGANIZATION)
    assert succeeded(again)
    assert again["changed"] is False
    assert asked(github, begun) == [f"GET /orgs/{OWNER}/hooks"]
    assert len(github.log_of(webhook["id"])) == pinged


def test_a_push_at_github_becomes_a_run_of_the_bound_repository_alone(on: Tenants, github: GitHub) -> None:
    for repository in ("pushed", "unbound"):
        github.add_repository(f"{OWNER}/{repository}")
    assert succeeded(on.organization("pushing", github=ORGANIZATION))
    assert succeeded(on.repo_binding("pushed", "pushing"))
    known(on, github, "pushed", "pushed")
    guid = github.push(f"{OWNER}/unbound")
    eventually("the delivery is answered", lambda: guid in [item["guid"] for item in logged(github, on, "pushing")])
    assert not [name for name in on.runs("pushed") if name.endswith(guid)]


def logged(github: GitHub, on: Tenants, word: str) -> list[dict[str, Any]]:
    """The deliveries of the webhooks with an organization's address."""
    return [entry for item in webhooks(github, url(on, word)) for entry in github.log_of(item["id"])]


def taken(entry: dict[str, Any]) -> bool:
    """Did whoever was called answer to that delivery?"""
    return bool(entry["status"] == "OK")


def test_repositories_may_have_webhooks_of_their_own(on: Tenants, github: GitHub) -> None:
    for repository in ("one", "two"):
        github.add_repository(f"{OWNER}/{repository}")
    assert succeeded(on.organization("many", github=MANY))
    assert webhooks(github, url(on, "many")) == []
    for word in ("one", "two"):
        assert succeeded(on.repo_binding(word, "many"))
        assert ready(body(on, "repobindings", word)) == ("True", "Proven")
        assert body(on, "repobindings", word)["webhook"]["repository"] == word
        assert on.repo_binding(word, "many")["changed"] is False
    assert len(webhooks(github, url(on, "many"))) == 2
    gone = on.repo_binding("one", "many", state="absent")
    assert gone["steps"][1]["verb"] == "delete"
    assert "Webhook" in gone["steps"][1]["target"]
    assert len(webhooks(github, url(on, "many"))) == 1


def test_a_change_of_the_way_takes_the_former_webhook_away(on: Tenants, github: GitHub) -> None:
    assert succeeded(on.organization("moving", github=ORGANIZATION))
    assert len(webhooks(github, url(on, "moving"))) == 1
    host = f"hooks.{on.name('moving')}.{on.host('moving').partition('.')[2]}"
    assert succeeded(on.organization("moving", github=ORGANIZATION, tunnel={"hostname": host}))
    assert webhooks(github, url(on, "moving")) == []
    assert len(webhooks(github, f"https://{host}")) == 1
    assert succeeded(on.organization("moving", github=MANY, tunnel={"hostname": host}))
    assert webhooks(github, f"https://{host}") == []
    assert "webhook" not in body(on, "organizations", "moving")


def test_a_run_that_does_not_wait_pings_nobody_and_the_next_one_does(on: Tenants, github: GitHub) -> None:
    assert succeeded(on.organization("hurried", github=ORGANIZATION, wait=False))
    assert ready(body(on, "organizations", "hurried")) == ("False", "NotProven")
    assert succeeded(on.organization("hurried", github=ORGANIZATION))
    assert ready(body(on, "organizations", "hurried")) == ("True", "Proven")


def test_a_webhook_that_somebody_changed_is_brought_back(on: Tenants, github: GitHub) -> None:
    assert succeeded(on.organization("drifted", github=ORGANIZATION))
    (webhook,) = webhooks(github, url(on, "drifted"))
    path = f"/orgs/{OWNER}/hooks/{webhook['id']}"
    config = {"url": webhook["url"], "content_type": "json", "secret": webhook["secret"]}
    on.github("PATCH", path, {"active": False, "config": config})
    result = on.organization("drifted", github=ORGANIZATION)
    assert succeeded(result)
    assert result["changed"] is True
    (after,) = webhooks(github, url(on, "drifted"))
    assert (after["id"], after["active"], after["secret"]) == (webhook["id"], True, webhook["secret"])
    on.github("DELETE", path)
    assert succeeded(on.organization("drifted", github=ORGANIZATION))
    assert len(webhooks(github, url(on, "drifted"))) == 1
    assert on.organization("drifted", github=ORGANIZATION)["changed"] is False


def test_S12_an_owner_that_is_not_approved_gets_no_webhook(on: Tenants, github: GitHub) -> None:
    begun, audit = len(github.log.entries()), on.sandbox.audit.mark()
    result = on.organization("stranger", github={"owner": "globex"})
    assert "the GitHub owner globex is not approved" in result["msg"]
    assert asked(github, begun) == []
    assert on.writes(audit) == []


def test_without_credentials_for_github_nothing_is_begun(on: Tenants) -> None:
    audit = on.sandbox.audit.mark()
    result = on.organization("nobody", github=ORGANIZATION, github_token=None)
    assert result["failed"]
    assert "github_token" in result["msg"]
    assert on.writes(audit) == []


def test_the_webhook_is_the_first_to_go(on: Tenants, github: GitHub) -> None:
    assert succeeded(on.organization("leaving", github=ORGANIZATION))
    result = on.organization("leaving", state="absent")
    assert succeeded(result)
    products = [step["product"] for step in result["steps"]]
    assert products.index("github") < products.index("cloudflare")
    assert webhooks(github, url(on, "leaving")) == []
    assert on.resource("organizations", "leaving") is None


# --- rotation


class Traffic(threading.Thread):
    """Pushes to a repository, several a second, until told to stop."""

    def __init__(self, github: GitHub, repository: str) -> None:
        super().__init__(daemon=True)
        self._github, self._repository = github, repository
        self._over = threading.Event()
        self.guids: list[str] = []

    def run(self) -> None:
        while not self._over.wait(1 / A_SECOND):
            self.guids.append(self._github.push(f"{OWNER}/{self._repository}"))

    def stop(self) -> list[str]:
        self._over.set()
        self.join()
        self._github.settle()
        return self.guids


@contextmanager
def traffic(on: Tenants, github: GitHub, word: str) -> Iterator[None]:
    """Deliveries to a repository while something else happens: none of them may be refused or lost."""
    known(on, github, word, word)
    going = Traffic(github, word)
    going.start()
    yield
    guids = going.stop()
    wanted = {run_of(on, word, guid) for guid in guids}
    exactly("every push has become a run", wanted, lambda: wanted & set(on.runs(word)))
    print(f"rotation of {word}: {len(guids)} deliveries, 0 refused, 0 lost")


@pytest.mark.parametrize(("word", "way"), [("whole", ORGANIZATION), ("single", MANY)])
def test_P16_a_secret_rotates_under_traffic_without_a_loss(
    on: Tenants, github: GitHub, word: str, way: dict[str, str]
) -> None:
    github.add_repository(f"{OWNER}/{word}")
    assert succeeded(on.organization(word, github=way))
    assert succeeded(on.repo_binding(word, word))
    former = on.secret(word)
    with traffic(on, github, word):
        assert succeeded(on.organization(word, github=way, rotate_webhook_secret=True))
        assert succeeded(on.repo_binding(word, word))
        assert succeeded(on.organization(word, github=way))
    assert on.secret(word) != former
    assert on.secret(word, "secret-previous") is None
    codes = {entry["status_code"] for entry in logged(github, on, word) if entry["event"] == "push"}
    assert codes == {202}
    assert on.organization(word, github=way)["changed"] is False


# --- outage


def test_what_an_outage_lost_is_delivered_again_and_nothing_twice(on: Tenants, github: GitHub) -> None:
    github.add_repository(f"{OWNER}/outage")
    assert succeeded(on.organization("outage", github=ORGANIZATION))
    assert succeeded(on.repo_binding("outage", "outage"))
    before = known(on, github, "outage", "outage")
    github.deliver_to, edge = None, github.deliver_to
    guids = [github.push(f"{OWNER}/outage") for _unused in range(OUTAGE)]
    github.settle()
    github.deliver_to = edge
    assert set(on.runs("outage")) <= before
    # On a busy machine one of the pushes before it may have been lost as well: the log knows.
    lost = {entry["guid"] for entry in logged(github, on, "outage") if entry["event"] == "push" and not taken(entry)}
    assert set(guids) <= lost
    assert succeeded(on.redeliver("outage"))
    wanted = {run_of(on, "outage", guid) for guid in lost}
    # Sixty at once, and other tests beside them: the listener needs its time.
    exactly("every lost push has become a run", wanted, lambda: set(on.runs("outage")) - (before - wanted), 180.0)
    attempts = [entry["guid"] for entry in logged(github, on, "outage") if entry["redelivery"]]
    assert sorted(attempts) == sorted(lost)
    begun = len(github.log.entries())
    assert on.redeliver("outage")["changed"] is False
    assert not [entry for entry in github.log.entries()[begun:] if writes(entry)]
