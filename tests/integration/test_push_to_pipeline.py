"""Does a signed push at the public host become exactly one pipeline run, and nothing else any?

The way is the real one: edge, DNS record, tunnel, the connector's rules, Tekton's own listener and interceptors with
the identities and rights that the product gave them. A listener answers 202 to everything, so what it made of a
delivery is read from its own log, trigger by trigger: "none" is what every one of them has refused.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.platform import OWNER
from tests.contract.world import taken_up
from tests.integration.tenants import (
    PIPELINE,
    REVISION,
    Delivery,
    Tenants,
    a_run,
    eventually,
    soon,
    succeeded,
    tenants,
)
from tests.sandbox.sandbox import Sandbox

QUOTED = "main'||'a'=='a"
"""A branch name that git allows, and that would end the text of a filter into which it was pasted."""

SIGNED = 4
"""Verdicts on a correctly signed push to acme: two groups that refuse, and the two triggers of the third."""
UNSIGNED = 3
"""Verdicts where no group accepts the signature."""

NOT_TRUE = "did not return true"
NO_VALUE = "error evaluating cel expression"
WRONG_SIGNATURE = "payload signature check failed"


class World:
    """Two organizations, three pipelines, and the runs that deliveries were meant to start."""

    def __init__(self, on: Tenants) -> None:
        self.on = on
        self.started: list[str] = []
        self.tried: set[str] = set()
        """Runs of pushes that only asked whether a listener knows its triggers: they may be there, now or later."""
        for word in ("acme", "rival"):
            assert succeeded(on.organization(word))
        assert succeeded(on.repo_binding("web", "acme"))
        assert succeeded(on.repo_binding("lib", "acme", branches=["release/1.x", "trunk"]))
        assert succeeded(on.repo_binding("their", "rival"))
        for word in ("acme", "rival"):
            on.listening(word)
        # What is none later must not be none because the listener had not seen its triggers yet.
        for word, repository in (("acme", "web"), ("rival", "their")):
            self.starts(repository, self.first(word, repository))
        self.starts("lib", self.on.push("acme", "lib", ref="refs/heads/trunk"))

    def first(self, word: str, repository: str) -> Delivery:
        """Push until the listener knows the repository's trigger; the push that it knew it by."""

        def try_one() -> Delivery | None:
            delivery = self.on.push(word, repository)
            self.tried.add(run_name(self.on, repository, delivery))
            return soon(lambda: delivery if self.on.run_of(repository, delivery) else None)

        return eventually(f"{repository} is known", try_one)

    def starts(self, word: str, delivery: Delivery) -> Any:
        """Wait for the run of a delivery, and remember that it was meant."""
        run = eventually(f"a run of {word} for {delivery}", lambda: self.on.run_of(word, delivery))
        self.started.append(run_name(self.on, word, delivery))
        return run

    def started_nothing_else(self) -> None:
        """Every run in every pipeline namespace is one that was meant."""
        others = self.tried - set(self.started)
        assert [run for run in self.on.runs("web", "lib", "their") if run not in others] == sorted(self.started)


def run_name(on: Tenants, word: str, delivery: Delivery) -> str:
    """The run that a delivery starts in the namespace of a pipeline, as namespace/name."""
    return f"{on.name(word)}/push-{delivery.id}"


@pytest.fixture(scope="module")
def world(sandbox: Sandbox) -> Iterator[World]:
    with tenants(sandbox) as on:
        made = World(on)
        yield made
        made.started_nothing_else()


# --- one run


def test_S1_a_signed_push_becomes_one_run_in_the_pipelines_namespace(world: World) -> None:
    delivery = world.on.push("acme", "web")
    run = world.starts("web", delivery)
    assert world.on.verdicts(delivery, SIGNED).count("passed") == 1
    assert run["spec"]["pipelineRef"] == {"name": world.on.name("web")}
    assert run["spec"]["taskRunTemplate"] == {"serviceAccountName": "pipeline-runner"}
    assert run["spec"]["timeouts"] == {"pipeline": "1h0m0s"}
    [workspace] = run["spec"]["workspaces"]
    assert workspace["name"] == "source"
    assert workspace["volumeClaimTemplate"]["spec"]["resources"] == {"requests": {"storage": "1Gi"}}
    world.started_nothing_else()


