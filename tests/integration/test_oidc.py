"""Who logs in at the real API server, who is refused, and what people may do then."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.installed import eventually, refusal
from tests.integration.logins import GROUPS, TEAM, Logins, allowed, logins
from tests.integration.running import run_role
from tests.sandbox.faults import Fault

ADMINS, OPERATORS, ENGINEERS = GROUPS
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/{}"
OURS = {"labelSelector": "app.kubernetes.io/part-of=aphex-platform"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Logins]:
    with logins("oidc") as running:
        yield running


@pytest.fixture
def issuer_in_trouble(cluster: Logins) -> Iterator[Logins]:
    """The issuer, which is well again afterwards, and known to be."""
    yield cluster
    cluster.issuer.faults.clear()
    cluster.issuer.show_other_certificate(False)
    token = cluster.token(ADMINS)
    eventually("the API server reads the keys again", lambda: isinstance(cluster.who(token), dict))


# --- who is let in


def test_the_bearer_of_a_token_is_known_by_prefixed_names(cluster: Logins) -> None:
    user = cluster.who(cluster.token(ADMINS, "others"))
    assert isinstance(user, dict)
    assert user["username"] == "oidc:ann@people.example"
    assert user["groups"] == ["oidc:platform-admins", "oidc:others", "system:authenticated"]


REFUSED: dict[str, Callable[[Logins], str]] = {
    "another audience": lambda on: on.token(ADMINS, aud="argocd"),
    "expired": lambda on: on.token(ADMINS, exp=1_700_000_000),
    "an unverified address": lambda on: on.token(ADMINS, email_verified=False),
    "an address verified by word": lambda on: on.token(ADMINS, email_verified="true"),
    "no word of verification": lambda on: on.issuer.token(
        {"email": "ann@people.example", "groups": [ADMINS]}, without=["email_verified"]
    ),
    "no address": lambda on: on.issuer.token({"groups": [ADMINS]}),
    "another issuer": lambda on: on.token(ADMINS, iss="https://elsewhere.example"),
    "a key that nobody published": lambda on: on.issuer.token(
        {"email": "ann@people.example", "groups": [ADMINS]}, unknown_key=True
    ),
    "a text that is no token": lambda on: "a.b.c",
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_token_is_refused_for(cluster: Logins, why: str) -> None:
    assert cluster.who(REFUSED[why](cluster)) == 401


@pytest.mark.parametrize("group", ["system:masters", "system:nodes", "system:serviceaccounts:kube-system"])
def test_P11_a_group_of_the_cluster_itself_is_refused(cluster: Logins, group: str) -> None:
    assert cluster.who(cluster.token(ADMINS, group)) == 401


@pytest.mark.parametrize("name", ["system:kube-controller-manager", "system:serviceaccount:argocd:argocd-server"])
def test_P11_a_name_of_the_cluster_itself_is_refused(cluster: Logins, name: str) -> None:
    assert cluster.who(cluster.token(ADMINS, email=name)) == 401


def test_a_new_key_of_the_issuer_is_learned(cluster: Logins) -> None:
    earlier = cluster.token(ADMINS)
    cluster.issuer.rotate()
    assert isinstance(cluster.who(cluster.token(ADMINS)), dict)
    assert isinstance(cluster.who(earlier), dict)


def test_B19_nobody_logs_in_anew_while_the_issuer_is_down(issuer_in_trouble: Logins) -> None:
    on = issuer_in_trouble
    on.issuer.faults.arm(Fault("reset", times=None))
    on.issuer.drop_connections()
    on.issuer.rotate()
    assert on.who(on.token(ADMINS)) == 401


def test_B19_an_issuer_with_a_certificate_of_another_ca_is_not_believed(issuer_in_trouble: Logins) -> None:
    on = issuer_in_trouble
    on.issuer.show_other_certificate()
    on.issuer.rotate()
    assert on.who(on.token(ADMINS)) == 401


# --- what people may do

CLUSTER, THEIRS = "", TEAM
READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete")
ALL = (*READ, *WRITE)
TENANTS = ("aphex.io:organizations", "aphex.io:repobindings", "aphex.io:knowledgebases")
RUNS = ("tekton.dev:pipelineruns", "tekton.dev:taskruns")
PIPELINES = ("tekton.dev:pipelines", "tekton.dev:tasks", *RUNS)
SEEN = ("pods", "pods/log", "events")

# Verbs, resources, where, and which groups may; every other group may not.
MATRIX: list[tuple[tuple[str, ...], tuple[str, ...], str, tuple[str, ...]]] = [
    # The documents' matrix: pipelines in user-* and team-*.
    (("create",), PIPELINES, THEIRS, (ENGINEERS,)),
    (("get", "list"), PIPELINES, THEIRS, (ADMINS, OPERATORS, ENGINEERS)),
    (("delete",), ("tekton.dev:pipelines", "tekton.dev:tasks"), THEIRS, (OPERATORS,)),
    (("delete",), RUNS, THEIRS, (ADMINS, OPERATORS)),
    (READ, SEEN, THEIRS, (ADMINS, ENGINEERS)),
    (("get",), ("namespaces",), THEIRS, (ADMINS, OPERATORS, ENGINEERS)),
    # The platform's roles.
    (ALL, TENANTS, CLUSTER, (ADMINS, OPERATORS)),
    (("bind",), ("aphex.io:organizations",), CLUSTER, (ADMINS, OPERATORS)),
    (READ, ("namespaces",), CLUSTER, (ADMINS, OPERATORS)),
    (WRITE, ("namespaces",), CLUSTER, (ADMINS,)),
    (READ, (*SEEN, "nodes", "persistentvolumes", "configmaps", "services"), CLUSTER, (ADMINS,)),
    (READ, ("apps:deployments", "batch:jobs", "argoproj.io:applications", *PIPELINES), CLUSTER, (ADMINS,)),
    (("delete",), RUNS, CLUSTER, (ADMINS,)),
    (("get",), ("/metrics",), CLUSTER, (ADMINS,)),
    # Every one knows what is served, and who they are.
    (("get",), ("/version", "/apis"), CLUSTER, (ADMINS, OPERATORS, ENGINEERS)),
]
NOBODY: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("S11: Secrets", ALL, ("secrets",)),
    ("S11: the keys that sign tokens", ALL, ("dex.coreos.com:signingkeies",)),
    ("S11: tokens of accounts", ("create",), ("serviceaccounts/token",)),
    ("S11: shells and tunnels", ("get", "create"), ("pods/exec", "pods/attach", "pods/portforward", "nodes/proxy")),
    ("pods and what starts them", ("create", "update", "patch"), ("pods", "apps:deployments", "batch:jobs")),
    ("runs with the rights of an account", ("create",), ("tekton.dev:pipelineruns", "tekton.dev:taskruns")),
    ("settings of the platform", WRITE, ("configmaps", "argoproj.io:applications", "argoproj.io:appprojects")),
    ("rights", (*WRITE, "bind", "escalate"), tuple(f"rbac.authorization.k8s.io:{kind}" for kind in (
        "roles", "clusterroles", "rolebindings", "clusterrolebindings"))),
    ("another's name", ("impersonate",), ("users", "groups", "serviceaccounts")),
    ("certificates", ("create", "update", "approve"), ("certificates.k8s.io:certificatesigningrequests",
                                                       "certificates.k8s.io:certificatesigningrequests/approval")),
    ("walls", WRITE, ("resourcequotas", "limitranges", "networking.k8s.io:networkpolicies", "nodes",
                      "admissionregistration.k8s.io:validatingadmissionpolicies",
                      "apiextensions.k8s.io:customresourcedefinitions")),
]  # fmt: skip


def test_the_whole_matrix_is_as_it_is_written(cluster: Logins) -> None:
    clients = {group: cluster.api(cluster.token(group)) for group in GROUPS}
    clients["nobody's"] = cluster.api(cluster.token("strangers"))
    rows, wrong = [], 0
    for verbs, resources, where, groups in MATRIX:
        for resource in resources:
            for verb in verbs:
                got = [group for group, api in clients.items() if allowed(api, verb, resource, where)]
                public = list(clients) if resource in ("/version", "/apis") else list(groups)
                right = got == public
                wrong += not right
                end = "" if right else "  <-- WRONG"
                rows.append(f"{verb:<8}{resource:<34}{where or 'cluster':<10}{', '.join(got) or '-'}{end}")
    print("\n".join(rows))
    assert not wrong, "\n".join(row for row in rows if "WRONG" in row)


@pytest.mark.parametrize(("verbs", "resources"), [row[1:] for row in NOBODY], ids=[row[0] for row in NOBODY])
def test_S11_no_group_of_people_holds_a_way_to_every_right(
    cluster: Logins, verbs: tuple[str, ...], resources: tuple[str, ...]
) -> None:
    clients = {group: cluster.api(cluster.token(group)) for group in GROUPS}
    runs = resources[0].startswith("tekton.dev:")
    for where in ("argocd",) if runs else ("argocd", TEAM, CLUSTER):
        held = [
            (group, verb, resource, where)
            for group, api in clients.items()
            for resource in resources
            for verb in verbs
            if allowed(api, verb, resource, where)
        ]
        assert held == []


def test_S11_secrets_are_refused_by_real_requests(cluster: Logins) -> None:
    for group in GROUPS:
        api = cluster.api(cluster.token(*GROUPS, email=f"{group}@people.example"))
        for path in ("/api/v1/secrets", "/api/v1/namespaces/kube-system/secrets", f"/api/v1/namespaces/{TEAM}/secrets"):
            assert "secrets" in refusal(403, api.get, path)


def test_S17_rights_are_bound_to_groups_and_to_no_address(cluster: Logins) -> None:
    found = [
        subject
        for kind in ("rolebindings", "clusterrolebindings")
        for item in cluster.sandbox.api.list(BINDINGS.format(kind), **OURS)
        for subject in item["subjects"]
    ]
    assert len(found) == 4
    assert {subject["kind"] for subject in found} == {"Group"}


def test_S17_an_address_that_somebody_gave_themselves_brings_nothing(cluster: Logins) -> None:
    theirs = cluster.token(email="admin@people.example", email_verified=False)
    assert cluster.who(theirs) == 401
    verified = cluster.api(cluster.token("strangers", email="platform-admins"))
    assert not allowed(verified, "list", "namespaces")


def test_D13_every_binding_names_a_group_of_the_platform_behind_the_one_prefix(cluster: Logins) -> None:
    names = {
        subject["name"]
        for kind in ("rolebindings", "clusterrolebindings")
        for item in cluster.sandbox.api.list(BINDINGS.format(kind), **OURS)
        for subject in item["subjects"]
    }
    assert names == {f"oidc:{group}" for group in GROUPS}


# --- the configuration


def test_a_second_run_changes_neither_file_nor_cluster(cluster: Logins) -> None:
    before = cluster.sandbox.authentication.read_bytes()
    mark = cluster.sandbox.audit.mark()
    for door in ("configuration", "main"):
        ran = cluster.run(door)
        assert (ran.code, ran.changed) == (0, 0), ran.output
    assert cluster.sandbox.authentication.read_bytes() == before
    assert cluster.sandbox.audit.writes(mark, lambda item: item.user == "kubernetes-admin") == []


def test_P11_verify_tells_that_the_api_server_ignored_a_bad_file(cluster: Logins) -> None:
    file = cluster.sandbox.authentication
    good = file.read_text(encoding="utf-8")
    assert cluster.run("verify").code == 0
    bad = yaml.safe_load(good)
    # The API server wants email_verified used where an expression names the address.
    bad["jwt"][0]["claimMappings"]["username"] = {"expression": "claims.email"}
    bad["jwt"][0]["claimValidationRules"] = []
    _replace(file, yaml.safe_dump(bad))
    eventually("the change was refused", lambda: 'status="failure"' in _metrics(cluster))
    assert isinstance(cluster.who(cluster.token(ADMINS)), dict)
    assert cluster.who(cluster.token(ADMINS, email_verified=False)) == 401
    ran = cluster.run("verify")
    assert ran.code != 0
    assert "The hop configuration is broken" in ran.output
    _replace(file, good)
    assert cluster.run("verify").code == 0


def _replace(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _metrics(cluster: Logins) -> str:
    lines = cluster.sandbox.api.request("GET", "/metrics")[1].decode().splitlines()
    return "\n".join(line for line in lines if "authentication_config_controller" in line)


def test_B19_verify_names_the_hop_when_the_issuer_is_not_reached(cluster: Logins) -> None:
    ran = cluster.run("verify", oidc_verify_connect_to="127.0.0.1:1")
    assert ran.code != 0
    assert "The hop discovery is broken" in ran.output


def test_P22_the_oldest_kubernetes_takes_the_same_configuration() -> None:
    with logins("oidc-old", emulated_version="1.33", part=False) as old:
        assert isinstance(old.who(old.token(ADMINS)), dict)
        assert old.who(old.token(ADMINS, "system:masters")) == 401
        assert old.who(old.token(ADMINS, email_verified=False)) == 401


# --- files for machines and people


def test_D17_the_issuer_comes_from_the_domain_alone(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("configuration.yaml", "kubeconfig", "ca.crt")}
    files["ca.crt"].write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n", encoding="ascii")
    variables = {
        "oidc_domain": "example.net",
        "oidc_ca_file": str(files["ca.crt"]),
        "oidc_configuration_file": str(files["configuration.yaml"]),
        "oidc_kubeconfig_file": str(files["kubeconfig"]),
        "oidc_server": "https://192.0.2.1:6443",
        "oidc_server_ca_file": str(files["ca.crt"]),
        "oidc_cluster": "k3s",
    }
    for door in ("configuration", "kubeconfig"):
        ran = run_role(tmp_path / "nowhere", "oidc", door=door, **variables)
        assert ran.code == 0, ran.output
    configuration = yaml.safe_load(files["configuration.yaml"].read_text(encoding="utf-8"))
    [jwt] = configuration["jwt"]
    assert jwt["issuer"]["url"] == "https://dex.example.net"
    assert jwt["issuer"]["certificateAuthority"].strip() == files["ca.crt"].read_text(encoding="ascii").strip()
    # k3s drops its own flag once there is a configuration, which would let everybody in (P11).
    assert configuration["anonymous"] == {"enabled": False}
    [user] = yaml.safe_load(files["kubeconfig"].read_text(encoding="utf-8"))["users"]
    assert "--oidc-issuer-url=https://dex.example.net" in user["user"]["exec"]["args"]


WRONG: dict[str, dict[str, Any]] = {
    "which is no issuer": {"oidc_domain": ""},
    "and not system:, which is": {"oidc_prefix": "system:"},
    "where no file is": {"oidc_ca_file": "/nowhere/ca.crt"},
    "Name three different groups": {"oidc_admins": "platform-operators"},
    "Each name begins with user- or team-": {"oidc_namespaces": ["kube-system"]},
    "oidc_configuration_file is empty": {},
}


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_input_is_refused_in_one_sentence(tmp_path: Path, sentence: str) -> None:
    ran = run_role(
        tmp_path / "nowhere", "oidc", door="configuration", **{"oidc_domain": "example.net", **WRONG[sentence]}
    )
    assert ran.code != 0
    assert sentence in " ".join(ran.output.split())


PLUGIN = """#!/bin/sh
echo "$*" > "$ASKED"
cat "$CREDENTIAL"
"""


def test_people_log_in_by_the_kubeconfig_that_the_role_writes(cluster: Logins, tmp_path: Path) -> None:
    """kubectl is the real one; the plugin that it calls has the token already and notes how it was asked."""
    kubeconfig = tmp_path / "kubeconfig"
    server = cluster.sandbox.api.server
    ran = cluster.run(
        "kubeconfig",
        oidc_kubeconfig_file=str(kubeconfig),
        oidc_server=server.url,
        oidc_server_ca_file=str(cluster.sandbox.pki.ca),
    )
    assert ran.code == 0, ran.output
    plugin = tmp_path / "kubectl-oidc_login"
    plugin.write_text(PLUGIN, encoding="ascii")
    plugin.chmod(0o700)
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": cluster.token(OPERATORS)},
    }
    (tmp_path / "credential.json").write_text(json.dumps(credential), encoding="utf-8")
    env = {
        **os.environ,
        "PATH": f"{tmp_path}:{cluster.sandbox.kubectl.parent}:{os.environ['PATH']}",
        "ASKED": str(tmp_path / "asked"),
        "CREDENTIAL": str(tmp_path / "credential.json"),
    }
    command = [
        str(cluster.sandbox.kubectl),
        f"--kubeconfig={kubeconfig}",
        "--context=aphex",
        "auth",
        "whoami",
        "-o",
        "json",
    ]
    told = subprocess.run(command, env=env, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert json.loads(told.stdout)["status"]["userInfo"]["username"] == "oidc:ann@people.example"
    asked = (tmp_path / "asked").read_text(encoding="utf-8").split()
    assert asked[0] == "get-token"
    assert "--oidc-pkce-method=S256" in asked
    assert f"--oidc-issuer-url={cluster.issuer.url}" in asked
    assert not [word for word in asked if "secret" in word]
