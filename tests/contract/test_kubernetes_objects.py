"""What `kubernetes_objects` promises beyond the stages that every module goes through.

In: the installed sandbox. Out: one promise a test. Never here: what `cases/kubernetes_objects.py` covers already.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.runner import Answer, Playing, Task, play_of
from tests.contract.world import World, eventually
from tests.sandbox.api import Object

Run = contextlib.AbstractContextManager[Playing]


@pytest.fixture
def place(inside: World) -> World:
    """A world with a namespace of its name."""
    inside.make(_object("v1", "Namespace", inside.name))
    return inside


def _object(api_version: str, kind: str, name: str, namespace: str = "", **body: Any) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def _task(world: World, *definition: Any, check: bool = False, **args: Any) -> Task:
    more = {"definition": list(definition)} if "src" not in args else {}
    return Task("kubernetes_objects", {"namespace": world.name, **more, **args}, check=check)


def _playing(world: World, folder: Path, *tasks: Task, env: dict[str, str] | None = None) -> Run:
    return Playing(folder, [play_of(tasks)], world.side.env if env is None else env)


def _answers(world: World, folder: Path, *tasks: Task, env: dict[str, str] | None = None) -> list[Answer]:
    with _playing(world, folder, *tasks, env=env) as playing:
        return playing.finish().only


def _settings(world: World, **data: str) -> Object:
    return _object("v1", "ConfigMap", "settings", world.name, data=data)


def _path(world: World, what: str) -> str:
    return f"/api/v1/namespaces/{world.name}/{what}"


def _unchanged(answer: Answer) -> bool:
    return answer.ended == "ok" and not answer.changed and answer.steps == []


# whose it is ------------------------------------------------------------------------------------------------------


def test_adopt_takes_an_object_that_was_made_by_hand_and_keeps_it(place: World, tmp_path: Path) -> None:
    place.make(_settings(place, color="red", theirs="stays"))
    wanted = _settings(place, color="red")
    refused, taken, again, gone = _answers(
        place, tmp_path, _task(place, wanted), _task(place, wanted, adopt=True), _task(place, wanted),
        _task(place, wanted, state="absent"),
    )  # fmt: skip
    assert refused.kind == "refused"
    assert refused.msg.count("ConfigMap") == 1
    assert "adopt" in refused.msg
    assert taken.changed
    assert _unchanged(again)
    assert gone.changed
    assert place.find(_path(place, "configmaps/settings")) is None


def test_adopting_keeps_what_others_have_set(place: World, tmp_path: Path) -> None:
    place.make(_settings(place, color="red", theirs="stays"))
    _answers(place, tmp_path, _task(place, _settings(place, size="1"), adopt=True))
    live = place.api.get(_path(place, "configmaps/settings"))
    assert live["data"] == {"color": "red", "theirs": "stays", "size": "1"}


def test_a_conflict_names_the_field_and_its_owner(place: World, tmp_path: Path) -> None:
    place.make(_settings(place, color="red"))
    wanted = _settings(place, color="blue")
    with _playing(
        place, tmp_path, _task(place, wanted, adopt=True), _task(place, wanted, adopt=True, force_conflicts=True)
    ) as playing:
        begun = place.side.mark()
        refused = playing.step()
        assert place.side.writes(begun) == []
        forced = playing.step()
    assert refused.kind == "conflict"
    assert ".data.color" in refused.msg
    assert '"outside"' in refused.msg
    assert "force_conflicts" in refused.msg
    assert forced.changed
    assert place.api.get(_path(place, "configmaps/settings"))["data"] == {"color": "blue"}


def test_N07_an_object_of_a_tenant_is_left_alone(place: World, tmp_path: Path) -> None:
    labels = {"platform.aphex/owner-kind": "Organization", "platform.aphex/owner-name": "acme"}
    theirs = _settings(place, color="red")
    place.make({**theirs, "metadata": {**theirs["metadata"], "labels": labels}})
    changed, deleted, marked = _answers(
        place,
        tmp_path,
        _task(place, _settings(place, color="blue"), adopt=True, force_conflicts=True),
        _task(place, _settings(place), adopt=True, state="absent"),
        _task(place, {**theirs, "metadata": {"name": "mine", "labels": labels}}),
    )
    for answer in (changed, deleted):
        assert answer.kind == "refused"
        assert "belongs to Organization acme" in answer.msg
    assert marked.kind == "invalid"
    assert "platform.aphex/owner-kind" in marked.msg
    assert place.api.get(_path(place, "configmaps/settings"))["data"] == {"color": "red"}


# prune --------------------------------------------------------------------------------------------------------------


def test_P03_children_that_a_controller_labels_as_ours_are_not_pruned(place: World, tmp_path: Path) -> None:
    labels = {"contract.example.org/set": "ours", "platform.aphex/managed-by": "contract"}
    account = _object("v1", "ServiceAccount", "listener", place.name)
    listener = _object(
        "triggers.tekton.dev/v1beta1", "EventListener", "hooks", place.name,
        spec={"serviceAccountName": "listener", "resources": {"kubernetesResource": {"replicas": 0}}},
    )  # fmt: skip
    listener["metadata"]["labels"] = labels
    extra = _settings(place, color="red")
    inventory: dict[str, Any] = {"inventory": {"name": "set", "namespace": place.name}, "prune": True}
    deployment = f"/apis/apps/v1/namespaces/{place.name}/deployments/el-hooks"

    with _playing(
        place,
        tmp_path,
        _task(place, account, listener, extra, **inventory),
        _task(place, account, listener, extra, **inventory),
        _task(place, account, listener, **inventory),
    ) as playing:
        assert playing.step().changed
        eventually("the controller has made its Deployment", lambda: place.find(deployment))
        child = place.api.get(deployment)
        assert child["metadata"]["labels"].items() >= labels.items(), (
            "the controller copies labels, or nothing is tried"
        )
        assert _unchanged(playing.step())
        pruned = playing.step()
    assert pruned.steps[0] == f"prune ConfigMap {place.name}/settings"
    assert [step for step in pruned.steps if step.startswith("prune")] == pruned.steps[:1]
    assert place.api.get(deployment)["metadata"]["uid"] == child["metadata"]["uid"]


def test_P03_an_object_that_somebody_made_anew_is_not_pruned(place: World, tmp_path: Path) -> None:
    inventory: dict[str, Any] = {"inventory": {"name": "set", "namespace": place.name}, "prune": True}
    other = _object("v1", "ConfigMap", "other", place.name, data={"a": "1"})
    with _playing(
        place,
        tmp_path,
        _task(place, other, _settings(place, color="red"), **inventory),
        _task(place, other, **inventory),
    ) as playing:
        assert playing.step().changed
        place.api.delete(_path(place, "configmaps/settings"))
        place.make(_settings(place, color="theirs"))
        assert playing.step().ended == "ok"
    assert place.api.get(_path(place, "configmaps/settings"))["data"] == {"color": "theirs"}


# what the server makes of it ---------------------------------------------------------------------------------------


def test_a_definition_and_an_object_of_its_kind_go_in_one_set(place: World, tmp_path: Path) -> None:
    group = f"{place.name}.example.org"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget"}
    definition = _object(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", f"widgets.{group}",
        spec={"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    )  # fmt: skip
    widget = _object(f"{group}/v1", "Widget", "first", place.name, spec={"size": 1})
    checked, made, again, gone = _answers(
        place,
        tmp_path,
        _task(place, widget, definition, check=True),
        _task(place, widget, definition),
        _task(place, widget, definition),
        _task(place, widget, definition, state="absent", wait=True),
    )
    assert checked.changed
    assert made.steps == [
        f"create CustomResourceDefinition widgets.{group}",
        f"wait CustomResourceDefinition widgets.{group}",
        f"create Widget {place.name}/first",
    ]
    assert _unchanged(again)
    assert gone.ended == "ok", gone.msg
    assert gone.steps[0] == f"delete Widget {place.name}/first"


def test_P12_quantities_and_defaults_that_the_server_writes_otherwise_are_no_change(
    place: World, tmp_path: Path
) -> None:
    container = {
        "name": "web",
        "image": "registry.example.org/web:1.0.0",
        "resources": {"requests": {"cpu": 0.5, "memory": "1024Mi"}, "limits": {"cpu": "1000m", "memory": "2Gi"}},
    }
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    deployment = _object(
        "apps/v1", "Deployment", "web", place.name,
        spec={"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    )  # fmt: skip
    quota = _object("v1", "ResourceQuota", "quota", place.name, spec={"hard": {"limits.cpu": 2, "pods": "0010"}})
    made, again, checked = _answers(
        place,
        tmp_path,
        _task(place, deployment, quota),
        _task(place, deployment, quota),
        _task(place, deployment, quota, check=True),
    )
    assert made.changed, made.msg
    assert _unchanged(again)
    assert _unchanged(checked)


def test_P12_a_key_that_is_dropped_from_stringData_is_dropped_from_the_secret(place: World, tmp_path: Path) -> None:
    def secret(*keys: str) -> Object:
        return _object("v1", "Secret", "login", place.name, stringData={key: f"value of {key}" for key in keys})

    made, dropped, again = _answers(
        place, tmp_path, _task(place, secret("one", "two")), _task(place, secret("one")), _task(place, secret("one"))
    )
    assert made.changed
    assert dropped.changed
    assert _unchanged(again)
    assert list(place.api.get(_path(place, "secrets/login"))["data"]) == ["one"]


def test_P12_a_field_of_the_wrong_type_is_one_sentence_and_asked_once(place: World, tmp_path: Path) -> None:
    wrong = _object("v1", "Service", "web", place.name, spec={"ports": [{"port": "eighty"}]})
    begun = place.side.mark()
    (answer,) = _answers(place, tmp_path, _task(place, wrong))
    assert answer.kind == "invalid"
    assert answer.msg.startswith(f"applying Service {place.name}/web: ")
    assert "port" in answer.msg
    assert "\n" not in answer.msg
    assert answer.result["failure"]["status"] == 500
    assert len([request for request in place.side.sent(begun) if "services/web" in request and "PATCH" in request]) == 1


def test_an_unknown_field_is_refused(place: World, tmp_path: Path) -> None:
    (answer,) = _answers(place, tmp_path, _task(place, {**_settings(place, color="red"), "dta": {"a": "1"}}))
    assert answer.kind == "invalid"
    assert ".dta" in answer.msg


def test_lists_texts_and_files_are_the_same_set(place: World, tmp_path: Path) -> None:
    first, second = (_object("v1", "ConfigMap", name, data={"a": "1"}) for name in ("first", "second"))
    text = yaml.safe_dump_all([first, second])
    (tmp_path / "objects.yaml").write_text(text, encoding="utf-8")
    whole = {"apiVersion": "v1", "kind": "List", "items": [first, second]}
    typed = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [first, second]}
    made, *others = _answers(
        place,
        tmp_path,
        _task(place, whole),
        _task(place, typed),
        _task(place, text),
        _task(place, yaml.safe_dump(first), second),
        Task("kubernetes_objects", {"namespace": place.name, "definition": text}),
        _task(place, src=str(tmp_path / "objects.yaml")),
        Task("kubernetes_objects", {"namespace": place.name, "resource_definition": whole}),
    )
    assert made.steps == [f"create ConfigMap {place.name}/{name}" for name in ("first", "second")]
    assert [answer for answer in others if not _unchanged(answer)] == []


def test_objects_come_back_whole_when_asked_for_and_secrets_are_masked(place: World, tmp_path: Path) -> None:
    secret = _object("v1", "Secret", "login", place.name, stringData={"password": place.secret("password")})
    made, again = _answers(
        place, tmp_path, _task(place, secret, return_objects=True), _task(place, secret, return_objects=True)
    )
    for answer in (made, again):
        (row,) = answer.result["objects"]
        assert row["object"]["data"] == {"password": "***"}
        assert row["uid"] == row["object"]["metadata"]["uid"]
        assert "managedFields" not in row["object"]["metadata"]


# waits --------------------------------------------------------------------------------------------------------------


def _job(world: World) -> Object:
    container = {"name": "work", "image": "registry.example.org/work:1.0.0"}
    pod = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    return _object("batch/v1", "Job", "work", world.name, spec={"template": pod, "suspend": True})


def _finish(world: World, kind: str, **more: str) -> None:
    """Write a condition of a Job, as its controller would."""
    path = f"/apis/batch/v1/namespaces/{world.name}/jobs/work/status"
    now = "2026-01-01T00:00:00Z"
    conditions = [{"type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now, **more}]
    world.api.patch(path, {"status": {"conditions": conditions}}, "strategic")


def test_a_wait_shows_how_it_goes_and_ends_when_the_condition_holds(place: World, tmp_path: Path) -> None:
    condition = {"type": "Ripe"}
    with _playing(place, tmp_path, _task(place, _job(place), wait=True, wait_condition=condition)) as playing:
        playing.go()
        eventually("progress is shown", lambda: f"waiting for Job {place.name}/work Ripe=True" in playing.output)
        assert "it has no condition Ripe yet" in playing.output
        _finish(place, "Ripe")
        (answer,) = playing.wait().values()
    assert answer.ended == "ok", answer.msg
    assert answer.steps[-1] == f"wait Job {place.name}/work"


def test_a_wait_ends_in_one_sentence(place: World, tmp_path: Path) -> None:
    late, wrong = _answers(
        place,
        tmp_path,
        _task(place, _job(place), wait=True, wait_timeout=1),
        _task(place, _job(place), wait=True, wait_timeout=1, wait_condition={"type": "Suspended", "status": "False"}),
    )
    assert late.kind == "timeout"
    assert late.msg.startswith(f"waiting 1 s for Job {place.name}/work ready: it has no condition Complete yet")
    assert wrong.kind == "timeout"
    assert "Suspended=True" in wrong.msg


def test_a_wait_for_what_cannot_come_any_more_ends_at_once(place: World, tmp_path: Path) -> None:
    with _playing(place, tmp_path, _task(place, _job(place)), _task(place, _job(place), wait=True)) as playing:
        assert playing.step().changed
        # The server wants both, in this order.
        _finish(place, "FailureTarget", reason="PodFailurePolicy", message="the disk is full")
        path = f"/apis/batch/v1/namespaces/{place.name}/jobs/work"
        place.patch(path + "/status", {"status": {"conditions": [
            *place.api.get(path)["status"]["conditions"],
            {"type": "Failed", "status": "True", "reason": "PodFailurePolicy", "message": "the disk is full"},
        ], "startTime": "2026-01-01T00:00:00Z"}})  # fmt: skip
        answer = playing.step()
    assert answer.failed
    assert "the disk is full" in answer.msg


# the connection -----------------------------------------------------------------------------------------------------


def test_the_connection_may_be_said_in_every_way(place: World, tmp_path: Path) -> None:
    """A kubeconfig as a mapping, a context of a file, host with api_key and a CA: the environment gives way."""
    sandbox, token = place.side.sandbox, place.side.token
    direct = yaml.safe_load(sandbox.kubeconfig_for(token=token).read_text(encoding="utf-8"))
    proxied = yaml.safe_load(place.side.kubeconfig.read_text(encoding="utf-8"))
    ca = tmp_path / "ca.pem"
    ca.write_text(sandbox.api.server.ca or "", encoding="utf-8")
    two = {
        **proxied,
        "contexts": [*proxied["contexts"], {"name": "nowhere", "context": {"cluster": "nowhere", "user": "sandbox"}}],
        "clusters": [*proxied["clusters"], {"name": "nowhere", "cluster": {"server": "http://127.0.0.1:1"}}],
        "current-context": "nowhere",
    }
    (tmp_path / "two").write_text(yaml.safe_dump(two), encoding="utf-8")
    wanted = _settings(place, color="red")
    server = sandbox.api.server.url
    answers = _answers(
        place,
        tmp_path / "run",
        _task(place, wanted, kubeconfig=direct),
        _task(place, wanted, kubeconfig=str(tmp_path / "two"), context="sandbox"),
        _task(place, wanted, host=server, api_key=token, ca_cert=str(ca)),
        _task(place, wanted, host=server, api_key=token, verify_ssl=False),
        _task(place, wanted, host=place.side.proxy.url, api_key=token),
        env={"K8S_AUTH_KUBECONFIG": str(tmp_path / "two")},
    )
    assert answers[0].changed, answers[0].msg
    assert [answer.msg for answer in answers[1:] if not _unchanged(answer)] == []


def test_impersonation_by_user_and_groups(place: World, tmp_path: Path) -> None:
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "contract:editors"}
    binding = _object("rbac.authorization.k8s.io/v1", "RoleBinding", "editors", place.name)
    place.make({**binding, "roleRef": role, "subjects": [group]})
    wanted = _settings(place, color="red")
    ann: dict[str, Any] = {"impersonate_user": "ann", "impersonate_groups": ["contract:editors"]}
    with _playing(
        place,
        tmp_path,
        _task(place, wanted, **ann),
        _task(place, wanted, impersonate_user="ann"),
        env={**place.side.env, "K8S_AUTH_IMPERSONATE_GROUPS": ""},
    ) as playing:
        audit = place.side.sandbox.audit.mark()
        allowed = playing.step()
        told = place.side.sandbox.audit.writes(audit, lambda request: request.impersonated == "ann")
        denied = playing.step()
    assert allowed.changed, allowed.msg
    assert any(f"/{place.name}/configmaps/settings" in request.uri for request in told)
    assert denied.kind == "denied"
    assert '"ann"' in denied.msg


@pytest.fixture
def kubeconfig(place: World, tmp_path: Path) -> Path:
    """A kubeconfig whose user is an exec plugin that counts its calls in the file beside it."""
    config = yaml.safe_load(place.side.kubeconfig.read_text(encoding="utf-8"))
    token = config["users"][0]["user"].pop("token")
    answer, version = tmp_path / "credential.json", "client.authentication.k8s.io/v1"
    credential = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": token}}
    answer.write_text(json.dumps(credential), encoding="utf-8")
    config["users"][0]["user"]["exec"] = {
        "apiVersion": version,
        "command": "sh",
        "args": ["-c", f"echo called >> {tmp_path}/calls; cat {answer}"],
        "interactiveMode": "Never",
    }
    path = tmp_path / "exec.kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def test_N05_an_exec_plugin_is_called_once_a_run(place: World, kubeconfig: Path, tmp_path: Path) -> None:
    hosts = {f"host-{number}": {"ansible_connection": "local"} for number in range(5)}
    task = Task("kubernetes_objects", {"definition": _settings(place, color="red"), "kubeconfig": str(kubeconfig)})
    with Playing(tmp_path / "run", [play_of([task, task])], {}, hosts=hosts, arguments=["-f", "5"]) as playing:
        ended = playing.finish()
    answers = [answer for step in ended.answers for answer in step.values()]
    assert len(answers) == 10
    assert [answer.msg for answer in answers if answer.failed] == []
    assert (tmp_path / "calls").read_text(encoding="utf-8") == "called\n"
