# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of what stands between a tunnel and the Receivers: Ingress, IngressRoute, HTTPRoute, external-dns.

In: Manifests. Out: what is wrong, a function a fault. Never here: a request.
"""

from __future__ import annotations

import re
import typing as t

from ..manifests import Manifest, Manifests, mapping, mappings
from . import tunnel
from .nginx import ANNOTATIONS as KNOWN
from .rule import Rule, Seen, declared

RULES: list[Rule] = []
RECEIVER_SERVICE = tunnel.RECEIVER_SERVICE
NGINX = "nginx.ingress.kubernetes.io/"
CLASS = "kubernetes.io/ingress.class"
OLD_DNS, NEW_DNS = "external-dns.alpha.kubernetes.io/", "external-dns.kubernetes.io/"
LARGEST_BODY = 3 * 1024 * 1024
TUNNEL_DOMAIN = ".cfargotunnel.com"
_SIZE = re.compile(r"(\d+)([kmg]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
# Networks that GitHub has long had; whoever writes them down does not read them from its API.
_GITHUB_NETWORKS = ("192.30.252.0/22", "185.199.108.0/22", "140.82.112.0/20", "143.55.64.0/20")
_LIMITS = ("limit-rpm", "limit-rps", "limit-connections", "limit-rate")


class Backend(t.NamedTuple):
    """Where a route sends a path."""

    item: Manifest
    path: str
    name: str
    port: t.Any


def backends(manifests: Manifests) -> t.Iterator[Backend]:
    """Yield every way to a Service of Receivers."""
    found = [*_of_ingresses(manifests), *_of_http_routes(manifests), *_of_ingress_routes(manifests)]
    yield from (backend for backend in found if backend.name == RECEIVER_SERVICE)


def _of_ingresses(manifests: Manifests) -> t.Iterator[Backend]:
    for item in manifests.of("Ingress"):
        for rule in mappings(item.spec.get("rules")):
            for path in mappings(mapping(rule.get("http")).get("paths")):
                service = mapping(mapping(path.get("backend")).get("service"))
                port = mapping(service.get("port"))
                number = port.get("number", port.get("name"))
                yield Backend(item, str(path.get("path") or ""), str(service.get("name")), number)


def _of_http_routes(manifests: Manifests) -> t.Iterator[Backend]:
    for item in manifests.of("HTTPRoute"):
        for rule in mappings(item.spec.get("rules")):
            matches = mappings(rule.get("matches")) or [{}]
            for reference in mappings(rule.get("backendRefs")):
                path = mapping(matches[0].get("path")).get("value")
                yield Backend(item, str(path or ""), str(reference.get("name")), reference.get("port"))


def _of_ingress_routes(manifests: Manifests) -> t.Iterator[Backend]:
    for item in manifests.of("IngressRoute"):
        for route in mappings(item.spec.get("routes")):
            path = re.search(r"Path(?:Prefix|Regexp)?\(`([^`]*)`\)", str(route.get("match") or ""))
            for service in mappings(route.get("services")):
                yield Backend(item, path.group(1) if path else "", str(service.get("name")), service.get("port"))


def _routes(manifests: Manifests) -> list[Manifest]:
    """Return the routes that lead to Receivers, each once."""
    found: dict[str, Manifest] = {}
    for backend in backends(manifests):
        found.setdefault(backend.item.subject, backend.item)
    return list(found.values())


def _ingresses(manifests: Manifests) -> list[Manifest]:
    return [item for item in _routes(manifests) if item.kind == "Ingress"]


def _hosts(item: Manifest) -> set[str]:
    own = {str(rule.get("host")) for rule in mappings(item.spec.get("rules")) if rule.get("host")}
    listed = item.spec.get("hostnames")
    return own | ({str(name) for name in listed} if isinstance(listed, list) else set())


@declared(
    RULES, "A1", "error", "receiver", "Let /hook/ through as a prefix; the rest is the digest of status.webhookPath"
)
def path_names_the_receiver(manifests: Manifests) -> Seen:
    """A path with the Receiver's name: Flux serves a digest and nothing else."""
    for backend in backends(manifests):
        rest = backend.path.partition("/hook/")[2]
        if rest and not re.search(r"[0-9a-f]{64}|\[0-9a-f\]", rest):
            yield backend.item, f"the path {backend.path} is none that Flux serves"