def test_B16_params_have_the_declared_types_and_only_declared_ones_are_passed(world: World) -> None:
    run = world.starts("web", world.on.push("acme", "web"))
    assert params_of(run) == {
        "git-url": f"https://github.com/{OWNER}/web.git",
        "git-revision": REVISION,
        "git-ref": "refs/heads/main",
        "repo-full-name": [f"{OWNER}/web"],
        "triggered-at": "1763729938",
    }


def test_B16_another_declaration_gets_other_types(world: World) -> None:
    on, pipeline = world.on, copy.deepcopy(PIPELINE)
    pipeline["spec"]["params"] = [
        {"name": "git-revision", "type": "array"},
        {"name": "repo-full-name", "type": "string"},
        {"name": "event-type", "default": "none"},
        {"name": "org-name", "default": ["nobody"]},
        {"name": "event-id", "type": "object", "properties": {"id": {}}, "default": {"id": "none"}},
        {"name": "of-the-tenant", "default": "own"},
    ]
    del pipeline["spec"]["workspaces"]
    pipeline["spec"]["tasks"] = [{"name": "build", "taskRef": {"name": "build"}}]
    assert succeeded(on.repo_binding("typed", "rival", pipeline_spec=pipeline))
    run = eventually("typed is known", lambda: on.run_of("typed", world.first("rival", "typed")))
    assert params_of(run) == {
        "git-revision": [REVISION],
        "repo-full-name": f"{OWNER}/typed",
        "event-type": "push",
        "org-name": [on.name("rival")],
    }
    assert "workspaces" not in run["spec"]


def test_S16_nothing_that_a_push_may_choose_freely_reaches_the_run(world: World) -> None:
    run = world.starts("web", world.on.push("acme", "web"))
    metadata = {name: run["metadata"][name] for name in ("name", "labels", "annotations")}
    text = json.dumps([metadata, run["spec"]])
    assert "evil" not in text
    assert "$(" not in text


def test_D18_the_repository_is_an_annotation_and_labels_are_legal(world: World) -> None:
    run = world.starts("web", world.on.push("acme", "web"))
    assert run["metadata"]["annotations"] == {
        "platform.aphex/repository": f"{OWNER}/web",
        "platform.aphex/revision": REVISION,
    }
    own = {name: value for name, value in run["metadata"]["labels"].items() if name.startswith("platform.aphex/")}
    assert own == {
        "platform.aphex/organization": world.on.name("acme"),
        "platform.aphex/pipeline": world.on.name("web"),
        "platform.aphex/triggered": "true",
        "platform.aphex/event-type": "push",
    }


def test_B13_a_pipeline_of_the_same_name_elsewhere_draws_no_run(world: World) -> None:
    on = world.on
    elsewhere = f"aaa-{on.mark}"
    on.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": elsewhere}})
    on.api.create({**PIPELINE, "metadata": {"name": on.name("web"), "namespace": elsewhere}})
    world.starts("web", on.push("acme", "web"))
    assert on.api.list(f"/apis/tekton.dev/v1/namespaces/{elsewhere}/pipelineruns") == []
    on.api.delete(f"/api/v1/namespaces/{elsewhere}")


def test_P6_the_same_delivery_twice_is_one_run(world: World) -> None:
    delivery = world.on.push("acme", "web")
    run = world.starts("web", delivery)
    again = world.on.push("acme", "web", delivery=delivery.id)
    assert world.on.verdicts(again, SIGNED).count("passed") == 1
    world.starts("web", world.on.push("acme", "web"))
    found = world.on.run_of("web", delivery)
    assert found is not None
    assert found["metadata"]["uid"] == run["metadata"]["uid"]
    world.started_nothing_else()


@pytest.mark.parametrize(
    ("repository", "changes"),
    [
        pytest.param("web", {"repository": {"full_name": f"{OWNER}/WEB".upper()}}, id="P14 upper-case name"),
        pytest.param("web", {"repository": {"default_branch": "trunk"}, "ref": "refs/heads/trunk"},
                     id="default branch of another name"),
        pytest.param("lib", {"ref": "refs/heads/release/1.x"}, id="first named branch"),
        pytest.param("lib", {"ref": "refs/heads/trunk"}, id="second named branch"),
    ],
)  # fmt: skip
def test_B8_a_push_to_a_wanted_branch_starts_a_run(world: World, repository: str, changes: dict[str, Any]) -> None:
    world.starts(repository, world.on.push("acme", repository, **changes))
    world.started_nothing_else()


# --- no run


