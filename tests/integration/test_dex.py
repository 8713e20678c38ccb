"""The part dex: accepted by a real API server, ready under restricted pods, and what its configuration says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.installed import Run
from tests.integration.logins import allowed
from tests.integration.running import run_role
from tests.sandbox.api import Object
from tests.sandbox.sandbox import CHECKOUT, Sandbox, join

DEPLOYMENT = "/apis/apps/v1/namespaces/auth-system/deployments/dex"
CONFIG = "/api/v1/namespaces/auth-system/configmaps/dex"
# The one place of the image is the role; its digest is whatever the lock says.
IMAGE = str(yaml.safe_load((CHECKOUT / "roles/dex/defaults/main.yml").read_text(encoding="utf-8"))["dex_image_dex"])
DIGEST = f"sha256:{'de' * 32}"
VARIABLES: dict[str, Any] = {
    "dex_domain": "home.local",
    "write_out_lock": {"manifests": {}, "images": {IMAGE: DIGEST}},
    # As with a cluster without the part authentik, which brings the namespace otherwise.
    "dex_make_namespace": True,
    "dex_host_aliases": {"auth.home.local": "10.96.0.80"},
}
OWN: dict[str, Any] = {
    "type": "oidc",
    "id": "company",
    "name": "Company",
    "config": {"issuer": "https://login.example.com", "clientID": "dex", "clientSecret": "$COMPANY_SECRET"},
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    running = join(f"dex-{worker}", ["kwok"])
    running.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "platform-system"}})
    ran = run(running)
    assert (ran.code, ran.changed) == (0, 1), ran.output
    yield running
    running.leave()


def run(sandbox: Sandbox, *arguments: str, door: str = "main", **changed: Any) -> Run:
    return run_role(sandbox.kubeconfig, "dex", *arguments, door=door, **{**VARIABLES, **changed})


def configuration(sandbox: Sandbox) -> Object:
    return dict(yaml.safe_load(sandbox.api.get(CONFIG)["data"]["config.yaml"]))


def pod(sandbox: Sandbox) -> Object:
    return dict(sandbox.api.get(DEPLOYMENT)["spec"]["template"]["spec"])


def test_its_pods_run_where_only_restricted_pods_may(sandbox: Sandbox) -> None:
    namespace = sandbox.api.get("/api/v1/namespaces/auth-system")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert sandbox.api.get(DEPLOYMENT)["status"]["availableReplicas"] == 2
    assert pod(sandbox)["containers"][0]["image"].endswith(f"@{DIGEST}")
    assert run(sandbox, door="verify").code == 0


def test_a_second_run_writes_nothing(sandbox: Sandbox) -> None:
    mark = sandbox.audit.mark()
    ran = run(sandbox)
    assert (ran.code, ran.changed) == (0, 0), ran.output
    assert sandbox.audit.writes(mark, lambda item: item.user == "kubernetes-admin") == []


def test_B19_authentik_is_asked_by_the_address_that_browsers_know(sandbox: Sandbox) -> None:
    [connector] = configuration(sandbox)["connectors"]
    assert connector["config"]["issuer"] == "https://auth.home.local/application/o/platform/"
    assert connector["config"]["rootCAs"] == ["/etc/dex/ca/ca.crt"]
    assert connector["config"]["redirectURI"] == "https://dex.home.local/callback"
    [mounted] = [item for item in pod(sandbox)["volumes"] if item["name"] == "ca"]
    assert mounted["configMap"]["name"] == "aphex-ca"
    assert pod(sandbox)["hostAliases"] == [{"ip": "10.96.0.80", "hostnames": ["auth.home.local"]}]


def test_S14_no_address_counts_as_verified_that_is_not(sandbox: Sandbox) -> None:
    [connector] = configuration(sandbox)["connectors"]
    assert "insecureSkipEmailVerified" not in connector["config"]
    assert {name for name in connector["config"] if name.startswith("insecure")} == {"insecureEnableGroups"}
    # Why that one has to be there stands beside it.
    words = (Path(__file__).parents[2] / "roles/dex/vars/main/configuration.yml").read_text(encoding="utf-8")
    assert "Without insecureEnableGroups Dex drops the groups" in words


def test_S14_tokens_are_short_lived_and_logs_are_quiet(sandbox: Sandbox) -> None:
    found = configuration(sandbox)
    assert found["expiry"]["idTokens"] == "1h"
    assert found["expiry"]["refreshTokens"]["disableRotation"] is False
    assert found["logger"]["level"] == "info"
    assert "staticPasswords" not in found
    assert "enablePasswordDB" not in found


def test_S14_no_secret_is_in_the_configuration(sandbox: Sandbox) -> None:
    found = configuration(sandbox)
    assert found["connectors"][0]["config"]["clientSecret"] == "$AUTHENTIK_CLIENT_SECRET"
    assert not [client for client in found["staticClients"] if "secret" in client]
    [container] = pod(sandbox)["containers"]
    sources = {item["name"]: item["valueFrom"]["secretKeyRef"] for item in container["env"]}
    assert sources == {
        "ARGOCD_CLIENT_SECRET": {"name": "dex-secrets", "key": "argocd-client-secret"},
        "AUTHENTIK_CLIENT_SECRET": {"name": "dex-secrets", "key": "authentik-client-secret"},
        "DASHBOARD_CLIENT_SECRET": {"name": "dex-secrets", "key": "dashboard-client-secret"},
    }


def test_D17_every_address_comes_from_the_domain(sandbox: Sandbox) -> None:
    found = configuration(sandbox)
    assert found["issuer"] == "https://dex.home.local"
    assert {client["id"]: client["redirectURIs"] for client in found["staticClients"]} == {
        "argocd": ["https://argocd.home.local/auth/callback"],
        "tekton-dashboard": ["https://tekton.home.local/oauth2/callback"],
        "kubernetes": ["http://localhost:8000", "http://localhost:18000"],
    }
    [public] = [client for client in found["staticClients"] if client.get("public")]
    assert public["id"] == "kubernetes"
    assert "secretEnv" not in public


def test_its_account_keeps_what_dex_keeps_and_nothing_else(sandbox: Sandbox) -> None:
    api = sandbox.as_service_account("auth-system", "dex")
    kept = "/apis/dex.coreos.com/v1/namespaces/{}/signingkeies"
    key = {"apiVersion": "dex.coreos.com/v1", "kind": "SigningKey", "metadata": {"name": "openid-connect-keys"}}
    api.post(kept.format("auth-system"), {**key, "signingKey": {"kid": "x"}})
    assert api.list(kept.format("auth-system"))[0]["signingKey"] == {"kid": "x"}
    assert not allowed(api, "list", "dex.coreos.com:signingkeies", "argocd")
    for resource in ("secrets", "configmaps", "pods", "apiextensions.k8s.io:customresourcedefinitions"):
        assert not allowed(api, "create", resource, "auth-system")
        assert not allowed(api, "get", resource, "auth-system")


def test_a_changed_configuration_makes_new_pods(sandbox: Sandbox) -> None:
    def mark() -> str:
        template = sandbox.api.get(DEPLOYMENT)["spec"]["template"]
        return str(template["metadata"]["annotations"]["platform.aphex/configuration"])

    before = mark()
    for changed in ({"dex_id_token_lifetime": "30m"}, {"dex_secrets_version": 2}):
        assert run(sandbox, **changed).code == 0
        assert mark() != before
        before = mark()
    assert run(sandbox).code == 0


def test_connectors_of_ones_own_take_the_place_of_authentik(sandbox: Sandbox) -> None:
    ran = run(
        sandbox,
        dex_connectors=[OWN],
        dex_connector_secrets={"COMPANY_SECRET": {"name": "company", "key": "secret"}},
        dex_storage="memory",
        dex_replicas=1,
        dex_ca_config_map="",
    )
    assert ran.code == 0, ran.output
    found = configuration(sandbox)
    assert found["connectors"] == [OWN]
    assert found["storage"] == {"type": "memory"}
    [container] = pod(sandbox)["containers"]
    names = {item["name"] for item in container["env"]}
    assert "COMPANY_SECRET" in names
    assert "AUTHENTIK_CLIENT_SECRET" not in names
    assert (
        sandbox.api.find("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/signingkeies.dex.coreos.com") is None
    )
    assert run(sandbox).code == 0


WRONG: dict[str, dict[str, Any]] = {
    "which is no issuer": {"dex_domain": ""},
    "which names no version": {"dex_image_dex": "ghcr.io/dexidp/dex:latest"},
    "with memory there is one": {"dex_storage": "memory"},
    "as Authentik writes it in its tokens": {"dex_authentik_issuer": "http://authentik:9000/application/o/platform/"},
    "so nobody may choose one freely": {
        "dex_connectors": [{**OWN, "config": {**OWN["config"], "insecureSkipEmailVerified": True}}]
    },
    "hold a secret in clear": {"dex_connectors": [{**OWN, "config": {**OWN["config"], "clientSecret": "0123456789"}}]},
    "wants names in capitals": {"dex_connector_secrets": {"COMPANY_SECRET": {"name": "company"}}},
    "the address of the ingress": {"dex_host_aliases": {"auth.home.local": "ingress"}},
    "in minutes or hours": {"dex_id_token_lifetime": "1d"},
}


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_input_is_refused_in_one_sentence(tmp_path: Path, sentence: str) -> None:
    ran = run_role(tmp_path / "nowhere", "dex", door="preflight", **{**VARIABLES, **WRONG[sentence]})
    assert ran.code != 0
    assert sentence in " ".join(ran.output.split())
