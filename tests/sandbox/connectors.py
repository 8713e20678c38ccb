"""Which connectors run in the cluster, and what each of them read when it started.

In: Deployments whose image is cloudflared, and the Secrets and ConfigMaps that their pods mount or name.
Out: one Running for each available replica, or the reason why it cannot run. Never here: a request to Cloudflare.

cloudflared reads its files once, when it starts. So what was read stays until the pod template changes: a changed
ConfigMap alone does nothing, as in life.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tests.sandbox.standins.cloudflared import BadConfig, Config, Credentials, read_config

DEFAULT_CONFIGS = ("/etc/cloudflared/config.yml", "/etc/cloudflared/config.yaml")
IDS = uuid.UUID("9f0f6f1e-3f0b-4c60-8f3e-6f5b8f2d1c11")


class Api(Protocol):
    """The little of the Kubernetes API that is read here."""

    def get(self, path: str) -> dict[str, Any] | None:
        """Return the object or list at a path, None when there is none."""


class NotStarted(Exception):
    """The container cannot start or ends at once: something that it mounts or names is not there, or is of no use."""


@dataclass(frozen=True)
class Running:
    """One running connector: who it says it is, and the rules of its file (None: run by a token without a file)."""

    id: str
    name: str
    namespace: str
    credentials: Credentials
    config: Config | None


@dataclass(frozen=True)
class _Loaded:
    credentials: Credentials
    config: Config | None


class Cluster:
    """The connectors of one cluster. With ``needs_available`` False (nothing plays the nodes) wanted replicas count."""

    def __init__(self, api: Api, needs_available: bool = True) -> None:
        self._api = api
        self._needs_available = needs_available
        self._loaded: dict[str, _Loaded] = {}
        self.problems: dict[str, str] = {}

    def running(self) -> list[Running]:
        """Read the cluster and return what runs; ``problems`` then tells what does not, by Deployment."""
        listed = self._api.get("/apis/apps/v1/deployments") or {}
        self.problems = {}
        found: list[Running] = []
        kept: dict[str, _Loaded] = {}
        for deployment in listed.get("items", []):
            container = _connector_container(deployment)
            if container is None:
                continue
            meta = deployment["metadata"]
            name = f"{meta['namespace']}/{meta['name']}"
            replicas = self._replicas(deployment)
            if not replicas:
                self.problems[name] = "no replica is available"
                continue
            key = _start_key(deployment)
            try:
                kept[key] = self._loaded.get(key) or self._load(deployment, container)
            except (NotStarted, BadConfig) as error:
                self.problems[name] = str(error)
                continue
            found += _replicas_of(name, meta["namespace"], key, kept[key], replicas)
        self._loaded = kept
        return found

    def _replicas(self, deployment: Mapping[str, Any]) -> int:
        status, spec = deployment.get("status", {}), deployment["spec"]
        wanted = int(spec.get("replicas", 1))
        if not self._needs_available:
            return wanted
        return min(wanted, int(status.get("availableReplicas") or status.get("readyReplicas") or 0))

    def _load(self, deployment: Mapping[str, Any], container: Mapping[str, Any]) -> _Loaded:
        """Do what cloudflared does when it starts: find its configuration, then its credentials."""
        pod = _Pod(self._api, deployment["metadata"]["namespace"], deployment["spec"]["template"]["spec"], container)
        options = _options(container, pod.environment())
        config = _load_config(pod, options)
        return _Loaded(_load_credentials(pod, options, config), config)


class _Pod:
    """What one container sees: its environment and the files of its volumes."""

    def __init__(self, api: Api, namespace: str, spec: Mapping[str, Any], container: Mapping[str, Any]) -> None:
        self._api = api
        self._namespace = namespace
        self._volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        self._container = container

    def environment(self) -> dict[str, str]:
        values: dict[str, str] = {}
        for source in self._container.get("envFrom", []):
            kind = "secret" if "secretRef" in source else "configMap"
            reference = source[f"{kind}Ref"]
            data = self._data(kind, reference["name"], bool(reference.get("optional")))
            values |= {source.get("prefix", "") + key: value for key, value in data.items()}
        for item in self._container.get("env", []):
            value = self._variable(item)
            if value is not None:
                values[item["name"]] = value
        return values

    def read(self, path: str) -> str:
        """Return the text of a mounted file; raises NotStarted when no volume holds it."""
        mounts = sorted(self._container.get("volumeMounts", []), key=lambda mount: -len(mount["mountPath"]))
        for mount in mounts:
            folder = mount["mountPath"].rstrip("/")
            if path == folder and "subPath" in mount:
                inside = mount["subPath"]
            elif path.startswith(f"{folder}/"):
                inside = path.removeprefix(f"{folder}/")
            else:
                continue
            files = self._files(self._volumes.get(mount["name"], {}))
            if inside not in files:
                raise NotStarted(f"there is no {inside} in the volume {mount['name']} for {path}")
            return files[inside]
        raise NotStarted(f"no volume is mounted for {path}")

    def has(self, path: str) -> bool:
        try:
            self.read(path)
        except NotStarted:
            return False
        return True

    def _files(self, volume: Mapping[str, Any]) -> dict[str, str]:
        files: dict[str, str] = {}
        for source in [volume, *volume.get("projected", {}).get("sources", [])]:
            for kind in ("secret", "configMap"):
                if kind in source:
                    files |= self._volume_files(kind, source[kind])
        return files

    def _volume_files(self, kind: str, source: Mapping[str, Any]) -> dict[str, str]:
        # A Secret volume names its Secret by secretName, all other sources by name.
        name = source.get("secretName") or source["name"]
        data = self._data(kind, name, bool(source.get("optional")))
        items = source.get("items")
        if items is None:
            return data
        return {item["path"]: data[item["key"]] for item in items if item["key"] in data}

    def _variable(self, item: Mapping[str, Any]) -> str | None:
        source = item.get("valueFrom")
        if source is None:
            return str(item.get("value", ""))
        for kind in ("secret", "configMap"):
            reference = source.get(f"{kind}KeyRef")
            if reference is None:
                continue
            optional = bool(reference.get("optional"))
            value = self._data(kind, reference["name"], optional).get(reference["key"])
            if value is None and not optional:
                raise NotStarted(f"the {kind} {reference['name']} has no key {reference['key']}")
            return value
        return None

    def _data(self, kind: str, name: str, optional: bool) -> dict[str, str]:
        plural = {"secret": "secrets", "configMap": "configmaps"}[kind]
        found = self._api.get(f"/api/v1/namespaces/{self._namespace}/{plural}/{name}")
        if found is None:
            if optional:
                return {}
            raise NotStarted(f"there is no {kind} {self._namespace}/{name}")
        data = found.get("data") or {}
        if kind == "configMap":
            return dict(data)
        return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in data.items()}


def _connector_container(deployment: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the container that runs cloudflared, known by its image's name."""
    for container in deployment["spec"]["template"]["spec"].get("containers", []):
        image = str(container.get("image", "")).rsplit("/", 1)[-1]
        if image.split("@")[0].split(":")[0] == "cloudflared":
            found: Mapping[str, Any] = container
            return found
    return None


