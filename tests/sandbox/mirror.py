"""A mirror folder for a machine without internet, in the product's own format.

In: a folder. Out: the releases that the platform's parts take, and a digest for each image. What other projects keep in
their repositories is the real text, read from their Go modules, whose sums Go checks. What exists only as an asset of
a release cannot be had here: a stand-in has that part's kinds, and the objects that the part's patches name. Never
here: a rule of the product.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox import build, crds
from tests.sandbox.crds import UPSTREAM, Definition

INDEX = "versions.lock.yaml"
_RAW = "https://raw.githubusercontent.com"
_REGISTRY = "registry.example.org"
_RELEASES = "https://github.com/{project}/releases/download/{version}/{file}"

Object = dict[str, Any]


class NotThere(RuntimeError):
    """A Go module could not be read; the text says why."""


@dataclass(frozen=True)
class FromModule:
    """A file of a project's repository, as its Go module has it."""

    url: str
    module: str
    path: str

    def text(self, upstream: Path) -> str:
        return (_module(self.module) / self.path).read_text(encoding="utf-8")


@dataclass(frozen=True)
class StandIn:
    """What a release has, as far as the part's patches name it.

    Kinds, namespaces, objects as `Kind/namespace/name`, with the name of its container if that is another one.
    """

    url: str
    namespaces: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    definitions: tuple[Definition, ...] = ()

    def text(self, upstream: Path) -> str:
        documents = [definition.text(upstream) for definition in self.definitions]
        made = [*map(_namespace, self.namespaces), *map(_object, self.objects)]
        return "---\n".join([*documents, *(yaml.safe_dump(item) for item in made)])


def make(folder: Path, upstream: Path = UPSTREAM) -> Path:
    """Fill the folder, unless it is filled already; returns it. Raises NotThere."""
    index = folder / INDEX
    rows: tuple[FromModule | StandIn, ...] = (*RELEASES, *STAND_INS)
    wanted = _digest(repr((rows, IMAGES, upstream.is_dir())))
    if index.is_file() and wanted in index.read_text(encoding="utf-8"):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    manifests: dict[str, Object] = {}
    for row in rows:
        text = row.text(upstream)
        name = f"{_digest(row.url)[:16]}.yaml"
        (folder / name).write_text(text, encoding="utf-8")
        manifests[row.url] = {"file": name, "sha256": _digest(text)}
    content = {"manifests": manifests, "images": {image: f"sha256:{_digest(image)}" for image in IMAGES}}
    index.write_text(f"# {wanted}\n" + yaml.safe_dump(content), encoding="utf-8")
    return folder


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _module(name: str) -> Path:
    """Where Go keeps a module; downloaded by Go when it is not there yet."""
    go = shutil.which("go")
    if go is None:
        raise NotThere(f"{name} is read by Go, and there is no `go` on the PATH")
    with tempfile.TemporaryDirectory() as folder:
        # Outside of any module, so that no go.mod of a checkout has a say.
        environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOWORK": "off"}
        command = [go, "mod", "download", "-json", name]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout) if done.stdout.strip() else {}
    if done.returncode or not found.get("Dir"):
        raise NotThere(f"{name}: {found.get('Error') or done.stderr.strip()}")
    return Path(found["Dir"])