def starts_nothing(world: World, delivery: Delivery, verdicts: int, reason: str) -> None:
    """Everything in the listener that looked at a delivery has refused it, one of them for that reason."""
    said = world.on.verdicts(delivery, verdicts)
    assert "passed" not in said
    assert any(reason in text for text in said), said
    world.started_nothing_else()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"secret": b"a guess"}, WRONG_SIGNATURE, id="wrong signature"),
        pytest.param({"secret": None}, "no X-Hub-Signature-256 header", id="no signature"),
        pytest.param({"event": "pull_request"}, "pull_request is not allowed", id="another event"),
    ],
)
def test_S1_a_delivery_that_is_no_signed_push_starts_nothing(
    world: World, changes: dict[str, Any], reason: str
) -> None:
    starts_nothing(world, world.on.push("acme", "web", **changes), UNSIGNED, reason)


@pytest.mark.parametrize(
    ("repository", "changes"),
    [
        pytest.param("nothing", {}, id="repository that is not bound"),
        pytest.param("their", {}, id="repository of another organization"),
        pytest.param("web", {"repository": {"full_name": f"evil/x/{OWNER}/web"}}, id="longer repository name"),
        pytest.param("web", {"ref": "refs/heads/dev"}, id="another branch"),
        pytest.param("web", {"ref": "refs/tags/main"}, id="tag of the branch's name"),
        pytest.param("lib", {"ref": "refs/heads/main"}, id="default branch when others are named"),
    ],
)
def test_B8_a_push_elsewhere_starts_nothing(world: World, repository: str, changes: dict[str, Any]) -> None:
    starts_nothing(world, world.on.push("acme", repository, **changes), SIGNED, NOT_TRUE)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"deleted": True, "after": "0" * 40}, NOT_TRUE, id="deleted branch"),
        pytest.param({"repository": {"default_branch": None}}, NO_VALUE, id="no default branch"),
        pytest.param({"repository": None}, NO_VALUE, id="no repository"),
        pytest.param({"ref": ["refs/heads/main"]}, NOT_TRUE, id="list of branches"),
        pytest.param({"after": None}, NO_VALUE, id="no revision"),
    ],
)
def test_B14_a_push_without_a_commit_starts_nothing(world: World, changes: dict[str, Any], reason: str) -> None:
    starts_nothing(world, world.on.push("acme", "web", **changes), SIGNED, reason)


@pytest.mark.parametrize(
    ("repository", "changes"),
    [
        pytest.param("web", {"ref": f"refs/heads/{QUOTED}"}, id="branch"),
        pytest.param("web", {"ref": f"refs/heads/{QUOTED}", "repository": {"default_branch": QUOTED}}, id="both"),
        pytest.param("lib", {"ref": f"refs/heads/{QUOTED}"}, id="branch where others are named"),
        pytest.param("lib", {"ref": "refs/heads/release/1-x"}, id="a dot is no wildcard"),
    ],
)
def test_P14_a_branch_with_quotes_starts_nothing(world: World, repository: str, changes: dict[str, Any]) -> None:
    starts_nothing(world, world.on.push("acme", repository, **changes), SIGNED, NOT_TRUE)


def test_P14_such_a_branch_cannot_be_named_in_a_binding(world: World) -> None:
    mark = world.on.sandbox.audit.mark()
    result = world.on.repo_binding("lib", "acme", branches=[QUOTED])
    assert result["failure"]["kind"] == "invalid"
    assert "only letters, digits and the characters . _ / - are allowed" in result["msg"]
    assert world.on.writes(mark) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"after": "$(id)"}, id="revision"),
        pytest.param({"repository": {"pushed_at": "$(id)"}}, id="time"),
        pytest.param({"delivery": 'a","namespace":"default'}, id="delivery id"),
    ],
)
def test_S16_free_text_where_none_belongs_starts_nothing(world: World, changes: dict[str, Any]) -> None:
    starts_nothing(world, world.on.push("acme", "web", **changes), SIGNED, NOT_TRUE)


@pytest.mark.parametrize(("signer", "receiver", "repository"), [("rival", "acme", "web"), ("acme", "rival", "their")])
def test_S2_a_delivery_of_one_organization_starts_nothing_at_another(
    world: World, signer: str, receiver: str, repository: str
) -> None:
    known = world.on.push(receiver, repository)
    world.starts(repository, known)
    replayed = world.on.push(receiver, repository, secret=world.on.secret(signer))
    starts_nothing(world, replayed, UNSIGNED, WRONG_SIGNATURE)


