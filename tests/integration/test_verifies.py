"""Does a verification fail while what it verifies is missing or wrong, and pass when it is there?

Of roles whose verification no scenario sees in both states; molecule/parts and molecule/recovery ask the others.
"""

from __future__ import annotations

import os
import ssl
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.contract.platform import install
from tests.integration.installed import Run
from tests.integration.running import run_role
from tests.sandbox.control_plane import server_version
from tests.sandbox.sandbox import Sandbox

DIFFERS = "differs from the cluster"


class Part:
    """A part of one ConfigMap, in a name of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.name = f"verified-{uuid.uuid4().hex[:8]}"
        self.path = f"/api/v1/namespaces/platform-system/configmaps/{self.name}"
        text = (
            "apiVersion: v1\nkind: ConfigMap\n"
            f"metadata: {{name: {self.name}, namespace: platform-system}}\ndata: {{colour: green}}\n"
        )
        self.inputs: dict[str, Any] = {
            "write_out_part": self.name.replace("-", "_"),
            "write_out_files": {"colour.yaml": text},
            "write_out_to": "cluster",
        }

    def run(self, door: str, **more: Any) -> tuple[Run, list[str]]:
        """Run a door of the role; how it ended, and what it wrote."""
        mark = self.sandbox.audit.mark()
        ran = run_role(self.sandbox.kubeconfig, "write_out", door=door, **{**self.inputs, **more})
        return ran, [str(request) for request in self.sandbox.audit.product_writes(mark)]

    def verified(self) -> bool:
        """Run the verification, which writes nothing whatever it finds; whether it is content."""
        ran, written = self.run("verify")
        assert written == []
        said = " ".join(ran.output.split())
        assert (ran.code == 0) == (DIFFERS not in said), ran.output
        assert ran.code == 0 or f"ConfigMap platform-system/{self.name}" in said, ran.output
        return ran.code == 0


@pytest.fixture
def part(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Part]:
    install(sandbox)
    # The role has kubectl make the objects.
    monkeypatch.setenv("PATH", f"{sandbox.kubectl.parent}{os.pathsep}{os.environ['PATH']}")
    made = Part(sandbox)
    yield made
    ran, _written = made.run("main", write_out_state="absent")
    assert ran.code == 0, ran.output


def test_the_verification_of_a_part_fails_while_it_is_absent_and_after_somebody_changed_it(part: Part) -> None:
    assert not part.verified()
    assert part.run("main")[0].code == 0
    assert part.verified()
    part.sandbox.api.patch(part.path, {"data": {"colour": "red"}})
    assert not part.verified()
    assert part.run("main")[0].code == 0
    assert part.verified()


@contextmanager
def closed_door(sandbox: Sandbox) -> Iterator[int]:
    """The port of an API server that wants a name of everybody; the sandbox's own answers whoever asks."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *said: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sandbox.pki.server, sandbox.pki.server_key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def test_the_verification_of_k3s_passes_where_all_is_well_and_names_an_account_without_rights(sandbox: Sandbox) -> None:
    with closed_door(sandbox) as port:
        given = {
            "cluster_k3s_version": server_version(sandbox.api),
            "cluster_k3s_server": "127.0.0.1",
            "cluster_k3s_port": port,
        }
        well = run_role(
            sandbox.kubeconfig, "cluster_k3s", door="verify", cluster_k3s_kubeconfig=str(sandbox.kubeconfig), **given
        )
        assert (well.code, well.changed) == (0, 0), well.output
        weak = sandbox.kubeconfig_for(token=sandbox.token("default", "default"))
        ran = run_role(sandbox.kubeconfig, "cluster_k3s", door="verify", cluster_k3s_kubeconfig=str(weak), **given)
    assert ran.code != 0
    assert "may not create namespaces" in " ".join(ran.output.split())