# --- objects that patches change


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _object(described: str) -> Object:
    kind, namespace, name, *container = described.split("/")
    metadata = {"name": name, "namespace": namespace}
    if kind == "ConfigMap":
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    labels = {"app.kubernetes.io/name": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [_container(*container or [name])]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _container(name: str) -> Object:
    return {
        "name": name,
        "image": f"{_REGISTRY}/{name}:1.0.0",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


# --- what the parts take

_GATEWAY_API = "v1.3.0"
_TRAEFIK = "v3.5.3"
_ARGOCD = "v3.2.6"

RELEASES = (
    *(
        FromModule(
            f"{_RAW}/argoproj/argo-cd/{_ARGOCD}/manifests/{name}.yaml",
            f"github.com/argoproj/argo-cd/v3@{_ARGOCD}",
            f"manifests/{name}.yaml",
        )
        for name in ("install", "ha/install")
    ),
    FromModule(
        f"{_RAW}/traefik/traefik/{_TRAEFIK}/docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml",
        f"github.com/traefik/traefik/v3@{_TRAEFIK}",
        "docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml",
    ),
    *(
        FromModule(
            f"{_RAW}/kubernetes-sigs/gateway-api/{_GATEWAY_API}/config/crd/standard/gateway.networking.k8s.io_{kind}.yaml",
            f"sigs.k8s.io/gateway-api@{_GATEWAY_API}",
            f"config/crd/standard/gateway.networking.k8s.io_{kind}.yaml",
        )
        for kind in ("gatewayclasses", "gateways", "grpcroutes", "httproutes", "referencegrants")
    ),
)

_CERT_MANAGER = (
    Definition("cert-manager.io", ("v1",), "Certificate", "certificates", True, "cm-certificates.yaml"),
    Definition("cert-manager.io", ("v1",), "ClusterIssuer", "clusterissuers", False, "cm-clusterissuers.yaml"),
    Definition("cert-manager.io", ("v1",), "Issuer", "issuers", True, "cm-issuers.yaml"),
)


def _kinds_of(group: str) -> tuple[Definition, ...]:
    return tuple(definition for definition in crds.DEFINITIONS if definition.group == group)


_SECRETS = "external-secrets"
_TEKTON = "https://infra.tekton.dev/tekton-releases"
_PIPELINES, _RESOLVERS = "tekton-pipelines", "tekton-pipelines-resolvers"

STAND_INS: tuple[StandIn, ...] = (
    StandIn(
        _RELEASES.format(project="cert-manager/cert-manager", version="v1.18.2", file="cert-manager.yaml"),
        ("cert-manager",),
        (
            "Deployment/cert-manager/cert-manager",
            "Deployment/cert-manager/cert-manager-webhook",
            "Deployment/cert-manager/cert-manager-cainjector",
        ),
        _CERT_MANAGER,
    ),
    StandIn(
        _RELEASES.format(project=f"{_SECRETS}/{_SECRETS}", version="v2.5.0", file=f"{_SECRETS}.yaml"),
        (),
        (
            f"Deployment/default/{_SECRETS}",
            f"Deployment/default/{_SECRETS}-cert-controller/cert-controller",
            f"Deployment/default/{_SECRETS}-webhook/webhook",
        ),
        _kinds_of("external-secrets.io"),
    ),
    StandIn(
        f"{_TEKTON}/pipeline/previous/v1.6.0/release.yaml",
        (_PIPELINES, _RESOLVERS),
        (
            f"Deployment/{_PIPELINES}/tekton-pipelines-controller",
            f"Deployment/{_PIPELINES}/tekton-pipelines-webhook",
            f"Deployment/{_PIPELINES}/tekton-events-controller",
            f"Deployment/{_RESOLVERS}/tekton-pipelines-remote-resolvers",
            f"ConfigMap/{_PIPELINES}/config-defaults",
            f"ConfigMap/{_PIPELINES}/feature-flags",
            f"ConfigMap/{_RESOLVERS}/cluster-resolver-config",
            f"ConfigMap/{_RESOLVERS}/resolvers-feature-flags",
        ),
        _kinds_of("tekton.dev"),
    ),
    StandIn(
        f"{_TEKTON}/triggers/previous/v0.34.0/release.yaml",
        (),
        (
            f"Deployment/{_PIPELINES}/tekton-triggers-controller",
            f"Deployment/{_PIPELINES}/tekton-triggers-webhook",
            f"ConfigMap/{_PIPELINES}/config-logging-triggers",
        ),
        _kinds_of("triggers.tekton.dev"),
    ),
    StandIn(
        f"{_TEKTON}/triggers/previous/v0.34.0/interceptors.yaml",
        (),
        (f"Deployment/{_PIPELINES}/tekton-triggers-core-interceptors",),
    ),
    StandIn(
        f"{_TEKTON}/pruner/previous/v0.3.3/release.yaml",
        (),
        (
            f"Deployment/{_PIPELINES}/tekton-pruner-controller",
            f"ConfigMap/{_PIPELINES}/tekton-pruner-default-spec",
        ),
    ),
    StandIn(
        f"{_TEKTON}/dashboard/previous/v0.63.1/release.yaml",
        (),
        (f"Deployment/{_PIPELINES}/tekton-dashboard",),
    ),
)


def _images() -> Iterator[str]:
    """The images of the stand-ins, of the releases, and of the parts themselves."""
    for row in STAND_INS:
        for described in row.objects:
            kind, _namespace_of, *names = described.split("/")
            if kind != "ConfigMap":
                yield f"{_REGISTRY}/{names[-1]}:1.0.0"
    yield from (
        f"quay.io/argoproj/argocd:{_ARGOCD}",
        "ghcr.io/dexidp/dex:v2.45.1",
        "ghcr.io/getsops/sops:v3.13.3-alpine",
        "public.ecr.aws/docker/library/redis:8.2.2-alpine",
        "docker.io/cloudflare/cloudflared:2026.9.1",
        f"docker.io/library/traefik:{_TRAEFIK}",
        "quay.io/oauth2-proxy/oauth2-proxy:v7.15.2",
        "docker.io/alpine/git:v2.49.1",
        "docker.io/alpine/k8s:1.34.1",
        "docker.io/alpine/helm:3.18.4",
        "quay.io/buildah/stable:v1.43.0",
        "ghcr.io/goauthentik/server:2026.8.3",
        "docker.io/library/postgres:17.6-alpine",
    )


IMAGES = tuple(_images())


def cache() -> Path:
    """Where the mirror of this user lies, beside the programs."""
    return build.cache_folder().parent / "mirror"
