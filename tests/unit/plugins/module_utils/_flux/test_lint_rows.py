"""Rows of docs/faults.md that lint finds: each is wrong as it was written, and right as we write it."""

from __future__ import annotations

from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._flux.lint import lint
from ansible_collections.aphex.platform.plugins.module_utils._flux.manifests import Manifest, Manifests
from tests.unit.plugins.module_utils._flux.correct import TUNNEL, Object, config, correct

SERVICE = "webhook-receiver.flux-system.svc.cluster.local"
NGINX = "nginx.ingress.kubernetes.io/"


def found(identity: str, *more: Object, **changes: Any) -> list[str]:
    """What lint says of that row about the correct set with further objects and changed ones."""
    objects = {**correct(), **changes, **{f"more{number}": obj for number, obj in enumerate(more)}}
    items = tuple(Manifest(obj, word) for word, obj in objects.items())
    return [finding.said for finding in lint(Manifests(items, zone="example.org")) if finding.id == identity]


def rule(service: str, host: str = "a.example.org", **more: Any) -> Object:
    """A configuration of cloudflared with one rule that leads to a service."""
    made = {"hostname": host, "service": service, **more}
    return config(f"- {made}\n- service: http_status:404")


def spec(word: str, **fields: Any) -> dict[str, Object]:
    """The object of that word, with these fields in its spec."""
    obj = correct()[word]
    obj["spec"].update(fields)
    return {word: obj}


def annotated(name: str, value: str = "x") -> dict[str, Object]:
    """The Ingress, with an annotation more."""
    obj = correct()["ingress"]
    obj["metadata"]["annotations"][name] = value
    return {"ingress": obj}


def without(*endings: str) -> dict[str, Object]:
    """The Ingress with a host for external-dns, and without its annotations of these endings."""
    obj = annotated("external-dns.kubernetes.io/hostname", "flux.example.org")["ingress"]
    kept = {name: text for name, text in obj["metadata"]["annotations"].items() if not name.endswith(endings)}
    obj["metadata"]["annotations"] = kept
    return {"ingress": obj}


def alert(expression: str) -> Object:
    """Rules with one alert."""
    group = {"name": "more", "rules": [{"alert": "Any", "expr": expression}]}
    return made("PrometheusRule", "more", spec={"groups": [group]})


def made(kind: str, name: str, **fields: Any) -> Object:
    return {"kind": kind, "metadata": {"name": name, "namespace": "flux-system"}, **fields}


