"""Being an App: claims that a fast clock does not break, narrow tokens, one of them for all workers of a run."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, answer
from ansible_collections.aphex.platform.plugins.module_utils._github import app_auth
from ansible_collections.aphex.platform.plugins.module_utils._github.app_auth import Access, App
from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._github.hooks import Place
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from tests.unit.plugins.module_utils._github.conftest import OWNER, REPOSITORY, SharedCache, World

HOOKS = Access.of(OWNER, repository_hooks="write")
PATH = f"/repos/{OWNER}/{REPOSITORY}/hooks"
MINTS = "POST app/installations"


def _read(client: Client, access: Access = HOOKS) -> Any:
    return client.get(PATH, access, tried="Reading the webhooks")


def _mints(world: World) -> list[dict[str, Any]]:
    entries = world.standin.log.entries()
    return [json.loads(entry.body) for entry in entries if entry.path.endswith("/access_tokens")]


def test_a_task_asks_for_one_installation_and_one_token(world: World) -> None:
    client = world.app()
    assert _read(client) == []
    assert _read(client) == []
    assert world.requests() == [
        f"GET {OWNER}/installation".replace(f"{OWNER}/", ""),
        "POST app/installations/access_tokens",
        "GET hooks",
        "GET hooks",
    ]


def test_e16_e17_the_claim_keeps_away_from_the_limit_and_its_issuer_is_text(world: World) -> None:
    app = world.app().require_app()
    claims = jwt.decode(app.claim().reveal(), options={"verify_signature": False})
    now = time.time()
    assert claims["iss"] == str(world.standin.app_id)
    assert -65 < claims["iat"] - now < -58
    assert 530 < claims["exp"] - now < 545
    assert app.claim() == app.claim()


def test_the_client_id_is_an_issuer_too(world: World) -> None:
    assert _read(world.app(app_id=world.standin.app.client_id)) == []


@pytest.mark.parametrize("shift", [-3600.0, 3600.0])
def test_a_clock_that_is_wrong_is_set_by_githubs_date(world: World, shift: float) -> None:
    world.standin.clock.shift = shift
    client = world.app()
    assert _read(client) == []
    statuses = [entry.status for entry in world.standin.log.entries()]
    assert statuses == [401, 200, 201, 200]


def test_a_key_of_another_app_is_one_sentence(world: World) -> None:
    other = world.standin.add_app("other")
    with pytest.raises(Failure) as caught:
        _read(world.app(key=Sensitive(world.standin.add_key(other["id"]))))
    assert caught.value.kind is Kind.DENIED
    assert "A JSON web token could not be decoded" in caught.value.sentence()
    assert len(world.standin.log.entries()) == 1


def test_e13_a_token_is_narrowed_by_permission_and_repository(world: World) -> None:
    access = Access.of(OWNER, ["Web-Shop"], repository_hooks="write")
    _read(world.app(), access)
    assert _mints(world) == [{"permissions": {"repository_hooks": "write"}, "repositories": ["web-shop"]}]


def test_a_permission_that_the_app_lacks_is_named(world: World) -> None:
    with pytest.raises(Failure) as caught:
        _read(world.app(), Access.of(OWNER, pages="read"))
    assert "pages: read" in caught.value.sentence()
    assert caught.value.status == 422


def test_an_owner_without_the_app_is_one_sentence(world: World) -> None:
    world.standin.add_owner("elsewhere")
    with pytest.raises(Failure) as caught:
        _read(world.app(), Access.of("elsewhere", repository_hooks="write"))
    assert caught.value.kind is Kind.MISSING
    assert "not installed there" in caught.value.sentence()


def test_a_person_may_have_the_app(world: World) -> None:
    world.standin.install(world.standin.app_id, "olga")
    world.standin.add_repository("olga/notes")
    client = world.app()
    assert client.get("/repos/olga/notes/hooks", Access.of("olga", repository_hooks="write"), tried="Reading") == []


def test_the_installation_may_be_given(world: World) -> None:
    found = world.standin.state()["installations"][0]["id"]
    _read(world.app(installation_id=str(found)))
    assert not [each for each in world.requests() if each.endswith("installation")]


def test_n5_all_workers_of_a_run_take_one_token(world: World) -> None:
    cache = SharedCache()
    barrier = threading.Barrier(16)

    def worker(_number: int) -> Any:
        client = world.app(Runtime(now=time.time, cache=cache))
        barrier.wait()
        return _read(client)

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(worker, range(16))) == [[]] * 16
    assert len(_mints(world)) == 1


def test_other_permissions_are_another_token(world: World) -> None:
    cache = SharedCache()
    for access in (HOOKS, Access.of(OWNER, repository_hooks="read"), HOOKS):
        _read(world.app(Runtime(now=time.time, cache=cache)), access)
    assert len(_mints(world)) == 2


def test_a_token_lies_sealed_in_the_cache_and_another_key_cannot_open_it(world: World) -> None:
    cache = SharedCache()
    _read(world.app(Runtime(now=time.time, cache=cache)))
    token = world.standin.state()["tokens"][-1]
    assert token.startswith("ghs_")
    assert token not in json.dumps(cache.stored)
    assert token.encode().hex() not in json.dumps(cache.stored)
    sealed = {key: value for key, value in cache.stored.items() if isinstance(value, dict)}
    assert len(sealed) == 1
    stranger = world.app(Runtime(now=time.time, cache=cache), key=Sensitive(world.standin.add_key())).require_app()
    assert stranger._cached(next(iter(sealed))) is None


def test_every_token_is_told_to_the_edge_which_masks_it(world: World) -> None:
    runtime = Runtime(now=time.time)
    _read(world.app(runtime))
    assert world.standin.state()["tokens"][-1] in runtime.secrets


def test_a_token_that_ends_soon_is_replaced(world: World) -> None:
    cache = SharedCache()
    clock = [time.time()]
    _read(world.app(Runtime(now=lambda: clock[0], cache=cache)))
    clock[0] += 3250.0
    world.standin.clock.shift = 3250.0
    _read(world.app(Runtime(now=lambda: clock[0], cache=cache)))
    assert len(_mints(world)) == 1
    clock[0] += 60.0
    world.standin.clock.shift = 3310.0
    _read(world.app(Runtime(now=lambda: clock[0], cache=cache)))
    assert len(_mints(world)) == 2


def test_a_token_that_was_just_made_and_is_not_known_yet_is_tried_again(world: World) -> None:
    world.standin.access.refusals = 2
    assert _read(world.app()) == []
    assert world.slept == [1.0, 2.0]
    assert len(_mints(world)) == 1


def test_a_token_that_was_revoked_meanwhile_is_replaced_once(world: World) -> None:
    cache = SharedCache()
    clock = [time.time()]
    _read(world.app(Runtime(now=lambda: clock[0], cache=cache)))
    world.standin.access.tokens.popitem()
    clock[0] += 60.0
    assert _read(world.app(Runtime(now=lambda: clock[0], cache=cache))) == []
    assert len(_mints(world)) == 2
    assert world.slept == []


def test_a_suspended_installation_is_one_sentence(world: World) -> None:
    world.standin._places.installations[
        world.standin.state()["installations"][0]["id"]
    ].suspended_at = "2026-01-01T00:00:00Z"
    with pytest.raises(Failure) as caught:
        _read(world.app())
    assert "suspended" in caught.value.sentence()
    assert caught.value.kind is Kind.DENIED


def test_tokens_are_revoked_when_asked(world: World) -> None:
    cache = SharedCache()
    client = world.app(Runtime(now=time.time, cache=cache))
    _read(client)
    token = world.standin.state()["tokens"][-1]
    client.revoke()
    assert token not in world.standin.state()["tokens"]
    assert [value for value in cache.stored.values() if isinstance(value, dict)] == []
    assert _read(client) == []


def _hooks_of(world: World, runtime: Runtime, **params: Any) -> dict[str, Any]:
    given = {
        "github_app_id": str(world.standin.app_id),
        "github_app_private_key": Sensitive(world.standin.private_key),
        "github_api_url": world.standin.url,
        **params,
    }
    entry = EntryPoint({}, {"github": GitHub}, "webhooks", read=lambda params, products, runtime: _listed(products))
    return answer(entry, given, runtime)


def _listed(products: Any) -> Any:
    return products["github"].webhooks(Place(OWNER, REPOSITORY))


def test_a_task_that_wants_a_token_of_its_own_revokes_it_at_its_end(world: World) -> None:
    cache = SharedCache()
    before = set(world.standin.state()["tokens"])
    for _unused in range(2):
        told = _hooks_of(world, Runtime(now=time.time, cache=cache), github_revoke_token=True)
        assert told["webhooks"] == []
    assert len(_mints(world)) == 2
    assert set(world.standin.state()["tokens"]) == before
    assert [value for value in cache.stored.values() if isinstance(value, dict)] == []


def test_a_token_is_revoked_after_a_failure_too_and_what_failed_is_told(world: World) -> None:
    before = set(world.standin.state()["tokens"])
    world.fault("garbage", "GET", "hooks", times=None)
    told = _hooks_of(world, Runtime(now=time.time), github_revoke_token=True, github_timeout=1)
    assert told["failed"]
    assert "no JSON" in told["msg"]
    assert set(world.standin.state()["tokens"]) == before


def test_that_a_token_cannot_be_revoked_is_shown_and_fails_nothing(world: World) -> None:
    shown: list[str] = []
    world.fault("500", "DELETE", "token", times=None)
    client = world.app(Runtime(now=time.time, progress=shown.append))
    client._revoke_at_end = True
    _read(client)
    client.close()
    assert len(shown) == 1
    assert shown[0].startswith("Revoking the installation token of acme-corp: ")


def test_c11_the_key_is_parsed_once_and_only_when_it_is_needed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = SharedCache()
    _read(world.app(Runtime(now=time.time, cache=cache)))
    parsed = []
    original = jwt.get_algorithm_by_name

    def counted(name: str) -> Any:
        parsed.append(name)
        return original(name)

    monkeypatch.setattr(jwt, "get_algorithm_by_name", counted)
    _read(world.app(Runtime(now=time.time, cache=cache)))
    assert parsed == []
    app = world.app().require_app()
    for _unused in range(3):
        app._signed = None
        app.claim()
    assert len(parsed) == 1


def test_the_key_may_lie_in_a_file_or_have_its_line_ends_written_out(world: World, tmp_path: Path) -> None:
    path = tmp_path / "app.pem"
    path.write_text(world.standin.private_key, encoding="ascii")
    assert _read(world.app(key=None, key_file=str(path))) == []
    assert _read(world.app(key=Sensitive(world.standin.private_key.replace("\n", "\\n")))) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"app_id": "no id"}, "github_app_id"),
        ({"app_id": ""}, "github_app_id"),
        ({"installation_id": "acme"}, "github_installation_id"),
        ({"key": None}, "one of both"),
        ({"key_file": "also.pem"}, "one of both"),
        ({"key": Sensitive("CANARY")}, "private key"),
        ({"key": Sensitive("-----BEGIN RSA PRIVATE KEY-----\nCANARY\n-----END RSA PRIVATE KEY-----")}, "private key"),
        ({"key": None, "key_file": "not-there.pem"}, "not-there.pem"),
    ],
)
def test_what_cannot_be_an_app_is_refused_before_any_request(world: World, given: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure) as caught:
        _read(world.app(**given))
    assert caught.value.kind is Kind.INVALID
    assert words in caught.value.sentence()
    assert "CANARY" not in caught.value.sentence()
    assert world.standin.log.entries() == []


def test_n14_a_missing_library_is_one_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_auth, "jwt", None)
    with pytest.raises(Failure) as caught:
        _read(world.app())
    assert caught.value.kind is Kind.MISSING
    assert "pip install 'PyJWT[crypto]'" in caught.value.remedy


def test_an_app_prints_nothing_of_its_key(world: World) -> None:
    app: App = world.app().require_app()
    assert "PRIVATE" not in repr(vars(app))
