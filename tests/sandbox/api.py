"""A small client of the Kubernetes API for tests and for the sandbox itself.

In: a server and an identity. Out: plain dicts, or an `ApiError` with the status. Never here: product code, a cache of
objects, a retry (but while a kind has no storage yet); and the product never imports this.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
import time
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import yaml

Object = dict[str, Any]

PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}

_TIMEOUT = 60.0
_IDLE_LIMIT = 20.0
# A kind whose definition has just changed is answered by 429 and these words until its storage stands again.
_NO_STORAGE = b"storage is (re)initializing"
_STORAGE_WITHIN = 30.0
_STORAGE_REST = 0.2


class ApiError(Exception):
    """An answer of 400 or more: `status` is the HTTP code, `message` the server's sentence."""

    def __init__(self, method: str, path: str, status: int, body: Any) -> None:
        self.status = status
        self.body = body
        self.message = str(body.get("message", body)) if isinstance(body, dict) else str(body)
        self.reason = str(body.get("reason", "")) if isinstance(body, dict) else ""
        super().__init__(f"{method} {path}: {status} {self.message}")


@dataclass(frozen=True)
class Identity:
    """Who asks: a token, a client certificate, or another user by impersonation."""

    token: str | None = None
    certificate: tuple[str, str] | None = None
    """PEM text of a client certificate and of its key."""
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()

    def headers(self) -> list[tuple[str, str]]:
        headers = [("Authorization", f"Bearer {self.token}")] if self.token else []
        if self.as_user:
            headers.append(("Impersonate-User", self.as_user))
        return headers + [("Impersonate-Group", group) for group in self.as_groups]


@dataclass(frozen=True)
class Server:
    """Where to ask: a base URL and, for https, the PEM text of the CA (None: the machine's own list)."""

    url: str
    ca: str | None = None


