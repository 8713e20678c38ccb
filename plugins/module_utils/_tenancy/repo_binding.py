# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of a repository bound to an organization.

In: RepoBindingSpec, what the task wants, the product. Out: what should be, for present and for absent.
Never here: a literal object, a comparison, a request by hand.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._core.failure import Failure, Kind
from .._core.names import snake_keys
from .._core.plan import UNKNOWN, Desired
from .._core.reconcile import Declared, Outcome, Runtime, UseCase
from .._core.sensitive import Sensitive
from .._github.hooks import Place
from .._github.product import GitHub
from .._kubernetes import inventory
from .._kubernetes.objects import Object, ObjectKey
from .._kubernetes.product import Kubernetes
from . import in_git, names, pipeline, rotation, status
from .network import api_server_rules
from .repo_binding_objects import Builder
from .settings import Settings, settings_key
from .specs import RepoBindingSpec
from .status import Truth
from .tenant import Tenant, Wishes
from .webhook import Record, TenantWebhook, own_place

_API_SLICES = ("discovery.k8s.io/v1", "EndpointSlice", "default", "kubernetes.io/service-name=kubernetes")
_STATE_LABEL = "tfstate=true"
_PROVISIONED = (
    "namespace",
    "serviceAccount",
    "rbac",
    "resourceQuota",
    "networkPolicy",
    "eventListener",
    "pipelineResources",
)
_BOUND = ("aphex_org", "repo_org", "repo_name")


@dataclass(frozen=True)
class Observed:
    """What a binding's plan depends on; absent things are None."""

    settings: Settings
    resource: Object | None
    organization: Object | None
    namespace: Object | None
    hook: TenantWebhook
    webhook: Object | None = None
    api_servers: list[dict[str, t.Any]] = field(default_factory=list)
    state: list[Object] = field(default_factory=list)
    claims: list[Object] = field(default_factory=list)
    applications: list[ObjectKey] = field(default_factory=list)
    siblings: int = 0
    now: str = ""


