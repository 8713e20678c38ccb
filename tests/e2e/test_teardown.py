"""Does the platform go as it came: refused while somebody lives there, and then with all that Argo CD has brought?

What is in the cluster is compared with what was there before the bootstrap. These tests come last.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.e2e.argo import eventually
from tests.e2e.home import NAME, Home, application_of
from tests.e2e.tree import deployment
from tests.sandbox.stack import TREE
from tests.sandbox.telling import Broken
from tests.tools.steps import ROOT

TENANTS_OWN = ROOT / "roles" / "crds" / "files"
# Volumes are played, and nobody here takes them back.
STAYS = re.compile(
    r"/api/v1/namespaces//platform-system"
    r"|/api/v1/\w+/platform-system/.*"
    r"|.*/apiservices//v1alpha1\.aphex\.io"
    r"|/api/v1/persistentvolumes//played-.*"
)
TENANT = {
    "apiVersion": "aphex.io/v1alpha1",
    "kind": "Organization",
    "metadata": {"name": "stays", "namespace": "platform-system"},
    "spec": {"displayName": "Stays", "adminUsers": ["ann@acme.example"]},
}


def of_tenants() -> set[str]:
    """The names of what tenants need to exist: their kinds, roles and policies."""
    documents = [
        item for path in TENANTS_OWN.rglob("*.yaml") for item in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]
    return {item["metadata"]["name"] for found in documents for item in found.get("items", [found])}


def left(home: Home) -> list[str]:
    """What the platform has left behind and should not."""
    new, known = home.objects() - home.before, of_tenants()
    return sorted(path for path in new if not STAYS.fullmatch(path) and path.rpartition("//")[2] not in known)


def head(home: Home) -> str:
    place = Path(home.sandbox.env["APHEX_SANDBOX_GIT_FOLDER"]) / f"{TREE}.git"
    command = ["git", "-C", str(place), "rev-parse", "main"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def refused(home: Home, **variables: str) -> None:
    """The playbook teardown fails, and has written nothing."""
    mark = home.sandbox.audit.mark()
    with pytest.raises(Broken):
        home.play("teardown", **variables)
    assert [str(request) for request in home.sandbox.audit.product_writes(mark)] == []


def test_nobody_takes_it_away_by_accident(home: Home) -> None:
    refused(home)


def test_a_tenant_keeps_it_from_being_taken_away(home: Home) -> None:
    home.api.create(TENANT)
    try:
        refused(home, teardown_confirm=NAME)
    finally:
        home.api.remove(TENANT)


def test_an_application_of_others_keeps_it_from_being_taken_away(home: Home) -> None:
    other = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "somebody-else", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": "https://git.example.com/other.git", "path": "."},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "default"},
        },
    }
    home.api.create(other)
    try:
        refused(home, teardown_confirm=NAME)
    finally:
        home.api.remove(other)


@pytest.fixture
def stuck(home: Home) -> str:
    """A part whose sync never ends: Argo CD deletes no application before that."""
    wrong = deployment("stuck", selector={"matchLabels": {"app": "somebody-else"}})
    wrong["metadata"]["namespace"] = "pipeline-catalog"
    home.put_by_hand("catalog", wrong)
    name = application_of("catalog")
    eventually(lambda: home.argo.complaint(name), lambda: "does not match template" in home.argo.complaint(name))
    return name


def test_it_goes_with_all_that_it_has_brought(home: Home, stuck: str, say: Callable[[str], None]) -> None:
    commit, begin = head(home), time.monotonic()
    assert home.argo.syncs(stuck)
    assert home.play("teardown", teardown_confirm=NAME, teardown_definitions=True) > 0
    say(f"\nthe platform was gone after {time.monotonic() - begin:.0f} s")
    # Kubernetes itself takes some away a little later: addresses of Services, entries of kinds.
    eventually(lambda: f"nothing is left but {left(home)}", lambda: not left(home), 60.0)
    assert sorted(home.before - home.objects()) == []
    assert head(home) == commit
    mark = home.sandbox.audit.mark()
    assert home.play("teardown", teardown_confirm=NAME, teardown_definitions=True) == 0
    assert [str(request) for request in home.sandbox.audit.product_writes(mark)] == []
