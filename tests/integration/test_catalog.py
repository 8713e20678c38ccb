"""Is the catalog what Kubernetes and Tekton take, and do its runs keep to the walls of a pipeline namespace?"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.integration.attempts import ALLOWED, POD_SECURITY, verdict
from tests.integration.rendering import Part, parts_of, refusal
from tests.sandbox import tekton
from tests.sandbox.api import Api, ApiError, Object
from tests.sandbox.sandbox import Sandbox
from tests.unit.roles.catalog.task import SCRIPTS

RUNNER = "registry.example.com/platform/runner:2026.11.1"
NEEDS_RUNNER = {"cdktf-deploy", "cdktf-deploy-pipeline", "cdktf-synth", "upload-artifacts"}


@pytest.fixture(scope="module")
def part() -> Part:
    return parts_of("catalog", catalog_image_runner=RUNNER)["catalog"]


@pytest.fixture(scope="module")
def catalog(part: Part) -> list[Object]:
    return [item for item in part.objects() if item["apiVersion"] == "tekton.dev/v1"]


@pytest.fixture(scope="module")
def namespaces(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    """One namespace for each level of Pod Security."""
    names = {level: f"catalog-{level}-{uuid4().hex[:8]}" for level in ("restricted", "baseline")}
    for level, name in names.items():
        labels = {"pod-security.kubernetes.io/enforce": level}
        sandbox.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield names
    for name in names.values():
        sandbox.api.delete(f"/api/v1/namespaces/{name}")


def refusals(api: Api, items: list[Object], namespace: str) -> list[str]:
    """What the API server says against these objects, whole and strictly."""
    said = []
    for item in items:
        moved = copy.deepcopy(item)
        if "namespace" in moved["metadata"]:
            moved["metadata"]["namespace"] = namespace
        try:
            api.apply(moved, "aphex.platform/objects", dryRun="All", fieldValidation="Strict")
        except ApiError as error:
            said.append(f"{item['metadata']['name']}: {error}")
    return said


def pods_of(task: Object, namespace: str) -> Object:
    """A pod of the steps of a task, with the context that the task gives each of them."""
    template = task["spec"].get("stepTemplate", {})
    steps = [{**template, **step} for step in task["spec"]["steps"]]
    containers = [{key: step[key] for key in ("name", "image", "securityContext")} for step in steps]
    metadata = {"name": task["metadata"]["name"], "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


def test_P13_tekton_and_the_api_server_take_the_whole_catalog(
    sandbox: Sandbox, part: Part, catalog: list[Object], namespaces: dict[str, str]
) -> None:
    assert len(catalog) == 11
    assert [text for text in tekton.validate(catalog) if text] == []
    assert refusals(sandbox.api, part.objects(), namespaces["baseline"]) == []


def test_P13_a_pipeline_that_waits_for_nobody_is_found(catalog: list[Object]) -> None:
    spoilt = copy.deepcopy(next(item for item in catalog if item["metadata"]["name"] == "cdktf-deploy-pipeline"))
    spoilt["spec"]["tasks"][1]["runAfter"] = ["nobody"]
    assert "nobody" in tekton.validate([spoilt])[0]


def test_B22_scripts_arrive_as_they_were_written(catalog: list[Object]) -> None:
    # Ansible renders the manifests: nothing in a script may be taken for one of its expressions.
    texts = {path.read_text(encoding="utf-8").strip("\n") for path in SCRIPTS.rglob("*.sh")}
    specs = [item["spec"] for item in catalog if item["kind"] == "Task"]
    specs += [task["taskSpec"] for item in catalog for task in item["spec"].get("finally", [])]
    assert {step["script"].strip("\n") for spec in specs for step in spec["steps"]} == texts


def test_S13_images_are_those_of_the_inputs(catalog: list[Object]) -> None:
    images = {
        f"catalog_image_{name}": f"registry.example.com:5000/{name}:1.0"
        for name in ("git", "runner", "kubectl", "helm", "buildah")
    }
    part = parts_of("catalog", **images)["catalog"]
    specs = [item["spec"] for item in part.objects() if item["kind"] == "Task"]
    specs += [task["taskSpec"] for item in part.objects() for task in item.get("spec", {}).get("finally", [])]
    assert {step["image"] for spec in specs for step in spec["steps"]} == set(images.values())


def test_S13_an_image_without_a_version_is_refused() -> None:
    wrong = {
        "catalog_image_git": "docker.io/alpine/git",
        "catalog_image_helm": "docker.io/alpine/helm:latest",
        "catalog_image_kubectl": "registry.example.com:5000/kubectl",
        "catalog_image_runner": "docker.io/runner@sha256:1",
    }
    said = refusal("catalog", **wrong)
    assert [f"{name} is '{image}', which names no version." in said for name, image in wrong.items()] == [True] * 4


def test_without_a_runner_its_tasks_are_left_out(part: Part) -> None:
    without = parts_of("catalog")["catalog"]
    assert {path.removesuffix(".yaml") for path in part.files.keys() - without.files.keys()} == NEEDS_RUNNER


def test_P1_steps_pass_pod_security(sandbox: Sandbox, catalog: list[Object], namespaces: dict[str, str]) -> None:
    for task in (item for item in catalog if item["kind"] == "Task"):
        builds = task["metadata"]["name"] == "buildah-build"
        for level, namespace in namespaces.items():
            expected = POD_SECURITY if builds and level == "restricted" else ALLOWED
            pod = pods_of(task, namespace)
            assert verdict(sandbox.api, "create", f"/api/v1/namespaces/{namespace}/pods", pod) == expected, task[
                "metadata"
            ]
