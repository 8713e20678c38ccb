"""Does every secret of the platform come from one place, once, and stay until somebody wants another one?

The role runs as its users run it, on an API server of its own. Kills at each write are in tests/contract.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.modules import platform_secret
from tests.contract.platform import environment
from tests.integration import tenants as bench
from tests.integration.installed import CHECKOUT, Run, sandbox_for
from tests.integration.tenants import Tenants, a_run, succeeded
from tests.sandbox.sandbox import Sandbox

ROLE = CHECKOUT / "roles" / "platform_secrets"
CANARY = "CANARY-9c1e77-of-cloudflare"
AS_WELL = {"argocd/argocd-oidc.clientSecret", "tekton-pipelines/oauth2-proxy.client-secret"}
"""What equals a key of dex-secrets."""


class Secrets:
    """A cluster, and a machine with a folder, on which the role runs."""

    def __init__(self, sandbox: Sandbox, folder: Path, **env: str) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.env = env

    def play(
        self, *arguments: str, tasks: str = "main", after: list[dict[str, Any]] | None = None, **inputs: Any
    ) -> Run:
        """Run a task file of the role with these inputs, which need not carry its name, and tasks after it."""
        given: dict[str, Any] = {"folder": str(self.folder), "cloudflare_token": CANARY, **inputs}
        variables = {f"platform_secrets_{name}": value for name, value in given.items()} | {"write_out_to": "tree"}
        role = {"name": "aphex.platform.platform_secrets", "tasks_from": tasks}
        steps = [{"ansible.builtin.include_role": role}, *(after or [])]
        play = [{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": steps}]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "play.json"
            path.write_text(json.dumps(play), encoding="utf-8")
            env = environment(Path(folder), K8S_AUTH_KUBECONFIG=str(self.sandbox.kubeconfig), **self.env)
            command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local"]
            command += ["-e", "ansible_python_interpreter={{ ansible_playbook_python }}", str(path), *arguments]
            ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        return Run(ended.returncode, ended.stdout + ended.stderr)

    def values(self) -> dict[str, bytes]:
        """Every value of every Secret of the platform, by namespace/name.key."""
        return {
            f"{item['metadata']['namespace']}/{item['metadata']['name']}.{key}": base64.b64decode(text)
            for item in self.sandbox.api.list("/api/v1/secrets")
            if item["metadata"].get("labels", {}).get("platform.aphex/owner-kind") == "PlatformSecret"
            for key, text in item["data"].items()
        }


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secrets]:
    with sandbox_for("platform-secrets") as sandbox:
        made = Secrets(sandbox, tmp_path_factory.mktemp("machine"))
        before = made.play(tasks="authority")
        assert before.code == 0, before.output
        first = made.play("--diff", "-vvv")
        assert first.code == 0, first.output
        assert shown(made, first) == []
        yield made


def shown(on: Secrets, run: Run) -> list[str]:
    """The secrets that the output of a run shows."""
    hidden = {**on.values(), "token": CANARY.encode()}
    texts = {name: value.decode() for name, value in hidden.items() if not name.endswith(".crt")}
    return [
        name
        for name, text in texts.items()
        if text in run.output or base64.b64encode(text.encode()).decode() in run.output
    ]


def test_a_second_run_writes_nothing_and_keeps_every_value(on: Secrets) -> None:
    before, mark = on.values(), on.sandbox.audit.mark()
    again = on.play()
    assert (again.code, again.changed) == (0, 0), again.output
    assert on.sandbox.audit.product_writes(mark) == []
    assert on.values() == before


def test_S14_no_secret_has_a_default_or_is_shared_and_cloudflares_token_has_one_source(on: Secrets) -> None:
    values = on.values()
    made = {name: value for name, value in values.items() if name not in AS_WELL and not name.endswith("ca.crt")}
    for (one, value), (other, same) in itertools.combinations(made.items(), 2):
        assert value != same, (one, other)
    assert [name for name, value in made.items() if len(value) < 20] == []
    files = "".join(path.read_text(encoding="utf-8") for path in ROLE.rglob("*") if path.is_file())
    assert [name for name, value in values.items() if value.decode() in files] == []
    assert "auth-system/authentik-postgresql.password" in values
    assert "argocd/argocd-redis.auth" in values
    assert on.play(tls="acme").code == 0
    tokens = {name: value for name, value in on.values().items() if "cloudflare" in name}
    assert tokens == dict.fromkeys(
        ("platform-system/cloudflare-api-token.token", "cert-manager/cloudflare-api-token.token"), CANARY.encode()
    )
    assert on.play().code == 0
    assert "cert-manager/cloudflare-api-token.token" not in on.values(), "a copy that nobody needs is gone"


def test_B20_what_dex_and_its_clients_know_is_the_same_after_every_run(on: Secrets) -> None:
    for rotate in ({}, {"auth-system/dex-secrets.argocd-client-secret": 2}, {}):
        ended = on.play("--diff", rotate=rotate)
        assert ended.code == 0, ended.output
        assert shown(on, ended) == []
        values = on.values()
        assert values["argocd/argocd-oidc.clientSecret"] == values["auth-system/dex-secrets.argocd-client-secret"]
        proxy = values["tekton-pipelines/oauth2-proxy.client-secret"]
        assert proxy == values["auth-system/dex-secrets.dashboard-client-secret"]


def test_B27_a_rotation_changes_one_key_and_what_equals_it(on: Secrets) -> None:
    before = on.values()
    rotate = {"auth-system/dex-secrets.dashboard-client-secret": 2, "argocd/argocd-redis.auth": 2}
    assert on.play(rotate=rotate).code == 0
    after = on.values()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {*rotate, "tekton-pipelines/oauth2-proxy.client-secret"}
    again = on.play(rotate=rotate)
    assert (again.code, again.changed) == (0, 0), again.output
    assert on.values() == after


def test_a_key_that_is_not_made_here_is_not_rotated(on: Secrets) -> None:
    ended = on.play(rotate={"platform-system/cloudflare-api-token.token": 2})
    assert ended.code != 0
    assert "each one of auth-system/authentik-postgresql.password" in " ".join(ended.output.split())


def test_what_argo_cd_adds_to_its_own_secret_stays(on: Secrets) -> None:
    path = "/api/v1/namespaces/argocd/secrets/argocd-secret"
    key = on.values()["argocd/argocd-secret.server.secretkey"]
    on.sandbox.api.patch(path, {"data": {"admin.passwordMtime": "dGltZQ=="}}, fieldManager="argocd-server")
    assert on.play(rotate={"argocd/argocd-secret.server.secretkey": 2}).code == 0
    values = on.values()
    assert values["argocd/argocd-secret.admin.passwordMtime"] == b"time"
    assert values["argocd/argocd-secret.server.secretkey"] != key


def test_S15_with_a_store_the_tree_holds_references_and_no_value(on: Secrets, tmp_path: Path) -> None:
    target = tmp_path / "parts.json"
    out = {"ansible.builtin.copy": {"content": "{{ __platform_parts | to_json }}", "dest": str(target), "mode": "0600"}}
    inputs = {
        "source": "external",
        "store": "vault",
        "tree_url": "https://git.example.org/tree.git",
        "tree_access": "ssh",
    }
    remote = {"auth-system/dex-secrets.argocd-client-secret": {"key": "sso", "property": "argo"}}
    ended = on.play(after=[out], remote_keys=remote, **inputs)
    assert ended.code == 0, ended.output
    text = json.loads(target.read_text(encoding="utf-8"))["platform_secrets"]["files"]["external_secrets.yaml"]
    assert [name for name, value in {**on.values(), "token": CANARY.encode()}.items() if value.decode() in text] == []
    found = {f"{item['metadata']['namespace']}/{item['metadata']['name']}": item for item in yaml.safe_load_all(text)}
    assert {item["kind"] for item in found.values()} == {"ExternalSecret"}
    made_here = {name.rpartition("/")[0] + "/" + name.rpartition("/")[2].split(".")[0] for name in on.values()}
    assert made_here - set(found) == {"cert-manager/aphex-ca"}
    (row,) = found["argocd/argocd-oidc"]["spec"]["data"]
    assert row == {"secretKey": "clientSecret", "remoteRef": {"key": "sso", "property": "argo"}}
    assert found["argocd/argocd-oidc"]["spec"]["target"]["template"]["metadata"]["labels"]
    assert found["argocd/argocd-secret"]["spec"]["target"]["creationPolicy"] == "Merge"
    assert found["argocd/platform-tree-repository"]["spec"]["target"]["template"]["data"]["type"] == "git"


def test_verify_says_what_is_wrong_and_when_the_authority_ends(on: Secrets) -> None:
    assert on.play().code == 0
    mark = on.sandbox.audit.mark()
    well = on.play(tasks="verify")
    assert (well.code, well.changed) == (0, 0), well.output
    late = on.play(tasks="verify", authority_warning_days=36500)
    assert late.code == 0, late.output
    assert "The certificate of the authority ends in 36" in late.output
    assert on.sandbox.audit.product_writes(mark) == []
    path = "/api/v1/namespaces/argocd/secrets/argocd-oidc"
    on.sandbox.api.patch(path, {"data": {"clientSecret": "dGhlaXJz"}})
    wrong = on.play(tasks="verify")
    assert wrong.code != 0
    assert "Secret argocd/argocd-oidc: It is missing, lacks a key, or does not equal its source." in " ".join(
        wrong.output.split()
    )
    assert on.play().code == 0


def test_the_authority_is_kept_and_on_another_machine_its_key_stays_in_the_cluster(on: Secrets, tmp_path: Path) -> None:
    certificate = (on.folder / "ca.crt").read_text(encoding="utf-8")
    assert on.values()["cert-manager/aphex-ca.tls.crt"].decode() == certificate
    assert oct(os.stat(on.folder / "ca.key").st_mode & 0o777) == "0o600"
    for namespace in ("argocd", "auth-system", "tekton-pipelines"):
        public = on.sandbox.api.get(f"/api/v1/namespaces/{namespace}/configmaps/aphex-ca")
        assert public["data"] == {"ca.crt": certificate}
    other = Secrets(on.sandbox, tmp_path / "other")
    ended = other.play()
    assert ended.code == 0, ended.output
    assert [path.name for path in other.folder.iterdir()] == ["ca.crt"]
    assert (other.folder / "ca.crt").read_text(encoding="utf-8") == certificate


def test_many_runs_at_once_make_one_value(on: Secrets) -> None:
    bench.ENTRY_POINTS["platform_secret"] = platform_secret.ENTRY_POINT
    tenants = Tenants(on.sandbox)
    on.sandbox.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "platform-system"}})
    copies = [{"namespace": "argocd", "name": "raced-copy"}]

    def one(number: int) -> dict[str, Any]:
        runtime = a_run(who=f"run-{number}")
        checked = {"namespace": "auth-system", "name": "raced", "keys": [{"name": "made"}], "copies": copies}
        tenants.__dict__["connection"] = {"kubeconfig": str(on.sandbox.kubeconfig)}
        return tenants.run("platform_secret", runtime, **checked)

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(one, range(6)))
    fine = [result for result in results if succeeded(result)]
    assert len({result["secret"]["secret_keys"][0]["fingerprint"] for result in fine}) == 1
    values = on.values()
    assert values["auth-system/raced.made"] == values["argocd/raced-copy.made"]
    for name in ("auth-system/secrets/raced", "argocd/secrets/raced-copy"):
        on.sandbox.api.delete(f"/api/v1/namespaces/{name}")
