"""The tasks of the catalog, run step after step beside stand-ins of their tools that record what they are asked."""

from __future__ import annotations

import json

import pytest

from tests.unit.roles.catalog.situations import CDKTF, DIGEST, SITUATIONS, STACKS
from tests.unit.roles.catalog.task import TOOL_FAILED, Bench, Ended, names, template

HOSTILE = (
    "'; touch hacked; \"; touch hacked; $(touch hacked) `touch hacked` #",
    "one\n$(touch hacked)\n--kubeconfig=/dev/null\ntouch hacked",
    "--output-dir=$(touch hacked)",
)
PATHS = (
    "workingDir",
    "artifactsDir",
    "manifest-dir",
    "values-file",
    "manifest",
    "CONTEXT",
    "DOCKERFILE",
    "subdirectory",
)
PARAMS = [(name, param["name"]) for name in names("Task") for param in template(name)["spec"]["params"]]


def run(bench: Bench, name: str, params: dict[str, str] | None = None, fails: int | None = None) -> Ended:
    situation = SITUATIONS[name](bench)
    return bench.run(name, {**situation.params, **(params or {})}, situation.workspaces, fails)


def test_every_task_has_a_situation() -> None:
    assert sorted(SITUATIONS) == names("Task")
    assert len(SITUATIONS) == 8


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_task_ends_well_with_all_its_results(bench: Bench, name: str) -> None:
    ended = run(bench, name)
    assert ended.code == 0, ended.output
    results = {result["name"] for result in template(name)["spec"].get("results", [])}
    assert ended.results.keys() == results
    assert all(ended.results.values())


@pytest.mark.parametrize("name", [name for name in SITUATIONS if name != "git-clone"])
def test_B22_a_tool_that_fails_fails_the_task_with_its_own_code_and_no_success(bench: Bench, name: str) -> None:
    calls = len(run(bench, name).calls)
    assert calls
    for number in range(1, calls + 1):
        ended = run(bench, name, fails=number)
        assert (ended.code, len(ended.calls)) == (TOOL_FAILED, number)
        # The outputs of what was deployed are told, also when its state cannot be read afterwards.
        assert ended.results.keys() <= {"outputs"}


@pytest.mark.parametrize(("name", "param"), PARAMS)
def test_S16_hostile_values_stay_data(bench: Bench, name: str, param: str) -> None:
    for value in HOSTILE:
        ended = run(bench, name, {param: value})
        assert list(bench.folder.rglob("hacked")) == []
        for call in ended.calls:
            words = [word for word in call if value in word]
            assert all(not word.startswith("--output-dir") for word in _options(call, name, param)), call
            # Whole in one word, or not at all, unless it says one argument a line.
            if param not in ("BUILD_EXTRA_ARGS", "PUSH_EXTRA_ARGS", "includePatterns"):
                assert words or not any("hacked" in word for word in call), call


def _options(call: list[str], name: str, param: str) -> list[str]:
    """The words of a call that its program may take for options; extra arguments are meant to be some."""
    if param in ("BUILD_EXTRA_ARGS", "PUSH_EXTRA_ARGS"):
        return []
    return call[: call.index("--")] if "--" in call else call


@pytest.mark.parametrize(("name", "param"), [row for row in PARAMS if row[1] in PATHS])
def test_S16_a_path_that_leaves_the_workspace_is_refused(bench: Bench, name: str, param: str) -> None:
    for value in ("../secret", "a/../../secret", "/etc", ".."):
        ended = run(bench, name, {param: value})
        assert (ended.code, ended.calls) == (1, [])
        assert "leads out of the workspace" in ended.output


# --- CDKTF


def test_S13_dependencies_are_those_of_the_lock_file(bench: Bench) -> None:
    ended = run(bench, "cdktf-synth")
    assert ended.of("npm") == [["ci", "--no-audit", "--no-fund"]]
    (bench.source / "package-lock.json").unlink()
    ended = bench.run("cdktf-synth", {})
    assert (ended.code, ended.calls) == (1, [])
    assert "package-lock.json" in ended.output
    assert bench.run("cdktf-synth", {"npmInstall": "false"}).code == 0


def test_the_version_that_the_project_names_is_the_one_that_runs(bench: Bench) -> None:
    situation = SITUATIONS["cdktf-synth"](bench)
    program = "#!/bin/sh\nmkdir -p cdktf.out/stacks/own\necho >cdktf.out/stacks/own/cdk.tf.json\n"
    bench.write({"node_modules/.bin/cdktf": program})
    (bench.source / "node_modules" / ".bin" / "cdktf").chmod(0o755)
    ended = bench.run("cdktf-synth", situation.params, situation.workspaces)
    assert ended.of("cdktf") == []
    assert ended.of("terraform")[0][0] == "-chdir=cdktf.out/stacks/own/"


def test_B22_a_synthesis_without_a_stack_fails(bench: Bench) -> None:
    bench.write({"package-lock.json": "{}", **STACKS})
    ended = bench.run("cdktf-synth", {})
    assert (ended.code, ended.results) == (1, {})
    assert "no stack" in ended.output


