"""No secret shows: planted values go into every secret input, and everything that can be read is searched for them.

In: both sides. Out: for each module that takes, holds or makes a secret, nothing found; and for each place that is
searched, that a secret there would have been found. Never here: a place that is let off.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

from ansible_collections.aphex.platform.plugins.module_utils import _edge
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from tests.contract import backups, extent, platform, search
from tests.contract.cases import flux_receiver
from tests.contract.cases.platform_authority import folder
from tests.contract.runner import HOST, Playing, Task, local_host, play_of
from tests.contract.world import World
from tests.sandbox import build
from tests.sandbox.api import Object

Args = dict[str, Any]


# what is run ----------------------------------------------------------------------------------------------------------


def _secret(world: World, name: str = "login", **body: Any) -> Object:
    metadata = {"name": name, "namespace": world.name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **body}


def _connected(world: World, **args: Any) -> Task:
    """A read with a connection of its own."""
    return Task("organization_info", {"name": "any", "host": world.side.proxy.url, **args})


def _kubeconfig(world: World, **user: Any) -> Args:
    config = yaml.safe_load(world.side.kubeconfig.read_text(encoding="utf-8"))
    config["users"][0]["user"] = user
    return {"kubeconfig": config}


def _kubernetes(world: World) -> list[Task]:
    """Secrets in definitions, right and wrong, and every way to say who asks."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.name}}
    first = [
        _secret(world, stringData={"password": world.secret("first password")}),
        _secret(world, "other", data={"key": world.secret64("key")}),
    ]
    second = [_secret(world, stringData={"password": world.secret("second password")}), first[1]]
    lost = _secret(world, stringData={"password": world.secret("lost password")})
    wrong: list[Any] = [
        _secret(world, data={"password": world.secret("no base64")}),
        _secret(world, stringData={"password": {"nested": world.secret("nested password")}}),
        _secret(world, stringData={"password": world.secret("typed password")}, type="kubernetes.io/tls"),
        f"apiVersion: v1\nkind: Secret\nstringData: {{password: {world.secret('text password')}",
        f"a: {world.secret('key in a text')}\na: again",
        {**lost, "metadata": {"name": "lost", "namespace": "not-there"}},
    ]
    definitions: list[tuple[Any, Args]] = [
        ([namespace, *first], {"return_objects": True}),
        ([namespace, *second], {"return_objects": True}),
        *((definition, {}) for definition in wrong),
        (second, {"state": "absent", "return_objects": True}),
    ]
    tasks = [
        Task("kubernetes_objects", {"definition": definition, **more}, check=check)
        for definition, more in definitions
        for check in ((True, False) if more.get("return_objects") else (False,))
    ]
    api_key = world.secret("api key")
    return [
        *tasks,
        _connected(world, api_key=api_key),
        _connected(world, api_key={"a": api_key}),
        _connected(world, api_key=[api_key]),
        _connected(world, api_key=f"{api_key}\n"),
        _connected(world, username="ann", password=world.secret("password")),
        _connected(world, username="ann", password={"a": world.secret("password")}),
        _connected(world, **_kubeconfig(world, token=world.secret("token in a kubeconfig"))),
        _connected(world, **_kubeconfig(world, token={"a": world.secret("broken kubeconfig")})),
        _connected(world, **_kubeconfig(world, **{"client-key-data": world.secret64("client key")})),
        _connected(world, kubeconfig=json.dumps(_kubeconfig(world, token=world.secret("kubeconfig as text")))),
        Task("organization_info", {"name": "any"}),
    ]


