"""Tunnels against the stand-in: both kinds, names that are taken, secrets, crashes, connectors that come back."""

from __future__ import annotations

import base64
import contextlib
import itertools
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.product import Cloudflare
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.tunnel import Tunnel
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import UNKNOWN
from ansible_collections.aphex.platform.plugins.module_utils._core.retry import Backoff
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from tests.sandbox.faults import KINDS
from tests.sandbox.standins.cloudflared import Credentials
from tests.unit.plugins.module_utils._cloudflare.conftest import World

NAME = "webhooks-acme"
CONNECTOR = "6d1b5b3a-2a53-4f6c-9d6c-0c6a3a0f0d11"


def _secret(letter: str = "s") -> Sensitive:
    return Sensitive(base64.b64encode(letter.encode() * 32))


def _held(world: World) -> Sensitive:
    return Sensitive(world.tunnels()[0]["tunnel_secret"])


def _connect(world: World, number: int = 1) -> None:
    tunnel = world.tunnels()[0]
    credentials = Credentials(world.standin.account_id, tunnel["id"], tunnel["tunnel_secret"])
    world.standin.connect(credentials, f"{CONNECTOR[:-1]}{number}", "192.0.2.1", "2026.9.0")


@pytest.mark.parametrize("config_src", ["local", "cloudflare"])
def test_create_then_again_then_absent_then_again(world: World, config_src: str) -> None:
    desired = Tunnel(NAME, config_src=config_src)
    outcome, result = world.run(desired)
    assert outcome.plan.changed
    assert world.writes() == ["POST /cfd_tunnel"]
    assert (result["name"], result["config_src"], result["status"]) == (NAME, config_src, "inactive")
    assert result["cname"] == f"{result['id']}.cfargotunnel.com"
    assert result["account_id"] == world.standin.account_id
    outcome, again = world.run(desired)
    assert not outcome.plan.changed
    assert world.writes() == []
    assert again == result
    outcome, gone = world.run(Tunnel(NAME, present=False))
    assert outcome.plan.changed
    assert gone is None
    assert world.writes() == ["DELETE /cfd_tunnel"]
    outcome, gone = world.run(Tunnel(NAME, present=False))
    assert not outcome.plan.changed
    assert world.writes() == []


def test_check_mode_writes_nothing_and_predicts_the_tunnel(world: World) -> None:
    outcome, result = world.run(Tunnel(NAME, secret=_secret(), return_credentials=True), check=True)
    assert outcome.plan.changed
    assert world.writes() == []
    assert (result["id"], result["token"], result["name"]) == (UNKNOWN, UNKNOWN, NAME)
    after = outcome.plan.diff[0]["after"]
    assert after == {"name": NAME, "config_src": "local", "secret": f"fingerprint {_secret().fingerprint()}"}


def test_a_local_tunnel_without_a_given_secret_gets_a_random_one(world: World) -> None:
    world.run(Tunnel("one"), Tunnel("two"))
    secrets = [base64.b64decode(item["tunnel_secret"]) for item in world.tunnels()]
    assert len(set(secrets)) == 2
    assert all(len(secret) == 32 for secret in secrets)


def test_b2_after_a_crash_the_tunnel_is_known_by_its_secret(world: World) -> None:
    """The process dies after the tunnel is made and before anything is recorded of it."""
    product = Cloudflare(world.client())
    for step in product.plan(Tunnel(NAME, secret=_secret(), on_secret_mismatch="refuse")):
        product.perform(step)
    world.writes()
    outcome, _unused = world.run(Tunnel(NAME, secret=_secret(), on_secret_mismatch="refuse"))
    assert not outcome.plan.changed
    assert world.writes() == []
    assert len(world.tunnels()) == 1


def test_b2_a_live_tunnel_of_somebody_else_is_refused_and_kept(world: World) -> None:
    world.run(Tunnel(NAME, secret=_secret("x")))
    world.writes()
    with pytest.raises(Failure) as caught:
        world.run(Tunnel(NAME, secret=_secret(), on_secret_mismatch="refuse"))
    assert caught.value.kind is Kind.REFUSED
    assert "adopt: true" in caught.value.sentence()
    assert world.writes() == []
    assert _held(world) == _secret("x")


@pytest.mark.parametrize(
    "given", [{"adopt": True, "on_secret_mismatch": "refuse"}, {"on_secret_mismatch": "rotate"}, {"recorded": True}]
)
def test_a_live_tunnel_is_taken_over_in_place(world: World, given: dict[str, Any]) -> None:
    _unused, made = world.run(Tunnel(NAME, secret=_secret("x")))
    world.writes()
    if given.pop("recorded", False):
        given = {"tunnel_id": made["id"], "on_secret_mismatch": "refuse"}
    outcome, result = world.run(Tunnel(NAME, secret=_secret(), **given))
    assert world.writes() == ["PATCH /cfd_tunnel"]
    assert outcome.plan.diff[0]["before"] == {"secret": f"fingerprint {_secret('x').fingerprint()}"}
    assert result["id"] == made["id"]
    assert _held(world) == _secret()


