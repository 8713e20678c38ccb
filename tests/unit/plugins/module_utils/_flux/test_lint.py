"""Every rule finds its fault, and a correct set shows none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._flux import lint as package
from ansible_collections.aphex.platform.plugins.module_utils._flux.lint import RULES, lint
from ansible_collections.aphex.platform.plugins.module_utils._flux.manifests import Manifest, Manifests, gather
from tests.unit.plugins.module_utils._flux.correct import TUNNEL, Object, config, correct

SEEDS = Path(__file__).resolve().parents[6] / "shared" / "seeds"
DIRECT = "http://webhook-receiver.flux-system.svc.cluster.local:80"
HTTPS = "https://gateway.flux-system.svc.cluster.local:443"

Spoil = Callable[[dict[str, Object]], Any]


def manifests(objects: dict[str, Object], **more: Any) -> Manifests:
    return Manifests(tuple(Manifest(obj, word) for word, obj in objects.items()), **{"zone": "example.org", **more})


def ids(objects: dict[str, Object], **more: Any) -> set[str]:
    return {finding.id for finding in lint(manifests(objects, **more))}


def test_a_correct_set_gives_none() -> None:
    assert lint(manifests(correct())) == []
    assert lint(manifests(correct(), complete=True)) == []


def rules(text: str, **more: Any) -> Spoil:
    """Put a configuration with these tunnel rules beside the others."""
    last = "\n- service: http_status:404"
    return lambda objects: objects.update(other=config(text + last, **more))


def spec(word: str, **fields: Any) -> Spoil:
    return lambda objects: objects[word]["spec"].update(fields)


def annotation(name: str, value: str = "x", word: str = "ingress") -> Spoil:
    return lambda objects: objects[word]["metadata"].setdefault("annotations", {}).update({name: value})


def added(kind: str, **fields: Any) -> Spoil:
    metadata = {"name": "webhook", "namespace": "flux-system", **fields.pop("metadata", {})}
    return lambda objects: objects.update(more={"kind": kind, "metadata": metadata, **fields})


def expression(text: str) -> Spoil:
    return lambda objects: objects["rules"]["spec"]["groups"].append({"rules": [{"alert": "Any", "expr": text}]})


def port(number: int) -> Spoil:
    def spoil(objects: dict[str, Object]) -> None:
        path = objects["ingress"]["spec"]["rules"][0]["http"]["paths"][0]
        path["backend"]["service"]["port"] = {"number": number}

    return spoil


def path(text: str) -> Spoil:
    return lambda objects: objects["ingress"]["spec"]["rules"][0]["http"]["paths"][0].update(path=text)


def token(text: str) -> Spoil:
    return lambda objects: objects["secret"].update(stringData={"token": text})


def without(word: str) -> Spoil:
    return lambda objects: objects.pop(word)


def unlabelled(objects: dict[str, Object]) -> None:
    objects["external"]["spec"] = {}


def unchecked(objects: dict[str, Object]) -> None:
    objects["connector"]["spec"]["template"]["metadata"] = {}


def of_another_tunnel(objects: dict[str, Object]) -> None:
    text = '{"TunnelID": "00000000-faa1-48a4-9e5c-02ac921467fa"}'
    metadata = {"name": "credentials", "namespace": "tunnel"}
    objects["more"] = {"kind": "Secret", "metadata": metadata, "stringData": {"credentials.json": text}}


def rate_limited(objects: dict[str, Object]) -> None:
    objects["middleware"]["spec"] = {"rateLimit": {"average": 10}}


def little_body(objects: dict[str, Object]) -> None:
    objects["middleware"]["spec"] = {"buffering": {"maxRequestBodyBytes": 1024}}


def untargeted(objects: dict[str, Object]) -> None:
    annotations = {f"external-dns.{infix}kubernetes.io/hostname": "flux.example.org" for infix in ("alpha.", "")}
    objects["ingress"]["metadata"]["annotations"] = annotations


def unproxied(objects: dict[str, Object]) -> None:
    for infix in ("alpha.", ""):
        objects["ingress"]["metadata"]["annotations"].pop(f"external-dns.{infix}kubernetes.io/cloudflare-proxied")


def old_prefix(objects: dict[str, Object]) -> None:
    annotations = objects["ingress"]["metadata"]["annotations"]
    for name in [name for name in annotations if name.startswith("external-dns.kubernetes.io")]:
        annotations.pop(name)


NGINX = "nginx.ingress.kubernetes.io/"
FAULTS: list[tuple[str, Spoil]] = [
    ("A1", path("/hook/flux-system")),
    ("A1", rules(f"- {{hostname: a.example.org, path: ^/hook/apps$, service: '{DIRECT}'}}")),
    ("A2", port(9292)),
    ("A2", rules(f"- {{hostname: a.example.org, service: '{DIRECT.replace(':80', ':9292')}'}}")),
    ("A3", rules(f"- {{hostname: a.example.org, service: '{HTTPS}'}}")),
    ("A3", rules(f"- {{hostname: a.example.org, service: '{HTTPS}', originRequest: {{noTLSVerify: true}}}}")),
    ("A4", annotation(NGINX + "configuration-snippet")),
    ("A5", annotation("kubernetes.io/ingress.class", "traefik")),
    ("A6", untargeted),
    ("A6", unproxied),
    ("A7", old_prefix),
    ("A8", annotation(NGINX + "rate-limit-window", "1m")),
    ("A8", annotation(NGINX + "global-rate-limit", "1")),
    (
        "A9",
        added(
            "ServiceMonitor",
            spec={
                "selector": {"matchLabels": {"app": "notification-controller"}},
                "endpoints": [{"port": "http-prom"}],
            },
        ),
    ),
    ("A10", expression("increase(gotk_webhook_receiver_requests_total[5m]) > 5")),
    ("A10", expression('gotk_receiver_http_requests_inflight{status_code="400"} > 1')),
    ("A11", expression('up{job="flux-system-notification-controller"} == 0 or absent(up)')),
    ("A11", expression('up{job="monitoring/flux"} == 0')),
    ("A12", expression('nginx_ingress_controller_requests{ingress="flux"} == 0')),
    ("A13", spec("alert", eventSources=[{"kind": "Receiver", "name": "apps"}])),
    ("A14", spec("alert", summary="text")),
    ("A14", without("provider")),
    ("A15", spec("ingress", ingressClassName="nginx-public")),
    ("A16", spec("receiver", resourceFilter=None)),
    ("A16", spec("receiver", events=["ping", "push", "pull_request"])),
    ("A17", spec("receiver", resources=[{"kind": "GitRepository", "name": "gone"}])),
    ("A18", spec("receiver", resourceFilter="req.ref == 'refs/heads/main'")),
    ("A19", annotation(NGINX + "limit-rpm", "10")),
    ("A19", rate_limited),
    ("A20", annotation("cert-manager.io/cluster-issuer")),
    ("A21", annotation(NGINX + "proxy-body-size", "1m")),
    ("A21", little_body),
    ("A22", unlabelled),
    ("A23", unchecked),
    ("A24", added("ServiceAccount")),
    ("A27", added("Deployment", metadata={"name": "notification-controller"}, spec={"replicas": 2})),
    ("A28", spec("receiver", suspend=True)),
    ("A29", annotation(NGINX + "allowlist-source-range", "192.30.252.0/22")),
    ("A31", annotation("cert-manager.io/cluster-issuer")),
    ("A32", rules(f"- {{hostname: a.example.org, service: '{DIRECT}'}}", tunnel="home")),
    ("A32", of_another_tunnel),
    ("A33", rules(f"- {{hostname: a.example.org, path: /hook, service: '{DIRECT}'}}")),
    ("A35", rules(f"- {{hostname: a.b.example.org, service: '{DIRECT}'}}")),
    ("A36", rules("- {hostname: a.example.org, service: 'http://gone.flux-system.svc.cluster.local:80'}")),
    ("A36", rules("- {hostname: a.example.org, service: 'http://ingress-nginx-public.web.svc.cluster.local:80'}")),
    ("A37", added("HorizontalPodAutoscaler", spec={"scaleTargetRef": {"name": "cloudflared"}})),
    ("R1", spec("receiver", events=["push"])),
    ("R2", spec("receiver", resources=[{"kind": "GitRepository", "name": "*"}])),
    ("R2", spec("receiver", resources=[{"kind": "HelmRelease", "name": "apps"}])),
    ("R2", spec("receiver", resources=[{"kind": "Receiver", "name": "apps"}])),
    ("R2", spec("receiver", resources=[{"kind": "GitRepository", "name": "apps", "matchLabels": {"a": "b"}}])),
    ("R3", spec("receiver", secretRef=None)),
    ("R3", spec("receiver", type="gitea")),
    ("R3", spec("receiver", type="generic-oidc")),
    ("R4", token("0123456789abcdef\n")),
    ("R4", token("")),
    ("T1", lambda objects: objects.update(other=config(f"- {{hostname: a.example.org, service: '{DIRECT}'}}"))),
    ("T1", rules(f"- service: '{DIRECT}'")),
    ("T2", rules(f"- {{hostname: a.example.org, service: '{DIRECT}', originRequest: {{noTLSverify: true}}}}")),
    ("T2", rules(f"- {{host: a.example.org, path: ^/a$, service: '{DIRECT}'}}")),
    ("T2", rules(f"- {{hostname: a.example.org, service: '{DIRECT}'}}", **{"proxy-dns": True})),
    ("T3", rules(f"- {{hostname: a.example.org, service: '{DIRECT}', originRequest: {{connectTimeout: 30}}}}")),
]


@pytest.mark.parametrize(("identity", "spoil"), FAULTS, ids=[f"{n}-{row[0]}" for n, row in enumerate(FAULTS)])
def test_each_fault_is_found_by_its_rule(identity: str, spoil: Spoil) -> None:
    objects = correct()
    spoil(objects)
    assert identity in ids(objects)


def test_every_rule_has_a_fault_that_it_finds() -> None:
    assert {rule.id for rule in RULES} == {identity for identity, _spoil in FAULTS}


def test_every_rule_says_why_and_what_to_do() -> None:
    for rule in RULES:
        assert rule.look.__doc__
        assert rule.fix


def test_A7_the_version_decides_which_prefix_is_wanted() -> None:
    objects = correct()
    old_prefix(objects)
    assert "A7" in ids(objects, external_dns="0.22.0")
    assert "A7" not in ids(objects, external_dns="v0.21")


def test_A17_what_is_not_among_a_few_manifests_may_be_elsewhere() -> None:
    objects = correct()
    objects.pop("source")
    assert ids(objects) == set()
    assert ids(objects, complete=True) == {"A17"}


@pytest.mark.parametrize(
    "rubbish",
    [
        {"kind": "Receiver", "spec": "text"},
        {"kind": "Ingress", "metadata": [], "spec": {"rules": {"a": 1}}},
        {"kind": "ConfigMap", "data": {"config.yaml": "ingress: [1, {service: 'http://a.b:x'}]\n"}},
        {"kind": "ConfigMap", "data": {"config.yaml": "ingress: [: {"}},
        {"kind": "PrometheusRule", "spec": {"groups": [{"rules": [1]}]}},
        {"kind": "IngressRoute", "spec": {"routes": [{"services": [{"name": "webhook-receiver"}]}]}},
        {"kind": "Secret", "metadata": {"name": "apps", "namespace": "flux-system"}, "data": {"token": "%"}},
        {"metadata": {"name": "patch"}},
    ],
)
def test_what_is_no_proper_manifest_ends_no_lint(rubbish: Object) -> None:
    lint(manifests({"receiver": correct()["receiver"], "rubbish": rubbish}))


def given(**options: Any) -> Manifests:
    nothing: Any = None
    empty: dict[str, Any] = {
        "definition": None,
        "src": None,
        "namespaces": [],
        "zone": None,
        "external_dns_version": None,
    }
    return gather({**empty, **options}, nothing)


def test_files_and_folders_and_lists_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    objects = list(correct().values())
    (folder / "one.yaml").write_text(yaml.safe_dump_all(objects[:3]), encoding="utf-8")
    (folder / "notes.txt").write_text(": {", encoding="utf-8")
    (tmp_path / "two.yml").write_text(yaml.safe_dump({"kind": "List", "items": objects[3:5]}), encoding="utf-8")
    found = given(src=[str(tmp_path)])
    assert [item.where for item in found.items] == ["a/one.yaml"] * 3 + ["two.yml"] * 2
    assert [item.kind for item in given(definition=[objects[0], yaml.safe_dump(objects[1])]).items] == [
        "Receiver",
        "GitRepository",
    ]
    with pytest.raises(Failure, match="no such file"):
        given(src=[str(tmp_path / "gone")])
    with pytest.raises(Failure, match="a mapping is wanted"):
        given(definition="- 1")


def test_an_unknown_id_to_ignore_is_refused() -> None:
    params = {"ignore": ["A99"], "definition": None, "src": None, "namespaces": []}
    with pytest.raises(Failure, match="no rule of this id"):
        package.read(params, {}, None)  # type: ignore[arg-type]  # refused before it is used


# What the manifests of the first document show; the prose beside them shows the other rows.
OF_THE_DOCUMENT = {f"A{row}" for row in (*range(2, 17), 19, 20, 21, 22, 31, 32, 36)}


def like_the_document() -> dict[str, Object]:
    """A set of ours with the faults of the first document."""
    objects = {word: obj for word, obj in correct().items() if word in ("receiver", "external", "ingress", "alert")}
    service = "https://ingress-nginx-public.web.svc.cluster.local:443"
    objects["rules"] = correct()["rules"]
    chosen = {"A4", "A5", "A8", "A9", "A10", "A11", "A12", "A13", "A14", "A15", "A16", "A19", "A20", "A21", "A22"}
    for identity, spoil in FAULTS:
        if identity in chosen and spoil not in (rate_limited, little_body) and identity != "A14":
            spoil(objects)
    objects["alert"]["spec"]["summary"] = "text"
    port(9292)(objects)
    objects["ingress"]["metadata"]["annotations"] |= {"external-dns.alpha.kubernetes.io/hostname": "flux.example.org"}
    objects["ingress"]["metadata"]["annotations"].pop("external-dns.kubernetes.io/target")
    objects["ingress"]["metadata"]["annotations"].pop("external-dns.alpha.kubernetes.io/target")
    rules(f"- {{hostname: flux.example.org, service: '{service}'}}", tunnel="home")(objects)
    return objects


def test_the_first_documents_faults_are_found_all_at_once() -> None:
    assert ids(like_the_document()) == OF_THE_DOCUMENT
    for file in SEEDS.glob("000_*"):
        blocks = file.read_text(encoding="utf-8").split("```yaml\n")[1:]
        found = [obj for block in blocks for obj in yaml.safe_load_all(block.split("```")[0])]
        assert ids({str(number): obj for number, obj in enumerate(found)}) == OF_THE_DOCUMENT


def test_the_tunnel_of_the_correct_set_is_known() -> None:
    assert TUNNEL in str(correct()["config"])
