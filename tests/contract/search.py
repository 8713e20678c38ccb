"""Where a secret could turn up, and whether it did.

In: a run that has ended, a cluster, a Cloudflare stand-in; secrets by name. Out: where which of them was found. Never
here: a list of places that are let off, but for the Secrets that are meant to hold one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.contract.runner import Playing
from tests.sandbox.api import Api, Object
from tests.sandbox.audit import AuditLog
from tests.sandbox.proxy import Proxy
from tests.sandbox.standins.authentik import Authentik
from tests.sandbox.standins.cloudflare import Cloudflare
from tests.sandbox.standins.github import GitHub

Places = Iterable[tuple[str, str]]
"""Names of places with all the text that is there."""

_INPUTS = ("play.yml", "inventory.json")


def found(places: Places, secrets: Mapping[str, str]) -> list[str]:
    """Every place where a secret stands: as it is, in base64, in a URL, or as JSON writes it."""
    wanted = [(name, form) for name, value in secrets.items() for form in forms(value)]
    return sorted({f"{name} in {place}" for place, text in places for name, form in wanted if form in text})


def forms(value: str) -> set[str]:
    """The spellings of a secret; in base64 it looks otherwise at each of three places in a longer text."""
    raw = value.encode()
    shifted = [base64.b64encode(b"x" * before + raw).decode() for before in range(3)]
    # The first and the last letters also tell of what stands around it.
    inner = {text[4 * (before > 0) : -4] for before, text in enumerate(shifted)}
    return {value, quote(value, safe=""), json.dumps(value)[1:-1], raw.hex(), *(text for text in inner if text)}


def run_places(playing: Playing) -> Iterator[tuple[str, str]]:
    """What a run has shown, answered and left on the disk."""
    yield "the output", playing.output
    yield "the log", playing.log
    for number, answers in enumerate(playing.answers):
        for host, answer in answers.items():
            yield f"the result of task {number} on {host}", json.dumps(answer.result, ensure_ascii=False)
    for path in [*_files(playing.folder), *_files(playing.temporary)]:
        yield f"the file {path.name}", path.read_text(encoding="utf-8", errors="replace")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name not in _INPUTS]


def cluster_places(api: Api, meant: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Every object of the cluster, events among them, but for the Secrets that are meant (namespace and name)."""
    let_off = set(meant)
    with ThreadPoolExecutor(8) as pool:
        for items in pool.map(api.list, _collections(api)):
            for item in items:
                place = (item["metadata"].get("namespace", ""), item["metadata"]["name"])
                if not (item["kind"] == "Secret" and place in let_off):
                    yield f"{item['kind']} {'/'.join(place)}", _decoded_text(item)


def _collections(api: Api) -> list[str]:
    """The path of every collection that can be listed."""
    versions = ["/api/v1"]
    for group in api.get("/apis")["groups"]:
        versions.append(f"/apis/{group['preferredVersion']['groupVersion']}")
    found_: list[str] = []
    for version in versions:
        for entry in api.get(version)["resources"]:
            if "/" not in entry["name"] and "list" in entry["verbs"]:
                found_.append(f"{version}/{entry['name']}")
    return found_


def _decoded_text(item: Object) -> str:
    """The object, and for a Secret also what its values decode to."""
    text = json.dumps(item, ensure_ascii=False)
    if item["kind"] == "Secret":
        for value in (item.get("data") or {}).values():
            text += base64.b64decode(value).decode("utf-8", "replace")
    return text


def cloudflare_places(standin: Cloudflare) -> Iterator[tuple[str, str]]:
    """What stands at Cloudflare but for the secrets of tunnels, and the addresses that were asked."""
    state: dict[str, Any] = standin.state()
    for tunnel in state["tunnels"]:
        tunnel.pop("tunnel_secret")
    yield "Cloudflare", json.dumps(state, ensure_ascii=False)
    for entry in standin.log.entries():
        headers = {name: value for name, value in entry.headers.items() if name != "authorization"}
        yield f"the request {entry.method} {entry.path}", f"{entry.path}?{entry.query} {headers}"


def github_places(standin: GitHub) -> Iterator[tuple[str, str]]:
    """What stands at GitHub but for tokens and the secrets of webhooks, what was asked of it, and what it delivered."""
    state: dict[str, Any] = standin.state()
    del state["tokens"]
    for webhook in [*state["webhooks"], *(app["webhook"] for app in state["apps"])]:
        webhook.pop("secret")
        for delivery in standin.log_of(webhook["id"]):
            yield f"the delivery {delivery['guid']}", json.dumps(delivery, ensure_ascii=False)
    yield "GitHub", json.dumps(state, ensure_ascii=False)
    for entry in standin.log.entries():
        headers = {name: value for name, value in entry.headers.items() if name != "authorization"}
        yield f"the request {entry.method} {entry.path}", f"{entry.path}?{entry.query} {headers}"


def authentik_places(standin: Authentik) -> Iterator[tuple[str, str]]:
    """What stands at Authentik but for client secrets and the contents of blueprints, and what was asked of it."""
    state: dict[str, Any] = json.loads(json.dumps(standin.state()))
    for item in (*state["store"]["authentik_providers_oauth2.oauth2provider"], *state["blueprints"]):
        for name in ("client_secret", "content"):
            item.pop(name, None)
    yield "Authentik", json.dumps(state, ensure_ascii=False)
    for entry in standin.log.entries():
        headers = {name: value for name, value in entry.headers.items() if name != "authorization"}
        yield f"the request {entry.method} {entry.path}", f"{entry.path}?{entry.query} {headers}"


def request_places(proxy: Proxy) -> Iterator[tuple[str, str]]:
    """The addresses that were asked of the API server."""
    for seen in proxy.requests():
        yield f"the request {seen.method}", f"{seen.uri} {seen.agent}"


def audit_places(audit: AuditLog, since: int) -> Iterator[tuple[str, str]]:
    """The audit log since a mark."""
    with audit.path.open("rb") as log:
        log.seek(since)
        yield "the audit log", log.read().decode("utf-8", "replace")