def test_a_tunnel_that_was_deleted_by_hand_is_not_taken_for_a_live_one(world: World) -> None:
    _unused, first = world.run(Tunnel(NAME))
    world.run(Tunnel(NAME, present=False))
    _unused, second = world.run(Tunnel(NAME, tunnel_id=first["id"]))
    assert second["id"] != first["id"]
    assert [item["id"] for item in world.tunnels()] == [second["id"]]


def test_a_recorded_tunnel_gets_its_name_back(world: World) -> None:
    _unused, made = world.run(Tunnel("renamed-by-hand"))
    world.writes()
    outcome, result = world.run(Tunnel(NAME, tunnel_id=made["id"]))
    assert world.writes() == ["PATCH /cfd_tunnel"]
    assert outcome.plan.diff[0]["before"] == {"name": "renamed-by-hand"}
    assert (result["id"], result["name"]) == (made["id"], NAME)


@pytest.mark.parametrize("there", ["local", "cloudflare"])
def test_the_kind_of_a_live_tunnel_is_never_changed(world: World, there: str) -> None:
    wanted = "local" if there == "cloudflare" else "cloudflare"
    world.run(Tunnel(NAME, config_src=there))
    world.writes()
    with pytest.raises(Failure) as caught:
        world.run(Tunnel(NAME, config_src=wanted, adopt=True))
    assert caught.value.kind is Kind.REFUSED
    assert there in caught.value.sentence()
    assert world.writes() == []


def test_an_unknown_secret_is_waited_for(world: World) -> None:
    steps = Cloudflare(world.client()).plan(Tunnel(NAME, secret=UNKNOWN))
    assert [step.ready for step in steps] == [False]
    world.run(Tunnel(NAME, secret=_secret()))
    steps = Cloudflare(world.client()).plan(Tunnel(NAME, secret=UNKNOWN))
    assert [(step.verb, step.ready) for step in steps] == [("update", False)]


def test_credentials_come_only_when_asked_for(world: World) -> None:
    _unused, silent = world.run(Tunnel(NAME, secret=_secret()))
    assert "token" not in silent
    for tunnel in (Tunnel(NAME, secret=_secret(), return_credentials=True), Tunnel(NAME, return_credentials=True)):
        _unused, told = world.run(tunnel)
        assert not told["token"].hidden
        assert Credentials.from_token(told["token"].reveal()).secret == _secret().reveal()
        assert str(told["token"]) == "***"


def test_credentials_after_a_rotation_are_the_new_ones(world: World) -> None:
    world.run(Tunnel(NAME, secret=_secret("x")))
    _unused, told = world.run(Tunnel(NAME, secret=_secret(), return_credentials=True))
    assert Credentials.from_token(told["token"].reveal()).secret == _secret().reveal()


def test_what_came_to_light_is_masked_by_the_edge_unless_asked_for(world: World) -> None:
    world.run(Tunnel(NAME, secret=_secret()))
    client: Client = world.client()
    Cloudflare(client).plan(Tunnel(NAME, secret=_secret()))
    token = Credentials(world.standin.account_id, world.tunnels()[0]["id"], _secret().reveal()).to_token()
    assert client.runtime.secrets == {token, _secret().reveal()}
    client = world.client()
    Cloudflare(client).plan(Tunnel(NAME, secret=_secret(), return_credentials=True))
    assert token not in client.runtime.secrets


def test_connections_are_closed_before_the_tunnel_is_deleted(world: World) -> None:
    world.run(Tunnel(NAME))
    _connect(world)
    world.writes()
    outcome, _unused = world.run(Tunnel(NAME, present=False))
    assert [step.verb for step in outcome.done] == ["disconnect", "delete"]
    assert world.writes() == ["DELETE /cfd_tunnel/connections", "DELETE /cfd_tunnel"]
    assert len({step.target for step in outcome.done}) == 2


def test_b3_a_connector_that_comes_back_is_disconnected_again(world: World) -> None:
    world.run(Tunnel(NAME))
    world.writes()
    product = Cloudflare(world.client())
    steps = product.plan(Tunnel(NAME, present=False))
    _connect(world)
    for step in steps:
        product.perform(step)
    assert world.writes() == ["DELETE /cfd_tunnel", "DELETE /cfd_tunnel/connections", "DELETE /cfd_tunnel"]
    assert world.tunnels() == []


def test_b3_a_connector_that_never_leaves_is_told_and_the_next_run_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(Tunnel(NAME))
    _connect(world)
    product = Cloudflare(_with_a_stubborn_connector(world, monkeypatch))
    disconnect, delete = product.plan(Tunnel(NAME, present=False))
    product.perform(disconnect)
    with pytest.raises(Failure) as caught:
        product.perform(delete)
    assert caught.value.kind is Kind.BUSY
    assert "Stop cloudflared" in caught.value.remedy
    assert len(world.slept) == 4
    world.run(Tunnel(NAME, present=False))
    assert world.tunnels() == []


