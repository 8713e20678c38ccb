"""A probe says at which stage a question ended."""

from __future__ import annotations

import datetime
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._probe import Target, ask, checked_target


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the host that it was asked for."""

    def do_HEAD(self) -> None:
        self.send_response(302)
        self.send_header("Location", f"https://{self.headers['Host']}/")
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(400)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_unused: object, **__: object) -> None:
        """Requests are not worth a line."""


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    made = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def ca(tmp_path: Path, server: http.server.HTTPServer) -> Path:
    """Put the server behind TLS with a certificate for flux.example.org."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "flux.example.org")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("flux.example.org")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "ca.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = tmp_path / "key.pem"
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, secret)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return path


def place(server: http.server.HTTPServer) -> str:
    return f"127.0.0.1:{server.server_address[1]}"


def test_a_name_is_asked_for_at_another_place(server: http.server.HTTPServer) -> None:
    answer = ask(Target("http://flux.example.org", place(server)), "/hook/a")
    assert (answer.status, answer.headers["location"]) == (302, "https://flux.example.org/")
    assert ask(Target("http://a.b", place(server)), "/", "POST", {"X-A": "b"}, b"text").body == "text"


def test_B16_the_certificate_is_checked_for_the_name_and_not_for_the_place(
    server: http.server.HTTPServer, ca: Path
) -> None:
    assert ask(Target("https://flux.example.org", place(server), str(ca)), "/").status == 302
    other = ask(Target("https://other.example.org", place(server), str(ca)), "/")
    assert (other.status, other.stage) == (None, "tls")
    assert ask(Target("https://flux.example.org", place(server)), "/").stage == "tls"


def test_each_stage_has_its_word(server: http.server.HTTPServer) -> None:
    assert ask(Target("http://nowhere.invalid"), "/").stage == "name"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert ask(Target("http://a.b", f"127.0.0.1:{closed.getsockname()[1]}"), "/").stage == "connection"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = Target("http://a.b", f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
        assert ask(slow, "/").stage == "timeout"


@pytest.mark.parametrize(
    ("url", "connect_to"), [("flux.example.org", ""), ("ftp://a.b", ""), ("https://u:p@a.b", ""), ("http://a.b", "a")]
)
def test_what_is_no_address_is_refused(url: str, connect_to: str) -> None:
    with pytest.raises(Failure):
        checked_target(url, connect_to)
