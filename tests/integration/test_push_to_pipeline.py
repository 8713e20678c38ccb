"""Does a signed push at the public host become exactly one pipeline run, and nothing else any?

The way is the real one: edge, DNS record, tunnel, the connector's rules, Tekton's own listener and interceptors with
the identities and rights that the product gave them. A listener answers 202 to everything, so what it made of a
delivery is read from its own log, trigger by trigger: "none" is what every one of them has refused.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.contract.platform import OWNER
from tests.integration.tenants import PIPELINE, REVISION, Delivery, Tenants, a_run, eventually, tenants
from tests.sandbox.sandbox import Sandbox

QUOTED = "main'||'a'=='a"
"""A branch name that git allows, and that would end the text of a filter into which it was pasted."""

SIGNED = 4
"""Verdicts on a correctly signed push to acme: two groups that refuse, and the two triggers of the third."""
UNSIGNED = 3
"""Verdicts where no group accepts the signature."""

NO_FILTER = "expression \\(.*\\) did not return true|failed to evaluate|.*"
WRONG_SIGNATURE = "payload signature check failed"


class World:
    """Two organizations, three pipelines, and the runs that deliveries were meant to start."""

    def __init__(self, on: Tenants) -> None:
        self.on = on
        self.started: list[str] = []
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
        """Push until the listener knows the repository's trigger."""

        def try_one() -> Delivery | None:
            delivery = self.on.push(word, repository)
            time.sleep(0.3)
            return delivery if self.on.run_of(repository, delivery) else None

        return eventually(f"{repository} is known", try_one)

    def starts(self, word: str, delivery: Delivery) -> Any:
        """Wait for the run of a delivery, and remember that it was meant."""
        run = eventually(f"a run of {word} for {delivery}", lambda: self.on.run_of(word, delivery))
        self.started.append(f"{self.on.name(word)}/push-{delivery.id}")
        return run

    def started_nothing_else(self) -> None:
        """Every run in every pipeline namespace is one that was meant."""
        assert self.on.runs("web", "lib", "their") == sorted(self.started)


def succeeded(result: dict[str, Any]) -> bool:
    assert not result.get("failed"), result["msg"]
    return True


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
    assert {item["name"]: item["value"] for item in run["spec"]["params"]} == {
        "git-url": f"https://github.com/{OWNER}/web.git",
        "git-revision": REVISION,
        "git-ref": "refs/heads/main",
        "repo-full-name": [f"{OWNER}/web"],
        "triggered-at": "1763729938",
    }
