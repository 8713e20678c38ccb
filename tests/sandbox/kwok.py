"""The nodes of the sandbox, played by the real kwok: pods are scheduled, become ready, and disappear.

In: a running control plane. Out: one ready node with some volumes, and Deployments and StatefulSets that become
available. Never here: a container; no program of a pod runs, nothing is stored, and no network policy is enforced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox import build
from tests.sandbox.cluster import Cluster
from tests.sandbox.process import Process, answers, free_port

NODE = "node-1"

_READY_WITHIN = 180.0
_LEASE_SECONDS = 40
_POD_RANGE = "10.244.0.0/16"
_NODE_ADDRESS = "192.0.2.20"

_VOLUMES = 20
_CLASS = "sandbox"

_CAPACITY = {"cpu": "1k", "memory": "1Ti", "pods": "10k", "ephemeral-storage": "1Ti"}

# kwok starts only with stages: what becomes of an object that is in a certain state.
_STAGES = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: node-ready}
spec:
  resourceRef: {apiGroup: v1, kind: Node}
  selector:
    matchExpressions:
    - {key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: NotIn, values: ["True"]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      {{ range NodeConditions }}
      - {type: {{ .type | Quote }}, status: {{ .status | Quote }}, reason: {{ .reason | Quote }},
         message: {{ .message | Quote }}, lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }}}
      {{ end }}
      addresses:
      - {type: InternalIP, address: {{ NodeIP | Quote }}}
      - {type: Hostname, address: {{ NodeName | Quote }}}
      phase: Running
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-ready}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
    - {key: .status.phase, operator: In, values: [Pending]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      - {type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }}}
      - {type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }}}
      - {type: ContainersReady, status: "True", lastTransitionTime: {{ $now | Quote }}}
      {{ range .spec.readinessGates }}
      - {type: {{ .conditionType | Quote }}, status: "True", lastTransitionTime: {{ $now | Quote }}}
      {{ end }}
      containerStatuses:
      {{ range .spec.containers }}
      - {name: {{ .name | Quote }}, image: {{ .image | Quote }}, ready: true, started: true, restartCount: 0,
         state: {running: {startedAt: {{ $now | Quote }}}}}
      {{ end }}
      initContainerStatuses:
      {{ range .spec.initContainers }}
      - {name: {{ .name | Quote }}, image: {{ .image | Quote }}, ready: true, restartCount: 0,
         state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }},
                              finishedAt: {{ $now | Quote }}}}}
      {{ end }}
      {{ with NodeIPsWith .spec.nodeName }}
      hostIP: {{ index . 0 | Quote }}
      {{ end }}
      {{ $addresses := PodIPsWith .spec.nodeName (or .spec.hostNetwork false) .metadata.uid .metadata.name
         .metadata.namespace }}
      {{ with $addresses }}
      podIP: {{ index . 0 | Quote }}
      podIPs: [{ip: {{ index . 0 | Quote }}}]
      {{ end }}
      phase: Running
      startTime: {{ $now | Quote }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-delete}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: Exists}
  next: {delete: true}
"""


@dataclass
class Kwok:
    """kwok and its one node."""

    cluster: Cluster
    say: Callable[[str], None] = print
    processes: list[Process] = field(default_factory=list)

    def start(self) -> str:
        """Start kwok, create the node and wait until pods can run on it; answers a word for people."""
        stages = self.cluster.folder / "kwok-stages.yaml"
        stages.write_text(_STAGES, encoding="utf-8")
        port = free_port()
        process = Process(
            "kwok",
            [
                str(build.built("kwok", self.say) / "kwok"),
                f"--kubeconfig={self.cluster.kubeconfig}",
                f"--config={stages}",
                "--manage-all-nodes=true",
                # The heartbeat, which the controller manager waits for.
                f"--node-lease-duration-seconds={_LEASE_SECONDS}",
                f"--node-ip={_NODE_ADDRESS}",
                f"--cidr={_POD_RANGE}",
                f"--server-address=127.0.0.1:{port}",
            ],
            self.cluster.folder / "logs" / "kwok.log",
        )
        self.processes.append(process.start())
        api = self.cluster.api
        if not api.exists(f"/api/v1/nodes/{NODE}"):
            api.post("/api/v1/nodes", _node())
            api.apply_together([_storage_class(), *(_volume(number) for number in range(_VOLUMES))])
        process.wait_ready(lambda: answers(port) and self._node_usable(), _READY_WITHIN)
        return f"node {NODE} is ready"

    def stop(self) -> None:
        for process in self.processes:
            process.stop()
        self.processes.clear()

    def _node_usable(self) -> bool:
        node = self.cluster.api.get(f"/api/v1/nodes/{NODE}")
        ready = [entry for entry in node["status"].get("conditions") or [] if entry["type"] == "Ready"]
        return bool(ready) and ready[0]["status"] == "True" and not node["spec"].get("taints")


def _node() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": NODE,
            "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
        },
        "status": {"capacity": _CAPACITY, "allocatable": _CAPACITY},
    }


def _storage_class() -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": _CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/no-provisioner",
    }


def _volume(number: int) -> dict[str, Any]:
    """A volume that claims are bound to; nobody makes one here when it is asked for."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{_CLASS}-{number}"},
        "spec": {
            "storageClassName": _CLASS,
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": f"/nowhere/{number}"},
        },
    }