@declared(RULES, "A2", "error", "origin", "Write port 80, or its name http; 9292 is the container's")
def backend_has_the_containers_port(manifests: Manifests) -> Seen:
    """The container's port in place of the Service's: no endpoints, and a 503."""
    for backend in backends(manifests):
        if backend.port not in (80, "80", "http"):
            yield backend.item, f"Service {RECEIVER_SERVICE} has no port {backend.port}"


@declared(RULES, "A4", "error", "origin", "Leave the snippet out: headers for browsers do nothing for a machine")
def snippet_is_refused(manifests: Manifests) -> Seen:
    """ingress-nginx refuses the whole Ingress for a snippet."""
    for item in manifests.of("Ingress"):
        for name in item.annotations:
            if name.startswith(NGINX) and name.endswith("-snippet"):
                yield item, f"{name} is off by default, and its admission refuses the whole Ingress"


@declared(RULES, "A5", "error", "origin", "Keep spec.ingressClassName alone")
def class_stands_twice(manifests: Manifests) -> Seen:
    """The class as annotation and as field."""
    for item in manifests.of("Ingress"):
        if CLASS in item.annotations:
            both = (
                "beside spec.ingressClassName: servers refuse it" if item.spec.get("ingressClassName") else "deprecated"
            )
            yield item, f"the annotation {CLASS} stands there, {both}"


def _dns(item: Manifest, name: str) -> str:
    """Return an annotation of external-dns under either prefix."""
    return item.annotations.get(OLD_DNS + name) or item.annotations.get(NEW_DNS + name) or ""


def _published(manifests: Manifests) -> list[Manifest]:
    return [item for item in _routes(manifests) if _dns(item, "hostname") or _dns(item, "target")]


@declared(RULES, "A6", "error", "name", 'Add target: <tunnel id>.cfargotunnel.com and cloudflare-proxied: "true"')
def record_leads_elsewhere(manifests: Manifests) -> Seen:
    """Without a target external-dns publishes the address of the controller, not the tunnel."""
    through = tunnel.hosts(manifests)
    for item in _published(manifests):
        # The target of a Gateway's routes stands on the Gateway.
        if item.kind == "HTTPRoute" or not (through & _hosts(item) or _dns(item, "hostname") in through):
            continue
        target = _dns(item, "target")
        if not target.endswith(TUNNEL_DOMAIN):
            yield item, f"the record would lead to {target or 'the address of the controller'}, not to the tunnel"
        elif _dns(item, "cloudflare-proxied") != "true":
            yield item, "the record is not proxied, and works only so"


@declared(RULES, "A7", "warning", "name", "Write both prefixes, or the one of your version: 0.22 changed it")
def prefix_is_not_read(manifests: Manifests) -> Seen:
    """external-dns 0.22 reads another prefix, with no way back to the old one."""
    for item in [*_published(manifests), *manifests.of("Gateway")]:
        old = {name.removeprefix(OLD_DNS) for name in item.annotations if name.startswith(OLD_DNS)}
        new = {name.removeprefix(NEW_DNS) for name in item.annotations if name.startswith(NEW_DNS)}
        if old - new and _reads_new(manifests) is not False:
            yield item, f"{OLD_DNS}{min(old - new)} is not read from 0.22 on"
        if new - old and _reads_new(manifests) is not True:
            yield item, f"{NEW_DNS}{min(new - old)} is not read before 0.22"


def _reads_new(manifests: Manifests) -> bool | None:
    """Tell whether the version in use reads the new prefix; None when it is not known."""
    numbers = [int(part) for part in re.findall(r"\d+", manifests.external_dns)[:2]]
    return tuple(numbers) >= (0, 22) if len(numbers) == 2 else None


@declared(RULES, "A8", "error", "origin", "Take the annotation's real name, or leave it out")
def annotation_is_made_up(manifests: Manifests) -> Seen:
    """ingress-nginx says nothing of an annotation that it does not know."""
    for item in manifests.of("Ingress"):
        for name in item.annotations:
            if name.startswith(NGINX) and name.removeprefix(NGINX) not in KNOWN:
                yield item, f"ingress-nginx has no annotation {name}"


