"""Each rung of the ladder: what an answer means, given what the cluster says."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._flux import verify
from ansible_collections.aphex.platform.plugins.module_utils._flux.receiver_objects import webhook_path
from ansible_collections.aphex.platform.plugins.module_utils._flux.verify import Facts, in_cluster, judge, polled
from ansible_collections.aphex.platform.plugins.module_utils._probe import Answer, checked_target

TOKEN = Sensitive("0123456789abcdef0123")
PATH = webhook_path(TOKEN, "apps", "flux-system")
TARGET = checked_target("https://flux.example.org")
SOURCE = {"kind": "GitRepository", "namespace": "flux-system", "name": "apps", "found": True, "requested_at": "2026-02"}


def facts(kind: str = "github", path: str = PATH, ready: str = "True", suspend: bool = False, **more: Any) -> Facts:
    """What the cluster says of a Receiver that is as it should be, with these changes."""
    status = {"webhookPath": path, "conditions": [{"type": "Ready", "status": ready, "reason": "Why", "message": path}]}
    live = {
        "metadata": {"name": "apps", "namespace": "flux-system"},
        "spec": {"type": kind, "suspend": suspend, "resources": [{"kind": "GitRepository", "name": "apps"}]},
        "status": status,
    }
    given = {"name": "Receiver flux-system/apps", "receiver": live, "token": TOKEN, "sources": [SOURCE], **more}
    return Facts(**given)


def ids(findings: Any) -> list[str]:
    return [finding.id for finding in findings]


@pytest.mark.parametrize(
    ("status", "body", "identity", "hop"),
    [
        (400, "", "way-open", "receiver"),
        (404, "", "tunnel-rule", "tunnel"),
        (503, "", "endpoints-none", "origin"),
        (502, "", "origin-unreachable", "origin"),
        (530, "error code: 1033", "tunnel-down", "tunnel"),
        (530, "error code: 1016", "dns-target", "name"),
        (403, "", "edge-forbidden", "edge"),
        (429, "", "edge-limited", "edge"),
        (302, "", "edge-redirect", "edge"),
        (500, "", "receiver-error", "receiver"),
        (524, "", "origin-timeout", "origin"),
        (200, "", "edge-other", "edge"),
    ],
)
def test_A34_each_status_names_the_hop_that_gave_it(status: int, body: str, identity: str, hop: str) -> None:
    finding = judge(facts(), TARGET, Answer(status, body=body))
    assert (finding.id, finding.hop) == (identity, hop)
    assert finding.severity == ("ok" if status == 400 else "error")
    assert finding.remedy or status == 400
    assert str(status) in finding.said


@pytest.mark.parametrize(
    ("stage", "hop"),
    [("name", "name"), ("connection", "edge"), ("tls", "edge"), ("timeout", "edge"), ("answer", "edge")],
)
def test_a_question_that_is_not_answered_names_its_stage(stage: Any, hop: str) -> None:
    assert judge(facts(), TARGET, Answer(stage=stage, said="why")).hop == hop


def test_A28_a_503_of_a_suspended_receiver_is_its_own() -> None:
    assert judge(facts(suspend=True), TARGET, Answer(503)).hop == "receiver"
    assert ids(in_cluster(facts(suspend=True))) == ["receiver-suspended"]
    assert judge(facts(ready="False"), TARGET, Answer(404)).hop == "receiver"


def test_A30_a_challenge_of_the_edge_is_told_from_a_refusal_of_the_receiver() -> None:
    finding = judge(facts(), TARGET, Answer(403))
    assert (finding.id, finding.hop, finding.severity) == ("edge-forbidden", "edge", "error")
    assert "Bot Fight Mode" in finding.remedy


def test_A34_no_generic_receiver_is_asked_at_its_own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(target: Any, path: str, method: str = "HEAD") -> Answer:
        asked.append(f"{method} {path}")
        return Answer(404)

    monkeypatch.setattr(verify, "ask", ask)
    assert ids(verify.on_the_way(facts("generic"), TARGET)) == ["way-open"]
    assert ids(verify.on_the_way(facts(), TARGET)) == ["tunnel-rule"]
    assert asked == [f"HEAD {verify.NOBODYS_PATH}", f"HEAD {PATH}"]


def test_the_reason_of_a_530_is_read_by_a_get(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(target: Any, path: str, method: str = "HEAD") -> Answer:
        return Answer(530, body="error code: 1016" if method == "GET" else "")

    monkeypatch.setattr(verify, "ask", ask)
    assert ids(verify.on_the_way(facts(), TARGET)) == ["dns-target"]


def test_the_receiver_shows_what_is_wrong_with_it() -> None:
    assert ids(in_cluster(facts())) == ["receiver-ready"]
    assert ids(in_cluster(Facts("Receiver a/b"))) == ["receiver-missing"]
    assert ids(in_cluster(facts(ready="False"))) == ["receiver-not-ready"]
    assert ids(in_cluster(facts(token=None))) == ["token-missing"]
    assert ids(in_cluster(facts(token=Sensitive("0123456789abcdef\n")))) == ["token-unusable"]
    assert ids(in_cluster(facts(path="/hook/old"))) == ["receiver-path"]
    assert ids(in_cluster(facts(sources=[{**SOURCE, "found": False}]))) == ["source-missing"]
    assert ids(in_cluster(facts(sources=[]))) == ["source-none"]


def test_a_path_that_is_a_secret_does_not_show() -> None:
    shown = str(in_cluster(facts("quay", ready="False")))
    assert PATH not in shown
    assert "***" in shown


def test_a_source_that_nobody_polled_is_named() -> None:
    assert ids(polled(facts(), "")) == []
    assert ids(polled(facts(), "2026-01")) == ["source-polled"]
    assert ids(polled(facts(), "2026-03")) == ["source-not-polled"]