def _cloudflare(world: World) -> list[Task]:
    """The secret of a tunnel, right, changed, refused and wrong, and tokens that are none."""

    def tunnel(secret: Any, **more: Any) -> Args:
        return {"name": f"hooks-{world.name}", "tunnel_secret": secret, **more}

    token = world.secret("cloudflare token")
    arguments: list[Args] = [
        tunnel(world.secret64("first tunnel secret")),
        tunnel(world.secret64("second tunnel secret"), adopt=True),
        tunnel(world.secret64("refused tunnel secret")),
        tunnel(world.secret("tunnel secret that is no base64")),
        tunnel({"a": world.secret64("tunnel secret in a mapping")}),
        tunnel([world.secret64("tunnel secret in a list")]),
        tunnel(world.secret64("tunnel secret with another token"), cloudflare_api_token=token),
        tunnel(world.secret64("second tunnel secret"), cloudflare_api_token={"a": token}),
        tunnel(world.secret64("second tunnel secret"), cloudflare_api_token=f"{token}\n"),
        tunnel(world.secret64("second tunnel secret"), cloudflare_api_url="http://127.0.0.1:1", cloudflare_timeout=1),
        {"name": f"more-{world.name}"},
        tunnel(world.secret64("second tunnel secret"), state="absent"),
    ]
    tasks = [
        Task("cloudflare_tunnel", args, check=check)
        for number, args in enumerate(arguments)
        for check in ((True, False) if number < 2 else (False,))
    ]
    shown = {"name": f"more-{world.name}", "return_credentials": True}
    return [*tasks, Task("cloudflare_tunnel", shown, words={"no_log": True})]


def _github(world: World) -> list[Task]:
    """Secrets of webhooks, right, changed and refused; tokens and keys that are none; the App's own."""

    def webhook(**more: Any) -> Args:
        return {"owner": world.owner, "repository": "shop", "url": f"https://{world.public_host()}/hook", **more}

    app = {
        "github_token": "",
        "github_app_id": str(world.github.app_id),
        "github_app_private_key": world.github.private_key,
    }
    second, token, key = world.secret("second webhook secret"), world.secret("github token"), world.secret("app key")
    pem = f"-----BEGIN RSA PRIVATE KEY-----\n{key}\n-----END RSA PRIVATE KEY-----"
    arguments: list[Args] = [
        webhook(secret=world.secret("first webhook secret")),
        webhook(secret=second, update_secret="always"),
        webhook(secret=second, events=["star"], **app),
        webhook(secret=[world.secret("webhook secret in a list")], ping="sometimes"),
        webhook(secret=world.secret("refused webhook secret"), events=["membership"]),
        webhook(secret=second, github_token=token),
        webhook(secret=second, github_token={"a": token}),
        webhook(secret=second, github_token=f"{token}\n"),
        webhook(secret=second, github_api_url="http://127.0.0.1:1", github_timeout=1),
        webhook(secret=second, **{**app, "github_app_private_key": key}),
        webhook(secret=second, **{**app, "github_app_private_key": pem}),
        webhook(secret=second, **{**app, "github_token": token}),
        webhook(state="absent"),
    ]
    tasks = [
        Task("github_webhook", args, check=check)
        for number, args in enumerate(arguments)
        for check in ((True, False) if number < 3 else (False,))
    ]
    own = {"url": f"https://gate-{world.name}.example.org/", "secret": world.secret("app webhook secret"), **app}
    return [*tasks, Task("github_app_webhook", own), Task("github_webhook_info", {"app": True, "deliveries": 5, **app})]


def _authentik(world: World) -> list[Task]:
    """The secret of a client, right, changed and wrong; a blueprint that holds one; tokens that are none."""

    def provider(secret: Any, **more: Any) -> Args:
        return {"name": f"client-{world.name}", "client_id": world.name, "client_secret": secret, **more}

    def blueprint(secret: str, **more: Any) -> Args:
        entry = {"model": "authentik_core.group", "identifiers": {"name": world.name}}
        context = {"version": 1, "context": {"secret": secret}, "entries": [{**entry, **more}]}
        return {"name": f"blueprint-{world.name}", "content": f"# in YAML\n{json.dumps(context)}"}

    second, token = world.secret("second client secret"), world.secret("authentik token")
    arguments: list[Args] = [
        provider(world.secret("first client secret"), application=world.name),
        provider(second, application=world.name),
        provider(second, client_type="public"),
        provider(second, signing_key="not there"),
        provider({"a": world.secret("client secret in a mapping")}),
        provider([world.secret("client secret in a list")], sub_mode="none"),
        provider(second, authentik_token=token),
        provider(second, authentik_token={"a": token}),
        provider(second, authentik_token=f"{token}\n"),
        provider(second, authentik_url="http://127.0.0.1:1", authentik_timeout=1),
        provider(second, state="absent", application=world.name),
    ]
    blueprints: list[Args] = [
        blueprint(world.secret("secret in a blueprint")),
        blueprint(world.secret("secret in a changed blueprint")),
        blueprint(world.secret("secret in a wrong blueprint"), model="none"),
        {"name": f"blueprint-{world.name}", "content": {"a": world.secret("blueprint as a mapping")}},
        {"name": f"blueprint-{world.name}", "state": "absent"},
    ]
    pairs = [("authentik_oauth2_provider", args) for args in arguments]
    pairs += [("authentik_blueprint", args) for args in blueprints]
    return [
        Task(module, args, check=check)
        for number, (module, args) in enumerate(pairs)
        for check in ((True, False) if number < 2 else (False,))
    ]


