"""The connection to Cloudflare: every fault ends in the wanted state or in one sentence, nothing is created twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._cloudflare import client as client_file
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.product import Cloudflare
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.tunnel import Tunnel
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import NoCache, Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.retry import Backoff
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from tests.sandbox.faults import KINDS
from tests.unit.plugins.module_utils._cloudflare.conftest import ZONE, World

CANARY = "CANARY-token-that-must-not-be-seen-anywhere-0"


class MemoryCache(NoCache):
    """A cache that keeps everything as long as it lives."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """Return what is kept."""
        return self.stored.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep it."""
        self.stored[key] = value


def _accounts(client: Client) -> list[dict[str, Any]]:
    return client.list("/accounts", {}, tried="Looking for accounts")


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_is_repeated_after_every_fault(world: World, kind: str) -> None:
    world.fault(kind)
    assert _accounts(world.client())[0]["id"] == world.standin.account_id
    assert [entry.fault for entry in world.standin.log.entries()] == [kind, None]


@pytest.mark.parametrize("kind", KINDS)
def test_b2_a_tunnel_is_created_once_whatever_happens_to_the_answer(world: World, kind: str) -> None:
    world.fault(kind, "POST")
    _unused, result = world.run(Tunnel("webhooks-acme"))
    assert [item["id"] for item in world.tunnels()] == [result["id"]]
    posts = [entry for entry in world.standin.log.entries() if entry.method == "POST"]
    assert len(posts) == (1 if kind == "lost" else 2)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"429"}))
def test_an_unclear_post_is_looked_for_before_it_is_repeated(world: World, kind: str) -> None:
    world.fault(kind, "POST")
    world.run(Tunnel("webhooks-acme"))
    methods = [entry.method for entry in world.standin.log.entries()]
    after = methods[methods.index("POST") + 1 :]
    assert after[0] == "GET"
    assert after.count("POST") == (0 if kind == "lost" else 1)


def test_a_post_is_not_repeated_when_the_look_finds_what_a_third_attempt_made(world: World) -> None:
    world.fault("500", "POST")
    world.fault("lost", "POST", nth=2)
    world.run(Tunnel("webhooks-acme"))
    assert len(world.tunnels()) == 1


def test_an_unclear_patch_is_looked_for_before_it_is_repeated(world: World) -> None:
    _unused, made = world.run(Tunnel("one"))
    world.standin.log.clear()
    world.fault("lost", "PATCH")
    world.run(Tunnel("two", tunnel_id=made["id"]))
    assert world.writes() == ["PATCH /cfd_tunnel"]
    assert [item["name"] for item in world.tunnels()] == ["two"]


def test_b3_a_delete_whose_answer_was_lost_has_succeeded(world: World) -> None:
    world.run(Tunnel("webhooks-acme"))
    world.standin.log.clear()
    world.fault("lost", "DELETE")
    world.run(Tunnel("webhooks-acme", present=False))
    assert world.writes() == ["DELETE /cfd_tunnel", "DELETE /cfd_tunnel"]
    assert world.tunnels() == []


@pytest.mark.parametrize(
    ("kind", "failure_kind"),
    [
        ("429", Kind.BUSY),
        ("500", Kind.BROKEN),
        ("timeout", Kind.TIMEOUT),
        ("reset", Kind.BROKEN),
        ("garbage", Kind.BROKEN),
        ("lost", Kind.BROKEN),
    ],
)
def test_a_fault_that_stays_is_one_sentence(world: World, kind: str, failure_kind: Kind) -> None:
    world.fault(kind, times=None)
    with pytest.raises(Failure) as caught:
        _accounts(world.client(backoff=Backoff(attempts=3, first=0.01), read_timeout=0.1))
    assert caught.value.kind is failure_kind
    assert caught.value.sentence().startswith("Looking for accounts: ")
    assert "\n" not in caught.value.sentence()
    assert len(world.standin.log.entries()) == 3


