"""The way into the cluster that needs no login, on the real API server, while the issuer is down."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.installed import eventually, refused
from tests.integration.logins import GROUPS, Logins, allowed, logins
from tests.integration.running import run_role
from tests.sandbox.api import Api, Object
from tests.sandbox.faults import Fault, Faults, Match

BINDING = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/aphex-break-glass"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SECRETS = "/api/v1/namespaces/kube-system/secrets"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Logins]:
    with logins("glass", part=False) as running:
        yield running


@pytest.fixture
def folder(cluster: Logins, tmp_path: Path) -> Iterator[Path]:
    """A folder with the files of an open way; nothing is left of it afterwards."""
    path = tmp_path / "glass"
    assert run_role(cluster.sandbox.kubeconfig, "break_glass", break_glass_folder=str(path)).code == 0
    yield path
    run_role(cluster.sandbox.kubeconfig, "break_glass", break_glass_folder=str(path), break_glass_state="absent")


def bearer(folder: Path) -> Api:
    """A client with the certificate, and nothing else."""
    return Api.from_kubeconfig(folder / "break-glass.kubeconfig")


def user_of(folder: Path) -> dict[str, str]:
    """Certificate and key, in base64, as they stand in the kubeconfig."""
    [user] = yaml.safe_load((folder / "break-glass.kubeconfig").read_text(encoding="utf-8"))["users"]
    return dict(user["user"])


def request_of(cluster: Logins, folder: Path) -> Object:
    """The request that the certificate was signed for."""
    certificate = user_of(folder)["client-certificate-data"]
    [found] = [item for item in cluster.sandbox.api.list(REQUESTS) if item["status"].get("certificate") == certificate]
    return found


def test_P32_the_certificate_opens_everything_while_the_issuer_is_down(cluster: Logins, folder: Path) -> None:
    cluster.issuer.faults.arm(Fault("reset", times=None))
    cluster.issuer.drop_connections()
    try:
        cluster.issuer.rotate()
        assert cluster.who(cluster.token(*GROUPS)) == 401
        api = bearer(folder)
        assert allowed(api, "*", "*:*")
        assert api.list(SECRETS) == []
        assert (
            run_role(cluster.sandbox.kubeconfig, "break_glass", door="verify", break_glass_folder=str(folder)).code == 0
        )
    finally:
        cluster.issuer.faults.clear()


def test_P32_its_rights_end_with_the_binding(cluster: Logins, folder: Path) -> None:
    api = bearer(folder)
    api.list(SECRETS)
    kept = (folder / "break-glass.kubeconfig").read_bytes()
    ran = run_role(
        cluster.sandbox.kubeconfig, "break_glass", break_glass_folder=str(folder), break_glass_state="absent"
    )
    assert ran.code == 0, ran.output
    assert cluster.sandbox.api.find(BINDING) is None
    assert list(folder.iterdir()) == []
    # Whoever has kept a copy is still known, and may nothing.
    (folder / "copy").write_bytes(kept)
    copy = Api.from_kubeconfig(folder / "copy")
    eventually("its rights are gone", lambda: refused(copy.list, SECRETS))
    assert not allowed(copy, "get", "pods", "default")
    ran = run_role(
        cluster.sandbox.kubeconfig, "break_glass", break_glass_folder=str(folder), break_glass_state="absent"
    )
    assert (ran.code, ran.changed) == (0, 0), ran.output


def test_P32_it_is_no_certificate_of_system_masters_and_ends_soon(cluster: Logins, folder: Path) -> None:
    who = bearer(folder).post(
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
    )["status"]["userInfo"]
    assert who["username"] == "break-glass"
    assert set(who["groups"]) == {"aphex:break-glass", "system:authenticated"}
    assert request_of(cluster, folder)["spec"]["expirationSeconds"] == 30 * 86_400


def test_the_files_are_its_owners_alone_and_the_key_is_nowhere_else(cluster: Logins, folder: Path) -> None:
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    key = base64.b64decode(user_of(folder)["client-key-data"]).decode()
    assert "PRIVATE KEY" in key
    secret = key.splitlines()[1]
    assert secret not in cluster.sandbox.audit_file.read_text(encoding="utf-8")


def test_a_second_run_keeps_the_certificate_and_a_short_one_is_replaced(cluster: Logins, folder: Path) -> None:
    file = folder / "break-glass.kubeconfig"
    before, mark = file.read_bytes(), cluster.sandbox.audit.mark()
    ran = run_role(cluster.sandbox.kubeconfig, "break_glass", "--diff", break_glass_folder=str(folder))
    assert (ran.code, ran.changed) == (0, 0), ran.output
    assert file.read_bytes() == before
    assert cluster.sandbox.audit.writes(mark, lambda item: item.user == "kubernetes-admin") == []
    ran = run_role(
        cluster.sandbox.kubeconfig, "break_glass", "--diff", "-vvv", break_glass_folder=str(folder),
        break_glass_days=2, break_glass_renew_days=1,
    )  # fmt: skip
    assert (ran.code, ran.changed) == (0, 0), ran.output
    file.unlink()
    ran = run_role(
        cluster.sandbox.kubeconfig, "break_glass", "--diff", "-vvv", break_glass_folder=str(folder),
        break_glass_days=2, break_glass_renew_days=1,
    )  # fmt: skip
    assert (ran.code, ran.changed) == (0, 1), ran.output
    short = file.read_bytes()
    assert "PRIVATE KEY" not in ran.output
    # It lasts two days, and the usual run wants seven.
    ran = run_role(cluster.sandbox.kubeconfig, "break_glass", break_glass_folder=str(folder))
    assert (ran.code, ran.changed) == (0, 1), ran.output
    assert file.read_bytes() not in (before, short)
    assert bearer(folder).list(SECRETS) == []


def ask_again(cluster: Logins, request: Object, **status: object) -> None:
    """Put the request there anew, as it was asked for, with these conditions."""
    cluster.sandbox.api.remove(request)
    metadata = {name: request["metadata"][name] for name in ("name", "annotations")}
    made = cluster.sandbox.api.create({**request, "metadata": metadata, "status": {}})
    if status:
        cluster.sandbox.api.put(f"{REQUESTS}/{metadata['name']}/approval", {**made, "status": status})


@pytest.mark.parametrize("state", ["no request", "asked", "signed"])
def test_a_run_that_was_killed_goes_on_with_its_key(cluster: Logins, folder: Path, state: str) -> None:
    """A key without a kubeconfig is what a kill between the two leaves, wherever its request is by then."""
    file = folder / "break-glass.kubeconfig"
    request, key = request_of(cluster, folder), user_of(folder)["client-key-data"]
    (folder / "break-glass.kubeconfig.key").write_bytes(base64.b64decode(key))
    file.unlink()
    if state == "no request":
        cluster.sandbox.api.remove(request)
    elif state == "asked":
        ask_again(cluster, request)
    requests = {item["metadata"]["name"] for item in cluster.sandbox.api.list(REQUESTS)}
    ran = run_role(cluster.sandbox.kubeconfig, "break_glass", break_glass_folder=str(folder))
    assert (ran.code, ran.changed) == (0, 1), ran.output
    assert [item.name for item in folder.iterdir()] == [file.name]
    assert user_of(folder)["client-key-data"] == key
    now = {item["metadata"]["name"] for item in cluster.sandbox.api.list(REQUESTS)}
    assert now == requests | {request["metadata"]["name"]}
    assert bearer(folder).list(SECRETS) == []


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("kind", ["lost", "500"])
def test_an_answer_that_never_came_makes_nothing_twice(cluster: Logins, tmp_path: Path, method: str, kind: str) -> None:
    path = tmp_path / "glass"
    before = len(cluster.sandbox.api.list(REQUESTS))
    # The binding is there already: what is struck is the certificate.
    faults = Faults()
    with cluster.sandbox.proxy(faults) as proxy:
        kubeconfig = cluster.sandbox.kubeconfig_for(token=admin_token(cluster), server=proxy.url)
        faults.arm(Fault(kind, match=Match(method, "certificatesigningrequests")))
        ran = run_role(kubeconfig, "break_glass", break_glass_folder=str(path))
    assert ran.code == 0, ran.output
    assert len(faults.struck()) == 1
    assert [item.name for item in path.iterdir()] == ["break-glass.kubeconfig"]
    assert len(cluster.sandbox.api.list(REQUESTS)) == before + 1


def admin_token(cluster: Logins) -> str:
    """The token of the sandbox's own kubeconfig."""
    token = cluster.sandbox.api.identity.token
    assert token is not None
    return token


def test_a_denied_request_is_said(cluster: Logins, folder: Path) -> None:
    request, key = request_of(cluster, folder), user_of(folder)["client-key-data"]
    (folder / "break-glass.kubeconfig.key").write_bytes(base64.b64decode(key))
    (folder / "break-glass.kubeconfig").unlink()
    ask_again(
        cluster, request, conditions=[{"type": "Denied", "status": "True", "reason": "No", "message": "not today"}]
    )
    ran = run_role(cluster.sandbox.kubeconfig, "break_glass", break_glass_folder=str(folder))
    assert ran.code != 0
    assert "denied: not today" in ran.output


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"break_glass_group": "system:masters"}, "could not be taken back"),
        ({"break_glass_days": 90}, "break_glass_days is 90"),
        ({"break_glass_renew_days": 30}, "break_glass_renew_days is 30"),
        ({"break_glass_folder": "here/"}, "from / on"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(tmp_path: Path, wrong: dict[str, Any], word: str) -> None:
    variables = {"break_glass_folder": str(tmp_path), **wrong}
    ran = run_role(tmp_path / "nowhere", "break_glass", **variables)
    assert ran.code != 0
    assert word in ran.output