def _organization(world: World) -> list[Task]:
    """The webhook secret by reference and generated, its rotation, and what leaving takes along."""
    metadata = {"name": f"hook-{world.name}", "namespace": "platform-system"}
    data = {"secret": world.secret("webhook secret")}
    world.make({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
    good = {
        "name": world.name,
        "display_name": "Any",
        "admin_users": ["ann@acme.example"],
        "github": {"owner": platform.OWNER},
    }
    reference = {"webhook_secret_ref": {"name": f"hook-{world.name}"}}
    gone = {"name": world.name, "state": "absent", "deletion_policy": "Delete"}
    arguments: list[Args] = [
        {**good, **reference},
        {**good, **reference, "cloudflare_api_token": world.secret("cloudflare token of an organization")},
        {**good, **reference, "github_token": world.secret("github token of an organization")},
        {**good, "webhook_secret_version": 2, "deletion_policy": "Delete"},
        {**good, "webhook_secret": world.secret("webhook secret in clear"), "deletion_policy": "Delete"},
        gone,
        {**gone, "confirm": world.name},
    ]
    checked = (0, 3, 6)
    return [
        Task("organization", args, check=check)
        for number, args in enumerate(arguments)
        for check in ((True, False) if number in checked else (False,))
    ]


def _flux(world: World) -> list[Task]:
    """The token of a Receiver, made, given, changed, refused, and returned to who asks for it; a path that is one."""
    flux_receiver.prepare(world)

    def receiver(**more: Any) -> Args:
        whole = {
            "name": "hooks",
            "namespace": world.name,
            "branches": ["main"],
            "resources": [{"name": "apps"}],
            **more,
        }
        return {name: value for name, value in whole.items() if value is not None}

    token = world.secret("receiver-token")
    generic = {"name": "open", "type": "generic", "branches": None}
    arguments: list[Args] = [
        receiver(),
        receiver(token=token),
        receiver(token=world.secret("next-receiver-token")),
        receiver(**generic, token=world.secret("open-receiver-token")),
        receiver(token=f"{token}\n"),
        receiver(token={"a": token}),
        receiver(token=[token], type="gitea"),
        receiver(token=token, secret_name="not-there"),
        receiver(state="absent"),
        receiver(**generic, state="absent"),
    ]
    tasks = [
        Task("flux_receiver", args, check=check)
        for number, args in enumerate(arguments)
        for check in ((True, False) if number < 4 else (False,))
    ]
    read = Task("flux_receiver_info", {"namespace": world.name})
    shown = Task("flux_receiver", receiver(return_secrets=True, token=token), words={"no_log": True})
    return [*tasks[:8], read, shown, *tasks[8:]]


def _platform(world: World) -> list[Task]:
    """Values of the platform's Secrets, given, wrong, made, rotated and returned; an authority; a backup of it all."""
    world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.name}})
    place = folder(world)
    place.joinpath("dump").write_text(world.secret("dump of a database"), encoding="utf-8")

    def secret(*keys: Args, **more: Any) -> tuple[str, Args]:
        return "platform_secret", {"namespace": world.name, "name": "login", "keys": list(keys), **more}

    def given(value: Any, **more: Any) -> Args:
        return {"name": "given", "value": value, **more}

    def backup(*command: str, **more: Any) -> tuple[str, Args]:
        whole = {**backups.good(world), "databases": [{"name": "authentik", "command": list(command)}], **more}
        return "platform_backup", whole

    def restore(**more: Any) -> tuple[str, Args]:
        fed = {"databases": [{"name": "authentik", "command": ["cat"]}]}
        password = world.secret("vault-password")
        return "platform_restore", {"file": "{{ made.backup.path }}", "vault_password": password, **fed, **more}

    def sops(*keys: Args, **more: Any) -> tuple[str, Args]:
        place_of_key = {"folder": str(place / "age"), "key_secret": {"namespace": world.name, "name": "age"}}
        hidden = {"namespace": world.name, "name": "hidden", "keys": list(keys)}
        return "platform_sops", {**place_of_key, "secrets": [hidden], **more}

    build.built("sops")
    value, made = world.secret("given value"), {"name": "made"}
    files = {"certificate_file": str(place / "ca" / "ca.crt"), "private_key_file": str(place / "ca" / "ca.key")}
    other, kept = world.secret("other vault password"), backup("cat", str(place / "dump"))
    calls: list[tuple[str, Args]] = [
        secret(given(value), made),
        secret(given(world.secret("changed value")), made, rotate={"made": 2}),
        ("platform_authority", {"folder": str(place / "ca")}),
        sops(given(value), made),
        sops(given({"a": world.secret("value in a mapping of sops")})),
        sops(given(value), key_secret={"namespace": "none", "name": "age"}),
        secret(name="aphex-ca", authority={"common_name": "Aphex", **files}),
        secret(given({"a": world.secret("value in a mapping")})),
        secret(given([world.secret("value in a list")])),
        secret(given(value, generate={"encoding": "rot13"})),
        secret(given(value, generate={"length": 32})),
        secret(given(value), made, rotate={"given": 2}),
        secret(given(value), type="kubernetes.io/tls"),
        secret(
            given(value), {"name": "mirrored", "from_secret": {"namespace": world.name, "name": "none", "key": "a"}}
        ),
        kept,
        backup("sh", "-c", f"cat {place / 'dump'} >&2; exit 3"),
        backup("cat", str(place / "dump"), vault_password={"a": other}),
        backup("cat", str(place / "dump"), vault_password=other, keep=-1),
        ("platform_backup_info", {"folder": str(place / "backups"), "vault_password": other}),
        restore(),
        restore(vault_password=other),
        secret(state="absent"),
        restore(databases=[{"name": "authentik", "command": ["sh", "-c", "cat >&2; exit 3"]}]),
    ]
    tasks = [
        Task(module, args, check=check, words={"register": "made"} if args is kept[1] else {})
        for number, (module, args) in enumerate(calls)
        for check in ((True, False) if number < 4 else (False,))
    ]
    return [*tasks, Task(*secret(given(value), made, return_secrets=True), words={"no_log": True})]