def test_retry_after_is_honoured_and_told(world: World) -> None:
    world.fault("429", times=None)
    with pytest.raises(Failure) as caught:
        _accounts(world.client(backoff=Backoff(attempts=2)))
    assert world.slept == [1.0]
    assert caught.value.retry_after == 1.0
    assert caught.value.status == 429


def test_a_retry_after_beyond_the_budget_is_not_waited_for(world: World) -> None:
    world.fault("429")
    with pytest.raises(Failure) as caught:
        _accounts(world.client(backoff=Backoff(total=0.5)))
    assert caught.value.kind is Kind.BUSY
    assert world.slept == []


def test_a_refusal_quotes_cloudflare_and_names_the_right(world: World) -> None:
    token = world.standin.add_token(["account"])
    with pytest.raises(Failure) as caught:
        world.run(Tunnel("webhooks-acme"), token=Sensitive(token))
    failure = caught.value
    assert failure.kind is Kind.DENIED
    assert failure.status == 403
    assert failure.request_id
    assert failure.request_id.endswith("-AMS")
    assert failure.sentence() == (
        "Looking for the tunnel webhooks-acme: Authentication error (code 10000). "
        "Give the API token the right Account / Cloudflare Tunnel / Edit."
    )
    assert world.slept == []


@pytest.mark.parametrize("text", ["bad header token", CANARY + "\n", CANARY + "\u00e9", "   "])
def test_a_token_that_is_none_is_refused_before_any_request(world: World, text: str) -> None:
    with pytest.raises(Failure) as caught:
        _accounts(world.client(token=Sensitive(text)))
    assert caught.value.kind is Kind.INVALID
    assert text.strip() == "" or text.strip() not in caught.value.sentence()
    assert world.standin.log.entries() == []


def test_a_token_of_the_wrong_form_is_denied(world: World) -> None:
    with pytest.raises(Failure) as caught:
        _accounts(world.client(token=Sensitive("short")))
    assert caught.value.kind is Kind.DENIED


@pytest.mark.parametrize("token", [None, Sensitive("")])
def test_a_missing_token_is_a_sentence_with_what_to_set(world: World, token: Sensitive | None) -> None:
    with pytest.raises(Failure) as caught:
        world.run(Tunnel("webhooks-acme"), token=token)
    assert "cloudflare_api_token" in caught.value.remedy
    assert world.standin.log.entries() == []


@pytest.mark.parametrize(
    "given",
    [{"url": "ftp://example.org"}, {"url": "example.org"}, {"account_id": "acme"}, {"read_timeout": 0.0}],
)
def test_options_that_cannot_work_are_refused_before_any_request(world: World, given: dict[str, Any]) -> None:
    with pytest.raises(Failure) as caught:
        world.run(Tunnel("webhooks-acme"), **given)
    assert caught.value.kind is Kind.INVALID
    assert world.standin.log.entries() == []


def test_nobody_there_is_a_sentence_with_the_url(world: World) -> None:
    with pytest.raises(Failure) as caught:
        _accounts(world.client(url="http://127.0.0.1:9"))
    assert caught.value.kind is Kind.BROKEN
    assert "http://127.0.0.1:9" in caught.value.remedy
    assert len(world.slept) == 4


def test_a_wrong_base_url_is_no_missing_thing(world: World) -> None:
    """Else every delete behind it would count as done."""
    client = world.client(url=world.standin.url + "/elsewhere")
    for call in (client.get, client.delete):
        with pytest.raises(Failure) as caught:
            call("/accounts", tried="Trying")
        assert caught.value.kind is Kind.INVALID
        assert "cloudflare_api_url" in caught.value.remedy


def test_the_only_account_of_the_token_is_taken_and_asked_for_once(world: World) -> None:
    client = world.client()
    assert client.account_id == world.standin.account_id
    assert client.account_id == world.standin.account_id
    assert len(world.standin.log.entries()) == 1