def _with_a_stubborn_connector(world: World, patch: pytest.MonkeyPatch) -> Client:
    """Return a client after each of whose disconnections the connector is back at once."""
    client = world.client()
    delete = client.delete

    def come_back(path: str, **named: Any) -> None:
        delete(path, **named)
        world.standin.tunnels()[0].quiet_until = None
        _connect(world)

    patch.setattr(client, "delete", come_back)
    return client


def test_absent_deletes_the_recorded_tunnel_under_any_name(world: World) -> None:
    _unused, made = world.run(Tunnel("renamed-by-hand"))
    world.run(Tunnel(NAME, present=False, tunnel_id=made["id"]))
    assert world.tunnels() == []


def test_b3_absent_refuses_a_foreign_tunnel_loudly(world: World) -> None:
    world.run(Tunnel(NAME, secret=_secret("x")))
    mine: dict[str, Any] = {"present": False, "secret": _secret(), "on_secret_mismatch": "refuse"}
    with pytest.raises(Failure) as caught:
        world.run(Tunnel(NAME, **mine))
    assert caught.value.kind is Kind.REFUSED
    assert len(world.tunnels()) == 1
    world.run(Tunnel(NAME, **mine, adopt=True))
    assert world.tunnels() == []


def test_a_name_that_is_taken_between_plan_and_perform_is_a_conflict(world: World) -> None:
    product = Cloudflare(world.client())
    steps = product.plan(Tunnel(NAME, secret=_secret()))
    world.run(Tunnel(NAME, secret=_secret("x")))
    with pytest.raises(Failure) as caught:
        product.perform(steps[0])
    assert caught.value.kind is Kind.CONFLICT
    assert _held(world) == _secret("x")


def test_two_runs_with_the_same_secret_make_one_tunnel(world: World) -> None:
    product = Cloudflare(world.client())
    desired = Tunnel(NAME, secret=_secret())
    steps = product.plan(desired)
    _unused, made = world.run(desired)
    product.perform(steps[0])
    assert product.result(desired)["id"] == made["id"]
    assert len(world.tunnels()) == 1


def test_tunnels_of_other_names_and_deleted_ones_are_not_found(world: World) -> None:
    world.run(Tunnel("webhooks-acme-2"), Tunnel("gone"))
    world.run(Tunnel("gone", present=False))
    product = Cloudflare(world.client())
    assert product.find_tunnel(NAME) is None
    assert [item["name"] for item in product.tunnels()] == ["webhooks-acme-2"]
    assert product.tunnels("gone") == []


def test_a_tunnels_token_is_read_for_use_cases(world: World) -> None:
    _unused, made = world.run(Tunnel(NAME, secret=_secret()))
    token = Cloudflare(world.client()).tunnel_token(made["id"])
    assert Credentials.from_token(token.reveal()).tunnel == made["id"]
    assert token.hidden


@pytest.mark.parametrize(
    "given",
    [
        {"name": ""},
        {"name": " acme"},
        {"name": "acme\n"},
        {"name": "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"},
        {"name": "f70ff985a4ef4643bbbc4a0ed4fc8415"},
        {"name": NAME, "tunnel_id": "acme"},
        {"name": NAME, "config_src": "remote"},
        {"name": NAME, "secret": Sensitive("c2hvcnQ=")},
        {"name": NAME, "secret": "CANARY"},
    ],
)
def test_bad_input_is_refused_before_any_request(given: dict[str, Any]) -> None:
    with pytest.raises(Failure) as caught:
        Tunnel(**given)
    assert caught.value.kind is Kind.INVALID
    assert "CANARY" not in caught.value.sentence()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_every_fault_ends_in_the_wanted_tunnel(world: World, method: str, kind: str) -> None:
    world.fault(kind, method)
    for letter in ("x", "y"):
        world.run(Tunnel(NAME, secret=_secret(letter)))
        assert len(world.tunnels()) == 1
        assert _held(world) == _secret(letter)
    _connect(world)
    world.run(Tunnel(NAME, present=False))
    assert world.tunnels() == []
    assert [item.kind for item in world.standin.faults.struck()] == [kind]


def test_b2_the_process_may_die_before_and_after_every_write(world: World) -> None:
    """A lost answer and nothing after it is what a killed process leaves behind."""
    for nth, when in itertools.product((1, 2), ("lost", "reset")):
        world.fault(when, "POST|PATCH|DELETE", nth=nth, times=None)
        for desired in (Tunnel(NAME, secret=_secret()), Tunnel(NAME, present=False)):
            with contextlib.suppress(Failure):
                world.run(desired, backoff=Backoff(attempts=1))
        world.standin.faults.clear()
        world.run(Tunnel(NAME, secret=_secret(), on_secret_mismatch="refuse"))
        assert len(world.tunnels()) == 1
        world.run(Tunnel(NAME, present=False))
        assert world.tunnels() == []