def _born(world: World) -> dict[str, str]:
    """The secrets that a run has made, as they stand in the Secrets of its namespace."""
    found = {}
    for namespace in (world.name, f"org-{world.name}"):
        for item in world.api.list(f"/api/v1/namespaces/{namespace}/secrets"):
            for key, value in (item.get("data") or {}).items():
                if key == "tls.crt":
                    continue  # A certificate is public.
                found[f"{key} of {item['metadata']['name']}"] = base64.b64decode(value).decode()
    return found


def _fill(world: World) -> None:
    """An admin writes into the Secret that is theirs; what it is called later depends on what is there now."""
    path = f"/api/v1/namespaces/org-{world.name}/secrets/org-secrets"
    if world.find(path):
        world.patch(path, {"data": {"license": world.secret64("org secret")}})


SUBJECTS: dict[str, Callable[[World], list[Task]]] = {
    "organization": _organization,
    "kubernetes": _kubernetes,
    "cloudflare": _cloudflare,
    "github": _github,
    "authentik": _authentik,
    "flux": _flux,
    "platform": _platform,
}


# what is searched -----------------------------------------------------------------------------------------------------


def _without_secrets(value: Any, secrets: dict[str, str]) -> Any:
    """Arguments that name variables where a secret stood: nobody writes one into a playbook, which errors quote."""
    if isinstance(value, dict):
        return {key: _without_secrets(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item, secrets) for item in value]
    if isinstance(value, str):
        for name, secret in secrets.items():
            value = value.replace(secret, f"{{{{ {name} }}}}")
            value = value.replace(base64.b64encode(secret.encode()).decode(), f"{{{{ {name} | b64encode }}}}")
    return value


def _meant(world: World) -> Iterator[tuple[str, str]]:
    """The Secrets that may hold what was planted."""
    for namespace in (world.name, f"org-{world.name}", "platform-system"):
        for item in world.api.list(f"/api/v1/namespaces/{namespace}/secrets"):
            if namespace != "platform-system" or world.name in item["metadata"]["name"]:
                yield namespace, item["metadata"]["name"]


