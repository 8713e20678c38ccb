"""The real programs of Tekton Triggers: controller, core interceptors, and a listener for each EventListener.

In: a running control plane with Tekton's kinds. Out: a signed push that becomes a PipelineRun. Never here: an admin's
identity for any of them; each runs with a token of the ServiceAccount that its manifests name.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sandbox import build
from tests.sandbox import tekton_objects as objects
from tests.sandbox.cluster import Cluster
from tests.sandbox.listeners import Listeners
from tests.sandbox.process import Process, answers, free_port

_READY_WITHIN = 180.0
_CLUSTER_INTERCEPTORS = "/apis/triggers.tekton.dev/v1alpha1/clusterinterceptors"

_LISTENER_IMAGE = "registry.invalid/eventlistenersink@sha256:" + "0" * 64
"""What the Deployments of listeners name; nothing is pulled, the program is run by `Listeners`."""


@dataclass
class Tekton:
    """Tekton Triggers in one sandbox."""

    cluster: Cluster
    say: Callable[[str], None] = print
    processes: list[Process] = field(default_factory=list)
    listeners: Listeners = field(init=False)

    def __post_init__(self) -> None:
        self.listeners = Listeners(self.cluster, self._program("eventlistenersink"))

    def start(self) -> str:
        """Install, start the programs and wait until a listener could start; answers a word for people."""
        port = free_port()
        self.cluster.api.apply_all(objects.installation(f"https://localhost:{port}"))
        metrics = self._start_controller()
        interceptors = self._start_interceptors(port)
        interceptors.wait_ready(self._certified, _READY_WITHIN)
        self.processes[0].wait_ready(lambda: answers(metrics), _READY_WITHIN)
        self.listeners.start()
        return f"Triggers controller, interceptors on port {port}, listeners as they come"

    def stop(self) -> None:
        self.listeners.stop()
        for process in self.processes:
            process.kill()
        self.processes.clear()

    def _start_controller(self) -> int:
        metrics = free_port()
        self._run(
            "controller",
            objects.CONTROLLER,
            [
                f"-el-image={_LISTENER_IMAGE}",
                "-kube-api-qps=200",
                "-kube-api-burst=400",
            ],
            {
                "CONFIG_DEFAULTS_NAME": objects.CONFIG_DEFAULTS,
                "CONFIG_LEADERELECTION_NAME": objects.CONFIG_LEADER_ELECTION,
                "METRICS_PROMETHEUS_PORT": str(metrics),
                "PROFILING_PORT": str(free_port()),
            },
        )
        return metrics

    def _start_interceptors(self, port: int) -> Process:
        return self._run(
            "interceptors",
            objects.INTERCEPTORS,
            [f"-address=127.0.0.1:{port}"],
            {
                # The name in its certificate, by which listeners call it.
                "INTERCEPTOR_TLS_SVC_NAME": "localhost",
                "INTERCEPTOR_TLS_SECRET_NAME": objects.CERTIFICATE_SECRET,
                # As the platform's part patches it; by themselves they read 5 Secrets a second, and lose the rest.
                "KUBE_API_QPS": "100",
                "KUBE_API_BURST": "200",
                "METRICS_PROMETHEUS_PORT": str(free_port()),
            },
        )

    def _run(self, name: str, account: str, flags: list[str], env: dict[str, str]) -> Process:
        kubeconfig = self.cluster.kubeconfig_for(token=self.cluster.token(objects.NAMESPACE, account))
        process = Process(
            f"tekton-{name}",
            [str(self._program(name)), f"-kubeconfig={kubeconfig}", *flags],
            self.cluster.folder / "logs" / f"tekton-{name}.log",
            common_env() | env,
        )
        self.processes.append(process.start())
        return process

    def _program(self, name: str) -> Path:
        return build.built("tekton", self.say) / name

    def _certified(self) -> bool:
        found = {item["metadata"]["name"]: item for item in self.cluster.api.list(_CLUSTER_INTERCEPTORS)}
        return all(found[name]["spec"]["clientConfig"].get("caBundle") for name in objects.CORE_INTERCEPTORS)


def common_env() -> dict[str, str]:
    """Environment that every program of Triggers wants."""
    return {
        "PATH": os.environ["PATH"],
        "SYSTEM_NAMESPACE": objects.NAMESPACE,
        "CONFIG_LOGGING_NAME": objects.CONFIG_LOGGING,
        "CONFIG_OBSERVABILITY_NAME": objects.CONFIG_OBSERVABILITY,
        "METRICS_DOMAIN": "tekton.dev/triggers",
        "KUBERNETES_MIN_VERSION": "v1.28.0",
    }


def validate(items: Iterable[Mapping[str, Any] | str]) -> list[str]:
    """Tekton's own verdict on each object (a mapping) or YAML document (a string), "" for a valid one (P13).

    The kinds are those of `go/tekton/validate`; another kind is an error in its own place. Raises RuntimeError when
    the program itself fails.
    """
    documents = [item if isinstance(item, str) else json.dumps(item) for item in items]
    program = build.built("tekton", build.report_to_stderr) / "validate"
    done = subprocess.run(
        [program], input="\n---\n".join(documents), capture_output=True, text=True, check=False, timeout=60
    )
    verdicts = [str(json.loads(line)["error"]) for line in done.stdout.splitlines()]
    if done.returncode or len(verdicts) != len(documents):
        raise RuntimeError(f"{len(documents)} documents, {len(verdicts)} verdicts; {done.stderr.strip()}")
    return verdicts