class RepoBinding(Tenant):
    """A repository that should be bound, or not."""

    kind = names.REPO_BINDING

    def __init__(
        self, spec: RepoBindingSpec, wishes: Wishes, kubernetes: Kubernetes, github: GitHub, runtime: Runtime
    ) -> None:
        super().__init__(spec, wishes, kubernetes, runtime)
        self.spec = spec
        self.github = github
        # Parsed before anything is read: a text that is no Pipeline is refused before any request.
        self.parsed = pipeline.parse(spec.pipeline_spec) if wishes.present else {}

    # observe --------------------------------------------------------------------------------------------------------

    def observe(self) -> Observed:
        """Read the settings, the organization, the resource, and what the namespace holds."""
        # A round may have written at GitHub alone, and the next one has to look anew all the same.
        self.kubernetes.forget()
        organization = names.organization_key(self.spec.aphex_org)
        namespace = ObjectKey("v1", "Namespace", "", self.spec.pipeline_name)
        keys = [settings_key(), self.key, self.controller_key, self.lease_key, organization, namespace]
        lives = self.kubernetes.get_many(keys)
        self.note(lives)
        settings = self.settings(lives[settings_key()], Settings(zone="", argocd_namespace=self._recorded_argo_cd()))
        webhook = self._webhook_secret(lives[organization])
        hook = self._hook(settings, lives[organization], webhook).answered(self.github)
        if self.under_controller:
            return Observed(settings, lives[self.key], lives[organization], lives[namespace], hook, now=self.now())
        if hook.there:
            self.github.require()
        version, kind, where, labels = _API_SLICES
        slices = [] if not self.wishes.present else self.kubernetes.list(version, kind, where, labels)
        # What lies in somebody else's namespace is nothing of this binding, whatever name it was given (S7).
        claimed = lives[namespace]
        leaving = not self.wishes.present and (claimed is None or self.owner.owns(claimed))
        holding = leaving and claimed is not None
        return Observed(
            settings,
            lives[self.key],
            lives[organization],
            lives[namespace],
            hook,
            webhook=webhook,
            api_servers=api_server_rules(slices),
            state=self.kubernetes.list("v1", "Secret", namespace.name, _STATE_LABEL) if holding else [],
            claims=self.kubernetes.list("v1", "PersistentVolumeClaim", namespace.name) if holding else [],
            applications=self._applications(settings) if leaving else [],
            siblings=self._siblings() if lives[self.key] is None and self.wishes.present else 0,
            now=self.now(),
        )

    def _webhook_secret(self, organization: Object | None) -> Object | None:
        """Return the organization's webhook secret, if this repository has a webhook of its own to sign with it."""
        if self._own_place(organization) is None:
            return None
        namespace = names.organization_namespace(self.spec.aphex_org)
        return self.kubernetes.get(ObjectKey("v1", "Secret", namespace, names.WEBHOOK_SECRET))

    def _own_place(self, organization: Object | None) -> Place | None:
        github = ((organization or {}).get("spec") or {}).get("github") or {}
        return own_place(github, self.spec.repo_org, self.spec.repo_name) if self.wishes.present else None

    def _hook(self, settings: Settings, organization: Object | None, webhook: Object | None) -> TenantWebhook:
        value = ((webhook or {}).get("data") or {}).get(names.WEBHOOK_KEY)
        return TenantWebhook(
            place=self._own_place(organization),
            url=self._url(settings, organization),
            secret=value.decoded() if isinstance(value, Sensitive) else UNKNOWN,
            recorded=Record.of(self.recorded_status),
            timeout=self.wishes.wait_timeout,
        )

    def _applications(self, settings: Settings) -> list[ObjectKey]:
        """Return the tenant's applications: in its own namespace, and those in Argo CD's that use its project."""
        found = self.kubernetes.list("argoproj.io/v1alpha1", "Application", self.spec.pipeline_name)
        found += [
            item
            for item in self.kubernetes.list("argoproj.io/v1alpha1", "Application", settings.argocd_namespace)
            if (item.get("spec") or {}).get("project") == self.spec.pipeline_name
        ]
        return [ObjectKey.of(item) for item in found]

    def _recorded_argo_cd(self) -> str:
        """Return where the project is recorded to be: when a binding leaves, the settings may be gone."""
        if self.wishes.present:
            return ""
        recorded = inventory.read(self.kubernetes.get(self.inventory))
        found = [entry.key.namespace for entry in recorded.values() if entry.key.kind == "AppProject"]
        return found[0] if found else Settings(zone="").argocd_namespace

    def _siblings(self) -> int:
        """Return how many repositories the organization has: a push costs one filter call for each of them (P17)."""
        labels = f"{names.LABEL_ORGANIZATION}={self.spec.aphex_org},{names.LABEL_PIPELINE}"
        return len(self.kubernetes.list("v1", "Namespace", labels=labels))

    # desired --------------------------------------------------------------------------------------------------------

    def desired(self, observed: Observed) -> t.Sequence[Desired]:
        """Return what should be, in order."""
        if self.wishes.present:
            return self._present(observed)
        return self._absent(observed)

    def _present(self, observed: Observed) -> t.Sequence[Desired]:
        self._check(observed)
        if self.under_controller:
            return [self.resource_desired()]
        uid = observed.resource["metadata"]["uid"] if observed.resource else UNKNOWN
        builder = Builder(self.spec, observed.settings, self.owner, uid)
        adopt = self.adoptable(observed.namespace)
        return [
            self.resource_desired(),
            *self.first_status(),
            self.made_once("the namespace", builder.claim(), adopt=adopt),
            self.owned("the namespace", builder.namespace_object(), adopt=adopt),
            self.owned("objects", *self._objects(observed, builder), recorded=True),
            *self._webhook(observed),
            self.status_desired(self._status(observed)),
        ]

    def _webhook(self, observed: Observed) -> list[Desired]:
        """Return the repository's own webhook; its secret changes when no interceptor remembers the former one."""
        from_when = rotation.counts_from(observed.webhook, self.runtime.now(), coming=False)
        return self.webhook_desired(observed.hook, names.organization_namespace(self.spec.aphex_org), from_when)

    def _check(self, observed: Observed) -> None:
        """Raise Failure for what only a look can show, before anything is written (B12, S7, S12)."""
        organization = observed.organization
        if organization is None and self.runtime.check:
            # The same playbook may be about to make it: then a check of the whole must not end here.
            organization = {"metadata": {}}
        if organization is None:
            raise self._refused(
                Kind.MISSING,
                f"the Organization {self.spec.aphex_org} is not there",
                f"Onboard it first: ansible-playbook aphex.platform.onboard --limit {self.spec.aphex_org}",
            )
        if organization["metadata"].get("deletionTimestamp"):
            raise self._refused(
                Kind.REFUSED, f"the Organization {self.spec.aphex_org} is being deleted", "Offboard it to the end first"
            )
        if ((observed.resource or {}).get("metadata") or {}).get("deletionTimestamp"):
            raise self._refused(Kind.REFUSED, "it is being deleted", "Run offboard to the end, then onboard")
        if not observed.settings.approves(self.spec.repo_org):
            raise self._refused(
                Kind.REFUSED,
                f"the GitHub owner {self.spec.repo_org} is not approved",
                "Add it to crds_approved_owners and run the role aphex.platform.crds",
            )
        names.check_pipeline(self.spec.pipeline_name, observed.settings.reserved_namespaces)
        if observed.siblings >= observed.settings.max_bindings:
            raise self._refused(
                Kind.REFUSED,
                f"the organization has {observed.siblings} repositories already, {observed.settings.max_bindings} are "
                "allowed",
                "Raise crds_max_bindings, or use a second organization",
            )
        self._check_immutable(observed)
        self._check_webhook_secret(observed)

    def _check_webhook_secret(self, observed: Observed) -> None:
        """Raise Failure when GitHub should sign with a secret that is not there; a check may run before it is made."""
        if observed.hook.wanted and observed.hook.secret == UNKNOWN and not self.runtime.check:
            secret = f"{names.organization_namespace(self.spec.aphex_org)}/{names.WEBHOOK_SECRET}"
            raise self._refused(
                Kind.MISSING,
                f"the Secret {secret} of its organization is not there",
                f"Onboard it first: ansible-playbook aphex.platform.onboard --limit {self.spec.aphex_org}",
            )

    def _check_immutable(self, observed: Observed) -> None:
        spec = (observed.resource or {}).get("spec") or {}
        wanted = self.spec.to_resource()
        for name in ("aphexOrg", "repoOrg", "repoName", "pipelineName"):
            if spec.get(name) and spec[name] != wanted[name]:
                raise self._refused(
                    Kind.REFUSED,
                    f"{name} cannot change from {spec[name]} to {wanted[name]}",
                    "Offboard this binding and onboard another one",
                )

    def _refused(self, kind: Kind, said: str, remedy: str) -> Failure:
        return Failure(kind, tried="provisioning", on=str(self.key), said=said, remedy=remedy)

    def _objects(self, observed: Observed, builder: Builder) -> list[Object]:
        organization = snake_keys((observed.organization or {}).get("spec") or {})
        return [
            builder.account(names.RUNNER),
            builder.account(names.DEPLOYER),
            builder.runner_binding(),
            builder.deployer_binding(),
            builder.listener_binding(),
            builder.limits(organization.get("limits") or {}),
            builder.quota(organization.get("quota") or {}),
            builder.isolation(observed.api_servers),
            builder.terraform_backend(),
            builder.pruner(self.parsed, organization.get("quota") or {}),
            builder.pipeline(self.parsed),
            builder.project(),
            builder.template(self.parsed),
            builder.trigger(),
        ]

    def _status(self, observed: Observed) -> status.Status:
        message = "Tenant resources provisioned successfully"
        truths = [
            Truth(name)
            for name in ("NamespaceReady", "RBACReady", "NetworkPolicyReady", "EventListenerReady", "PipelineValid")
        ]
        truths += observed.hook.truths(self.wishes.wait)
        before = self.recorded_status
        return {
            "phase": status.READY,
            "message": message,
            "webhookConfiguration": self._webhook_configuration(observed),
            **observed.hook.record(self.wishes.wait),
            "provisionedResources": dict.fromkeys(_PROVISIONED, True),
            "conditions": status.conditions(before, [*truths, Truth("Ready", message=message)], observed.now),
        }

    def _url(self, settings: Settings, organization: Object | None) -> str:
        """Return where GitHub calls; the host is the organization's, never the GitHub owner's (B7)."""
        recorded = ((organization or {}).get("status") or {}).get("webhookURL")
        return str(recorded or f"https://{self.spec.aphex_org}.{settings.zone}")

    def _webhook_configuration(self, observed: Observed) -> dict[str, t.Any]:
        reference = {
            "namespace": names.organization_namespace(self.spec.aphex_org),
            "name": names.WEBHOOK_SECRET,
            "key": names.WEBHOOK_KEY,
        }
        url = self._url(observed.settings, observed.organization)
        return {"url": url, "secretRef": reference, "events": ["push"]}

    # absent ---------------------------------------------------------------------------------------------------------

    def _absent(self, observed: Observed) -> t.Sequence[Desired]:
        if self.under_controller:
            return [self.resource_leaving()]
        policy = ((observed.resource or {}).get("spec") or {}).get("deletionPolicy") or self.spec.deletion_policy
        losses = [f"Secret {item['metadata']['name']}" for item in observed.state]
        losses += [f"PersistentVolumeClaim {item['metadata']['name']}" for item in observed.claims]
        self.check_confirmed(policy, losses)
        keep = bool(losses) and policy == "Retain"
        uid = observed.resource["metadata"]["uid"] if observed.resource else ""
        builder = Builder(self.spec, observed.settings, self.owner, uid)
        return [
            self.resource_leaving(),
            *observed.hook.former_gone(),
            self.gone("triggers", *self._triggers(builder)),
            *self._gone_applications(observed),
            *([] if keep else self.exports(observed.state)),
            *self._gone_namespace(builder, keep),
            *self.resource_gone(),
        ]

    def _triggers(self, builder: Builder) -> list[Object]:
        """Return what starts runs: it goes first, so that nothing starts while the rest goes."""
        parts = (("Trigger", names.trigger_name), ("TriggerTemplate", names.template_name))
        return [
            {
                "apiVersion": "triggers.tekton.dev/v1beta1",
                "kind": kind,
                "metadata": {
                    "name": name(self.spec.pipeline_name),
                    "namespace": builder.organization_namespace,
                },
            }
            for kind, name in parts
        ]

    def _gone_applications(self, observed: Observed) -> list[Desired]:
        objects = tuple(
            {"apiVersion": k.api_version, "kind": k.kind, "metadata": {"name": k.name, "namespace": k.namespace}}
            for k in observed.applications
        )
        if not objects:
            return []
        return [self.foreign_gone("applications", *objects)]

    def _gone_namespace(self, builder: Builder, keep: bool) -> list[Desired]:
        namespace, project = builder.claim(), builder.project()
        if not keep:
            return [self.gone("objects", namespace, project, recorded=True)]
        # What is still running there must not get out, or take more than before, by losing its tenant.
        fences = [(names.ISOLATION, "networking.k8s.io/v1", "NetworkPolicy"), (names.LIMITS, "v1", "LimitRange"),
                  (names.QUOTA, "v1", "ResourceQuota")]  # fmt: skip
        kept = tuple(ObjectKey(version, kind, self.spec.pipeline_name, name) for name, version, kind in fences)
        return [self.gone("objects", project, recorded=True, keep=kept), self.kept_namespace(ObjectKey.of(namespace))]

    # result ---------------------------------------------------------------------------------------------------------

    def result(self, outcome: Outcome) -> dict[str, t.Any] | None:
        """Return what people and later tasks need to know of the binding; None when it is gone."""
        if not self.wishes.present:
            return None
        observed: Observed = outcome.observed
        return {
            **self.shown(outcome),
            "organization": self.spec.aphex_org,
            "repository": self.spec.repository,
            "pipeline_namespace": self.spec.pipeline_name,
            "webhook_configuration": snake_keys(self._webhook_configuration(observed)),
            "webhook": snake_keys(observed.hook.record(self.wishes.wait).get("webhook")),
        }


