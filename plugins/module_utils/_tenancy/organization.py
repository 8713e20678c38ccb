# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of an organization: namespace, secrets, tunnel, DNS, connector, listener, rights, webhook.

In: OrganizationSpec, what the task wants, the products. Out: what should be, for present and for absent.
Never here: a literal object, a comparison, a request by hand.

Order of provisioning: the resource, the namespace, what is made once, the tunnel, its credentials and all objects, DNS,
waits, webhook, status. Order of leaving: webhook, DNS, connector, tunnel, store, namespace, finalizer (B2, B3, B4).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._clock import Pause
from .._cloudflare import cloudflared
from .._cloudflare.dns_record import DnsRecord
from .._cloudflare.product import Cloudflare
from .._cloudflare.tunnel import Tunnel
from .._core.failure import Failure, Kind, invalid
from .._core.names import snake_keys
from .._core.plan import UNKNOWN, Desired
from .._core.reconcile import Outcome, Runtime, UseCase
from .._core.sensitive import Generated, Sensitive
from .._github.product import GitHub
from .._kubernetes.objects import Condition, Object, ObjectKey, Objects
from .._kubernetes.product import Kubernetes
from .._kubernetes.ready import holds
from . import in_git, names, rotation, status
from .network import api_server_rules
from .organization_objects import Builder
from .settings import Settings, settings_key
from .specs import OrganizationSpec
from .status import Truth
from .tenant import Tenant, Wishes
from .webhook import Record, TenantWebhook, own_place

_API_SLICES = ("discovery.k8s.io/v1", "EndpointSlice", "default", "kubernetes.io/service-name=kubernetes")


@dataclass(frozen=True)
class Found:
    """The live objects that matter; absent ones are None."""

    resource: Object | None
    namespace: Object | None
    webhook: Object | None
    next_webhook: Object | None
    referred: Object | None
    org_secrets: Object | None
    tunnel_secret: Object | None
    credentials: Object | None
    connector_config: Object | None
    connector: Object | None
    listener: Object | None


@dataclass(frozen=True)
class Observed(Found):
    """What an organization's plan depends on."""

    settings: Settings
    hook: TenantWebhook
    tunnel: dict[str, t.Any] | None = None
    account_id: str = ""
    api_servers: list[dict[str, t.Any]] = field(default_factory=list)
    bindings: list[Object] = field(default_factory=list)
    proven_at: str = ""
    now: str = ""