def _planted(world: World) -> dict[str, str]:
    """All that was planted, also as it stands in base64, which is put into base64 once more in tokens."""
    values = {**world.canaries, "token of the account": world.side.token, "token": world.cloudflare.token}
    values |= {
        **{f"token {number} of GitHub": token for number, token in enumerate(world.github.access.tokens)},
        "a line of the App's key": world.github.private_key.split("\n")[5],
    }
    return values | {f"{name} (base64)": base64.b64encode(value.encode()).decode() for name, value in values.items()}


@pytest.mark.parametrize(("subject", "path"), extent.paths_of_secrets(SUBJECTS))
def test_no_secret_shows(subject: str, path: str, both: dict[str, World], tmp_path: Path) -> None:
    world = both[path]
    audit = world.side.sandbox.audit.mark()
    tasks = SUBJECTS[subject](world)
    names = {f"secret_{number}": value for number, value in enumerate(world.canaries.values())}
    hidden = [Task(task.module, _without_secrets(task.args, names), task.check, task.words) for task in tasks]
    born: dict[str, str] = {}
    with Playing(tmp_path, [play_of(hidden)], world.side.env, hosts={HOST: local_host(path, **names)}) as playing:
        for _number in tasks:
            playing.step()
            if subject == "organization":
                _fill(world)
            born |= _born(world)
        playing.finish()
        changed = [answers[HOST].changed for answers in playing.answers]
        assert changed.count(True) > 3, "what was planted took effect, or nothing is tried"
        secrets = {**_planted(world), **born}
        assert search.found(search.run_places(playing), secrets) == []
        assert [answer.msg for answer in _faults(playing)] == []
    assert search.found(search.cluster_places(world.api, _meant(world)), secrets) == []
    assert search.found(search.cloudflare_places(world.cloudflare), secrets) == []
    assert search.found(search.github_places(world.github), secrets) == []
    assert search.found(search.authentik_places(world.authentik), secrets) == []
    assert search.found(search.request_places(world.side.proxy), secrets) == []
    assert search.found(search.audit_places(world.side.sandbox.audit, audit), secrets) == []
    if subject == "organization":
        assert {"secret of github-webhook-secret", "secret of cloudflared-tunnel-secret"} <= set(born)


def _faults(playing: Playing) -> list[Any]:
    """Answers that are no sentence of ours."""
    answers = [answer for step in playing.answers for answer in step.values()]
    censored = [answer for answer in answers if "censored" in answer.result]
    return [answer for answer in answers if answer.failed and answer not in censored and answer.kind in ("", "fault")]


# the search itself ----------------------------------------------------------------------------------------------------


