"""The ways of a tenant: in, out, and on to a new webhook secret; and the calls that a run makes on its way.

In: a site. Out: `Journey`s with their calls in words that fit every tenant. Never here: a kill, a fault.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.contract.harness import EACH_THEIR_OWN, PATIENT, Bed, Ended, Run, Site
from tests.contract.listener import make_ready, proof
from tests.sandbox.api import Object
from tests.sandbox.audit import is_write
from tests.sandbox.faults import Matcher
from tests.sandbox.standins.cloudflared import Credentials

CURRENT, PREVIOUS = "github-webhook-secret/secret", "github-webhook-secret/secret-previous"
TUNNEL_SECRET = "cloudflared-tunnel-secret/secret"
COMING = "github-webhook-secret-2/secret"

ROUNDS = 2
"""How often every run reads the same thing; what is read more often is waited for."""

GITHUB = re.compile(r"/(orgs|repos)/")
"""How the paths of GitHub's API begin, of those that are asked here."""

AUTHENTIK = re.compile(r"/api/v3/")
"""The same of Authentik's."""

_HOOK_IDS = re.compile(r"(?<=/hooks/)\d+|(?<=/deliveries/)\d+")
_LEASES = "/namespaces/platform-system/leases"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
_ASKS_ONLY = " (dry run)"


@dataclass(frozen=True, order=True)
class Call:
    """The `nth` request of that method and path in one run; the path is in words, the same for every tenant."""

    path: str
    method: str
    nth: int = 1

    @property
    def writes(self) -> bool:
        return self.method != "GET" and not self.path.endswith(_ASKS_ONLY)

    @property
    def family(self) -> str:
        """Method and path without the names of objects."""
        path, asks, _unused = self.path.partition(_ASKS_ONLY)
        path = re.sub(r"(/namespaces|/api/v1)/[^/]+(?=/)", r"\1/*", path)
        path = re.sub(r"^(/api/v1/\*|/apis/[^/]+/[^/]+)(/namespaces/\*)?/([^/]+)/[^/]+", r"\1\2/\3/*", path)
        return f"{self.method} {path}{asks}"

    def matches(self, site: Site) -> Matcher:
        """Return a matcher for requests of this method and path on that site."""
        return lambda method, path: (method, in_words(site, path)) == (self.method, self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}" + (f" ({self.nth}.)" if self.nth > 1 else "")


def in_words(site: Site, path: str) -> str:
    """Return a path with its tenant's names and ids replaced; of the query only that it is a dry run stays."""
    text, _unused, query = path.partition("?")
    text = text.replace(site.organization, "ORGANIZATION").replace(site.binding, "BINDING")
    asks = query and not is_write("PATCH", path)
    return _HOOK_IDS.sub("ID", _ID.sub("ID", text)) + (_ASKS_ONLY if asks and "dryRun" in query else "")


def calls(site: Site) -> list[Call]:
    """Return the requests since the site was cleared: to Kubernetes, then to Cloudflare, then to GitHub, each in order.

    The renewal of a Lease that the run itself has made is left out: whether it comes is a question of time.
    """
    sent = [(seen.method, seen.uri) for seen in site.proxy.requests()]
    if any(method == "POST" and _LEASES in uri for method, uri in sent):
        sent = [(method, uri) for method, uri in sent if method != "PUT" or _LEASES not in uri]
    sent += [(entry.method, entry.path) for entry in site.cloudflare.log.entries()]
    sent += [(entry.method, entry.path) for entry in site.github.log.entries()]
    count: Counter[tuple[str, str]] = Counter()
    answer = []
    for method, path in sent:
        key = (method, in_words(site, path))
        count[key] += 1
        answer.append(Call(key[1], method, count[key]))
    return answer


def words(site: Site) -> dict[str, str]:
    """Return what stands for this tenant's names and ids when its state is told."""
    ids = {tunnel.id: "<tunnel>" for tunnel in site.cloudflare.tunnels()}
    for webhook in site.github.state()["webhooks"]:
        ids |= {item["guid"]: "<delivery>" for item in site.github.log_of(webhook["id"])}
    return {
        site.organization: "ORGANIZATION",
        site.binding: "BINDING",
        site.cloudflare.account_id: "<account>",
        **ids,
    }


@dataclass(frozen=True)
class Journey:
    """A run that is to be disturbed: what comes before it, and what it is called with.

    `shares` says that the tenant may live in an organization with others, which costs less."""

    name: str
    module: str
    prepare: Callable[[Site], None] = lambda site: None
    params: Callable[[Site], dict[str, Any]] = lambda site: {}
    shares: bool = False

    def host(self, site: Site) -> None:
        """Make the organization that other tenants share, whose bindings have webhooks of their own."""
        if self.shares:
            site.done("organization", github=EACH_THEIR_OWN)

    def site(self, bed: Bed, organization: str) -> Site:
        """Return a prepared site; `organization` is one that is there, for journeys that share it."""
        site = bed.site(organization if self.shares else "")
        self.prepare(site)
        site.clear()
        return site

    def start(self, site: Site, timeout: int = PATIENT) -> Run:
        """Start the run that is to be disturbed."""
        return site.start(self.module, timeout, **self.params(site))

    def go(self, site: Site) -> Ended:
        """Run it undisturbed, to its end."""
        return self.start(site).ended()


def _absent(site: Site) -> dict[str, Any]:
    return {"state": "absent"}


def _onboard_binding(site: Site) -> None:
    site.done("repo_binding")


