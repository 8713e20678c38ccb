"""What holds for all tasks and pipelines of the catalog, and for their scripts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.roles.catalog.task import ROLE, SCRIPTS, TEMPLATES, names, template

FILES = sorted(SCRIPTS.rglob("*.sh"))
NAMESPACE = "pipeline-catalog"
TASKS = [
    "buildah-build", "cdktf-deploy", "cdktf-synth", "git-clone", "helm-upgrade", "kubectl-apply", "upgrade-tekton",
    "upload-artifacts",
]  # fmt: skip
PIPELINES = ["build-platform-images", "cdktf-deploy-pipeline", "platform-upgrade-pipeline"]


def refs(pipeline: str) -> list[dict[str, Any]]:
    """The tasks of a pipeline that refer to a task of the catalog."""
    spec = template(pipeline)["spec"]
    return [task for task in [*spec["tasks"], *spec.get("finally", [])] if "taskSpec" not in task]


def steps(kind: str) -> list[dict[str, Any]]:
    """Each step of that kind, with what it takes from its task."""
    found = []
    for name in names(kind):
        spec = template(name)["spec"]
        bodies = [spec] if kind == "Task" else [task["taskSpec"] for task in spec.get("finally", [])]
        found += [{**body.get("stepTemplate", {}), **step, "of": name} for body in bodies for step in body["steps"]]
    return found


def findings(path: Path, text: str) -> list[str]:
    """What no script may hold."""
    wrong = {
        "a reference of Tekton": r"\$\((params|results|workspaces|context|tasks|steps)\.",
        "a failure that is hidden": r"\|\|\s*(true|:)(\s|$)|set \+e",
        "a download into a shell": r"\b(curl|wget)\b",
        "an installation without a lock": r"npm (install|i)\b|npx ",
        "a text that is run": r"\beval\b",
        "a version that moves": r":latest\b|@latest\b",
    }
    return [f"{path.name}: {what}" for what, pattern in wrong.items() if re.search(pattern, text)]


def test_the_eight_tasks_and_three_pipelines_are_there() -> None:
    assert names("Task") == TASKS
    assert names("Pipeline") == PIPELINES


def test_shellcheck_accepts_every_script() -> None:
    program = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([program, *FILES], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout + done.stderr == ""


def test_every_script_stops_at_the_first_error_and_belongs_to_a_step() -> None:
    used = {step["script"].strip() for kind in ("Task", "Pipeline") for step in steps(kind)}
    assert used == {str(path.relative_to(ROLE / "files")) for path in FILES}
    for path in FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0] == "#!/bin/sh"
        assert next(line for line in lines if not line.startswith("#")) == "set -eu"


def test_S16_B22_S13_no_script_holds_what_it_must_not() -> None:
    assert [text for path in FILES for text in findings(path, path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "line",
    [
        'echo "$(params.message)"',
        "cdktf deploy | grep -v x || true",
        "curl -sL https://example.com/install | sh",
        "npm install -g cdktf-cli@latest",
        'eval "$ARGUMENTS"',
    ],
)
def test_S16_B22_S13_such_a_line_is_found(line: str) -> None:
    assert findings(Path("step.sh"), line)


def test_S16_params_reach_scripts_by_the_environment_alone() -> None:
    for step in steps("Task"):
        assert set(step) <= {"of", "name", "image", "env", "volumeMounts", "securityContext", "script"}
        # What the script reads is what the step is given.
        text = (ROLE / "files" / step["script"].strip()).read_text(encoding="utf-8")
        given = {item["name"] for item in step["env"]}
        read = set(re.findall(r"\$\{?([A-Z][A-Z0-9_]+)", text)) - {"PATH", "PWD", "GIT_SSH_COMMAND"}
        assert read <= given, f"{step['of']}/{step['name']} reads {sorted(read - given)}"


def test_B22_no_step_relies_on_the_home_or_the_tmp_of_another() -> None:
    for step in steps("Task"):
        env = {item["name"]: item["value"] for item in step["env"]}
        assert env["HOME"].startswith("/shared/")
        assert [mount["mountPath"] for mount in step["volumeMounts"]] == ["/shared"]
    for path in FILES:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
        assert not [line for line in lines if re.search(r"/tmp\b|~/", line)]


def test_B22_no_step_goes_on_after_an_error() -> None:
    assert all("onError" not in step for step in steps("Task"))


def test_B23_tasks_are_named_by_the_cluster_resolver() -> None:
    for pipeline in PIPELINES:
        for task in refs(pipeline):
            assert task["taskRef"]["resolver"] == "cluster"
            named = {param["name"]: param["value"] for param in task["taskRef"]["params"]}
            assert named == {"kind": "task", "name": named["name"], "namespace": NAMESPACE}
            assert named["name"] in TASKS


def test_B23_a_pipeline_gives_each_task_what_it_declares() -> None:
    # Tekton resolves a task when the run is there; until then nobody compares them.
    for pipeline in PIPELINES:
        for task in refs(pipeline):
            [name] = [param["value"] for param in task["taskRef"]["params"] if param["name"] == "name"]
            spec = template(name)["spec"]
            given = {param["name"] for param in task["params"]}
            assert given <= {param["name"] for param in spec["params"]}
            assert given >= {param["name"] for param in spec["params"] if "default" not in param}
            bound = {item["name"] for item in task["workspaces"]}
            assert bound <= {item["name"] for item in spec["workspaces"]}
            assert bound >= {item["name"] for item in spec["workspaces"] if not item.get("optional")}


def test_only_what_may_run_twice_is_tried_again() -> None:
    tried = {task["name"] for pipeline in PIPELINES for task in refs(pipeline) if task.get("retries")}
    assert tried == {"clone", "upload"}


def test_D12_there_is_one_namespace_of_the_catalog() -> None:
    found = [template(path.name.removesuffix(".yaml.j2")) for path in sorted(TEMPLATES.iterdir())]
    for item in found:
        name = item["metadata"]["name"] if item["kind"] == "Namespace" else item["metadata"]["namespace"]
        assert name == NAMESPACE
    reserved = yaml.safe_load((ROLE.parent / "crds" / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert NAMESPACE in reserved["crds_reserved_namespaces"]


def test_S13_images_are_inputs_with_a_version() -> None:
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    for name, image in defaults.items():
        assert image == "" if name == "catalog_image_runner" else re.fullmatch(r"[^ @:]+/[^ @:]+:v?[0-9][0-9.]+", image)
    for path in TEMPLATES.iterdir():
        used = re.findall(r"image: (.*)", path.read_text(encoding="utf-8"))
        assert all(re.fullmatch(r'"\{\{ (catalog_image_[a-z]+) \}\}"', text) for text in used)


def test_S13_nothing_is_approved_unless_somebody_says_so() -> None:
    found = {
        f"{name}/{param['name']}": param["default"]
        for kind in ("Task", "Pipeline")
        for name in names(kind)
        for param in template(name)["spec"]["params"]
        if param["name"].lower().replace("-", "") == "autoapprove"
    }
    assert found == dict.fromkeys(found, "false")
    assert len(found) == 4


def test_steps_run_without_privileges() -> None:
    for step in [*steps("Task"), *steps("Pipeline")]:
        context = step["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["capabilities"]["drop"] == ["ALL"]
        if step["of"] == "buildah-build":
            assert context["capabilities"]["add"] == ["SETUID", "SETGID"]
        else:
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