@declared(RULES, "A15", "warning", "origin", "Send from the tunnel to the Service; or use Gateway API or Traefik")
def controller_is_retired(manifests: Manifests) -> Seen:
    """ingress-nginx gets no fixes any more since March 2026."""
    for item in _ingresses(manifests):
        name = str(item.spec.get("ingressClassName") or item.annotations.get(CLASS) or "")
        if "nginx" in name or any(key.startswith(NGINX) for key in item.annotations):
            yield item, "it is for ingress-nginx, which is retired"


@declared(RULES, "A19", "warning", "origin", "Leave limits out: GitHub does not repeat what they refuse")
def limit_loses_pushes(manifests: Manifests) -> Seen:
    """Behind a tunnel every delivery has one address, so a limit for each is one for all."""
    for item in _ingresses(manifests):
        for name in item.annotations:
            if name.startswith(NGINX) and name.removeprefix(NGINX).startswith(_LIMITS):
                yield item, f"{name} counts all senders as one"
    for item, middleware in _middlewares(manifests):
        if "rateLimit" in middleware.spec or "inFlightReq" in middleware.spec:
            yield item, f"middleware {middleware.name} counts all senders as one"


def _middlewares(manifests: Manifests) -> t.Iterator[tuple[Manifest, Manifest]]:
    """Yield the IngressRoutes to Receivers with each of their middlewares."""
    for item in _routes(manifests):
        for route in mappings(item.spec.get("routes")):
            for reference in mappings(route.get("middlewares")):
                namespace = str(reference.get("namespace") or item.namespace)
                found = manifests.find("Middleware", namespace, str(reference.get("name")))
                if found:
                    yield item, found


@declared(
    RULES, "A20", "warning", "edge", "Leave certificate and TLS out: the sender sees the edge's certificate alone"
)
def certificate_is_never_seen(manifests: Manifests) -> Seen:
    """Behind a tunnel TLS ends at the edge, so a certificate of our own pins and proves nothing."""
    through = tunnel.hosts(manifests)
    for item in _routes(manifests):
        issuer = [name for name in item.annotations if name.startswith("cert-manager.io/")]
        if issuer and through & _hosts(item):
            yield item, f"{issuer[0]} gets a certificate that only the connector sees"


@declared(RULES, "A21", "warning", "origin", "Allow 3m: Flux itself takes no more")
def body_is_cut(manifests: Manifests) -> Seen:
    """A smaller limit than Flux's own loses large pushes with 413."""
    for item in _ingresses(manifests):
        text = item.annotations.get(NGINX + "proxy-body-size", "")
        found = _SIZE.fullmatch(text)
        size = int(found.group(1)) * _UNITS[found.group(2).lower()] if found else 0
        if 0 < size < LARGEST_BODY:
            yield item, f"proxy-body-size {text} is less than Flux takes"
    for item, middleware in _middlewares(manifests):
        limit = mapping(middleware.spec.get("buffering")).get("maxRequestBodyBytes")
        if isinstance(limit, int) and 0 < limit < LARGEST_BODY:
            yield item, f"middleware {middleware.name} allows {limit} bytes, less than Flux takes"


@declared(
    RULES, "A29", "warning", "edge", "Read the networks from GitHub's API on a schedule, or rely on the signature"
)
def networks_are_written_down(manifests: Manifests) -> Seen:
    """GitHub's networks change."""
    for item in [*_routes(manifests), *manifests.of("Middleware", "NetworkPolicy")]:
        text = str([item.annotations, item.spec])
        for network in _GITHUB_NETWORKS:
            if network in text:
                yield item, f"{network} is one of GitHub's, which change"
                break


@declared(
    RULES,
    "A31",
    "warning",
    "origin",
    "Use DNS-01, or a NetworkPolicy for the solver's pods; better no certificate here",
)
def solver_is_cut_off(manifests: Manifests) -> Seen:
    """Flux's policies keep everybody from the pods that solve an HTTP-01 challenge."""
    opened = {
        item.namespace
        for item in manifests.of("NetworkPolicy")
        if "acme.cert-manager.io/http01-solver" in str(item.spec.get("podSelector"))
    }
    for item in _ingresses(manifests):
        issued = any(name.startswith("cert-manager.io/") for name in item.annotations)
        if issued and item.namespace not in opened:
            yield item, f"in {item.namespace} no policy lets a challenge by HTTP-01 reach its solver"