class Organization(Tenant):
    """An organization that should be there, or not."""

    kind = names.ORGANIZATION

    def __init__(
        self,
        spec: OrganizationSpec,
        wishes: Wishes,
        kubernetes: Kubernetes,
        cloudflare: Cloudflare,
        github: GitHub,
        runtime: Runtime,
    ) -> None:
        super().__init__(spec, wishes, kubernetes, runtime)
        self.spec = spec
        self.cloudflare = cloudflare
        self.github = github
        # The version that the webhook secret should have; None leaves it as it is.
        self._version = spec.webhook_secret_version
        self.namespace = names.organization_namespace(spec.name)

    # observe --------------------------------------------------------------------------------------------------------

    def observe(self) -> Observed:
        """Read the settings, the resource, and what links the parts: secrets, tunnel, endpoints, bindings."""
        # A round may have written at GitHub alone, and the next one has to look anew all the same.
        self.kubernetes.forget()
        if self.wishes.rotate:
            self._version = self._next_version()
        keys = self._keys()
        lives = self.kubernetes.get_many([settings_key(), self.controller_key, self.lease_key, *keys.values()])
        self.note(lives)
        settings = self.settings(lives[settings_key()], self._recorded_settings())
        found: dict[str, t.Any] = {"referred": None, **{name: lives[key] for name, key in keys.items()}}
        hook = self._hook(settings, found).answered(self.github)
        if self.under_controller:
            return Observed(settings=settings, hook=hook, **found)
        if hook.there:
            self.github.require()
        self.cloudflare.require()
        self.cloudflare.assume(settings.account_id)
        version, kind, namespace, labels = _API_SLICES
        return Observed(
            settings=settings,
            hook=hook,
            tunnel=self.cloudflare.find_tunnel(names.tunnel_name(self.spec.name)),
            account_id=self.cloudflare.account_id,
            api_servers=api_server_rules(self.kubernetes.list(version, kind, namespace, labels)),
            bindings=[] if self.wishes.present and not rotation.under_way(found["webhook"]) else self._bindings(),
            proven_at=self._proven_at(found["webhook"]),
            now=self.now(),
            **found,
        )

    def _next_version(self) -> int | None:
        """Return the version to rotate to; a rotation that is under way is finished and not overtaken."""
        webhook = self.kubernetes.get(ObjectKey("v1", "Secret", self.namespace, names.WEBHOOK_SECRET))
        return None if webhook is None or rotation.under_way(webhook) else rotation.version(webhook) + 1

    def _hook(self, settings: Settings, found: dict[str, t.Any]) -> TenantWebhook:
        """Return the webhook at GitHub; GitHub should sign with the secret that this run brings to the first place."""
        spec = self.spec if self.wishes.present else None
        data = (found["webhook"] or {}).get("data") or {}
        if found["webhook"] and (self._version or 0) > rotation.version(found["webhook"]):
            data = (found["next_webhook"] or {}).get("data") or {}
        value = data.get(names.WEBHOOK_KEY)
        return TenantWebhook(
            place=own_place(spec.github) if spec else None,
            url=f"https://{self.spec.hostname(settings.zone)}" if spec else "",
            secret=value.decoded() if isinstance(value, Sensitive) else UNKNOWN,
            recorded=Record.of(self.recorded_status),
            timeout=self.wishes.wait_timeout,
        )

    def _recorded_settings(self) -> Settings | None:
        """Return what leaving needs of the settings: the zone, told by the usual host; None for another host."""
        host = str(self.recorded_status.get("webhookURL") or "").removeprefix("https://")
        usual = host.startswith(f"{self.spec.name}.")
        return Settings(zone=host.removeprefix(f"{self.spec.name}.")) if usual else None

    def _keys(self) -> dict[str, ObjectKey]:
        secrets = {
            "webhook": names.WEBHOOK_SECRET,
            "org_secrets": names.ORG_SECRETS,
            "tunnel_secret": names.TUNNEL_SECRET,
            "next_webhook": f"{names.WEBHOOK_SECRET}-{self._version or 0}",
        }
        keys = {name: ObjectKey("v1", "Secret", self.namespace, secret) for name, secret in secrets.items()}
        if self.spec.webhook_secret_ref:
            name = str(self.spec.webhook_secret_ref["name"])
            keys["referred"] = ObjectKey("v1", "Secret", names.PLATFORM_NAMESPACE, name)
        return {
            **keys,
            "credentials": ObjectKey("v1", "Secret", self.namespace, names.credentials_name(self.spec.name)),
            "connector_config": ObjectKey("v1", "ConfigMap", self.namespace, names.TUNNEL_CONFIG),
            "resource": self.key,
            "namespace": ObjectKey("v1", "Namespace", "", self.namespace),
            "connector": self._connector_key,
            "listener": self._listener_key,
        }

    def _bindings(self) -> list[Object]:
        return [
            item
            for namespace in (names.PLATFORM_NAMESPACE, self.namespace)
            for item in self.kubernetes.list(names.API_VERSION, names.REPO_BINDING, namespace)
            if item.get("spec", {}).get("aphexOrg") == self.spec.name
        ]

    def _proven_at(self, webhook: Object | None) -> str:
        """Return when a ping signed with the current secret was last answered; asked only while a rotation goes on."""
        if not rotation.under_way(webhook):
            return ""
        events = self.kubernetes.list("v1", "Event", self.namespace, fields="reason=WebhookProven")
        return max((item["metadata"]["creationTimestamp"] for item in events), default="")

    @property
    def _connector_key(self) -> ObjectKey:
        return ObjectKey("apps/v1", "Deployment", self.namespace, names.connector_name(self.spec.name))

    @property
    def _listener_key(self) -> ObjectKey:
        return ObjectKey("triggers.tekton.dev/v1beta1", "EventListener", self.namespace, names.LISTENER)

    # desired --------------------------------------------------------------------------------------------------------

    def desired(self, observed: Observed) -> t.Sequence[Desired]:
        """Return what should be, in order."""
        if self.wishes.present:
            return self._present(observed)
        return self._absent(observed)

    def _present(self, observed: Observed) -> t.Sequence[Desired]:
        leaving = ((observed.resource or {}).get("metadata") or {}).get("deletionTimestamp")
        if leaving:
            raise Failure(
                Kind.REFUSED,
                tried="provisioning",
                on=str(self.key),
                said="it is being deleted",
                remedy="Run offboard to the end first, then onboard it again",
            )
        host = self.spec.hostname(observed.settings.zone)
        self._check_owner(observed)
        if self.under_controller:
            return [self.resource_desired()]
        builder = Builder(self.spec, observed.settings, self.owner)
        adopt = self.adoptable(observed.namespace)
        secret = _tunnel_secret(observed)
        tunnel_id = observed.tunnel["id"] if observed.tunnel else UNKNOWN
        return [
            self.resource_desired(),
            *self.first_status(),
            self.made_once("the namespace", builder.claim(), adopt=adopt),
            self.owned("the namespace", builder.namespace_object(), adopt=adopt),
            self.made_once("secrets", *self._new_secrets(observed, builder), adopt=adopt),
            *self._rotation(observed, builder),
            Tunnel(
                name=names.tunnel_name(self.spec.name),
                secret=secret,
                on_secret_mismatch="refuse",
                adopt=self.wishes.adopt,
            ),
            self.owned("objects", *self._objects(observed, builder, secret, tunnel_id), recorded=True),
            self._record(observed, host, f"{tunnel_id}.cfargotunnel.com"),
            *(self._record(observed, former, None) for former in self._former_hosts(observed, host)),
            *self._readiness(),
            *self._webhook(observed),
            *self._end_of_rotation(observed, builder),
            self.status_desired(self._status(observed, host, tunnel_id)),
        ]

    def _check_owner(self, observed: Observed) -> None:
        """Raise Failure for an owner at GitHub that is not approved on this platform (S12)."""
        owner = str(self.spec.github.get("owner") or "")
        if owner and not observed.settings.approves(owner):
            raise Failure(
                Kind.REFUSED,
                tried="provisioning",
                on=str(self.key),
                said=f"the GitHub owner {owner} is not approved",
                remedy="Add it to crds_approved_owners and run the role aphex.platform.crds",
            )

    def _webhook(self, observed: Observed) -> list[Desired]:
        """Return the webhook at GitHub, which changes its secret when no interceptor remembers the former one."""
        from_when = rotation.counts_from(observed.webhook, self.runtime.now(), self._rotates(observed))
        return self.webhook_desired(observed.hook, self.namespace, from_when)

    def _rotates(self, observed: Observed) -> bool:
        """Tell whether a coming secret is still to take the first place."""
        there = observed.webhook
        return bool(there and self._version and self._version > rotation.version(there))

    def _new_secrets(self, observed: Observed, builder: Builder) -> list[Object]:
        value = self._referred_value(observed) or Generated(32, "hex")
        version = self._version or 1
        return [builder.webhook_secret(value, version), builder.org_secrets(), builder.tunnel_secret()]

    def _referred_value(self, observed: Observed) -> Sensitive | None:
        """Return the value, in base64, that the user keeps in a Secret of the platform's namespace."""
        reference = self.spec.webhook_secret_ref
        if not reference:
            return None
        value = ((observed.referred or {}).get("data") or {}).get(reference.get("key") or names.WEBHOOK_KEY)
        if not isinstance(value, Sensitive) or not len(value):
            raise Failure(
                Kind.MISSING,
                tried="reading the webhook secret",
                on=f"Secret {names.PLATFORM_NAMESPACE}/{reference['name']}",
                said="the Secret or its key is not there, or empty",
                remedy="Make it, or leave webhook_secret_ref out to have a secret generated",
            )
        return value

    def _rotation(self, observed: Observed, builder: Builder) -> list[Desired]:
        """Return the next stage of a rotation; each stage is found again by looking (P16).

        A raised version makes a new value beside the old one, then puts it first and keeps the old one as previous;
        how it ends stands in ``_end_of_rotation``.
        """
        if observed.webhook is None:
            return []
        there = rotation.version(observed.webhook)
        wanted = self._version or there
        data = observed.webhook.get("data") or {}
        coming = builder.next_secret(self._referred_value(observed) or Generated(32, "hex"), wanted)
        if wanted > there:
            value = (observed.next_webhook or {}).get("data", {}).get(names.WEBHOOK_KEY, UNKNOWN)
            rotated = builder.rotated_secret(value, data.get(names.WEBHOOK_KEY), wanted, observed.now)
            return [
                self.made_once("the coming webhook secret", coming),
                self.owned("the webhook secret", rotated),
                self.gone("the coming webhook secret", coming),
            ]
        return [self.gone("the coming webhook secret", coming)] if observed.next_webhook else []

    def _end_of_rotation(self, observed: Observed, builder: Builder) -> list[Desired]:
        """Return that the previous secret should go, once nobody signs with it any more (P16).

        Where we write to GitHub, that is when each webhook that leads here has the new secret and was answered, and
        what GitHub had signed before is over. Else it is when some ping with the new secret was answered.
        """
        webhook = observed.webhook
        if webhook is None or not rotation.under_way(webhook) or not rotation.rotated_at(webhook):
            return []
        if self._rotates(observed):
            return []
        pause: list[Desired] = []
        if self.spec.github.get("owner"):
            if (observed.hook.wanted and not observed.hook.settled) or self._outdated(observed):
                return []
            from_when = rotation.counts_from(webhook, self.runtime.now(), coming=False)
            until = max(self.runtime.now(), from_when) + rotation.IN_FLIGHT
            pause = [Pause(until, "GitHub may still send what it signed with the former webhook secret")]
        elif not rotation.is_proven(webhook, observed.proven_at):
            return []
        current = (webhook.get("data") or {})[names.WEBHOOK_KEY]
        settled = builder.rotated_secret(current, None, rotation.version(webhook), rotation.rotated_at(webhook))
        return [*pause, self.owned("the webhook secret", settled)]

    def _outdated(self, observed: Observed) -> bool:
        """Tell whether the own webhook of some binding still has the former secret."""
        now = observed.hook.fingerprint
        records = (Record.of(item.get("status") or {}) for item in observed.bindings)
        return any(record.place and (record.fingerprint != now or not record.delivery_id) for record in records)

    def _objects(self, observed: Observed, builder: Builder, secret: Sensitive | str, tunnel_id: str) -> list[Object]:
        credentials = cloudflared.credentials(observed.account_id, secret, tunnel_id)
        config = builder.config_text(tunnel_id)
        files = [
            builder.restored(builder.credentials(credentials), observed.credentials, observed.now),
            builder.restored(builder.connector_config(config), observed.connector_config, observed.now),
        ]
        return [
            builder.account(names.LISTENER_ACCOUNT),
            builder.account(names.STORE_ACCOUNT),
            builder.listener_binding(),
            builder.store_binding(),
            *(builder.admin_binding(address) for address in self.spec.admin_users),
            builder.deny_all(),
            builder.connector_policy(),
            builder.listener_policy(observed.api_servers),
            builder.secret_store(),
            builder.push_binding(),
            builder.ping_binding(),
            builder.ping_template(),
            builder.ping_trigger(),
            builder.listener(),
            *files,
            builder.connector(config, credentials, files),
        ]

    def _record(self, observed: Observed, host: str, content: str | None) -> DnsRecord:
        """Return the record of a host, or with no content that there should be none of ours."""
        return DnsRecord(
            zone=observed.settings.zone,
            name=host,
            type="CNAME",
            content=content,
            proxied=True,
            # Without the namespace, which is always the same: a comment has 100 characters.
            owner=f"{self.kind} {self.spec.name}",
            adopt=self.wishes.adopt and content is not None,
            present=content is not None,
        )

    def _former_hosts(self, observed: Observed, host: str) -> list[str]:
        """Return the other hosts that may lead here: as the resource still says, and as the status recorded (B3).

        Neither decides what is deleted: a record goes only if its comment says that it is ours (P25).
        """
        zone = observed.settings.zone
        written = (((observed.resource or {}).get("spec") or {}).get("tunnel") or {}).get("hostname")
        recorded = str(self.recorded_status.get("webhookURL") or "").removeprefix("https://")
        found = {str(written or f"{self.spec.name}.{zone}"), recorded}
        return sorted(name for name in found if name.endswith(f".{zone}") and name != host)

    def _readiness(self) -> list[Desired]:
        if not self.wishes.wait:
            return []
        return [self.waits((self._connector_key, Condition()), (self._listener_key, Condition()))]

    def _status(self, observed: Observed, host: str, tunnel_id: str) -> status.Status:
        # A run that waits has seen both ready before it writes; one that does not tells what it saw.
        connector = self.wishes.wait or holds(observed.connector, Condition())[0]
        listener = self.wishes.wait or holds(observed.listener, Condition())[0]
        ready = connector and listener
        message = "Organization provisioned successfully" if ready else "Waiting for the connector and the listener"
        truths = [
            Truth("NamespaceReady"),
            Truth("RBACReady"),
            Truth("NetworkPolicyReady"),
            Truth("TunnelReady", connector, "" if connector else "Waiting"),
            Truth("DNSReady"),
            Truth("EventListenerReady", listener, "" if listener else "Waiting"),
            *observed.hook.truths(self.wishes.wait),
            Truth("Ready", ready, "" if ready else "Waiting", message),
        ]
        before = self.recorded_status
        return {
            "phase": status.READY if ready else status.PROVISIONING,
            "message": message,
            "namespace": self.namespace,
            "webhookURL": f"https://{host}",
            "tunnelId": tunnel_id,
            "webhookSecretVersion": self._version or rotation.version(observed.webhook),
            **observed.hook.record(self.wishes.wait),
            "conditions": status.conditions(before, truths, observed.now),
        }

    # absent ---------------------------------------------------------------------------------------------------------

    def _absent(self, observed: Observed) -> t.Sequence[Desired]:
        if self.under_controller:
            return [self.resource_leaving(), *([self._until_gone()] if self.wishes.wait else [])]
        self._refuse_bound(observed)
        policy = ((observed.resource or {}).get("spec") or {}).get("deletionPolicy") or self.spec.deletion_policy
        state = [observed.org_secrets] if (observed.org_secrets or {}).get("data") else []
        self.check_confirmed(policy, [f"Secret {self.namespace}/{names.ORG_SECRETS}"] if state else [])
        keep = bool(state) and policy == "Retain"
        builder = Builder(self.spec, observed.settings, self.owner)
        secret = _tunnel_secret(observed)
        return [
            self.resource_leaving(),
            *self._waiting_for(observed),
            *observed.hook.former_gone(),
            *self._gone_records(observed),
            self.gone("the connector", _named(self._connector_key)),
            *self._gone_tunnel(observed, secret),
            *([] if keep else self.exports(item for item in state if item)),
            *self._gone_objects(builder, keep),
            *self.resource_gone(),
        ]

    def _waiting_for(self, observed: Observed) -> list[Desired]:
        """Return the wait for the bindings, and before it what the resource says of it (B12, P30)."""
        bindings = observed.bindings
        waits = self.waits(*((ObjectKey.of(item), Condition("gone")) for item in bindings))
        held = names.FINALIZER in ((observed.resource or {}).get("metadata", {}).get("finalizers") or [])
        if not bindings or not held:
            return [waits]
        message = f"Blocked: {len(bindings)} RepoBindings use it: {_named_in(bindings)}"
        body = status.blocked(self.recorded_status, message, observed.now)
        return [self.status_desired(body), waits]

    def _until_gone(self) -> Objects:
        return self.waits((self.key, Condition("gone")))

    def _refuse_bound(self, observed: Observed) -> None:
        if not observed.bindings or self.wishes.wait:
            return
        raise Failure(
            Kind.REFUSED,
            tried="deleting",
            on=str(self.key),
            said=f"{len(observed.bindings)} RepoBindings use it: {_named_in(observed.bindings)}",
            remedy="Run offboard for them first, or set wait to true",
        )

    def _gone_records(self, observed: Observed) -> list[Desired]:
        host = self.spec.hostname(observed.settings.zone)
        return [self._record(observed, name, None) for name in (host, *self._former_hosts(observed, host))]

    def _gone_tunnel(self, observed: Observed, secret: Sensitive | str) -> list[Desired]:
        """Return the tunnel that should go; one that is not provably ours is never touched."""
        if observed.tunnel is None:
            return []
        if not isinstance(secret, Sensitive) and not self.wishes.adopt:
            raise Failure(
                Kind.REFUSED,
                tried="deleting",
                on=f"Tunnel {observed.tunnel['name']}",
                said=f"the Secret {self.namespace}/{names.TUNNEL_SECRET} that proves it ours is gone",
                remedy="Set adopt to true to delete it, or delete it with aphex.platform.cloudflare_tunnel",
            )
        return [
            Tunnel(
                name=names.tunnel_name(self.spec.name),
                secret=secret if isinstance(secret, Sensitive) else None,
                on_secret_mismatch="refuse",
                adopt=self.wishes.adopt,
                present=False,
            )
        ]

    def _gone_objects(self, builder: Builder, keep: bool) -> list[Desired]:
        namespace = builder.claim()
        store = builder.secret_store()
        if not keep:
            return [self.gone("the store", store), self.gone("objects", namespace, recorded=True)]
        secrets = [_named(ObjectKey("v1", "Secret", self.namespace, name))
                   for name in (names.WEBHOOK_SECRET, names.TUNNEL_SECRET)]  # fmt: skip
        return [
            self.gone("the store", store),
            self.gone("objects", recorded=True),
            self.gone("secrets", *secrets),
            self.kept_namespace(ObjectKey.of(namespace)),
        ]

    # result ---------------------------------------------------------------------------------------------------------

    def result(self, outcome: Outcome) -> dict[str, t.Any] | None:
        """Return what people and later tasks need to know of the organization; None when it is gone."""
        if not self.wishes.present:
            return None
        observed: Observed = outcome.observed
        host = self.spec.hostname(observed.settings.zone)
        return {
            **self.shown(outcome),
            "organization_namespace": self.namespace,
            "webhook_url": f"https://{host}",
            "tunnel_id": observed.tunnel["id"] if observed.tunnel else None,
            "webhook_secret": {
                "namespace": self.namespace,
                "name": names.WEBHOOK_SECRET,
                "key": names.WEBHOOK_KEY,
                "version": self._version or rotation.version(observed.webhook),
            },
            "webhook": snake_keys(observed.hook.record(self.wishes.wait).get("webhook")),
        }


