"""The real Flux notification-controller: the program behind the Service `webhook-receiver`.

In: a running control plane. Out: Receivers that become Ready, and signed deliveries that annotate sources. Never
here: an admin's identity; it runs with a token of the ServiceAccount that Flux's own manifests give it.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.sandbox import build, crds
from tests.sandbox import flux_objects as objects
from tests.sandbox.cluster import Cluster
from tests.sandbox.process import Process, free_port

_READY_WITHIN = 60.0


@dataclass
class Flux:
    """Flux in one sandbox: its kinds and its notification-controller; no source-controller, so nothing is fetched."""

    cluster: Cluster
    say: Callable[[str], None] = print
    processes: list[Process] = field(default_factory=list)
    receiver_port: int = 0
    metrics_port: int = 0

    def start(self) -> str:
        """Install, start the program and wait until it answers; answers a word for people."""
        kinds = crds.load(self.cluster.api, objects.DEFINITIONS)
        self.cluster.api.apply_all(objects.installation())
        self.receiver_port, self.metrics_port = free_port(), free_port()
        health = free_port()
        token = self.cluster.token(objects.NAMESPACE, objects.ACCOUNT)
        process = Process(
            "flux-notification-controller",
            [
                str(build.built("flux", self.say) / "notification-controller"),
                f"--receiverAddr=127.0.0.1:{self.receiver_port}",
                f"--events-addr=127.0.0.1:{free_port()}",
                f"--metrics-addr=127.0.0.1:{self.metrics_port}",
                f"--health-addr=127.0.0.1:{health}",
                "--watch-all-namespaces=true",
                "--log-level=debug",
                "--log-encoding=json",
            ],
            self.cluster.folder / "logs" / "flux-notification-controller.log",
            {
                "PATH": os.environ["PATH"],
                "RUNTIME_NAMESPACE": objects.NAMESPACE,
                "KUBECONFIG": str(self.cluster.kubeconfig_for(token=token)),
            },
        )
        self.processes.append(process.start())
        process.wait_ready(lambda: _ok(f"http://127.0.0.1:{health}/readyz"), _READY_WITHIN)
        process.wait_ready(lambda: _ok(f"{self.metrics_url}"), _READY_WITHIN)
        return f"notification-controller on port {self.receiver_port}, {kinds}"

    def stop(self) -> None:
        for process in self.processes:
            process.stop()
        self.processes.clear()

    @property
    def metrics_url(self) -> str:
        """Where the controller's metrics are read."""
        return f"http://127.0.0.1:{self.metrics_port}/metrics"

    def address(self, namespace: str, service: str) -> tuple[str, int] | None:
        """Where the receivers behind that Service answer; None for every other Service."""
        if (namespace, service) != (objects.NAMESPACE, objects.RECEIVER_SERVICE) or not self.processes:
            return None
        return ("127.0.0.1", self.receiver_port)


def _ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