def test_S13_nothing_is_deployed_without_approval(bench: Bench) -> None:
    ended = run(bench, "cdktf-deploy", {"autoApprove": "false"})
    assert (ended.code, ended.results) == (1, {})
    assert ended.of("cdktf") == [["diff", "--skip-synth", "network"], ["diff", "--skip-synth", "web"]]
    assert "autoApprove is false, so nothing was deployed." in ended.output
    assert template("cdktf-deploy")["spec"]["params"][2] == {
        "name": "autoApprove",
        "description": "Whether it may deploy. Otherwise the task shows the plan and fails.",
        "default": "false",
    }


def test_B22_steps_hand_on_what_they_made(bench: Bench) -> None:
    ended = run(bench, "cdktf-deploy")
    [deploy] = ended.of("cdktf")
    assert deploy == [
        "deploy",
        "--skip-synth",
        "--auto-approve",
        f"--outputs-file={bench.shared}/outputs.json",
        "network",
        "web",
    ]
    assert json.loads(ended.results["outputs"]) == {"web": {"url": "x"}}
    assert (bench.source / "cdktf.out" / "outputs.json").read_text(encoding="utf-8") == ended.results["outputs"]


def test_each_stack_has_a_state_of_its_own(bench: Bench) -> None:
    assert run(bench, "cdktf-deploy").code == 0
    for name in ("network", "web"):
        text = (bench.source / f"cdktf.out/stacks/{name}/aphex_backend_override.tf").read_text(encoding="utf-8")
        assert f'secret_suffix     = "acme-{name}"' in text
        assert 'namespace         = "web"' in text


def test_one_backend_serves_one_stack_alone(bench: Bench) -> None:
    situation = SITUATIONS["cdktf-deploy"](bench)
    backend = bench.write({"backend.tf": "terraform {}\n"}, "backend")
    workspaces = {**situation.workspaces, "terraform-backend": backend}
    ended = bench.run("cdktf-deploy", situation.params, workspaces)
    assert (ended.code, ended.calls) == (1, [])
    assert "2 stacks would share the one state" in ended.output
    ended = bench.run("cdktf-deploy", {**situation.params, "stackName": "web"}, workspaces)
    assert ended.code == 0, ended.output
    assert (bench.source / "cdktf.out/stacks/web/aphex_backend_override.tf").read_text(
        encoding="utf-8"
    ) == "terraform {}\n"


def test_stacks_whose_states_would_have_one_name_are_refused(bench: Bench) -> None:
    bench.write({f"cdktf.out/stacks/{name}/cdk.tf.json": "{}" for name in ("my_stack", "My-Stack")})
    ended = bench.run("cdktf-deploy", {"tenantName": "acme", "autoApprove": "true"})
    assert (ended.code, ended.calls) == (1, [])
    assert "differ in case" in ended.output


def test_B22_large_outputs_stay_in_the_workspace(bench: Bench) -> None:
    situation = SITUATIONS["cdktf-deploy"](bench)
    large = json.dumps({"web": {"list": "x" * 8000}})
    bench.does["cdktf"] = CDKTF.replace('{"web": {"url": "x"}}', large)
    ended = bench.run("cdktf-deploy", situation.params, situation.workspaces)
    assert sum(len(text) for text in ended.results.values()) < 4096
    assert json.loads(ended.results["outputs"]) == {
        "truncated": True,
        "bytes": len(large) + 1,
        "file": "cdktf.out/outputs.json",
    }
    assert json.loads((bench.source / "cdktf.out" / "outputs.json").read_text(encoding="utf-8")) == json.loads(large)


def test_B22_an_empty_state_is_no_success(bench: Bench) -> None:
    situation = SITUATIONS["cdktf-deploy"](bench)
    bench.does["terraform"] = ":"
    ended = bench.run("cdktf-deploy", situation.params, situation.workspaces)
    assert ended.code == 1
    assert "deploy-status" not in ended.results


# --- artifacts


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        ("**/*", ["a.json", "b.txt", "below/c.json", "below/deeper/d.json", "with space.json"]),
        ("**/*.json", ["a.json", "below/c.json", "below/deeper/d.json", "with space.json"]),
        ("*.json", ["a.json", "with space.json"]),
        ("below/**", ["below/c.json", "below/deeper/d.json"]),
        ("*/?.json,b.txt", ["b.txt", "below/c.json"]),
        ("b.txt\nbelow/*.json", ["b.txt", "below/c.json"]),
        ("a.jso[n]", []),
    ],
)
def test_B22_patterns_match_paths(bench: Bench, patterns: str, wanted: list[str]) -> None:
    situation = SITUATIONS["upload-artifacts"](bench)
    files = ("a.json", "b.txt", "below/c.json", "below/deeper/d.json", "with space.json")
    bench.write({f"files/{name}": "x" for name in files})
    (bench.source / "files" / "link.json").symlink_to("/etc/passwd")
    ended = bench.run(
        "upload-artifacts",
        {**situation.params, "artifactsDir": "files", "includePatterns": patterns},
        situation.workspaces,
    )
    found = [
        str(path.relative_to(bench.shared / "artifacts"))
        for path in (bench.shared / "artifacts").rglob("*")
        if path.is_file()
    ]
    assert sorted(found) == wanted
    if not wanted:
        assert "no file in files matches" in ended.output
        assert ended.calls == []