def test_the_search_finds_a_secret_in_every_place(inside: World, tmp_path: Path) -> None:
    secret = inside.secret("planted")
    api, sandbox = inside.api, inside.side.sandbox
    audit = sandbox.audit.mark()
    task = Task("ansible.builtin.debug", {"msg": f"it is {secret}"})
    with Playing(tmp_path, [play_of([task])], {}) as playing:
        playing.finish()
        (tmp_path / "left").write_text(inside.secret64("planted"), encoding="utf-8")
        places = {line.partition(" in ")[2] for line in search.found(search.run_places(playing), {"planted": secret})}
    assert places == {"the output", "the log", f"the result of task 0 on {HOST}", "the file left"} | {
        f"the file {name}" for name in ("output.txt", "ansible.log")
    }
    inside.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inside.name}})
    metadata = {"name": "planted", "namespace": inside.name}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": metadata,
        "involvedObject": {"kind": "Namespace", "name": inside.name, "namespace": inside.name},
        "message": f"it is {secret}",
        "type": "Normal",
    }
    inside.make(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"a": f"of {secret}!"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "annotations": {"a": secret}}},
    )
    api.create(event)
    found = search.found(search.cluster_places(api, []), {"planted": secret})
    assert {line.partition(" in ")[2] for line in found} >= {
        f"{kind} {inside.name}/planted" for kind in ("Event", "Secret", "ConfigMap")
    }
    let_off = search.found(search.cluster_places(api, [(inside.name, "planted")]), {"planted": secret})
    assert "Secret" not in str(let_off)
    assert "ConfigMap" in str(let_off)
    body = {"type": "TXT", "name": f"{inside.name}.{inside.zone}", "content": '"a"', "ttl": 1, "comment": secret}
    inside.ask_cloudflare("POST", f"{inside.zone_path}/dns_records", body)
    inside.ask_cloudflare("GET", f"{inside.account}/cfd_tunnel?name={secret}")
    asked = search.found(search.cloudflare_places(inside.cloudflare), {"planted": secret})
    assert [line.partition(" in ")[2].split()[0] for line in asked] == ["Cloudflare", "the"]
    config = {"url": f"https://{inside.name}.example.org/{secret}", "secret": inside.secret("let off")}
    inside.ask_github("POST", f"/repos/{inside.repository}/hooks", {"name": "web", "config": config})
    with pytest.raises(RuntimeError, match="404"):
        inside.ask_github("GET", f"/repos/{inside.owner}/{secret}")
    inside.github.push(inside.repository, f"refs/heads/{inside.secret('pushed')}")
    inside.github.settle()
    asked = search.found(search.github_places(inside.github), inside.canaries)
    assert {" ".join(line.split()[:4]) for line in asked} == {
        "planted in GitHub",
        "planted in the request",
        "planted in the delivery",
        "pushed in the delivery",
    }
    inside.ask_authentik("POST", "/core/groups/", {"name": f"group of {secret}"})
    inside.ask_authentik("GET", f"/core/groups/?name={secret}")
    asked = search.found(search.authentik_places(inside.authentik), {"planted": secret})
    assert [line.partition(" in ")[2].split()[0] for line in asked] == ["Authentik", "the"]
    api.delete(f"/api/v1/namespaces/{inside.name}/configmaps/planted", fieldManager=secret)
    assert search.found(search.audit_places(sandbox.audit, audit), {"planted": secret}) == ["planted in the audit log"]
    begun = sandbox.proxy()
    try:
        begun.begin("GET", f"/api?{secret}", "", 0)
        assert search.found(search.request_places(begun), {"planted": secret}) == ["planted in the request GET"]
    finally:
        begun.stop()


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_the_search_finds_a_secret_inside_base64(before: str) -> None:
    text = base64.b64encode(f"{before}CANARY-of-some-length{before}".encode()).decode()
    assert search.found([("here", text)], {"it": "CANARY-of-some-length"}) == ["it in here"]
    assert search.found([("here", text)], {"it": "CANARY-of-another-length"}) == []


# errors and the log of the machine ------------------------------------------------------------------------------------


def _entry(read: Callable[..., Any]) -> _edge.EntryPoint:
    options = {"key": {"type": "str", "no_log": True}, "definition": {"type": "raw"}}
    return _edge.EntryPoint(options=options, products={}, result_key="things", read=read)


def test_N03_an_error_never_tells_its_cause() -> None:
    """Neither a failure of ours raised from a library's error, nor an error that nobody expected."""

    def failure(*_arguments: Any) -> None:
        try:
            raise ValueError("CANARY of the cause")
        except ValueError as error:
            raise Failure(Kind.BROKEN, tried="reading", on="it", said="it is broken") from error

    def unexpected(*_arguments: Any) -> None:
        raise ValueError("CANARY of the error") from OSError("CANARY of the cause")

    for read, kind in ((failure, "broken"), (unexpected, "fault")):
        result = _edge.answer(_entry(read), {}, Runtime(now=lambda: 0.0))
        assert result["failure"]["kind"] == kind
        assert "CANARY" not in json.dumps(result)
        assert "\n" not in result["msg"]


def test_N03_a_module_tells_the_log_of_its_machine_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ansible writes the arguments of a module into syslog and into the result; a definition may hold a Secret."""
    arguments = {"key": "CANARY key", "definition": {"kind": "Secret", "stringData": {"a": "CANARY definition"}}}
    logged: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "log", lambda module, *said, **more: logged.append(f"{said} {more}"))
    with patch_module_args(arguments), pytest.raises(SystemExit):
        _edge.run_module(_entry(lambda *_arguments: ["one"]))
    result = json.loads(capsys.readouterr().out)
    assert result["things"] == ["one"]
    assert "CANARY" not in json.dumps(result)
    assert "CANARY" not in str(logged)