# --- the proof of a webhook


def test_P6_a_signed_ping_is_proven_by_an_event(world: World) -> None:
    delivery = world.on.ping("acme")
    proof = eventually("the proof", lambda: world.on.proof_of(delivery))
    assert proof["reason"] == "WebhookProven"
    assert "webhook 4711" in proof["message"]
    world.started_nothing_else()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"secret": b"a guess"}, WRONG_SIGNATURE, id="wrong signature"),
        pytest.param({"secret": None}, "no X-Hub-Signature-256 header", id="no signature"),
    ],
)
def test_P6_a_ping_signed_wrongly_proves_nothing_and_is_answered_202(
    world: World, changes: dict[str, Any], reason: str
) -> None:
    delivery = world.on.ping("acme", **changes)
    starts_nothing(world, delivery, UNSIGNED, reason)
    assert world.on.proof_of(delivery) is None


def test_S16_a_ping_makes_nothing_but_its_event(world: World) -> None:
    delivery = world.on.ping("acme", hook_id='1"},"kind":"PipelineRun","x":{"y":"')
    proof = eventually("the proof", lambda: world.on.proof_of(delivery))
    assert '"kind":"PipelineRun"' in proof["message"]
    odd = world.on.ping("acme", delivery='x","namespace":"default')
    world.on.verdicts(odd, UNSIGNED)
    reasons = [item.get("reason") for item in world.on.api.list("/api/v1/namespaces/default/events")]
    assert "WebhookProven" not in reasons
    world.started_nothing_else()


# --- rotation


def test_P16_a_rotation_loses_no_delivery_and_ends_with_a_proof(world: World) -> None:
    on = world.on
    assert succeeded(on.organization("turn"))
    assert succeeded(on.repo_binding("wheel", "turn"))
    on.listening("turn")
    first = on.secret("turn")
    world.first("turn", "wheel")
    # As of a minute ago: what interceptors remember of a Secret is over.
    result = on.organization("turn", webhook_secret_version=2, runtime=a_run(lambda: time.time() - 60))
    assert succeeded(result)
    assert result["organization"]["webhook_secret"]["version"] == 2
    second = on.secret("turn")
    assert second not in (None, first)
    assert on.secret("turn", "secret-previous") == first
    for secret in (first, second):
        runs_from_now_on(on, secret)
    # Nothing is dropped before GitHub has the new one.
    assert on.organization("turn", webhook_secret_version=2)["changed"] is False
    assert on.secret("turn", "secret-previous") == first
    assert eventually("the proof", lambda: proves("turn", on, second))
    assert on.organization("turn", webhook_secret_version=2)["changed"] is True
    assert on.secret("turn") == second
    assert on.secret("turn", "secret-previous") is None
    assert on.organization("turn", webhook_secret_version=2)["changed"] is False
    eventually("the former secret is refused", lambda: "passed" not in said_to(on, first))
    assert "passed" not in said_to(on, first)
    runs_from_now_on(on, second)


def test_P16_a_ping_that_an_interceptor_still_takes_for_good_ends_no_rotation(world: World) -> None:
    on = world.on
    assert succeeded(on.organization("slow"))
    on.listening("slow")
    first = on.secret("slow")
    # The interceptors read the Secret now, and remember it for some seconds.
    eventually("the first proof", lambda: proves("slow", on, first))
    assert succeeded(on.organization("slow", webhook_secret_version=2))
    # The proof must be younger than the rotation by the whole seconds in which its time is told.
    time.sleep(1.1)
    on.verdicts(on.ping("slow", secret=first), UNSIGNED)
    assert succeeded(on.organization("slow", webhook_secret_version=2))
    assert on.secret("slow", "secret-previous") == first


def proves(word: str, on: Tenants, secret: bytes | None) -> bool:
    """Send a ping signed so; does its Event come?"""
    delivery = on.ping(word, secret=secret)
    return soon(lambda: on.proof_of(delivery)) is not None


def runs_from_now_on(on: Tenants, secret: bytes | None) -> None:
    """Deliveries signed so start one run each, at the latest when the interceptors read the Secret again."""
    eventually("a run", lambda: "passed" in said_to(on, secret))
    before = on.runs("wheel")
    delivery = on.push("turn", "wheel", secret=secret)
    eventually("its run", lambda: on.run_of("wheel", delivery))
    assert on.runs("wheel") == sorted([*before, run_name(on, "wheel", delivery)])