def test_several_accounts_are_a_sentence_that_names_the_option(world: World) -> None:
    world.standin.add_account("Other")
    with pytest.raises(Failure) as caught:
        world.run(Tunnel("webhooks-acme"))
    assert "cloudflare_account_id" in caught.value.remedy
    world.run(Tunnel("webhooks-acme"), account_id=world.standin.account_id)
    assert len(world.tunnels()) == 1


def test_a_token_without_accounts_is_a_sentence_that_names_the_option(world: World) -> None:
    token = world.standin.add_token(["tunnel"])
    with pytest.raises(Failure) as caught:
        world.run(Tunnel("webhooks-acme"), token=Sensitive(token))
    assert caught.value.kind is Kind.MISSING
    assert "cloudflare_account_id" in caught.value.remedy


def test_an_unknown_zone_is_a_sentence(world: World) -> None:
    with pytest.raises(Failure) as caught:
        world.client().zone_id("example.net")
    assert caught.value.kind is Kind.MISSING
    assert "example.net" in caught.value.sentence()


def test_all_pages_of_a_list_are_read(world: World) -> None:
    for number in range(120):
        world.standin.add_account(f"Account {number}")
    assert len({item["id"] for item in _accounts(world.client())}) == 121


def test_ids_are_shared_within_a_run_by_who_asks(world: World) -> None:
    cache = MemoryCache()
    runtime = Runtime(now=time.time, cache=cache)
    for _unused in range(2):
        world.client(runtime=runtime).zone_id(ZONE)
    assert len(world.standin.log.entries()) == 1
    world.client(runtime=runtime, token=Sensitive(world.standin.add_token())).zone_id(ZONE)
    assert len(world.standin.log.entries()) == 2
    assert world.standin.token not in str(cache.stored)


def test_other_credentials_in_the_environment_are_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_EMAIL", "somebody@example.org")
    monkeypatch.setenv("CLOUDFLARE_API_KEY", CANARY)
    monkeypatch.setenv("CLOUDFLARE_API_USER_SERVICE_KEY", CANARY)
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", "http://127.0.0.1:9")
    assert _accounts(world.client())
    headers = world.standin.log.entries()[0].headers
    assert headers["authorization"] == f"Bearer {world.standin.token}"
    assert headers["user-agent"].startswith("aphex.platform/")
    assert not [name for name in headers if name.startswith("x-auth")]


def test_connect_sends_nothing_and_needs_no_token(world: World) -> None:
    product = Cloudflare.connect({"cloudflare_api_url": world.standin.url}, Runtime(now=time.time))
    assert world.standin.log.entries() == []
    with pytest.raises(Failure):
        product.require()


def test_n14_a_missing_library_is_one_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_file, "cloudflare", None)
    with pytest.raises(Failure) as caught:
        _accounts(world.client())
    assert caught.value.kind is Kind.MISSING
    assert "pip install cloudflare" in caught.value.remedy


LOADED = """
import sys, time
import cloudflare
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.product import Cloudflare
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.tunnel import Tunnel
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
def typed():
    return {name for name in sys.modules if name.startswith(("cloudflare.types", "cloudflare.resources"))}
before = typed()
options = {"cloudflare_api_token": Sensitive(sys.argv[2]), "cloudflare_api_url": sys.argv[1]}
product = Cloudflare.connect(options, Runtime(now=time.time))
for step in product.plan(Tunnel("webhooks-acme")):
    product.perform(step)
print(len(typed() - before), product.result(Tunnel("webhooks-acme"))["name"])
"""


def test_n1_no_typed_resource_of_the_sdk_is_ever_loaded(world: World) -> None:
    argv = [sys.executable, "-c", LOADED, f"{world.standin.url}/client/v4", world.standin.token]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "0 webhooks-acme\n"


def test_the_sdk_repeats_nothing_by_itself(world: World) -> None:
    world.fault("500", times=None)
    with pytest.raises(Failure):
        _accounts(world.client(backoff=Backoff(attempts=1)))
    assert len(world.standin.log.entries()) == 1