def read_kubeconfig(path: Path, context: str | None = None) -> tuple[Server, Identity]:
    """Server and identity of a kubeconfig's context. Raises ValueError for what only kubectl can log in to."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))

    def named(section: str, name: str) -> dict[str, Any]:
        found = [entry for entry in config.get(section) or [] if entry["name"] == name]
        if not found:
            raise ValueError(f"{path}: no entry {name!r} under {section}")
        return dict(found[0][section.removesuffix("s")] or {})

    chosen = named("contexts", context or config.get("current-context", ""))
    cluster, user = named("clusters", chosen["cluster"]), named("users", chosen["user"])
    ca = _text_of(cluster, "certificate-authority", path)
    certificate, key = _text_of(user, "client-certificate", path), _text_of(user, "client-key", path)
    token = user.get("token")
    if not token and user.get("tokenFile"):
        token = Path(user["tokenFile"]).read_text(encoding="utf-8").strip()
    pair = (certificate, key) if certificate and key else None
    if not (token or pair):
        raise ValueError(f"{path}: user {chosen['user']!r} has neither a token nor a client certificate")
    identity = Identity(token, pair, user.get("as"), tuple(user.get("as-groups") or ()))
    return Server(cluster["server"], ca), identity


def _text_of(entry: Mapping[str, Any], name: str, path: Path) -> str | None:
    """A PEM text that a kubeconfig holds itself (base64) or names by a path, relative to its own folder."""
    if entry.get(f"{name}-data"):
        return base64.b64decode(entry[f"{name}-data"]).decode()
    if entry.get(name):
        return path.parent.joinpath(entry[name]).read_text(encoding="utf-8")
    return None


def ssl_context(server: Server, identity: Identity) -> ssl.SSLContext | None:
    """The TLS settings of that server and identity; None for plain HTTP."""
    if not server.url.startswith("https:"):
        return None
    context = ssl.create_default_context(cadata=server.ca)
    if identity.certificate:
        # The ssl module reads a certificate from a file alone.
        with NamedTemporaryFile("w", suffix=".pem") as pem:
            pem.write("\n".join(identity.certificate))
            pem.flush()
            context.load_cert_chain(pem.name)
    return context


@dataclass
class Api:
    """One identity at one server. May be used from several threads: each has its own connection."""

    server: Server
    identity: Identity = Identity()
    user_agent: str = "aphex-sandbox"
    _ssl: ssl.SSLContext | None = field(init=False, repr=False)
    _local: threading.local = field(init=False, repr=False, default_factory=threading.local)
    _kinds: dict[tuple[str, str], tuple[str, bool]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._ssl = ssl_context(self.server, self.identity)

    @classmethod
    def from_kubeconfig(cls, path: Path, user_agent: str = "aphex-sandbox") -> Api:
        return cls(*read_kubeconfig(path), user_agent=user_agent)

    def acting_as(self, user: str, groups: Iterable[str] = ()) -> Api:
        """The same identity, acting as another user (the right to impersonate is wanted)."""
        identity = Identity(self.identity.token, self.identity.certificate, user, tuple(groups))
        return Api(self.server, identity, self.user_agent)

    def with_token(self, token: str) -> Api:
        return Api(self.server, Identity(token), self.user_agent)

    # --- requests by path

    def get(self, path: str, **query: str) -> Object:
        return self._json("GET", path, query=query)

    def list(self, path: str, **query: str) -> list[Object]:
        """The items of a list; their kind and apiVersion, which the server leaves out, are added."""
        answer = self.get(path, **query)
        kind, version = str(answer["kind"]).removesuffix("List"), answer["apiVersion"]
        return [{"apiVersion": version, "kind": kind, **item} for item in answer.get("items") or []]

    def post(self, path: str, body: Object, **query: str) -> Object:
        return self._json("POST", path, body, query=query)

    def put(self, path: str, body: Object, **query: str) -> Object:
        return self._json("PUT", path, body, query=query)

    def patch(self, path: str, body: Any, kind: str = "merge", **query: str) -> Object:
        return self._json("PATCH", path, body, PATCH_TYPES[kind], query)

    def delete(self, path: str, **query: str) -> Object:
        return self._json("DELETE", path, query=query)

    def exists(self, path: str) -> bool:
        return self.find(path) is not None

    def find(self, path: str) -> Object | None:
        """The object, or None for 404."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    # --- requests by object

    def path_of(self, item: Mapping[str, Any], named: bool = True) -> str:
        """The path of this object, or of the collection that it belongs to; the plural is asked of the server."""
        version, kind = str(item["apiVersion"]), str(item["kind"])
        plural, namespaced = self._resource(version, kind)
        path = _group_path(version)
        if namespaced:
            path += f"/namespaces/{item['metadata'].get('namespace', 'default')}"
        path += f"/{plural}"
        return f"{path}/{quote(str(item['metadata']['name']), safe='')}" if named else path

    def create(self, item: Object, **query: str) -> Object:
        return self.post(self.path_of(item, named=False), item, **query)

    def apply(self, item: Object, manager: str = "sandbox", force: bool = True, **query: str) -> Object:
        """Server-side apply."""
        arguments = {"fieldManager": manager, "force": "true" if force else "false", **query}
        return self.patch(self.path_of(item), item, "apply", **arguments)

    def apply_all(self, items: Iterable[Object], manager: str = "sandbox") -> None:
        """Apply in the given order; stops at the first error."""
        for item in items:
            self.apply(item, manager)

    def apply_together(self, items: Iterable[Object], manager: str = "sandbox") -> None:
        """Apply objects that do not depend on each other, side by side."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda item: self.apply(item, manager), items))

    def remove(self, item: Object) -> bool:
        """Delete this object; False when it was not there."""
        try:
            self.delete(self.path_of(item))
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def watch(self, path: str, timeout: int = 300, **query: str) -> Generator[tuple[str, Object], None, None]:
        """Events of a collection as (type, object), until the server ends the stream after `timeout` seconds."""
        connection = self._connect(timeout + 10.0)
        arguments = {"watch": "true", "timeoutSeconds": str(timeout), **query}
        try:
            self._send(connection, "GET", f"{path}?{urlencode(arguments)}", None, "")
            response = connection.getresponse()
            if response.status >= 400:
                raise ApiError("WATCH", path, response.status, _decoded(response.read()))
            for line in response:
                event = json.loads(line)
                yield event["type"], event["object"]
        finally:
            connection.close()

    # --- below

    def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """One request on this thread's connection; status and body as they came."""
        reused = self._idle_connection()
        connection = reused or self._connect(_TIMEOUT)
        self._local.connection, self._local.used = connection, time.monotonic()
        try:
            self._send(connection, method, path, body, content_type)
            response = connection.getresponse()
            return response.status, response.read()
        except (http.client.HTTPException, OSError):
            connection.close()
            self._local.connection = None
            if reused is None or method == "POST":
                raise
        # A connection that the server has closed meanwhile: what may be asked twice is asked again on a new one.
        return self.request(method, path, body, content_type)

    def _idle_connection(self) -> http.client.HTTPConnection | None:
        """This thread's connection, unless it has been idle for so long that the server may be closing it."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None or time.monotonic() - self._local.used < _IDLE_LIMIT:
            return connection
        connection.close()
        return None

    def _json(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Object:
        full = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body).encode()
        deadline = time.monotonic() + _STORAGE_WITHIN
        status, raw = self.request(method, full, data, content_type)
        while status == 429 and _NO_STORAGE in raw and time.monotonic() < deadline:
            time.sleep(_STORAGE_REST)
            status, raw = self.request(method, full, data, content_type)
        answer = _decoded(raw)
        if status >= 400:
            raise ApiError(method, full, status, answer)
        return answer if isinstance(answer, dict) else {"text": answer}

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        url = urlsplit(self.server.url)
        host, port = url.hostname or "", url.port
        if self._ssl is None:
            return http.client.HTTPConnection(host, port or 80, timeout=timeout)
        return http.client.HTTPSConnection(host, port or 443, timeout=timeout, context=self._ssl)

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, content_type: str
    ) -> None:
        connection.putrequest(method, path)
        for name, value in self.identity.headers():
            connection.putheader(name, value)
        connection.putheader("User-Agent", self.user_agent)
        connection.putheader("Accept", "application/json")
        if body is not None:
            connection.putheader("Content-Type", content_type)
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)

    def _resource(self, version: str, kind: str) -> tuple[str, bool]:
        if (version, kind) not in self._kinds:
            for entry in self.get(_group_path(version))["resources"]:
                if "/" not in entry["name"]:
                    self._kinds[version, entry["kind"]] = entry["name"], entry["namespaced"]
        if (version, kind) not in self._kinds:
            raise ApiError("GET", _group_path(version), 404, {"message": f"the server knows no {version} {kind}"})
        return self._kinds[version, kind]


def _group_path(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")
