"""What a tenant has left in the world: every object of every kind, and everything at Cloudflare and at GitHub.

In: a cluster, stand-ins, a tenant's names. Out: texts that are equal when two tenants are in the same state: names,
ids, times and generated values are replaced by words. Never here: a list of kinds, since what leaks is of a kind that
nobody thought of.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.sandbox.api import Api, ApiError, Object
from tests.sandbox.standins.cloudflare import Cloudflare
from tests.sandbox.standins.github import GitHub

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_FINGERPRINT = re.compile(r'(?<="fingerprint": ")[0-9a-f]{16}(?=")')
_HASH = re.compile(r"-[a-z0-9]{6,10}$")
_OUR_GROUP = "aphex.io/"
_PRODUCT = "aphex.platform"
_STORAGE_STARTS = 0.2

# What controllers make with names and at times of their own. A second Deployment, ReplicaSet or Service still shows.
_LEFT_OUT = frozenset({"Event", "Pod", "EndpointSlice", "Endpoints", "IPAddress"})


def everything(api: Api) -> list[Object]:
    """Every object in the cluster that can be listed, but those that come and go by themselves."""
    paths = [path for version in _versions(api) for path in _lists(api, version)]
    with ThreadPoolExecutor(4) as pool:
        found = [item for items in pool.map(lambda path: _listed(api, path), paths) for item in items]
    return [item for item in found if item["kind"] not in _LEFT_OUT]


def name(item: Object) -> str:
    """Return kind, namespace and name of an object."""
    metadata = item["metadata"]
    return f"{item['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


def names(api: Api) -> frozenset[str]:
    """Return the names of all objects that are there."""
    return frozenset(name(item) for item in everything(api))


def by_mark(objects: Iterable[Object], mark: str) -> dict[str, list[Object]]:
    """Group objects by the tenant's name that they carry: in their own name, else in their namespace's, else anywhere
    in what they say. Names begin with `mark`; what carries none stands under the empty name."""
    pattern = re.compile(rf"{mark}[0-9a-f]{{8}}")
    groups: dict[str, list[Object]] = defaultdict(list)
    for item in objects:
        metadata = item["metadata"]
        for text in (metadata["name"], metadata.get("namespace") or "", json.dumps(item)):
            found = pattern.search(text)
            if found:
                break
        groups[found.group() if found else ""].append(item)
    return dict(groups)


def made_by_us(item: Object) -> bool:
    """Did the product write this object?"""
    metadata = item["metadata"]
    labels = metadata.get("labels") or {}
    managers = [str(entry.get("manager", "")) for entry in metadata.get("managedFields") or []]
    return _PRODUCT in labels.values() or any(manager.startswith(_PRODUCT) for manager in managers)


def told(objects: Iterable[Object], words: dict[str, str]) -> list[str]:
    """Tell a tenant's objects, one line each, in a stable order. `words` maps names and ids to what stands for them."""
    objects = list(objects)
    words = words | {item["metadata"]["uid"]: f"<uid of {item['kind']} {_short(item, words)}>" for item in objects}
    return sorted(_replaced(json.dumps(_reduced(item), sort_keys=True), words) for item in objects)


def told_of_cloudflare(cloudflare: Cloudflare, words: dict[str, str]) -> list[str]:
    """Tell every tunnel, deleted ones too, and every DNS record of a stand-in."""
    state = cloudflare.state()
    lines = [
        f"tunnel {item['name']} {'deleted' if item.get('deleted_at') else 'live'} {item['config_src']}, "
        f"{len(item['connectors'])} connectors"
        for item in state["tunnels"]
    ]
    for zone in state["zones"]:
        for record in zone["records"]:
            kept = {key: record.get(key) for key in ("name", "type", "content", "proxied", "ttl", "comment")}
            lines.append("record " + json.dumps(kept, sort_keys=True))
    ids = {item["id"]: "<tunnel>" for item in state["tunnels"]}
    return sorted(_replaced(line, words | ids) for line in lines)


def webhook_secret(objects: Iterable[Object]) -> str | None:
    """Return the webhook secret of an organization, which is among these objects; None when it is not."""
    for item in objects:
        if item["kind"] == "Secret" and item["metadata"]["name"] == "github-webhook-secret":
            return base64.b64decode(item["data"]["secret"]).decode()
    return None


def told_of_github(github: GitHub, secret: str | None, words: dict[str, str]) -> list[str]:
    """Tell every webhook of a stand-in, and whether it signs with that secret."""
    lines = []
    for item in github.state()["webhooks"]:
        kept = {key: item[key] for key in ("target", "url", "content_type", "events", "active")}
        kept["secret"] = "the cluster's" if item["secret"] == secret else "another"
        lines.append("webhook " + json.dumps(kept, sort_keys=True))
    return sorted(_replaced(line, words) for line in lines)


def _versions(api: Api) -> list[str]:
    groups = api.get("/apis")["groups"]
    return ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]


def _lists(api: Api, version: str) -> list[str]:
    resources = api.get(version)["resources"]
    return [f"{version}/{item['name']}" for item in resources if "list" in item["verbs"] and "/" not in item["name"]]


def _listed(api: Api, path: str) -> list[Object]:
    while True:
        try:
            return api.list(path)
        except ApiError as error:
            # The server begins to store a kind with the first request for it, and says so.
            if error.status != 429:
                raise
        time.sleep(_STORAGE_STARTS)


def _short(item: Object, words: dict[str, str]) -> str:
    return _replaced(str(item["metadata"]["name"]), words)


def _replaced(text: str, words: dict[str, str]) -> str:
    for own, word in words.items():
        text = text.replace(own, word)
    return _FINGERPRINT.sub("<fingerprint>", _DIGEST.sub("<digest>", _TIME.sub("<time>", text)))


def _reduced(item: Object) -> Object:
    """What of an object must be equal: not what the server or a controller adds at a time of its own."""
    metadata: dict[str, Any] = dict(item["metadata"])
    generation = metadata.pop("generation", None)
    for field in ("uid", "resourceVersion", "creationTimestamp"):
        metadata.pop(field, None)
    managers = [entry for entry in metadata.pop("managedFields", []) if str(entry["manager"]).startswith(_PRODUCT)]
    metadata["managers"] = sorted(f"{entry['manager']} {entry.get('subresource', '')}" for entry in managers)
    if item["kind"] == "ReplicaSet":
        return {"kind": "ReplicaSet", "name": _HASH.sub("", metadata["name"]), "namespace": metadata["namespace"]}
    kept = {**item, "metadata": metadata}
    if not item["apiVersion"].startswith(_OUR_GROUP):
        kept.pop("status", None)
    elif "observedGeneration" in kept.get("status", {}):
        kept["status"] = {**kept["status"], "observedGeneration": kept["status"]["observedGeneration"] == generation}
    if item["kind"] == "Service":
        addresses = ("clusterIP", "clusterIPs")
        kept["spec"] = {key: value for key, value in item["spec"].items() if key not in addresses}
    if item["kind"] == "Secret":
        # Values are generated; how long they are, and which keys there are, must be equal.
        kept["data"] = {key: len(value) for key, value in (item.get("data") or {}).items()}
    if item["kind"] == "Lease":
        kept.pop("spec")
    return kept
