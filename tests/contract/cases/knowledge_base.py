"""knowledge_base: two repositories and a server of one replica.

In: nothing. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World

_WEB = "https://github.com/acme-corp/web"


def resource(world: World) -> dict[str, Any]:
    """A KnowledgeBase as a resource alone."""
    metadata = {"name": f"kb-{world.name}", "namespace": "platform-system"}
    spec = {"displayName": "Documents", "repositories": [{"url": _WEB}]}
    return {"apiVersion": "aphex.io/v1alpha1", "kind": "KnowledgeBase", "metadata": metadata, "spec": spec}


def _good(world: World) -> Args:
    return {
        "name": f"kb-{world.name}",
        "display_name": "Documents",
        "repositories": [{"url": _WEB}, {"url": f"{_WEB}-2", "branch": "release/1.2", "paths": [".kiro/docs/api"]}],
        "mcp_server": {"image": "registry.example.org/mcp-server:1.4.0"},
    }


def _objects(world: World) -> tuple[str, ...]:
    core, apps = "/api/v1/namespaces/platform-system", "/apis/apps/v1/namespaces/platform-system"
    return (
        f"/apis/aphex.io/v1alpha1/namespaces/platform-system/knowledgebases/kb-{world.name}",
        f"{apps}/deployments/mcp-server-kb-{world.name}",
        f"{core}/services/mcp-server-kb-{world.name}",
        f"{core}/configmaps/kb-{world.name}-repos",
        f"{core}/configmaps/aphex-knowledgebase-kb-{world.name}-inventory",
        f"/apis/coordination.k8s.io/v1/namespaces/platform-system/leases/aphex-knowledgebase-kb-{world.name}",
    )


def _meddle(world: World) -> None:
    """Somebody stops the server and takes its Service away."""
    deployment, service = _objects(world)[1:3]
    world.scale(deployment, 0)
    world.api.delete(service)


def _repositories(*items: Any) -> Args:
    return {"repositories": list(items)}


CASE = Case(
    module="knowledge_base",
    key="knowledge_base",
    good=_good,
    bad=(
        Bad("no name", lambda world: {"name": None}, ("name",)),
        Bad("no display name", lambda world: {"display_name": None}, ("display_name",)),
        Bad("a name too long", lambda world: {"name": "k" * 53}, ("53 characters", "52")),
        Bad("upper case", lambda world: {"name": "Docs"}, ("Docs", "lower-case")),
        Bad("no repository", lambda world: _repositories(), ("0 repositories",)),
        Bad("another host", lambda world: _repositories({"url": "https://example.org/a/b"}), ("example.org", "GitHub")),
        Bad("a repository twice", lambda world: _repositories({"url": _WEB}, {"url": _WEB + "/"}), ("stands twice",)),
        Bad(
            "a path outside",
            lambda world: _repositories({"url": _WEB, "paths": ["../etc"]}),
            ("../etc", ".kiro/docs"),
        ),
        Bad("a low port", lambda world: {"mcp_server": {"port": 80}}, ("mcp_server.port", "1024")),
        Bad("no replica", lambda world: {"mcp_server": {"replicas": 0}}, ("mcp_server.replicas",)),
        Bad("another namespace", lambda world: {"namespace": "nowhere"}, ("nowhere", "not there"), looks=True),
    ),
    left=lambda world: [path for path in _objects(world) if world.find(path)],
    drifts=(Drift("meddling with the server", _meddle, lambda world: ("replicas", "Service")),),
    update=lambda world: {**_repositories({"url": _WEB}), "mcp_server": None},
    update_shows=lambda world: ("repo.1.url", "mcp-server"),
    absent=lambda world: {"state": "absent"},
)
