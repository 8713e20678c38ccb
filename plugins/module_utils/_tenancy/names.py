# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fixed name, label and reserved word of tenancy, and every name that is derived from another.

In: names of organizations and pipelines. Out: names of objects. Never here: a check against the cluster.
"""

from __future__ import annotations

import re

from .._core.failure import invalid
from .._core.names import LABEL_MAX, check_label, short_hash
from .._kubernetes import objects
from .._kubernetes.objects import LABEL_PREFIX, ObjectKey

GROUP = "aphex.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
ORGANIZATION = "Organization"
REPO_BINDING = "RepoBinding"
KNOWLEDGE_BASE = "KnowledgeBase"

FINALIZER = LABEL_PREFIX + "finalizer"
MANAGER_SPEC = "aphex.platform/spec"
MANAGER_OBJECTS = "aphex.platform/objects"
MANAGER_STATUS = "aphex.platform/status"

LABEL_ORGANIZATION = LABEL_PREFIX + "organization"
LABEL_PIPELINE = LABEL_PREFIX + "pipeline"
SECRET_STORE_SELECTOR = "aphex.dev/org"
REPOSITORY = LABEL_PREFIX + "repository"
RETAINED = LABEL_PREFIX + "retained-for"
CHECKSUM = LABEL_PREFIX + "checksum"
SYNC_OPTIONS, COMPARE_OPTIONS = objects.SYNC_OPTIONS, objects.COMPARE_OPTIONS
KEPT_BY_ARGO_CD = objects.KEPT_BY_ARGO_CD
# In a tree that is ours, a tenant leaves when its file does, though never with Argo CD's application of it.
LEAVES_WITH_ITS_FILE = {SYNC_OPTIONS: "Delete=false"}
TENANTS_FOLDER = "tenants"

PLATFORM_NAMESPACE = "platform-system"
SETTINGS = "aphex-platform"
CONTROLLER_LEASE = "aphex-controller"

WEBHOOK_SECRET = "github-webhook-secret"
WEBHOOK_KEY = "secret"
WEBHOOK_KEY_PREVIOUS = "secret-previous"
ORG_SECRETS = "org-secrets"
LISTENER = "github-listener"
LISTENER_SERVICE = "el-github-listener"
LISTENER_PORT = 8080
LISTENER_ACCOUNT = "eventlistener"
STORE_ACCOUNT = "eso-secrets-reader"
PUSH_BINDING = "github-push-binding"
PING = "github-ping"
TUNNEL_SECRET = "cloudflared-tunnel-secret"
TUNNEL_CONFIG = "cloudflared-config"
RUNNER = "pipeline-runner"
DEPLOYER = "deployer"
DISPATCHER = "run-pipeline-v1"
QUOTA = "tenant-quota"
LIMITS = "tenant-limits"
ISOLATION = "tenant-isolation"
TERRAFORM_BACKEND = "terraform-backend-config"
PRUNER_CONFIG = "tekton-pruner-namespace-spec"

ROLE_RUNNER = {"standard": "aphex-runner-standard", "elevated": "aphex-runner-elevated"}
ROLE_ORG_ADMIN = "aphex-org-admin"
ROLE_LISTENER = "aphex-listener"
ROLE_LISTENER_RUN = "aphex-listener-run"
ROLE_SECRETS_READER = "aphex-org-secrets-reader"
ROLE_DEPLOYER = "aphex-deployer"

ORGANIZATION_LONGEST = 59  # org-<name> is a namespace of at most 63 characters (B25)
PIPELINE_LONGEST = 52  # <name>-trigger is a label value, and run names are longer still (P14)

# Public hosts of the platform itself; an organization of that name would take them over (B25).
RESERVED_HOSTS = frozenset({"aphex", "argocd", "auth", "dex", "tekton", "www"})
# Namespaces that no tenant may claim: equal to, or beginning with one of these and a hyphen (S7).
RESERVED_NAMESPACES = (
    "argocd", "auth-system", "aphex", "cert-manager", "default", "external-dns", "external-secrets", "flux-system",
    "gpu-operator", "ingress-nginx", "ingress-system", "kong-system", "kube", "kube-node-lease", "kube-public",
    "kube-system", "monitoring", "org", "pipeline-catalog", "pipeline-system", "platform-system", "storage-system",
    "tekton-dashboard", "tekton-pipelines", "tekton-pipelines-resolvers", "traefik",
)  # fmt: skip

_OWNER = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9]|-(?=[a-zA-Z0-9])){0,38}")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}")
_BRANCH = re.compile(r"[A-Za-z0-9._/-]{1,200}")
_NO_GIT_BRANCH = re.compile(r"[\s~^:?*\[\\]|\.\.|@\{|//|^[/.]|[/.]$|\.lock$")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_GITHUB = "https://github.com/"


def check_organization(name: str) -> str:
    """Return a legal organization name, or raise Failure(invalid)."""
    check_label("The organization name", name, ORGANIZATION_LONGEST)
    if name in RESERVED_HOSTS:
        raise invalid(f"The organization name {name!r}", "it is reserved for a host of the platform", "Choose another")
    return name


def check_pipeline(name: str, reserved: tuple[str, ...] = RESERVED_NAMESPACES) -> str:
    """Return a legal pipeline name, which is a namespace's name too, or raise Failure(invalid)."""
    check_label("The pipeline name", name, PIPELINE_LONGEST)
    for word in reserved:
        if name == word or name.startswith(word + "-"):
            raise invalid(
                f"The pipeline name {name!r}", f"namespaces {word} and {word}-* are reserved", "Choose another"
            )
    return name


