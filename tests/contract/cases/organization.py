"""organization: one with a webhook at GitHub, a secret of it that its admins keep themselves, and an admin.

In: the Secret of the webhook. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.platform import OWNER
from tests.contract.world import World

_ADMINS = ["ann@acme.example", "bob@acme.example"]


def _prepare(world: World) -> None:
    metadata = {"name": f"hook-{world.name}", "namespace": "platform-system"}
    data = {"secret": world.secret("webhook-secret")}
    world.make({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})


def _good(world: World) -> Args:
    return {
        "name": world.name,
        "display_name": f"Organization {world.name}",
        "admin_users": [_ADMINS[0]],
        "webhook_secret_ref": {"name": f"hook-{world.name}"},
        "quota": {"limits_memory": "32Gi"},
        "github": {"owner": OWNER},
    }


def _namespace(world: World) -> str:
    return f"/api/v1/namespaces/org-{world.name}"


def _meddle(world: World) -> None:
    """Somebody opens the network, takes a right away, scales the connector down and bends the public name."""
    apps, rbac, net = "/apis/apps/v1", "/apis/rbac.authorization.k8s.io/v1", "/apis/networking.k8s.io/v1"
    place = f"namespaces/org-{world.name}"
    world.api.delete(f"{net}/{place}/networkpolicies/default-deny")
    world.api.delete(f"{rbac}/{place}/rolebindings/aphex-listener")
    world.scale(f"{apps}/{place}/deployments/cloudflared-{world.name}", 1)
    world.patch(f"{_namespace(world)}/secrets/cloudflared-credentials-{world.name}", {"data": {"credentials.json": ""}})
    for record in _records(world):
        body = {"content": "elsewhere.cfargotunnel.com"}
        world.ask_cloudflare("PATCH", f"{world.zone_path}/dns_records/{record['id']}", body)


def _webhooks(world: World) -> list[dict[str, Any]]:
    host = f"{world.name}.{world.zone}"
    return [item for item in world.webhooks_of(f"/orgs/{OWNER}") if host in item["config"]["url"]]


def _switch_off(world: World) -> None:
    for webhook in _webhooks(world):
        world.ask_github("PATCH", f"/orgs/{OWNER}/hooks/{webhook['id']}", {"active": False, "events": ["star"]})


def _delete(world: World) -> None:
    for webhook in _webhooks(world):
        world.ask_github("DELETE", f"/orgs/{OWNER}/hooks/{webhook['id']}")


def _foreign_namespace(world: World) -> None:
    world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"org-taken-{world.name}"}})


def _foreign_record(world: World) -> None:
    name = f"bent-{world.name}.{world.zone}"
    body = {"type": "A", "name": name, "content": "192.0.2.1", "proxied": False, "ttl": 1}
    world.ask_cloudflare("POST", f"{world.zone_path}/dns_records", body)


def _records(world: World) -> list[dict[str, Any]]:
    return [item for item in world.records() if item["name"] == f"{world.name}.{world.zone}"]


def _left(world: World) -> list[str]:
    paths = (
        _namespace(world),
        f"/apis/aphex.io/v1alpha1/namespaces/platform-system/organizations/{world.name}",
        f"/apis/external-secrets.io/v1/clustersecretstores/org-{world.name}-store",
        f"/api/v1/namespaces/platform-system/configmaps/aphex-organization-{world.name}-inventory",
        f"/apis/coordination.k8s.io/v1/namespaces/platform-system/leases/aphex-organization-{world.name}",
    )
    return [
        *(path for path in paths if world.find(path)),
        *(item["name"] for item in [*_records(world), *world.tunnels()]),
        *(item["config"]["url"] for item in _webhooks(world)),
    ]


CASE = Case(
    module="organization",
    key="organization",
    prepare=_prepare,
    good=_good,
    bad=(
        Bad("no name", lambda world: {"name": None}, ("name",)),
        Bad("no display name", lambda world: {"display_name": None}, ("display_name",)),
        Bad("an empty display name", lambda world: {"display_name": " "}, ("display_name",)),
        Bad("no admins", lambda world: {"admin_users": []}, ("admin_users",)),
        Bad("an admin that is no address", lambda world: {"admin_users": ["ann"]}, ("ann", "e-mail")),
        Bad("an admin twice", lambda world: {"admin_users": ["a@b.example", "A@b.example"]}, ("stands twice",)),
        Bad("a name too long", lambda world: {"name": "a" * 60}, ("60 characters", "59")),
        Bad("upper case", lambda world: {"name": "Acme"}, ("Acme", "lower-case")),
        Bad("a reserved name", lambda world: {"name": "argocd"}, ("argocd", "reserved")),
        Bad("a secret in clear", lambda world: {"webhook_secret": "x"}, ("webhook_secret",)),
        Bad("version 0", lambda world: {"webhook_secret_version": 0}, ("webhook_secret_version",)),
        Bad("six listeners", lambda world: {"listener": {"replicas": 6}}, ("listener.replicas",)),
        Bad("no quantity", lambda world: {"quota": {"limits_memory": "lots"}}, ("quota.limits_memory", "lots")),
        Bad("no host", lambda world: {"tunnel": {"hostname": "hooks"}}, ("tunnel.hostname", "hooks")),
        Bad("GitHub without an owner", lambda world: {"github": {"webhook": "organization"}}, ("owner",)),
        Bad("no kind of webhook", lambda world: {"github": {"owner": OWNER, "webhook": "both"}}, ("webhook", "both")),
        Bad("an owner that is none", lambda world: {"github": {"owner": "acme corp"}}, ("GitHub owner", "acme corp")),
        Bad(
            "a rotation, and a version",
            lambda world: {"rotate_webhook_secret": True, "webhook_secret_version": 2},
            ("rotate_webhook_secret", "webhook_secret_version"),
        ),
        Bad(
            "an owner that nobody approved",
            lambda world: {"github": {"owner": "globex"}},
            ("globex", "not approved"),
            looks=True,
        ),
        Bad(
            "no credentials for GitHub",
            lambda world: {"github_token": ""},
            ("github_token", "GITHUB_TOKEN"),
            looks=True,
        ),
        Bad(
            "a host of another zone",
            lambda world: {"tunnel": {"hostname": "hooks.acme.example"}},
            ("hooks.acme.example", "not inside the zone"),
            looks=True,
        ),
        Bad(
            "a Secret that is not there",
            lambda world: {"webhook_secret_ref": {"name": "nowhere"}},
            ("nowhere", "not there"),
            looks=True,
        ),
        Bad(
            "somebody else's namespace",
            lambda world: {"name": f"taken-{world.name}"},
            ("org-taken-", "not ours"),
            looks=True,
            prepare=_foreign_namespace,
        ),
        Bad(
            "somebody else's public name",
            lambda world: {"name": f"bent-{world.name}"},
            ("bent-", "somebody else's"),
            looks=True,
            prepare=_foreign_record,
        ),
    ),
    left=_left,
    drifts=(
        Drift(
            "meddling with everything",
            _meddle,
            lambda world: ("default-deny", "aphex-listener", "replicas", "elsewhere.cfargotunnel.com", "***"),
        ),
        Drift("the webhook is switched off", _switch_off, lambda world: ("active", "star")),
        Drift("the webhook is deleted", _delete, lambda world: (f"https://{world.name}.{world.zone}", "fingerprint")),
    ),
    update=lambda world: {
        "admin_users": [_ADMINS[1]],
        "tunnel": {"replicas": 1},
        "github": {"owner": OWNER, "webhook": "repositories"},
    },
    update_shows=lambda world: (*_ADMINS, "organization-admin-", "replicas", f"https://{world.name}.{world.zone}"),
    back_shows=lambda world: (*_ADMINS, f"https://{world.name}.{world.zone}", "push"),
    absent=lambda world: {"state": "absent"},
)
