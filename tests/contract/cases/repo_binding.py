"""repo_binding: a repository with a webhook of its own, of an organization that is there as a resource alone.

In: an Organization, its namespace and its webhook secret; nothing answers to pings, so none is sent. Out: CASE. Never
here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.platform import OWNER
from tests.contract.world import World

_TASK = """\
    - name: build
      taskSpec:
        steps:
          - name: build
            image: registry.example.org/build:1.0.0
            script: make
"""
_PIPELINE = f"""\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  params:
    - name: repo-url
      type: string
  tasks:
{_TASK}"""


def pipeline(**changes: str) -> str:
    """A Pipeline as text; changes are replaced words."""
    text = _PIPELINE
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def organization(name: str) -> list[dict[str, Any]]:
    """An Organization as a resource, and its namespace, without anything in it."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"org-{name}"}},
        {
            "apiVersion": "aphex.io/v1alpha1",
            "kind": "Organization",
            "metadata": {"name": name, "namespace": "platform-system"},
            "spec": {"displayName": name, "adminUsers": ["ann@acme.example"]},
        },
    ]


def _prepare(world: World) -> None:
    world.make(*organization(world.name))
    metadata = {"name": "github-webhook-secret", "namespace": f"org-{world.name}"}
    data = {"secret": world.secret("webhook-secret")}
    world.make({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
    _each_their_own(world)
    world.github.add_repository(_repository(world))


def _repository(world: World) -> str:
    return f"{OWNER}/web-{world.name}"


def _github(world: World, **github: str) -> None:
    path = f"/apis/aphex.io/v1alpha1/namespaces/platform-system/organizations/{world.name}"
    world.patch(path, {"spec": {"github": {"owner": OWNER, **github}}})


def _each_their_own(world: World) -> None:
    _github(world, webhook="repositories")


def _one_for_all(world: World) -> None:
    _github(world, webhook="organization")


def _good(world: World) -> Args:
    return {
        "name": f"web-{world.name}",
        "aphex_org": world.name,
        "repo_org": OWNER,
        "repo_name": f"web-{world.name}",
        "wait": False,
        "pipeline_spec": pipeline(),
        "quota": {"requests_cpu": "0.5", "limits_cpu": "1500m", "limits_memory": "4Gi", "pods": 7},
    }


def _place(world: World) -> str:
    return f"namespaces/web-{world.name}"


def _meddle(world: World) -> None:
    """Somebody raises the quota, drops the isolation, gives the runner a role, and takes a guarded label off."""
    net, rbac = "/apis/networking.k8s.io/v1", "/apis/rbac.authorization.k8s.io/v1"
    world.patch(f"/api/v1/{_place(world)}/resourcequotas/tenant-quota", {"spec": {"hard": {"pods": "999"}}})
    world.api.delete(f"{net}/{_place(world)}/networkpolicies/tenant-isolation")
    world.api.delete(f"{rbac}/{_place(world)}/rolebindings/aphex-runner-standard")
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    world.patch(f"/api/v1/{_place(world)}", {"metadata": {"labels": labels}})


def _webhooks(world: World) -> list[dict[str, Any]]:
    return world.webhooks_of(f"/repos/{_repository(world)}")


def _switch_off(world: World) -> None:
    for webhook in _webhooks(world):
        world.ask_github("PATCH", f"/repos/{_repository(world)}/hooks/{webhook['id']}", {"active": False})


def _delete(world: World) -> None:
    for webhook in _webhooks(world):
        world.ask_github("DELETE", f"/repos/{_repository(world)}/hooks/{webhook['id']}")


def _keyless(world: World) -> None:
    """Another organization that wants webhooks of repositories, and has no secret to sign with."""
    namespace, resource = organization(f"keyless-{world.name}")
    resource["spec"]["github"] = {"owner": OWNER, "webhook": "repositories"}
    world.make(namespace, resource)


def _url(world: World) -> str:
    return f"https://{world.name}.{world.zone}"


def _foreign(world: World) -> None:
    world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"taken-{world.name}"}})


def _left(world: World) -> list[str]:
    org = f"/apis/triggers.tekton.dev/v1beta1/namespaces/org-{world.name}"
    paths = (
        f"/api/v1/{_place(world)}",
        f"/apis/aphex.io/v1alpha1/namespaces/platform-system/repobindings/web-{world.name}",
        f"{org}/triggers/web-{world.name}-trigger",
        f"{org}/triggertemplates/web-{world.name}-trigger-template",
        f"/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/web-{world.name}",
        f"/api/v1/namespaces/platform-system/configmaps/aphex-repobinding-web-{world.name}-inventory",
        f"/apis/coordination.k8s.io/v1/namespaces/platform-system/leases/aphex-repobinding-web-{world.name}",
    )
    return [path for path in paths if world.find(path)] + [item["config"]["url"] for item in _webhooks(world)]


