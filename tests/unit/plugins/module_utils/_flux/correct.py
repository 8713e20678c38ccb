"""A set of manifests with which nothing is wrong, and ways to change it.

In: nothing. Out: the set, as plain dicts that a test may spoil. Never here: a fault.
"""

from __future__ import annotations

import copy
from typing import Any

import yaml

Object = dict[str, Any]

TUNNEL = "c1744f8b-faa1-48a4-9e5c-02ac921467fa"

_SET = yaml.safe_load(
    f"""
receiver:
  apiVersion: notification.toolkit.fluxcd.io/v1
  kind: Receiver
  metadata: {{name: apps, namespace: flux-system}}
  spec:
    type: github
    events: [ping, push]
    resourceFilter: has(req.ref) && req.ref in ['refs/heads/main']
    resources: [{{kind: GitRepository, name: apps}}]
    secretRef: {{name: apps}}
source:
  apiVersion: source.toolkit.fluxcd.io/v1
  kind: GitRepository
  metadata: {{name: apps, namespace: flux-system}}
secret:
  apiVersion: v1
  kind: Secret
  metadata: {{name: apps, namespace: flux-system}}
  stringData: {{token: 0123456789abcdef0123}}
external:
  apiVersion: external-secrets.io/v1
  kind: ExternalSecret
  metadata: {{name: apps, namespace: flux-system}}
  spec: {{target: {{template: {{metadata: {{labels: {{reconcile.fluxcd.io/watch: Enabled}}}}}}}}}}
config:
  apiVersion: v1
  kind: ConfigMap
  metadata: {{name: cloudflared, namespace: tunnel}}
  data:
    config.yaml: |
      tunnel: {TUNNEL}
      credentials-file: /etc/cloudflared/credentials.json
      ingress:
        - hostname: flux.example.org
          path: ^/hook/[0-9a-f]{{64}}$
          service: http://webhook-receiver.flux-system.svc.cluster.local:80
          originRequest: {{connectTimeout: 30s}}
        - service: http_status:404
connector:
  apiVersion: apps/v1
  kind: Deployment
  metadata: {{name: cloudflared, namespace: tunnel}}
  spec:
    replicas: 2
    template:
      metadata: {{annotations: {{checksum/config: abc}}}}
      spec: {{volumes: [{{name: config, configMap: {{name: cloudflared}}}}]}}
service:
  apiVersion: v1
  kind: Service
  metadata: {{name: webhook-receiver, namespace: flux-system}}
ingress:
  apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata:
    name: hooks
    namespace: flux-system
    annotations:
      external-dns.alpha.kubernetes.io/target: {TUNNEL}.cfargotunnel.com
      external-dns.kubernetes.io/target: {TUNNEL}.cfargotunnel.com
      external-dns.alpha.kubernetes.io/cloudflare-proxied: "true"
      external-dns.kubernetes.io/cloudflare-proxied: "true"
  spec:
    ingressClassName: traefik
    rules:
      - host: flux.example.org
        http:
          paths:
            - path: /hook/
              pathType: Prefix
              backend: {{service: {{name: webhook-receiver, port: {{number: 80}}}}}}
route:
  apiVersion: traefik.io/v1alpha1
  kind: IngressRoute
  metadata: {{name: hooks, namespace: flux-system}}
  spec:
    routes:
      - match: Host(`flux.example.org`) && PathPrefix(`/hook/`)
        kind: Rule
        middlewares: [{{name: body}}]
        services: [{{name: webhook-receiver, port: 80}}]
middleware:
  apiVersion: traefik.io/v1alpha1
  kind: Middleware
  metadata: {{name: body, namespace: flux-system}}
  spec: {{buffering: {{maxRequestBodyBytes: 3145728}}}}
monitor:
  apiVersion: monitoring.coreos.com/v1
  kind: PodMonitor
  metadata: {{name: flux, namespace: monitoring}}
rules:
  apiVersion: monitoring.coreos.com/v1
  kind: PrometheusRule
  metadata: {{name: flux, namespace: monitoring}}
  spec:
    groups:
      - name: flux
        rules:
          - alert: Down
            expr: up{{job="monitoring/flux"}} == 0 or absent(up{{job="monitoring/flux"}})
          - alert: Refused
            expr: increase(gotk_receiver_http_request_duration_seconds_count{{code="400"}}[15m]) > 0
alert:
  apiVersion: notification.toolkit.fluxcd.io/v1beta3
  kind: Alert
  metadata: {{name: apps, namespace: flux-system}}
  spec:
    providerRef: {{name: slack}}
    eventSources: [{{kind: GitRepository, name: apps}}]
provider:
  apiVersion: notification.toolkit.fluxcd.io/v1beta3
  kind: Provider
  metadata: {{name: slack, namespace: flux-system}}
  spec: {{type: slack}}
"""
)


def correct() -> dict[str, Object]:
    """The set, by short words."""
    made: dict[str, Object] = copy.deepcopy(_SET)
    return made


def config(text: str, **more: Any) -> Object:
    """A configuration of cloudflared with these tunnel rules, as YAML."""
    data = {"tunnel": TUNNEL, **more, "ingress": yaml.safe_load(text)}
    metadata = {"name": "other", "namespace": "tunnel"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"config.yaml": yaml.safe_dump(data)},
    }
