# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection to one API server.

In: the connection options of kubernetes.core. Out: answers as plain data; every error a Failure.
Never here: what to write. The only place of this product that reveals a sensitive value.

The official client gives configuration, authentication and its urllib3 pool, and nothing else of it: its request
methods change from release to release (N15).
"""

from __future__ import annotations

import json
import os
import time
import typing as t
import urllib.parse
from dataclasses import dataclass

from .._core.failure import Failure, Kind, known
from .._core.plan import holds_unknown
from .._core.reconcile import Runtime
from .._core.retry import Backoff, parse_retry_after
from .._core.sensitive import Sensitive
from .._core.version import USER_AGENT
from .._yaml import load_documents
from . import order
from .objects import ObjectKey

try:
    import urllib3
    from kubernetes import config as _config
    from kubernetes.client import Configuration
    from kubernetes.client.rest import RESTClientObject

    kube_config: t.Any = _config
except ImportError:
    urllib3 = None  # type: ignore[assignment]

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0
_CREDENTIAL_LIFE = 120.0
_MIN_SECRET = 8
# What an API server says, as plain text, of a group that it does not know.
_NO_SUCH_GROUP = b"404 page not found"
_FILES = {"cluster": ("certificate-authority",), "user": ("client-certificate", "client-key", "tokenFile")}
_USERS_MISTAKE = "failed to create typed patch object"
_JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class Answer:
    """What the server said; ``data`` is None for 404."""

    status: int
    data: dict[str, t.Any] | None


class Client:
    """A lazy connection: nothing is read or sent before the first request."""

    def __init__(
        self,
        params: dict[str, t.Any],
        runtime: Runtime,
        backoff: Backoff | None = None,
        sleep: t.Callable[[float], None] = time.sleep,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self._params = params
        self._runtime = runtime
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._read_timeout = read_timeout
        self._configuration: t.Any = None
        self._pool: t.Any = None
        self._kinds: dict[tuple[str, str], order.Row | None] = {}
        self._token_alone = False

    def showing(self, token: Sensitive) -> Client:
        """Return a client of the same server that shows this token, and nothing else of the connection's identity."""
        nobody = dict.fromkeys(("username", "password", "client_cert", "client_key", "impersonate_user"))
        client = Client({**self._params, **nobody, "api_key": token}, self._runtime, self._backoff, self._sleep)
        client._token_alone = True
        return client

    @property
    def server(self) -> tuple[str, bytes]:
        """The address of the server, and the certificates to trust for it (none: those of the machine)."""
        self._open()
        file = self._configuration.ssl_ca_cert
        if not file:
            return str(self._configuration.host), b""
        try:
            with open(file, "rb") as opened:
                return str(self._configuration.host), opened.read()
        except OSError as error:
            raise Failure(
                Kind.INVALID,
                tried="reading the connection to Kubernetes",
                said=_why_unreadable(error),
                remedy="Name a readable file with certificates in PEM form",
            ) from error

    # requests -------------------------------------------------------------------------------------------------------

    def get(self, path: str, query: dict[str, str] | None = None) -> dict[str, t.Any] | None:
        """Return one object or list, or None for 404."""
        return self.request("GET", path, query=query, absent_ok=True).data

    def text(self, path: str) -> str:
        """Return what the server answers at a path that is no object, such as its metrics. Asked once."""
        self._open()
        response = self._exchange("GET", self._configuration.host.rstrip("/") + path, None, _JSON, path)
        if response.status != 200:
            _understand(response.status, response.headers, response.data, "reading", path, False)
        return str(response.data.decode("utf-8", "replace"))

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: t.Any = None,
        content_type: str = _JSON,
        absent_ok: bool = False,
        on: str = "",
    ) -> Answer:
        """Send a request, repeated while the server is busy or silent.

        Every request here may be repeated: applies and deletes by nature, creates because names are fixed, so that a
        second one answers 409 and the caller looks whose object it is.
        """
        self._open()
        url = self._configuration.host.rstrip("/") + path + ("?" + urllib.parse.urlencode(query) if query else "")
        payload = None if body is None else self._encode(body)
        attempt, waited = 0, 0.0
        while True:
            attempt += 1
            try:
                return self._send_once(method, url, payload, content_type, absent_ok, on or path)
            except Failure as failure:
                if failure.kind not in (Kind.BUSY, Kind.TIMEOUT, Kind.BROKEN):
                    raise
                delay = self._backoff.delay(attempt, waited, failure.retry_after)
                if delay is None:
                    raise
            self._sleep(delay)
            waited += delay

    def _send_once(
        self, method: str, url: str, payload: bytes | None, content_type: str, absent_ok: bool, on: str
    ) -> Answer:
        response = self._exchange(method, url, payload, content_type, on)
        return _understand(response.status, response.headers, response.data, _tried(method), on, absent_ok)

    def _exchange(self, method: str, url: str, payload: bytes | None, content_type: str, on: str) -> t.Any:
        tried = _tried(method)
        try:
            return self._pool.request(
                method,
                url,
                body=payload,
                headers=self._headers(content_type if payload is not None else None),
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=self._read_timeout),
            )
        except urllib3.exceptions.TimeoutError as error:
            raise Failure(
                Kind.TIMEOUT,
                tried=tried,
                on=on,
                said="the Kubernetes API server did not answer in time",
                remedy="Run again; the next run goes on where this one stopped",
            ) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Failure(
                Kind.BROKEN,
                tried=tried,
                on=on,
                said=f"the connection to {self._configuration.host} failed ({type(error).__name__})",
                remedy="Check the kubeconfig and that the API server is up, then run again",
            ) from error
        except ValueError as error:
            # Of a header; the transport's own message would quote it.
            raise Failure(
                Kind.INVALID,
                tried=tried,
                on=on,
                said="the token, the user or the password of the connection holds letters that no header can, such as "
                "a line end",
                remedy="Give it alone, without a line end",
            ) from error

    def _encode(self, body: t.Any) -> bytes:
        if holds_unknown(body):
            raise Failure(Kind.BROKEN, tried="sending a value that is not known yet", remedy="Please report this fault")
        return json.dumps(body, default=self._reveal, separators=(",", ":")).encode()

    def _reveal(self, value: t.Any) -> str:
        if not isinstance(value, Sensitive):
            raise TypeError(f"{type(value).__name__} is no plain data")
        text = value.reveal()
        if len(text) >= _MIN_SECRET:
            self._runtime.secrets.add(text)
        return text

    def _headers(self, content_type: str | None) -> t.Any:
        headers = urllib3.HTTPHeaderDict({"Accept": _JSON, "User-Agent": USER_AGENT})
        if content_type:
            headers["Content-Type"] = content_type
        for setting in self._configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        headers.update(self._extra)
        if self._params.get("impersonate_user"):
            headers["Impersonate-User"] = self._params["impersonate_user"]
            for group in self._params.get("impersonate_groups") or []:
                headers.add("Impersonate-Group", group)
        return headers

    @property
    def _extra(self) -> dict[str, str]:
        username, password = self._params.get("username"), self._params.get("password")
        if not (username and isinstance(password, Sensitive)):
            return {}
        return dict(urllib3.make_headers(basic_auth=f"{username}:{password.reveal()}"))

    # paths ----------------------------------------------------------------------------------------------------------

    def path(self, key: ObjectKey, known: order.Row | None = None) -> str:
        """Return the path of one object. Raises Failure(missing) when the server does not know its kind."""
        return f"{self.collection(key.api_version, key.kind, key.namespace, known)}/{urllib.parse.quote(key.name)}"

    def collection(self, api_version: str, kind: str, namespace: str = "", known: order.Row | None = None) -> str:
        """Return the path of all objects of a kind, in a namespace or everywhere."""
        group, _slash, _version = api_version.rpartition("/")
        row = known or self.kind(api_version, kind)
        if row is None:
            raise Failure(
                Kind.MISSING,
                tried="looking up the kind",
                on=f"{kind} ({api_version})",
                said="the server does not know it",
                remedy="Install its CustomResourceDefinition first, or correct apiVersion and kind",
            )
        base = f"/apis/{api_version}" if group else f"/api/{api_version}"
        return f"{base}/namespaces/{namespace}/{row.plural}" if row.namespaced and namespace else f"{base}/{row.plural}"

    def kind(self, api_version: str, kind: str) -> order.Row | None:
        """Return plural and scope of a kind: from the table, else from the server's discovery, cached for the run."""
        group = api_version.rpartition("/")[0]
        row = order.row(group, kind)
        if row:
            return row
        if (api_version, kind) not in self._kinds:
            self._open()
            cache_key = f"kubernetes discovery {self._configuration.host} {api_version}"
            found = self._runtime.cache.get(cache_key)
            if not isinstance(found, dict) or kind not in found:
                found = self._discover(api_version)
                self._runtime.cache.put(cache_key, found)
            entry = found.get(kind)
            self._kinds[(api_version, kind)] = (
                order.Row(order.UNKNOWN_KIND_RANK, entry["plural"], entry["namespaced"], "Ready") if entry else None
            )
        return self._kinds[(api_version, kind)]

    def forget_kinds(self) -> None:
        """Look unknown kinds up again: a definition has just been established."""
        self._kinds = {name: row for name, row in self._kinds.items() if row}

    def _discover(self, api_version: str) -> dict[str, dict[str, t.Any]]:
        answer = self.get(f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}") or {}
        return {
            item["kind"]: {"plural": item["name"], "namespaced": item["namespaced"]}
            for item in answer.get("resources", [])
            if "/" not in item["name"]
        }

    # connection -----------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        if self._pool is not None:
            return
        if urllib3 is None:
            raise Failure(
                Kind.MISSING,
                tried="loading the Python library kubernetes",
                said="it is not installed here",
                remedy="Install it for the Python that runs this task: pip install kubernetes",
            )
        configuration = Configuration()
        try:
            self._load(configuration)
        except (kube_config.ConfigException, OSError, ValueError) as error:
            raise Failure(
                Kind.INVALID,
                tried="reading the connection to Kubernetes",
                said=_why_unreadable(error),
                remedy="Set kubeconfig (or K8S_AUTH_KUBECONFIG), or host with api_key",
            ) from error
        self._override(configuration)
        configuration.retries = False
        self._pool = RESTClientObject(configuration).pool_manager
        self._configuration = configuration

    def _load(self, configuration: t.Any) -> None:
        kubeconfig, context = self._params.get("kubeconfig"), self._params.get("context")
        if isinstance(kubeconfig, dict):
            kube_config.load_kube_config_from_dict(kubeconfig, context, configuration, persist_config=False)
            return
        if self._params.get("host") and not kubeconfig and not context:
            return
        # The library reads KUBECONFIG when it is imported, which in process is before the task's environment is set.
        path = kubeconfig or os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")
        if kubeconfig or os.path.exists(path.split(os.pathsep)[0]):
            self._load_file(os.path.expanduser(path), context, configuration)
        else:
            kube_config.load_incluster_config(client_configuration=configuration)

    def _load_file(self, path: str, context: str | None, configuration: t.Any) -> None:
        """Load a kubeconfig; what an exec plugin answers is kept for the run: every task is a new process (N5)."""
        document = None if os.pathsep in path else _single(path)
        user = _user_of(document, context)
        if user is None or "auth-provider" in user:
            kube_config.load_kube_config(path, context, configuration, persist_config=False)
            return
        if "exec" not in user:
            # Read by now, and by a faster parser than that of the library.
            _load_document(document, path, context, configuration)
            return
        key = f"kubernetes exec {path} {context} {os.stat(path).st_mtime_ns}"
        with self._runtime.cache.lock(key):
            kept = self._runtime.cache.get(key)
            if kept and kept["until"] > self._runtime.now():
                user.clear()
                user["token"] = kept["token"]
                _load_document(document, path, context, configuration)
                return
            kube_config.load_kube_config(path, context, configuration, persist_config=False)
            token = _authorization(configuration)
            if token.startswith("Bearer "):
                until = self._runtime.now() + _CREDENTIAL_LIFE
                self._runtime.cache.put(key, {"token": token[len("Bearer ") :], "until": until})

    def _override(self, configuration: t.Any) -> None:
        params = self._params
        if self._token_alone:
            # A certificate would be looked at before the token.
            configuration.cert_file = configuration.key_file = None
        if params.get("host"):
            configuration.host = params["host"]
        if isinstance(params.get("api_key"), Sensitive):
            configuration.api_key = {"authorization": f"Bearer {params['api_key'].reveal()}"}
            configuration.refresh_api_key_hook = None
        for option, field in (
            ("ca_cert", "ssl_ca_cert"),
            ("client_cert", "cert_file"),
            ("client_key", "key_file"),
            ("proxy", "proxy"),
            ("no_proxy", "no_proxy"),
        ):
            if params.get(option):
                setattr(configuration, field, params[option])
        if params.get("validate_certs") is not None:
            configuration.verify_ssl = params["validate_certs"]
        if not configuration.verify_ssl:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


