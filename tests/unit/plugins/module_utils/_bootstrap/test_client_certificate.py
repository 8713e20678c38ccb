"""When a client certificate is kept, when it is made anew, and what is refused before anything is written."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.client_certificate import (
    ClientCertificate,
    Observed,
    use_case,
)
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import UNKNOWN
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._crypto import new_key
from ansible_collections.aphex.platform.plugins.module_utils._files.product import File, Files
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.approval import Approval
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.objects import Objects
from tests.sandbox.pki import Pki

SERVER = "https://192.0.2.1:6443"
CA = b"the CA"
DAY = 86_400


class Cluster:
    """A cluster, as far as this use case asks one."""

    def __init__(self, server: str = SERVER, request: dict[str, Any] | None = None) -> None:
        self.server = (server, CA)
        self._request = request
        self.asked: list[str] = []

    def forget(self) -> None:
        self.asked.append("forget")

    def get(self, key: Any) -> dict[str, Any] | None:
        self.asked.append(key.name)
        return self._request


def params(folder: Path, **changed: Any) -> dict[str, Any]:
    return {
        "user": "break-glass",
        "groups": ["aphex:break-glass"],
        "days": 30,
        "renew_days": 7,
        "kubeconfig_file": str(folder / "kubeconfig"),
        "context_name": "aphex",
        "state": "present",
        **changed,
    }


def made(folder: Path, cluster: Cluster | None = None, now: float = 0.0, **changed: Any) -> ClientCertificate:
    runtime = Runtime(now=lambda: now or time.time())
    products = {"files": Files(runtime), "kubernetes": cluster or Cluster()}
    return use_case(params(folder, **changed), products, runtime)


def written(folder: Path, user: str = "break-glass", groups: tuple[str, ...] = ("aphex:break-glass",)) -> Path:
    """The kubeconfig as the use case itself writes it, with a certificate of 30 days."""
    pki = Pki(folder / "pki")
    pki.create_ca("cluster")
    certificate, key = pki.client(user, groups)
    path = folder / "kubeconfig"
    signed = {"status": {"certificate": base64.b64encode(certificate.encode()).decode()}}
    [file, _no_key] = made(folder, user=user).desired(Observed(key=Sensitive(key), request=signed))
    assert isinstance(file, File)
    assert isinstance(file.content, Sensitive)
    path.write_text(file.content.reveal(), encoding="utf-8")
    return path


def test_a_certificate_that_lasts_long_enough_is_kept(tmp_path: Path) -> None:
    written(tmp_path)
    case = made(tmp_path, cluster := Cluster())
    observed = case.observe()
    assert observed.good
    assert cluster.asked == []
    kept, no_key = case.desired(observed)
    assert isinstance(kept, File)
    assert case.files.plan(kept)[0].change is not None  # it was written for everybody to read
    assert not no_key.present


ANEW: dict[str, Callable[[Path], ClientCertificate]] = {
    "it ends soon": lambda folder: made(folder, now=time.time() + 24 * DAY),
    "it has ended": lambda folder: made(folder, now=time.time() + 40 * DAY),
    "another group": lambda folder: made(folder, groups=["aphex:other"]),
    "a group less": lambda folder: made(folder, groups=[]),
    "another cluster": lambda folder: made(folder, Cluster("https://192.0.2.2:6443")),
    "another context": lambda folder: made(folder, context_name="other"),
}


@pytest.mark.parametrize("why", ANEW)
def test_a_new_one_is_made_when(tmp_path: Path, why: str) -> None:
    written(tmp_path)
    case = ANEW[why](tmp_path)
    key, kubeconfig = case.desired(case.observe())
    assert isinstance(key, File)
    assert isinstance(kubeconfig, File)
    assert (key.path, key.create) == (str(tmp_path / "kubeconfig.key"), True)
    assert kubeconfig.content == UNKNOWN


def test_the_key_is_named_by_the_request_and_not_told(tmp_path: Path) -> None:
    key = new_key()
    (tmp_path / "kubeconfig.key").write_text(key.reveal(), encoding="ascii")
    case = made(tmp_path, cluster := Cluster())
    _key, request, approval, _kubeconfig = case.desired(case.observe())
    assert isinstance(request, Objects)
    assert isinstance(approval, Approval)
    [asked] = request.objects
    assert asked["metadata"]["name"] == approval.name == cluster.asked[-1]
    assert asked["spec"]["expirationSeconds"] == 30 * DAY
    assert asked["spec"]["usages"] == ["client auth"]
    assert "PRIVATE" not in base64.b64decode(asked["spec"]["request"]).decode()
    # Another person, and so another request, from the same key.
    made(tmp_path, other := Cluster(), user="somebody").observe()
    assert other.asked[-1] != approval.name


@pytest.mark.parametrize("text", ["", "apiVersion: v1\nkind: Config\n", "a: [", "users: [{user: {token: x}}]", "\x00"])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path, text: str, state: str) -> None:
    (tmp_path / "kubeconfig").write_text(text, encoding="utf-8")
    with pytest.raises(Failure) as caught:
        made(tmp_path, state=state).observe()
    assert caught.value.kind is Kind.REFUSED


def test_a_certificate_of_another_user_is_left_alone(tmp_path: Path) -> None:
    written(tmp_path, user="somebody")
    with pytest.raises(Failure, match="no kubeconfig of break-glass"):
        made(tmp_path).observe()


def test_a_denied_request_is_said(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig.key").write_text(new_key().reveal(), encoding="ascii")
    denied = {"status": {"conditions": [{"type": "Denied", "status": "True", "message": "not today"}]}}
    with pytest.raises(Failure, match="denied: not today"):
        made(tmp_path, Cluster(request=denied)).observe()


def test_absent_removes_both_files_and_asks_no_cluster(tmp_path: Path) -> None:
    written(tmp_path)
    case = made(tmp_path, cluster := Cluster(), state="absent")
    found = case.desired(case.observe())
    assert [(item.title, item.present) for item in found] == [
        (str(tmp_path / "kubeconfig"), False),
        (str(tmp_path / "kubeconfig.key"), False),
    ]
    assert cluster.asked == []


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"user": "system:admin"}, "cluster's own"),
        ({"user": ""}, "1 to 64"),
        ({"groups": ["system:masters"]}, "P32"),
        ({"groups": ["x" * 65]}, "1 to 64"),
        ({"days": 0}, "days is 0"),
        ({"days": 31}, "days is 31"),
        ({"renew_days": 30}, "renew_days is 30"),
        ({"renew_days": -1}, "renew_days is -1"),
        ({"kubeconfig_file": "here"}, "absolute"),
        ({"context_name": ""}, "context_name"),
    ],
)
def test_P32_wrong_input_is_refused_in_one_sentence(tmp_path: Path, wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(Failure) as caught:
        made(tmp_path, **wrong)
    assert caught.value.kind is Kind.INVALID
    assert word in caught.value.sentence()