def use_case(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> UseCase:
    """Return the use case for checked options. Raises Failure(invalid) for what the input alone shows to be wrong."""
    wishes = Wishes.from_params(params)
    if not wishes.present:
        # To leave, a name is enough: the rest of the spec stands in the resource.
        params = {**params, "display_name": params.get("display_name") or params["name"]}
        params["admin_users"] = params.get("admin_users") or ["nobody@example.org"]
    spec = OrganizationSpec.from_params(params)
    if wishes.rotate and spec.webhook_secret_version:
        what = f"Organization {spec.name}, rotate_webhook_secret"
        raise invalid(what, "webhook_secret_version says the version already", "Raise that by one, or leave it out")
    if in_git.is_wanted(params):
        return in_git.organization(spec, wishes, params, products)
    return Organization(spec, wishes, products["kubernetes"], products["cloudflare"], products["github"], runtime)


def read(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> list[dict[str, t.Any]]:
    """Return all organizations, or the one of a name, as the resource tells them."""
    found = products["kubernetes"].list(names.API_VERSION, names.ORGANIZATION, names.PLATFORM_NAMESPACE)
    return [row(item) for item in found if params.get("name") in (None, item["metadata"]["name"])]


def row(resource: Object) -> dict[str, t.Any]:
    """Return one organization for people and later tasks."""
    body, spec = resource.get("status") or {}, resource.get("spec") or {}
    return {
        "name": resource["metadata"]["name"],
        "namespace": resource["metadata"]["namespace"],
        "display_name": spec.get("displayName"),
        "organization_namespace": body.get("namespace"),
        "phase": body.get("phase") or status.PENDING,
        "message": body.get("message") or "",
        "webhook_url": body.get("webhookURL"),
        "tunnel_id": body.get("tunnelId"),
        "webhook": snake_keys(body.get("webhook")),
        "conditions": body.get("conditions") or [],
        "deleting": bool(resource["metadata"].get("deletionTimestamp")),
    }


def _tunnel_secret(observed: Observed) -> Sensitive | str:
    value = ((observed.tunnel_secret or {}).get("data") or {}).get(names.WEBHOOK_KEY)
    return value.decoded() if isinstance(value, Sensitive) else UNKNOWN


def _named_in(items: t.Sequence[Object]) -> str:
    return ", ".join(item["metadata"]["name"] for item in items[:5])


def _named(key: ObjectKey) -> Object:
    metadata = {"name": key.name, "namespace": key.namespace}
    return {"apiVersion": key.api_version, "kind": key.kind, "metadata": metadata}
