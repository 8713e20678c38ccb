"""Our rules among foreign ones: the merge as such, and against the stand-in with other writers."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.product import Cloudflare
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.tunnel import Tunnel
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.tunnel_rules import (
    TunnelRules,
    merge,
    shadows,
)
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import UNKNOWN
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import NoCache, Runtime
from tests.sandbox.faults import KINDS
from tests.unit.plugins.module_utils._cloudflare.conftest import World

ID = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"
OURS: dict[str, Any] = {"hostname": "shop.example.org", "service": "http://web.shop:8080"}
FOREIGN: dict[str, Any] = {
    "hostname": "wiki.example.org",
    "service": "http://wiki:80",
    "originRequest": {"noTLSVerify": True},
}
CATCH_ALL: dict[str, Any] = {"service": "http_status:503"}

HOSTS = st.sampled_from(["a.example.org", "b.example.org", "c.a.example.org", "*.example.org", "*.a.example.org"])
RULES = st.lists(
    st.builds(
        lambda host, path, port: {"hostname": host, **({"path": path} if path else {}), "service": f"http://s:{port}"},
        HOSTS,
        st.sampled_from(["", "^/a", "^/b"]),
        st.integers(1, 9),
    ),
    max_size=6,
    unique_by=lambda rule: (rule["hostname"], rule.get("path")),
)


def _rules(*rules: dict[str, Any], **given_: Any) -> TunnelRules:
    return TunnelRules(ID, rules, **given_)


def _key(rule: dict[str, Any]) -> tuple[Any, Any]:
    return rule.get("hostname"), rule.get("path")


@given(there=RULES, ours=RULES)
def test_a_merge_keeps_the_others_and_makes_ours_reachable(
    there: list[dict[str, Any]], ours: list[dict[str, Any]]
) -> None:
    try:
        desired = _rules(*ours, adopt=True)
    except Failure:
        return  # empty, or a rule that its own predecessor shadows: refused before anything else
    before = [*there, CATCH_ALL]
    after = merge(before, desired)
    keys = {_key(rule) for rule in ours}
    foreign = [rule for rule in before if _key(rule) not in keys]
    assert [rule for rule in after if _key(rule) not in keys] == foreign
    assert after[-1] == CATCH_ALL
    assert [rule for rule in after if _key(rule) in keys and rule in ours] == [
        rule for rule in after if _key(rule) in keys
    ]
    assert len([rule for rule in after if _key(rule) in keys]) == len(ours)
    for place, rule in enumerate(after):
        if _key(rule) in keys:
            assert not [earlier for earlier in after[:place] if shadows(earlier, rule)]
    assert merge(after, desired) == after
    assert merge(after, _rules(*ours, present=False)) == foreign


def test_a_new_rule_goes_before_the_catch_all() -> None:
    assert merge([FOREIGN, CATCH_ALL], _rules(OURS)) == [FOREIGN, OURS, CATCH_ALL]


@pytest.mark.parametrize("wildcard", ["*.example.org", "*.org"])
def test_a_new_rule_goes_before_the_wildcard_that_would_take_its_requests(wildcard: str) -> None:
    every = {"hostname": wildcard, "service": "http://all:80"}
    assert merge([FOREIGN, every, CATCH_ALL], _rules(OURS)) == [FOREIGN, OURS, every, CATCH_ALL]


def test_a_path_goes_before_the_rule_for_the_whole_host() -> None:
    path = {**OURS, "path": "^/api/", "service": "http://api.shop:80"}
    assert merge([OURS, CATCH_ALL], _rules(path)) == [path, OURS, CATCH_ALL]


def test_a_wildcard_of_ours_goes_after_the_hosts_of_others() -> None:
    every = {"hostname": "*.example.org", "service": "http://all:80"}
    assert merge([FOREIGN, CATCH_ALL], _rules(every)) == [FOREIGN, every, CATCH_ALL]


def test_a_missing_catch_all_is_added() -> None:
    assert merge([], _rules(OURS)) == [OURS, {"service": "http_status:404"}]


def test_other_settings_of_our_rule_are_repaired_and_unknown_keys_kept() -> None:
    drifted = {**OURS, "originRequest": {"noTLSVerify": True}, "id": "7"}
    assert merge([drifted, CATCH_ALL], _rules(OURS)) == [{**OURS, "id": "7"}, CATCH_ALL]


def test_empty_settings_are_no_difference() -> None:
    there = [{**OURS, "path": "", "originRequest": {}}, CATCH_ALL]
    assert merge(there, _rules(OURS)) == there


def test_a_rule_with_another_service_is_refused_unless_told() -> None:
    there = [{**OURS, "service": "http://other:80"}, CATCH_ALL]
    with pytest.raises(Failure) as caught:
        merge(there, _rules(OURS))
    assert caught.value.kind is Kind.REFUSED
    assert "adopt: true" in caught.value.sentence()
    assert merge(there, _rules(OURS, adopt=True)) == [OURS, CATCH_ALL]


def test_absent_takes_only_what_is_meant() -> None:
    there = [FOREIGN, OURS, CATCH_ALL]
    other = {**OURS, "service": "http://other:80"}
    assert merge(there, _rules(OURS, present=False)) == [FOREIGN, CATCH_ALL]
    assert merge(there, _rules({"hostname": "shop.example.org"}, present=False)) == [FOREIGN, CATCH_ALL]
    assert merge(there, _rules(other, present=False)) == there
    assert merge(there, _rules(other, present=False, adopt=True)) == [FOREIGN, CATCH_ALL]
    assert merge([], _rules(OURS, present=False)) == []


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [{"hostname": "", "service": "http://web:80"}],
        [{"hostname": "*", "service": "http://web:80"}],
        [{"hostname": "shop.example.org:443", "service": "http://web:80"}],
        [{"hostname": "shop.*.example.org", "service": "http://web:80"}],
        [{"hostname": "https://shop.example.org", "service": "http://web:80"}],
        [{"hostname": "shop", "service": "http://web:80"}],
        [{"hostname": "shop.example.org"}],
        [{**OURS, "service": "web"}],
        [{**OURS, "service": "http://web:80/path"}],
        [{**OURS, "service": "http://web:port"}],
        [{**OURS, "service": "ftp://web"}],
        [{**OURS, "service": "http_status:1"}],
        [{**OURS, "path": "/a b"}],
        [{**OURS, "originRequest": {"noTlsVerify": True}}],
        [{**OURS, "originRequest": {"connectTimeout": "10s"}}],
        [OURS, OURS],
        [OURS, {**OURS, "path": "^/api"}],
        [{"hostname": "*.example.org", "service": "http://web:80"}, OURS],
    ],
)
def test_bad_rules_are_refused_before_any_request(rules: list[dict[str, Any]]) -> None:
    with pytest.raises(Failure) as caught:
        _rules(*rules)
    assert caught.value.kind is Kind.INVALID


@pytest.mark.parametrize(
    "service",
    ["https://web", "tcp://db:5432", "unix:/run/web.sock", "http_status:403", "hello_world", "http://[::1]:8080"],
)
def test_services_of_every_kind_are_taken(service: str) -> None:
    assert _rules({**OURS, "service": service}).rules[0]["service"] == service


def _tunnel(world: World, config_src: str = "cloudflare") -> str:
    _unused, made = world.run(Tunnel("shop", config_src=config_src))
    world.writes()
    return str(made["id"])


def _config(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.tunnels()[0]["config"]
    return found


def _foreign_config(world: World, tunnel_id: str) -> None:
    config = {
        "ingress": [FOREIGN, CATCH_ALL],
        "originRequest": {"connectTimeout": 5},
        "warp-routing": {"enabled": True},
    }
    client = world.client()
    path = f"/accounts/{client.account_id}/cfd_tunnel/{tunnel_id}/configurations"
    client.put(path, {"config": config}, tried="Writing as somebody else")
    world.writes()


def test_present_then_again_then_drift_then_absent_leaves_the_rest_alone(world: World) -> None:
    tunnel_id = _tunnel(world)
    _foreign_config(world, tunnel_id)
    desired = TunnelRules(tunnel_id, (OURS,))
    outcome, result = world.run(desired)
    assert world.writes() == ["PUT /cfd_tunnel/configurations"]
    assert result["ingress"] == [FOREIGN, OURS, CATCH_ALL]
    assert result["rules"] == [OURS]
    assert [rule["owned"] for rule in outcome.plan.diff[0]["after"]["ingress"]] == [False, True, False]
    assert _config(world)["warp-routing"] == {"enabled": True}
    assert _config(world)["originRequest"] == {"connectTimeout": 5}
    outcome, again = world.run(desired)
    assert not outcome.plan.changed
    assert world.writes() == []
    assert again == result
    _foreign_config(world, tunnel_id)
    outcome, _unused = world.run(desired)
    assert outcome.plan.changed
    assert _config(world)["ingress"] == [FOREIGN, OURS, CATCH_ALL]
    outcome, _unused = world.run(TunnelRules(tunnel_id, (OURS,), present=False))
    assert outcome.plan.changed
    assert _config(world)["ingress"] == [FOREIGN, CATCH_ALL]
    world.writes()
    outcome, _unused = world.run(TunnelRules(tunnel_id, (OURS,), present=False))
    assert not outcome.plan.changed
    assert world.writes() == []


def test_check_mode_writes_nothing_and_predicts_the_rules(world: World) -> None:
    tunnel_id = _tunnel(world)
    outcome, result = world.run(TunnelRules(tunnel_id, (OURS,)), check=True)
    assert outcome.plan.changed
    assert result["ingress"] == [OURS, {"service": "http_status:404"}]
    assert result["version"] == UNKNOWN
    assert world.writes() == []


def test_an_unknown_tunnel_is_waited_for_and_needs_no_request(world: World) -> None:
    outcome, result = world.run(TunnelRules(UNKNOWN, (OURS,)), check=True)
    assert [step.ready for step in outcome.plan.steps] == [False]
    assert result["rules"] == [OURS]
    assert world.standin.log.entries() == []
    outcome, _unused = world.run(TunnelRules(UNKNOWN, (OURS,), present=False))
    assert not outcome.plan.changed


def test_a_locally_managed_tunnel_is_refused(world: World) -> None:
    tunnel_id = _tunnel(world, "local")
    with pytest.raises(Failure) as caught:
        world.run(TunnelRules(tunnel_id, (OURS,)))
    assert caught.value.kind is Kind.REFUSED
    assert world.writes() == []


def test_a_tunnel_that_is_gone_has_no_rules(world: World) -> None:
    with pytest.raises(Failure) as caught:
        world.run(TunnelRules(ID, (OURS,)))
    assert caught.value.kind is Kind.MISSING
    outcome, result = world.run(TunnelRules(ID, (OURS,), present=False))
    assert not outcome.plan.changed
    assert result is None


def test_what_another_writer_replaced_is_written_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who read before we wrote puts the whole document back, twice."""
    tunnel_id = _tunnel(world)
    product = Cloudflare(_losing(world, monkeypatch, times=2))
    for step in product.plan(TunnelRules(tunnel_id, (OURS,))):
        product.perform(step)
    assert _config(world)["ingress"] == [FOREIGN, OURS, CATCH_ALL]
    assert world.writes() == ["PUT /cfd_tunnel/configurations"] * 3