CASE = Case(
    module="repo_binding",
    key="repo_binding",
    prepare=_prepare,
    good=_good,
    bad=(
        Bad("no organization", lambda world: {"aphex_org": None}, ("aphex_org",)),
        Bad("a pipeline name too long", lambda world: {"pipeline_name": "p" * 53}, ("53 characters", "52")),
        Bad("upper case", lambda world: {"pipeline_name": "Web"}, ("Web", "lower-case")),
        Bad("a reserved namespace", lambda world: {"pipeline_name": "kube-web"}, ("kube-web", "reserved")),
        Bad("another namespace", lambda world: {"namespace": "default"}, ("platform-system", "org-")),
        Bad("an owner that is none", lambda world: {"repo_org": "acme corp"}, ("acme corp", "GitHub owner")),
        Bad("a repository that is none", lambda world: {"repo_name": "acme/web"}, ("acme/web", "repository name")),
        Bad("a branch with quotes", lambda world: {"branches": ["main'||'a'=='a"]}, ("branch name",)),
        Bad("no address range", lambda world: {"egress": {"allow": [{"cidr": "lan"}]}}, ("lan", "egress.allow")),
        Bad("retention below nothing", lambda world: {"retention": {"failed": -1}}, ("retention.failed",)),
        Bad("no YAML", lambda world: {"pipeline_spec": "a: ["}, ("pipeline_spec", "line 2")),
        Bad("two documents", lambda world: {"pipeline_spec": pipeline() + "---\n" + pipeline()}, ("2 documents",)),
        Bad(
            "another kind",
            lambda world: {"pipeline_spec": pipeline(Pipeline="Pod")},
            ("pipeline_spec", "'Pod'", "not Pipeline"),
        ),
        Bad(
            "an older version",
            lambda world: {"pipeline_spec": pipeline(**{"tekton.dev/v1": "tekton.dev/v1beta1"})},
            ("v1beta1", "not tekton.dev/v1"),
        ),
        Bad("no tasks", lambda world: {"pipeline_spec": pipeline(tasks="steps")}, ("no tasks",)),
        Bad(
            "anchors",
            lambda world: {"pipeline_spec": pipeline(type="&anchor type")},
            ("anchors and aliases", "line 8"),
        ),
        Bad("1 MiB", lambda world: {"pipeline_spec": pipeline() + "#" * 2**20}, ("bytes", "98304")),
        Bad(
            "an organization that is not there",
            lambda world: {"aphex_org": "nobody"},
            ("nobody", "not there", "onboard"),
            looks=True,
        ),
        Bad("an owner that nobody approved", lambda world: {"repo_org": "evil"}, ("evil", "not approved"), looks=True),
        Bad(
            "no credentials for GitHub",
            lambda world: {"github_token": ""},
            ("github_token", "GITHUB_TOKEN"),
            looks=True,
        ),
        Bad(
            "an organization without a webhook secret",
            lambda world: {"aphex_org": f"keyless-{world.name}"},
            ("org-keyless-", "github-webhook-secret", "not there", "Onboard"),
            looks=True,
            prepare=_keyless,
        ),
        Bad(
            "somebody else's namespace",
            lambda world: {"pipeline_name": f"taken-{world.name}"},
            ("taken-", "not ours"),
            looks=True,
            prepare=_foreign,
        ),
    ),
    left=_left,
    drifts=(
        Drift(
            "meddling with everything",
            _meddle,
            lambda world: ("999", "tenant-isolation", "aphex-runner-standard", "privileged"),
        ),
        Drift("the webhook is switched off", _switch_off, lambda world: ("active",)),
        Drift("the webhook is deleted", _delete, lambda world: (_url(world), "fingerprint")),
        Drift("one webhook for all from now on", _one_for_all, lambda world: (_url(world), "push")),
        Drift("a webhook for each again", _each_their_own, lambda world: (_url(world), "fingerprint")),
    ),
    update=lambda world: {"branches": ["release/1.2"], "permission_profile": "elevated"},
    update_shows=lambda world: ("release/1.2", "aphex-runner-elevated", "aphex-runner-standard"),
    absent=lambda world: {"state": "absent"},
)
