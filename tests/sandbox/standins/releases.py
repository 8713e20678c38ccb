"""The hosts of releases and registries, reached through a proxy: whatever HTTPS address is asked, this server answers.

In: texts by URL, digests by image. Out: what GitHub, release sites and registries answer to who downloads. Never here:
a host that is reached without the proxy, a blob, or the rules of the lock.

A proxy is what users have between themselves and the internet, so the product needs no address of the stand-in: it is
given `HTTPS_PROXY`, and the file `ca` as the authority to trust.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.sandbox.pki import Pki

_TOKEN = "anonymous"
_MOVED = "/moved"


class Releases:
    """A running proxy. ``asked`` holds every request behind it, as ``METHOD https://host/path``."""

    def __init__(self, folder: Path, texts: Mapping[str, str], digests: Mapping[str, str]) -> None:
        self.texts, self.asked = dict(texts), list[str]()
        self._digests = {_place(image): digest for image, digest in digests.items()}
        hosts = {urlsplit(address).netloc for address in (*self.texts, *self._digests)}
        pki = Pki(folder)
        pki.create_ca("internet")
        certificate, key = pki.serving("releases", sorted(hosts))
        chain = folder / "serving.pem"
        chain.write_text(certificate + key, encoding="utf-8")
        self.ca = pki.ca
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, context))
        self._server.daemon_threads = True
        self.proxy = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, address: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        """Say what the host of that address says."""
        self.asked.append(f"{method} {address}")
        parts = urlsplit(address)
        where = f"https://{parts.netloc}{parts.path}"
        if where in self.texts:
            # Files of a release are moved to where they really lie.
            return 302, {"Location": f"{_MOVED}{parts.path}"}, b""
        if parts.path.startswith(_MOVED) and (there := where.replace(_MOVED, "", 1)) in self.texts:
            return 200, {}, self.texts[there].encode()
        if parts.path == "/token":
            return 200, {"Content-Type": "application/json"}, f'{{"token": "{_TOKEN}"}}'.encode()
        if where in self._digests and authorization != f"Bearer {_TOKEN}":
            challenge = f'Bearer realm="https://{parts.netloc}/token",service="registry",scope="pull"'
            return 401, {"WWW-Authenticate": challenge}, b""
        if where in self._digests:
            return 200, {"Docker-Content-Digest": self._digests[where]}, b""
        return 404, {}, b""


def _place(image: str) -> str:
    """Where a registry keeps the manifest of ``host/name:tag``; Docker's own answers under another name."""
    host, _slash, rest = image.partition("/")
    name, _colon, tag = rest.rpartition(":")
    if host == "docker.io":
        host, name = "registry-1.docker.io", name if "/" in name else f"library/{name}"
    return f"https://{host}/v2/{name}/manifests/{tag}"


def _handler(releases: Releases, context: ssl.SSLContext) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection: first a CONNECT, then requests to that host in TLS."""

        protocol_version = "HTTP/1.1"
        host = ""

        def log_message(self, *unused: Any) -> None:
            """Say nothing."""

        def do_CONNECT(self) -> None:
            self.host = self.path.removesuffix(":443")
            self.send_response(200)
            self.end_headers()
            # Who does not trust the certificate goes away, and this connection ends.
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection = context.wrap_socket(self.connection, server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", buffering=0)
                self.close_connection = False

        def do_GET(self) -> None:
            asked = f"https://{self.host}{self.path}"
            status, headers, body = releases.answer(self.command, asked, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

    return Handler