def use_case(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> UseCase:
    """Return the use case for checked options. Raises Failure(invalid) for what the input alone shows to be wrong."""
    params = {**params, "pipeline_name": params.get("pipeline_name") or params["name"]}
    wishes = Wishes.from_params(params)
    if in_git.is_wanted(params):
        return in_git.repo_binding(_key(params), wishes, params, products)
    kubernetes: Kubernetes = products["kubernetes"]
    if not wishes.present and not all(params.get(name) for name in _BOUND):
        live = kubernetes.get(_key(params))
        if live is None:
            # Its finalizer has seen to it that nothing is left.
            return Declared((), products)
        spec = snake_keys(live["spec"])
        params.update({name: spec[name] for name in (*_BOUND, "pipeline_name")})
    return RepoBinding(RepoBindingSpec.from_params(params), wishes, kubernetes, products["github"], runtime)


def _key(params: dict[str, t.Any]) -> ObjectKey:
    namespace = params.get("namespace") or names.PLATFORM_NAMESPACE
    return ObjectKey(names.API_VERSION, names.REPO_BINDING, namespace, params["name"])


def read(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> list[dict[str, t.Any]]:
    """Return all bindings, or those of a name, as the resources tell them."""
    found = products["kubernetes"].list(names.API_VERSION, names.REPO_BINDING, params.get("namespace") or "")
    return [row(item) for item in found if params.get("name") in (None, item["metadata"]["name"])]


def row(resource: Object) -> dict[str, t.Any]:
    """Return one binding for people and later tasks."""
    body, spec = resource.get("status") or {}, resource.get("spec") or {}
    return {
        "name": resource["metadata"]["name"],
        "namespace": resource["metadata"]["namespace"],
        "organization": spec.get("aphexOrg"),
        "repository": f"{spec.get('repoOrg')}/{spec.get('repoName')}",
        "pipeline_namespace": spec.get("pipelineName"),
        "phase": body.get("phase") or status.PENDING,
        "message": body.get("message") or "",
        "webhook_url": (body.get("webhookConfiguration") or {}).get("url"),
        "webhook": snake_keys(body.get("webhook")),
        "conditions": body.get("conditions") or [],
        "deleting": bool(resource["metadata"].get("deletionTimestamp")),
    }