def check_owner(name: str) -> str:
    """Return a legal GitHub owner, or raise Failure(invalid)."""
    if not _OWNER.fullmatch(name):
        raise invalid(
            f"The GitHub owner {name[:80]!r}",
            "at most 39 letters, digits and single inner hyphens are allowed",
            "Copy it from the address of the repository",
        )
    return name


def check_repository(name: str) -> str:
    """Return a legal GitHub repository name, or raise Failure(invalid)."""
    if not _REPOSITORY.fullmatch(name) or name in (".", "..") or name.endswith(".git"):
        raise invalid(
            f"The repository name {name[:80]!r}",
            "at most 100 letters, digits, dots, hyphens and underscores are allowed",
            "Give the name without its owner and without .git",
        )
    return name


def check_branch(name: str) -> str:
    """Return a branch name that may stand in a filter, or raise Failure(invalid) (P14)."""
    if name.startswith("refs/"):
        raise invalid(f"The branch name {name[:80]!r}", "it is a whole ref", "Write it without refs/heads/")
    if not _BRANCH.fullmatch(name) or name.startswith(("/", "-")) or name.endswith(("/", ".lock")) or ".." in name:
        raise invalid(
            f"The branch name {name[:80]!r}",
            "only letters, digits and the characters . _ / - are allowed",
            "Rename the branch, or leave it out",
        )
    return name


def check_git_branch(name: str) -> str:
    """Return a branch name that Git allows, or raise Failure(invalid); it never stands in a filter."""
    if not 1 <= len(name) <= 200 or not name.isprintable() or _NO_GIT_BRANCH.search(name):
        raise invalid(f"The branch name {name[:80]!r}", "Git does not allow it", "Write it as main or release/1.2")
    return name


def check_email(address: str) -> str:
    """Return a plausible e-mail address, or raise Failure(invalid)."""
    if len(address) > 254 or not _EMAIL.fullmatch(address) or ".." in address:
        raise invalid(f"The e-mail address {address[:80]!r}", "it is no e-mail address", "Write it as name@example.org")
    return address


def check_github_url(url: str) -> str:
    """Return the address of a GitHub repository, or raise Failure(invalid)."""
    owner, _slash, repository = url.removeprefix(_GITHUB).removesuffix("/").partition("/")
    if not url.startswith(_GITHUB) or not _OWNER.fullmatch(owner) or not _REPOSITORY.fullmatch(repository):
        raise invalid(
            f"The repository {url[:120]!r}",
            "it is no address of a repository at GitHub",
            "Write it as https://github.com/owner/name",
        )
    return url


def organization_namespace(organization: str) -> str:
    """Return the namespace of an organization."""
    return f"org-{organization}"


def organization_key(name: str, namespace: str = PLATFORM_NAMESPACE) -> ObjectKey:
    """Return the key of an Organization."""
    return ObjectKey(API_VERSION, ORGANIZATION, namespace, name)


def tunnel_name(organization: str) -> str:
    """Return the name of an organization's tunnel at Cloudflare."""
    return f"webhooks-{organization}"


def connector_name(organization: str) -> str:
    """Return the name of the connector's Deployment."""
    return f"cloudflared-{organization}"


def credentials_name(organization: str) -> str:
    """Return the name of the Secret with the tunnel's credentials."""
    return f"cloudflared-credentials-{organization}"


def store_name(organization: str) -> str:
    """Return the name of an organization's ClusterSecretStore."""
    return f"org-{organization}-store"


def admin_binding(address: str) -> str:
    """Return the name of an admin's RoleBinding; an e-mail address is no legal name, its digest is (B26)."""
    return f"organization-admin-{short_hash(address.lower())}"


def trigger_name(pipeline: str) -> str:
    """Return the name of a binding's Trigger."""
    return f"{pipeline}-trigger"


def template_name(pipeline: str) -> str:
    """Return the name of a binding's TriggerTemplate; Tekton's webhook takes no longer one than a label (P13).

    The short form has an ending of its own: another one could be the long form of another pipeline.
    """
    name = f"{pipeline}-trigger-template"
    return name if len(name) <= LABEL_MAX else f"{pipeline}-push"


def repositories_name(knowledge_base: str) -> str:
    """Return the name of the ConfigMap that lists a knowledge base's repositories."""
    return f"{knowledge_base}-repos"


def server_name(knowledge_base: str) -> str:
    """Return the name of a knowledge base's server: its Deployment and its Service."""
    return f"mcp-server-{knowledge_base}"


def tenant_lease(kind: str, name: str) -> str:
    """Return the name of the Lease that makes a tenant's writers take turns."""
    return f"aphex-{kind.lower()}-{name}"


def inventory_name(kind: str, name: str) -> str:
    """Return the name of the ConfigMap that records what a tenant consists of."""
    return f"aphex-{kind.lower()}-{name}-inventory"