def port(number: int) -> dict[str, Object]:
    """The Ingress, with another port of the Service."""
    obj = correct()["ingress"]
    obj["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] = {"number": number}
    return {"ingress": obj}


def test_A2_the_port_is_the_services_and_not_the_containers() -> None:
    assert found("A2", rule(f"http://{SERVICE}:9292"))
    assert found("A2", **port(9292))
    assert not found("A2", rule(f"http://{SERVICE}:80"), **port(80))


def test_A3_the_way_from_the_connector_is_plain_or_names_its_server() -> None:
    assert found("A3", rule(f"https://{SERVICE}:443", originRequest={"httpHostHeader": "flux.example.org"}))
    assert not found("A3", rule(f"https://{SERVICE}:443", originRequest={"originServerName": "flux.example.org"}))
    assert not found("A3", rule(f"http://{SERVICE}:80"))


def test_A4_there_is_no_snippet() -> None:
    assert found("A4", **annotated(NGINX + "configuration-snippet"))
    assert not found("A4", **annotated(NGINX + "proxy-read-timeout", "30"))


def test_A5_the_class_stands_once() -> None:
    assert found("A5", **annotated("kubernetes.io/ingress.class", "traefik"))
    assert not found("A5", **spec("ingress", ingressClassName="traefik"))


def test_A6_the_record_leads_to_the_tunnel_and_is_proxied() -> None:
    assert found("A6", **without("/target"))
    assert found("A6", **without("/cloudflare-proxied"))
    assert not found("A6", **without("/nothing"))


def test_A8_every_annotation_is_known_to_its_reader() -> None:
    assert found("A8", **annotated(NGINX + "rate-limit", "10"))
    assert not found("A8", **annotated(NGINX + "proxy-body-size", "3m"))


def test_A9_the_monitor_selects_pods() -> None:
    monitored = {
        "selector": {"matchLabels": {"app": "notification-controller"}},
        "endpoints": [{"port": "http-prom"}],
    }
    assert found("A9", made("ServiceMonitor", "more", spec=monitored))
    assert not found("A9", made("PodMonitor", "more", spec=monitored))


def test_A11_the_job_is_the_monitors_and_its_absence_counts() -> None:
    named, ours = 'up{job="flux-system-notification-controller"}', 'up{job="monitoring/flux"}'
    assert found("A11", alert(f"{named} == 0 or absent({named})"))
    assert found("A11", alert(f"{ours} == 0"))
    assert not found("A11", alert(f"{ours} == 0 or absent({ours})"))


def test_A13_an_alert_names_sources() -> None:
    assert found("A13", **spec("alert", eventSources=[{"kind": "Receiver", "name": "apps"}]))
    assert not found("A13", **spec("alert", eventSources=[{"kind": "OCIRepository", "name": "apps"}]))


def test_A14_an_alert_has_its_provider_and_no_field_that_is_going_away() -> None:
    assert found("A14", **spec("alert", providerRef={"name": "gone"}))
    assert found("A14", **spec("alert", summary="text"))
    assert not found("A14", **spec("alert", eventMetadata={"summary": "text"}))


def test_A15_the_controller_is_not_a_retired_one() -> None:
    assert found("A15", **spec("ingress", ingressClassName="nginx"))
    assert not found("A15", **spec("ingress", ingressClassName="traefik"))


def test_A19_nothing_limits_deliveries() -> None:
    assert found("A19", **annotated(NGINX + "limit-rpm", "10"))
    limited = correct()["middleware"]
    limited["spec"] = {"rateLimit": {"average": 10}}
    assert found("A19", middleware=limited)
    assert not found("A19", middleware=correct()["middleware"])


def test_A20_no_certificate_stands_behind_the_tunnel() -> None:
    assert found("A20", **annotated("cert-manager.io/cluster-issuer"))
    assert not found("A20", rule(f"http://{SERVICE}:80"))


def test_A21_a_body_may_be_as_large_as_flux_takes_it() -> None:
    limit = correct()["middleware"]
    limit["spec"]["buffering"]["maxRequestBodyBytes"] = 1_000_000
    assert found("A21", middleware=limit)
    assert found("A21", **annotated(NGINX + "proxy-body-size", "1m"))
    assert not found("A21", **annotated(NGINX + "proxy-body-size", "3m"))


def test_A23_a_changed_configuration_restarts_the_connectors() -> None:
    unchecked = correct()["connector"]
    unchecked["spec"]["template"]["metadata"] = {}
    assert found("A23", connector=unchecked)
    assert not found("A23", connector=correct()["connector"])


def test_A24_a_receiver_has_no_account_of_its_own() -> None:
    assert found("A24", made("ServiceAccount", "webhook"))
    assert not found("A24", made("ServiceAccount", "notification-controller"))


def test_A27_there_is_one_notification_controller() -> None:
    assert found("A27", made("Deployment", "notification-controller", spec={"replicas": 2}))
    assert not found("A27", made("Deployment", "notification-controller", spec={"replicas": 1}))


def test_A29_no_network_of_github_is_written_down() -> None:
    def admits(network: str) -> Object:
        return made("NetworkPolicy", "more", spec={"ingress": [{"from": [{"ipBlock": {"cidr": network}}]}]})

    assert found("A29", admits("192.30.252.0/22"))
    assert not found("A29", admits("10.0.0.0/8"))


def test_A31_no_challenge_waits_behind_fluxs_policies() -> None:
    solver = {"podSelector": {"matchLabels": {"acme.cert-manager.io/http01-solver": "true"}}}
    assert found("A31", **annotated("cert-manager.io/cluster-issuer"))
    assert not found("A31", made("NetworkPolicy", "more", spec=solver), **annotated("cert-manager.io/cluster-issuer"))


def test_A32_the_tunnel_is_named_by_its_uuid() -> None:
    def of(tunnel: str) -> Object:
        return config("- service: http_status:404", tunnel=tunnel)

    assert found("A32", of("home"))
    assert not found("A32", of(TUNNEL))


def test_A33_the_path_of_a_rule_is_anchored() -> None:
    assert found("A33", rule(f"http://{SERVICE}:80", path="/hook"))
    assert not found("A33", rule(f"http://{SERVICE}:80", path="^/hook/[0-9a-f]{64}$"))


def test_A35_the_host_is_one_label_below_the_zone() -> None:
    assert found("A35", rule(f"http://{SERVICE}:80", host="a.b.example.org"))
    assert not found("A35", rule(f"http://{SERVICE}:80", host="b.example.org"))


def test_A36_the_service_of_a_rule_is_there() -> None:
    assert found("A36", rule("http://gone.flux-system.svc.cluster.local:80"))
    assert not found("A36", rule(f"http://{SERVICE}:80"))