def _start_key(deployment: Mapping[str, Any]) -> str:
    """Return what changes when the pods are made anew: the Deployment's uid and its pod template."""
    template = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return f"{deployment['metadata'].get('uid')}/{hashlib.sha256(template.encode()).hexdigest()}"


def _replicas_of(name: str, namespace: str, key: str, loaded: _Loaded, count: int) -> list[Running]:
    return [
        Running(
            str(uuid.uuid5(IDS, f"{key}/{number}")), f"{name}[{number}]", namespace, loaded.credentials, loaded.config
        )
        for number in range(count)
    ]


def _options(container: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """Return cloudflared's options by name, from environment and arguments (which win), and ``run`` for its tunnel."""
    names = {
        "TUNNEL_TOKEN": "token",
        "TUNNEL_TOKEN_FILE": "token-file",
        "TUNNEL_CRED_FILE": "credentials-file",
        "TUNNEL_CRED_CONTENTS": "credentials-contents",
    }
    options = {option: environment[name] for name, option in names.items() if environment.get(name)}
    words = [_expand(str(word), environment) for word in [*container.get("command", []), *container.get("args", [])]]
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "run" and following and not following.startswith("-"):
            options["run"] = following
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            options["credentials-file" if name == "cred-file" else name] = value if equals else following
    return options


def _expand(word: str, environment: Mapping[str, str]) -> str:
    for name, value in environment.items():
        word = word.replace(f"$({name})", value)
    return word


def _load_config(pod: _Pod, options: Mapping[str, str]) -> Config | None:
    path = options.get("config") or next((path for path in DEFAULT_CONFIGS if pod.has(path)), None)
    return read_config(pod.read(path)) if path else None


def _load_credentials(pod: _Pod, options: Mapping[str, str], config: Config | None) -> Credentials:
    """Return who the connector is: a token wins over credentials. The tunnel that is named must be theirs."""
    if "token" in options:
        return Credentials.from_token(options["token"])
    if "token-file" in options:
        return Credentials.from_token(pod.read(options["token-file"]))
    tunnel = options.get("run") or (config.tunnel if config else "")
    if not tunnel:
        raise NotStarted('"cloudflared tunnel run" requires the ID or name of the tunnel to run')
    text = options.get("credentials-contents")
    if text is None:
        path = options.get("credentials-file") or (config.credentials_file if config else "")
        if not path:
            raise NotStarted("tunnel credentials file not found")
        text = pod.read(path)
    return with_tunnel(Credentials.from_json(text), tunnel)


def with_tunnel(credentials: Credentials, tunnel: str) -> Credentials:
    """Return the credentials as cloudflared uses them: the id that it was told wins over the id in the file."""
    try:
        uuid.UUID(tunnel)
    except ValueError:
        return credentials
    return Credentials(credentials.account, tunnel, credentials.secret)
