"""Is External Secrets moved to its own namespace as a whole, arguments and all?"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.filter.kustomization import kustomization
from tests.integration.rendering import Part, parts_of, refusal
from tests.sandbox.build import built

_LABELS = {"app.kubernetes.io/instance": "external-secrets"}
# As the release has them, but for their order.
_CERT_CONTROLLER = ["certcontroller", "--secret-namespace=default", "--new=yes", "--service-namespace=default"]
_WEBHOOK = ["webhook", "--dns-name=external-secrets-webhook.default.svc", "--port=10250"]


def _deployment(name: str, container: str, arguments: list[str]) -> dict[str, Any]:
    others = {"name": "sidecar", "image": "registry.example.org/sidecar:1.0.0", "args": ["--of=the-sidecar"]}
    own = {"name": container, "image": "ghcr.io/external-secrets/external-secrets:v2.5.0", "args": arguments}
    template = {"metadata": {"labels": _LABELS}, "spec": {"containers": [others, own]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": _LABELS}, "template": template},
    }


RELEASE = [
    _deployment("external-secrets", "external-secrets", ["--concurrent=1"]),
    _deployment("external-secrets-cert-controller", "cert-controller", _CERT_CONTROLLER),
    _deployment("external-secrets-webhook", "webhook", _WEBHOOK),
    {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "secretstore-validate"},
        "webhooks": [
            {
                "name": "validate.secretstore.external-secrets.io",
                "clientConfig": {"service": {"name": "external-secrets-webhook", "namespace": "default"}},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "external-secrets-webhook", "namespace": "default"},
        "spec": {"ports": [{"port": 443}]},
    },
]


@pytest.fixture(scope="module")
def part() -> Part:
    return parts_of("external_secrets")["external_secrets"]


def built_of(part: Part, folder: Path) -> list[dict[str, Any]]:
    """What kustomize makes of the part and a release."""
    (folder / "upstream").mkdir()
    (folder / "upstream/external-secrets.yaml").write_text(yaml.safe_dump_all(RELEASE), encoding="utf-8")
    upstream = {"manifests": [{"name": "external-secrets"}], "images": []}
    for path, text in (part.files | kustomization(part.files, upstream, "external-secrets")).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    program = str(built("kustomize") / "kustomize")
    done = subprocess.run([program, "build", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def test_B18_arguments_are_found_by_their_container_and_not_by_their_place(part: Part, tmp_path: Path) -> None:
    assert [path for path, text in part.files.items() if "op: replace" in text or "json" in path] == []
    objects = built_of(part, tmp_path)
    containers = {
        item["name"]: item["args"]
        for found in objects
        if found["kind"] == "Deployment"
        for item in found["spec"]["template"]["spec"]["containers"]
    }
    assert containers["sidecar"] == ["--of=the-sidecar"]
    assert "--secret-namespace=external-secrets" in containers["cert-controller"]
    assert "--service-namespace=external-secrets" in containers["cert-controller"]
    assert "--dns-name=external-secrets-webhook.external-secrets.svc" in containers["webhook"]
    assert containers["external-secrets"][0] == "--concurrent=2"
    assert all(container.get("image") for found in objects for container in _containers(found))
    assert [item for item in objects if "default" in str(item)] == []


def _containers(found: dict[str, Any]) -> list[dict[str, Any]]:
    if found["kind"] != "Deployment":
        return []
    return list(found["spec"]["template"]["spec"]["containers"])


def test_the_namespace_is_guarded_and_only_webhook_and_metrics_are_reached(part: Part) -> None:
    namespace = part.one("Namespace", "external-secrets")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    policy = part.one("NetworkPolicy", "external-secrets")
    assert [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]] == [10250, 8080]
    [release] = part.releases
    assert release["url"].endswith(f"/{release['version']}/external-secrets.yaml")


def test_a_release_without_the_version_of_the_stores_is_refused() -> None:
    assert "Take v0.16.0 or newer" in refusal("external_secrets", external_secrets_version="v0.15.1")
    assert "Name a release like" in refusal("external_secrets", external_secrets_version="latest")