def _tried(method: str) -> str:
    return {"GET": "reading", "POST": "creating", "PATCH": "applying", "PUT": "writing", "DELETE": "deleting"}.get(
        method, method
    )


def _authorization(configuration: t.Any) -> str:
    """Return the value of the header that a configuration would send; where it keeps it changed in release 37 (N15)."""
    settings = configuration.auth_settings().values()
    return next((str(item["value"]) for item in settings if item["key"].lower() == "authorization"), "")


def _why_unreadable(error: Exception) -> str:
    """Return why a kubeconfig cannot be used, without quoting what it holds."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else type(error).__name__
    return str(error) if isinstance(error, kube_config.ConfigException) else type(error).__name__


def _single(path: str) -> dict[str, t.Any] | None:
    with open(path, encoding="utf-8") as file:
        documents = load_documents(file.read(), f"the kubeconfig {path}")
    return documents[0] if documents and isinstance(documents[0], dict) else None


def _user_of(document: dict[str, t.Any] | None, context: str | None) -> dict[str, t.Any] | None:
    """Return the user entry of a context, or None when the file does not tell it plainly."""
    if document is None:
        return None
    wanted = context or document.get("current-context")
    contexts = [item["context"] for item in document.get("contexts") or [] if item.get("name") == wanted]
    if not contexts:
        return None
    users = [item.get("user") for item in document.get("users") or [] if item.get("name") == contexts[0].get("user")]
    return users[0] if users and isinstance(users[0], dict) else None


def _load_document(document: dict[str, t.Any] | None, path: str, context: str | None, configuration: t.Any) -> None:
    kube_config.load_kube_config_from_dict(_absolute(document, path), context, configuration, persist_config=False)


def _absolute(document: dict[str, t.Any] | None, path: str) -> dict[str, t.Any]:
    """Make the files that a kubeconfig names independent of where it lies, since its library is not told that."""
    document = known(document, "a user entry comes from a document")
    for kind in _FILES:
        for item in document.get(f"{kind}s") or []:
            entry = item.get(kind) or {}
            for name in _FILES[kind]:
                if entry.get(name):
                    entry[name] = os.path.join(os.path.dirname(os.path.abspath(path)), entry[name])
    return document


_KINDS = {400: Kind.INVALID, 401: Kind.DENIED, 403: Kind.DENIED, 404: Kind.MISSING, 409: Kind.CONFLICT,
          413: Kind.INVALID, 415: Kind.INVALID, 422: Kind.INVALID, 429: Kind.BUSY}  # fmt: skip


def _understand(status: int, headers: t.Any, raw: bytes, tried: str, on: str, absent_ok: bool) -> Answer:
    """Return the answer, or raise what it means."""
    try:
        data = json.loads(raw)
    except ValueError:
        data = None
    if status == 404 and absent_ok and raw.strip() == _NO_SUCH_GROUP:
        return Answer(status, None)
    if not isinstance(data, dict):
        raise Failure(
            _KINDS.get(status, Kind.BROKEN) if status >= 400 else Kind.BROKEN,
            tried=tried,
            on=on,
            said=f"the server answered {status} with something that is no Kubernetes answer",
            remedy="Check that the address is that of a Kubernetes API server, then run again",
            status=status,
            retry_after=parse_retry_after(headers.get("Retry-After")),
        )
    if 200 <= status < 300:
        return Answer(status, data)
    if status == 404 and absent_ok:
        return Answer(status, None)
    raise _refusal(status, headers, data, tried, on)


def _refusal(status: int, headers: t.Any, data: dict[str, t.Any], tried: str, on: str) -> Failure:
    message = str(data.get("message", "")) or str(data.get("reason", ""))
    kind = _KINDS.get(status, Kind.BROKEN)
    remedy = ""
    if status == 500 and _USERS_MISTAKE in message:
        kind, remedy = Kind.INVALID, "Correct the object"
    elif status == 401:
        remedy = "Check the token or the certificate of the connection, and that its time is not over"
    elif kind is Kind.DENIED:
        remedy = "Give the account of the kubeconfig this right"
    elif kind is Kind.CONFLICT and data.get("reason") == "Conflict" and _causes(data):
        message = "; ".join(_causes(data))
        remedy = "Remove the field from your object, let its owner go, or set force_conflicts to true"
    elif kind is Kind.MISSING:
        remedy = "Create what is missing first, then run again"
    elif kind in (Kind.BUSY, Kind.BROKEN):
        remedy = "Run again; the next run goes on where this one stopped"
    failure = Failure(
        kind,
        tried=tried,
        on=on,
        said=message,
        remedy=remedy,
        status=status,
        retry_after=parse_retry_after(headers.get("Retry-After")),
    )
    failure.reason = str(data.get("reason", ""))
    return failure


def _causes(data: dict[str, t.Any]) -> list[str]:
    """Return each field conflict as text: the field and the manager that owns it."""
    causes = (data.get("details") or {}).get("causes") or []
    return [
        f"the field {cause.get('field', '?')} is in {str(cause.get('message', '')).removeprefix('conflict ')}"
        for cause in causes
        if cause.get("reason") == "FieldManagerConflict"
    ]