def _losing(world: World, patch: pytest.MonkeyPatch, times: int) -> Client:
    """Return a client after whose first writes somebody else puts an older document back."""
    client = world.client()
    put, written = client.put, itertools.count(1)

    def lose(*args: Any, **named: Any) -> Any:
        answer = put(*args, **named)
        if next(written) <= times:
            world.standin.tunnels()[0].configuration = {"ingress": [FOREIGN, CATCH_ALL]}
        return answer

    patch.setattr(client, "put", lose)
    return client


def test_a_writer_that_always_wins_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel_id = _tunnel(world)
    product = Cloudflare(_losing(world, monkeypatch, times=99))
    steps = product.plan(TunnelRules(tunnel_id, (OURS,)))
    with pytest.raises(Failure) as caught:
        product.perform(steps[0])
    assert caught.value.kind is Kind.CONFLICT
    assert len(world.writes()) == 5


class LockingCache(NoCache):
    """A cache with one lock, as the workers of one run share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def lock(self, key: str) -> Any:
        """Hold the lock."""
        with self._lock:
            yield


def test_n6_workers_of_one_run_lose_no_rule(world: World) -> None:
    tunnel_id = _tunnel(world)
    cache = LockingCache()

    def add(number: int) -> None:
        rule = {"hostname": f"host-{number}.example.org", "service": "http://web:80"}
        runtime = Runtime(now=lambda: 0.0, cache=cache)
        product = Cloudflare(world.client(runtime=runtime))
        for step in product.plan(TunnelRules(tunnel_id, (rule,))):
            product.perform(step)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(20)))
    assert len(_config(world)["ingress"]) == 21


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("method", "nth"), [("GET", 1), ("GET", 2), ("GET", 3), ("GET", 4), ("PUT", 1)])
def test_every_fault_ends_in_the_wanted_rules(world: World, method: str, nth: int, kind: str) -> None:
    tunnel_id = _tunnel(world)
    world.fault(kind, method, nth=nth)
    world.run(TunnelRules(tunnel_id, (OURS,)))
    assert _config(world)["ingress"] == [OURS, {"service": "http_status:404"}]
    assert [item.kind for item in world.standin.faults.struck()] == [kind]