def _onboard_with_a_connector(site: Site) -> None:
    """Onboard the organization, and have a connector hold the tunnel, as one that somebody started by hand does."""
    site.done("organization")
    tunnel = site.cloudflare.tunnels()[0]
    credentials = Credentials(site.cloudflare.account_id, tunnel.id, tunnel.secret)
    site.cloudflare.connect(credentials, "00000000-0000-4000-8000-000000000001", "198.51.100.7", "2026.9.0")


def _state_of(site: Site) -> Object:
    """What Terraform keeps in a pipeline's namespace."""
    labels = {"tfstate": "true", "app.kubernetes.io/managed-by": "terraform"}
    metadata = {"name": "tfstate-default-site", "namespace": site.binding, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"tfstate": "c3RhdGU="}}


def _onboard_with_state(site: Site) -> None:
    site.done("repo_binding")
    site.bed.api.create(_state_of(site))


def _onboard_to_be_deleted(site: Site) -> None:
    site.done("repo_binding", deletion_policy="Delete")
    site.bed.api.create(_state_of(site))


def _confirmed(site: Site) -> dict[str, Any]:
    return {"state": "absent", "deletion_policy": "Delete", "confirm": site.binding}


def _onboard_with_secrets(site: Site) -> None:
    """Onboard the organization, and let its admins fill its Secret."""
    site.done("organization")
    site.bed.api.patch(f"{_secrets(site)}/org-secrets", {"data": {"token": "dG9rZW4="}})


def _onboard_to_be_proven(site: Site) -> None:
    """Onboard the organization without a wait, and let its listener become ready."""
    site.done("organization")
    make_ready(site.bed.api, site.organization)


def _onboard_and_prove(site: Site) -> None:
    _onboard_to_be_proven(site)
    site.done("organization", wait=True)


def _waiting(site: Site) -> dict[str, Any]:
    return {"wait": True}


def _second_secret(site: Site) -> dict[str, Any]:
    return {"wait": True, "webhook_secret_version": 2}


def _second_secret_by_hand(site: Site) -> dict[str, Any]:
    """With a webhook that a person has made, and changes."""
    return {"github": None, "webhook_secret_version": 2}


def _rotate_and_prove(site: Site) -> None:
    """Rotate long ago, and have a ping that was signed with the new secret answered now."""
    site.done("organization", github=None)
    site.done("organization", **_second_secret_by_hand(site))
    long_ago = {"metadata": {"annotations": {"platform.aphex/rotated-at": "2026-01-01T00:00:00Z"}}}
    site.bed.api.patch(f"{_secrets(site)}/github-webhook-secret", long_ago)
    site.bed.api.create(proof(site.organization, "1"))


def _onboard_and_leave_the_lease(site: Site) -> None:
    """Onboard the organization, and leave the Lease as a run does that is killed at its very end on another machine."""
    site.done("organization")
    metadata = {"name": f"aphex-organization-{site.organization}", "namespace": "platform-system"}
    held = {
        "holderIdentity": "somebody@elsewhere/1",
        "leaseDurationSeconds": 30,
        "renewTime": "2026-01-01T00:00:00.000000Z",
    }
    site.bed.api.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": held})


def _secrets(site: Site) -> str:
    return f"/api/v1/namespaces/org-{site.organization}/secrets"


ORGANIZATION_IN = Journey("organization in", "organization")
BINDING_IN = Journey("binding in", "repo_binding", shares=True)
BINDING_OUT = Journey("binding out", "repo_binding", _onboard_binding, _absent, shares=True)
BINDING_KEPT = Journey("binding out, its state kept", "repo_binding", _onboard_with_state, _absent, shares=True)
BINDING_EXPORTED = Journey(
    "binding out, its state exported", "repo_binding", _onboard_to_be_deleted, _confirmed, shares=True
)
ORGANIZATION_OUT = Journey("organization out", "organization", _onboard_with_a_connector, _absent)
ORGANIZATION_KEPT = Journey("organization out, its secrets kept", "organization", _onboard_with_secrets, _absent)
PROOF = Journey("proof", "organization", _onboard_to_be_proven, _waiting)
ROTATION = Journey("rotation", "organization", _onboard_and_prove, _second_secret)
ROTATION_ENDS = Journey("end of a rotation by hand", "organization", _rotate_and_prove, _second_secret_by_hand)

AFTER_A_KILL = Journey("after a kill", "organization", _onboard_and_leave_the_lease)

IN_AND_OUT = (ORGANIZATION_IN, BINDING_IN, BINDING_OUT, ORGANIZATION_OUT)
KEEPING = (BINDING_KEPT, BINDING_EXPORTED, ORGANIZATION_KEPT)
CHANGES = (PROOF, ROTATION, ROTATION_ENDS, AFTER_A_KILL)
JOURNEYS = (*IN_AND_OUT, *KEEPING, *CHANGES)


def generated(site: Site) -> dict[str, str]:
    """Return what is made once and must not be replaced: each generated value that is there now, and the tunnel."""
    found = {
        f"{secret['metadata']['name']}/{key}": value
        for secret in site.bed.api.list(_secrets(site))
        for key, value in (secret.get("data") or {}).items()
        if f"{secret['metadata']['name']}/{key}" in (CURRENT, PREVIOUS, COMING, TUNNEL_SECRET)
    }
    live = [tunnel for tunnel in site.cloudflare.tunnels() if not tunnel.deleted_at]
    return found | {f"tunnel {tunnel.name}": tunnel.id for tunnel in live}


def writes(found: Iterable[Call]) -> list[Call]:
    """Return the calls that change state."""
    return [call for call in found if call.writes]


def without_polls(found: Iterable[Call]) -> list[Call]:
    """Return the calls but for the later ones of a loop that waits: how many these are is chance."""
    return [call for call in found if call.writes or call.nth <= ROUNDS]