def test_files_go_to_the_folder_of_their_run(bench: Bench) -> None:
    ended = run(bench, "upload-artifacts")
    place = "pipeline-artifacts/acme/push-1/"
    endpoint = "http://minio.storage-system.svc.cluster.local:9000"
    assert ended.of("aws")[0][-2:] == [f"{bench.shared}/artifacts", f"s3://{place}"]
    assert ended.results == {"artifact-url": f"{endpoint}/{place}", "upload-status": "success"}
    credentials = bench.shared / "credentials"
    assert credentials.stat().st_mode & 0o777 == 0o600
    assert "canary" in credentials.read_text(encoding="utf-8")
    assert "canary" not in ended.output + str(ended.calls)


def test_B22_a_storage_that_lacks_a_file_is_no_success(bench: Bench) -> None:
    situation = SITUATIONS["upload-artifacts"](bench)
    bench.does["aws"] = ":"
    ended = bench.run("upload-artifacts", situation.params, situation.workspaces)
    assert (ended.code, ended.results) == (1, {})
    assert "holds 0" in ended.output


def test_credentials_add_no_setting(bench: Bench) -> None:
    situation = SITUATIONS["upload-artifacts"](bench)
    bench.write({"secret-access-key": "canary\ncredential_process = touch hacked\n"}, "keys")
    ended = bench.run("upload-artifacts", situation.params, situation.workspaces)
    assert (ended.code, ended.calls) == (1, [])
    assert "canary" not in ended.output


# --- cluster


def test_kubectl_is_asked_for_one_folder(bench: Bench) -> None:
    [call] = run(bench, "kubectl-apply").of("kubectl")
    head = ["apply", "--server-side", "--field-manager=aphex-catalog", f"--filename={bench.source}/deploy"]
    assert call == [*head, "--recursive", "--namespace=web"]


def test_helm_waits_and_takes_values_from_both(bench: Bench) -> None:
    ended = run(bench, "helm-upgrade", {"values": "b: 2", "version": "1.2.3", "create-namespace": "true"})
    [call] = ended.of("helm")
    head = ["upgrade", "--install", "--wait", "--timeout=10m", "--create-namespace", "--version=1.2.3"]
    assert call == [
        *head,
        "--values=./values.yaml",
        f"--values={bench.shared}/home/values.yaml",
        "--",
        "web",
        "./chart",
    ]
    assert (bench.shared / "home" / "values.yaml").read_text(encoding="utf-8") == "b: 2\n"


@pytest.mark.parametrize("sha256", ["0" * 64, "0" * 63, "", "$(touch hacked)"])
def test_S13_another_manifest_than_the_reviewed_one_is_not_applied(bench: Bench, sha256: str) -> None:
    ended = run(bench, "upgrade-tekton", {"sha256": sha256})
    assert (ended.code, ended.calls) == (1, [])
    assert not (bench.shared / "manifest.yaml").exists()


def test_S13_tekton_is_not_changed_without_approval(bench: Bench) -> None:
    situation = SITUATIONS["upgrade-tekton"](bench)
    bench.does["kubectl"] = "exit 1"
    ended = bench.run("upgrade-tekton", {**situation.params, "auto-approve": "false"}, situation.workspaces)
    assert ended.code == 1
    assert [call[0] for call in ended.of("kubectl")] == ["diff"]
    assert "auto-approve is false, so nothing was changed." in ended.output
    bench.does["kubectl"] = "exit 2"
    assert bench.run("upgrade-tekton", {**situation.params, "auto-approve": "false"}, situation.workspaces).code == 2


def test_an_image_is_built_and_known_by_its_digest(bench: Bench) -> None:
    config = bench.write({".dockerconfigjson": "{}"}, "config")
    situation = SITUATIONS["buildah-build"](bench)
    params = {**situation.params, "BUILD_EXTRA_ARGS": "--build-arg=A=b c\n--no-cache"}
    ended = bench.run("buildah-build", params, {**situation.workspaces, "dockerconfig": config})
    assert ended.results == {"IMAGE_DIGEST": DIGEST, "IMAGE_URL": "registry.example.com/web:1"}
    build, push = ended.of("buildah")
    assert build[:3] == ["--storage-driver=vfs", "build", "--isolation=chroot"]
    assert build[-4:] == ["--build-arg=A=b c", "--no-cache", "--", f"{bench.source}/."]
    assert f"--authfile={config}/.dockerconfigjson" in push
    assert push[-3:] == ["--", "registry.example.com/web:1", "docker://registry.example.com/web:1"]
