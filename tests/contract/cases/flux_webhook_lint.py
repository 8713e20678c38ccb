"""flux_webhook_lint: a Receiver in the cluster and an Ingress as text.

In: a namespace with a Receiver. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case
from tests.contract.cases import flux_receiver_info

_INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: hooks, annotations: {nginx.ingress.kubernetes.io/rate-limit: "10"}}
"""

CASE = Case(
    module="flux_webhook_lint",
    key="findings",
    prepare=flux_receiver_info.prepare,
    good=lambda world: {"definition": _INGRESS, "namespaces": [world.name]},
    bad=(
        Bad("nothing to read", lambda world: {"definition": None, "namespaces": None}, ("definition", "src")),
        Bad("no such file", lambda world: {"src": ["nowhere.yaml"]}, ("nowhere.yaml", "no such file")),
        Bad("no YAML", lambda world: {"definition": "a: [1"}, ("definition", "line")),
        Bad("a rule that is none", lambda world: {"ignore": ["A99"]}, ("A99", "no rule")),
    ),
    found=lambda world: ("A8", "rate-limit", "A17", "nowhere is not there"),
)
