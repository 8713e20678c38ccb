"""authentik_oauth2_provider: a client with an application that some groups may use.

In: nothing. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World
from tests.sandbox.standins import authentik_blueprints as models


def _groups(world: World) -> list[str]:
    """Two groups, made behind the API: a run that is struck by faults asks for them too."""
    names = [f"admins-{world.name}", f"operators-{world.name}"]
    for name in names:
        if name not in world.memo:
            world.memo[name] = world.authentik.add_group(name)
    return names


def _good(world: World) -> Args:
    return {
        "name": f"dex-{world.name}",
        "client_id": f"id-{world.name}",
        "client_secret": world.secret("client-secret"),
        "redirect_uris": [{"url": f"https://{world.name}.example.org/callback"}],
        "scope_mappings": ["goauthentik.io/providers/oauth2/scope-openid"],
        "sub_mode": "user_uuid",
        "application": f"app-{world.name}",
        "groups": _groups(world),
    }


def _mine(world: World, model: str, key: str = "name") -> list[dict[str, Any]]:
    return [item for item in world.authentik.items(model) if world.name in str(item[key])]


def _path(world: World) -> str:
    return f"/providers/oauth2/{_mine(world, models.PROVIDER)[0]['pk']}/"


def _whole(world: World) -> list[Any]:
    """Provider, application and who may use it, in words."""
    kept = ("name", "client_id", "redirect_uris", "grant_types", "sub_mode", "access_token_validity")
    providers = _mine(world, models.PROVIDER)
    owners = {item["pk"]: item["name"] for item in providers}
    applications = _mine(world, models.APPLICATION, "slug")
    names = {item["pk"]: item["name"] for item in world.authentik.items(models.GROUP)}
    mine = [item["pk"] for item in applications]
    bindings = [item for item in world.authentik.items(models.BINDING) if item["target"] in mine]
    secret = world.canaries.get("client-secret")
    return [
        [[*(item[key] for key in kept), item["client_secret"] == secret] for item in providers],
        [[item["slug"], owners.get(item["provider"]), item["policy_engine_mode"]] for item in applications],
        sorted([names[item["group"]], item["enabled"], item["negate"]] for item in bindings),
    ]


def _weaken(world: World) -> None:
    """Somebody lets every address through, by a flow that asks for nothing, and another secret."""
    redirects = [{"url": ".*", "matching_mode": "regex"}]
    world.ask_authentik("PATCH", _path(world), {"redirect_uris": redirects, "client_secret": world.secret("stolen")})


def _open(world: World) -> None:
    """Somebody switches one group off, and lets another one in."""
    application = _mine(world, models.APPLICATION, "slug")[0]["pk"]
    stranger = world.ask_authentik("POST", "/core/groups/", {"name": f"strangers-{world.name}"})["pk"]
    world.ask_authentik("POST", "/policies/bindings/", {"target": application, "group": stranger, "order": 9})
    for item in world.ask_authentik("GET", f"/policies/bindings/?target={application}")["results"]:
        if item["group"] == world.memo[f"admins-{world.name}"]:
            world.ask_authentik("PATCH", f"/policies/bindings/{item['pk']}/", {"enabled": False})


def _lose(world: World) -> None:
    world.ask_authentik("DELETE", _path(world))


def _taken(world: World) -> None:
    """The client id and an application of somebody else."""
    if "taken" in world.memo:
        return
    flows = {item["slug"]: item["pk"] for item in world.authentik.items(models.FLOW)}
    body = {
        "name": f"theirs-of-{world.name[::-1]}",
        "client_id": f"theirs-{world.name[::-1]}",
        "authorization_flow": flows["default-provider-authorization-explicit-consent"],
        "invalidation_flow": flows["default-provider-invalidation-flow"],
    }
    made = world.ask_authentik("POST", "/providers/oauth2/", body)
    slug = f"theirs-{world.name[::-1]}"
    world.memo["taken"] = world.ask_authentik(
        "POST", "/core/applications/", {"name": slug, "slug": slug, "provider": made["pk"]}
    )


CASE = Case(
    module="authentik_oauth2_provider",
    key="oauth2_provider",
    good=_good,
    bad=(
        Bad("no name", lambda world: {"name": None}, ("name",)),
        Bad("a client type that is none", lambda world: {"client_type": "secret"}, ("client_type",)),
        Bad("a grant that is none", lambda world: {"grant_types": ["all"]}, ("grant_types",)),
        Bad("a slug that is none", lambda world: {"application": "a/b"}, ("application", "slug")),
        Bad("a secret of a public client", lambda world: {"client_type": "public"}, ("public client",)),
        Bad("a time that is none", lambda world: {"access_token_validity": "5m"}, ("access_token_validity",)),
        Bad("a redirect that is none", lambda world: {"redirect_uris": [{"url": "dex"}]}, ("redirect", "URL")),
        Bad("groups without an application", lambda world: {"application": None}, ("groups", "application")),
        Bad("no address", lambda world: {"authentik_url": ""}, ("authentik_url",)),
        Bad("no token", lambda world: {"authentik_token": ""}, ("AUTHENTIK_TOKEN",)),
        Bad("a flow that is not there", lambda world: {"authorization_flow": "mine"}, ("mine",), looks=True),
        Bad("a group that is not there", lambda world: {"groups": ["nobody"]}, ("nobody",), looks=True),
        Bad(
            "a client id of another",
            lambda world: {"client_id": f"theirs-{world.name[::-1]}"},
            ("belongs to",),
            looks=True,
            prepare=_taken,
        ),
        Bad(
            "an application of another",
            lambda world: {"application": f"theirs-{world.name[::-1]}"},
            ("belongs to",),
            looks=True,
        ),
        Bad(
            "a token that nobody knows",
            lambda world: {"authentik_token": world.secret("unknown-token")},
            ("Token invalid", "authentik_token"),
            looks=True,
        ),
    ),
    left=lambda world: [str(item["name"]) for item in _mine(world, models.PROVIDER)],
    whole=_whole,
    drifts=(
        Drift("weakened by hand", _weaken, lambda world: (".*", "callback", "fingerprint")),
        Drift("opened by hand", _open, lambda world: (f"strangers-{world.name}", "'enabled': False")),
        Drift("the provider deleted by hand", _lose, lambda world: (f"id-{world.name}", f"dex-{world.name}")),
    ),
    update=lambda world: {"access_token_validity": "minutes=5", "groups": _groups(world)[:1]},
    update_shows=lambda world: ("minutes=5", f"operators-{world.name}"),
    absent=lambda world: {"state": "absent"},
)