def said_to(on: Tenants, secret: bytes | None) -> list[str]:
    """The verdicts on a push signed so; what was passed is a run when this returns."""
    delivery = on.push("turn", "wheel", secret=secret)
    said = on.verdicts(delivery, UNSIGNED)
    if "passed" in said:
        eventually("its run", lambda: on.run_of("wheel", delivery))
    return said


# --- the chain


def without_record(on: Tenants) -> None:
    [record] = on.records("chain")
    on.cloudflare("DELETE", f"{{zone}}/dns_records/{record['id']}")


def without_tunnel(on: Tenants) -> None:
    [tunnel] = on.tunnels("chain")
    without_connector(on)
    on.cloudflare("DELETE", f"{{account}}/cfd_tunnel/{tunnel['id']}/connections")
    on.cloudflare("DELETE", f"{{account}}/cfd_tunnel/{tunnel['id']}")


def without_connector(on: Tenants) -> None:
    on.api.patch(connector(on), {"spec": {"replicas": 0}})
    taken_up(on.api, connector(on))


def without_account(on: Tenants) -> None:
    on.api.delete(f"/api/v1/namespaces/org-{on.name('chain')}/serviceaccounts/eventlistener")


def with_another_rule(on: Tenants) -> None:
    path = f"/api/v1/namespaces/org-{on.name('chain')}/configmaps/cloudflared-config"
    text = on.api.get(path)["data"]["config.yaml"].replace(on.host("chain"), f"other.{on.host('chain')}")
    on.api.patch(path, {"data": {"config.yaml": text}})
    # cloudflared reads its file once; whoever edits it by hand restarts it as well.
    restarted = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    on.api.patch(connector(on), restarted)
    taken_up(on.api, connector(on))


def connector(on: Tenants) -> str:
    return f"/apis/apps/v1/namespaces/org-{on.name('chain')}/deployments/cloudflared-{on.name('chain')}"


@pytest.fixture(scope="module")
def chain(world: World) -> Tenants:
    """An organization of which tests may break every link."""
    assert succeeded(world.on.organization("chain"))
    assert succeeded(world.on.repo_binding("link", "chain"))
    world.on.listening("chain")
    world.first("chain", "link")
    return world.on


@pytest.mark.parametrize(
    ("breaks", "status", "text"),
    [
        pytest.param(without_record, 530, "error code: 1016", id="no DNS record"),
        pytest.param(without_tunnel, 530, "error code: 1016", id="no tunnel"),
        pytest.param(without_connector, 530, "error code: 1033", id="no connector"),
        pytest.param(without_account, 502, "error code: 502", id="no listener"),
        pytest.param(with_another_rule, 404, "", id="no rule for the host"),
    ],
)
def test_B6_a_broken_link_shows_at_the_edge_and_the_next_run_mends_it(
    chain: Tenants, breaks: Callable[[Tenants], None], status: int, text: str
) -> None:
    breaks(chain)
    pushed: list[Delivery] = []

    def tells() -> bool:
        pushed.append(chain.push("chain", "link"))
        return pushed[-1].status == status

    eventually("the edge tells", tells)
    assert (pushed[-1].status, pushed[-1].text) == (status, text)
    # Those that still came through may become runs later.
    before = set(chain.runs("link")) | {run_name(chain, "link", item) for item in pushed}
    assert chain.organization("chain")["changed"] is True
    chain.listening("chain")
    delivery = chain.push("chain", "link")
    eventually("a run", lambda: chain.run_of("link", delivery))
    assert set(chain.runs("link")) - before == {run_name(chain, "link", delivery)}
    assert chain.organization("chain")["changed"] is False


def test_P5_the_listener_asks_for_one_namespace_and_never_crashed(world: World) -> None:
    on = world.on
    deployment = on.api.get(f"/apis/apps/v1/namespaces/org-{on.name('acme')}/deployments/el-github-listener")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert "--is-multi-ns=false" in container["args"]
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "eventlistener"
    log = on.sandbox.folder / "logs" / f"el-github-listener.org-{on.name('acme')}.log"
    assert "forbidden" not in log.read_text(encoding="utf-8")


def params_of(run: dict[str, Any]) -> dict[str, Any]:
    return {item["name"]: item["value"] for item in run["spec"]["params"]}
