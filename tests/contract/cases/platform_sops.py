"""platform_sops: Secrets as encrypted files, with the age key here and in a cluster; with the real sops.

In: a folder of the machine. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

import base64
import subprocess
from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.cases.platform_authority import files, folder
from tests.contract.world import World
from tests.sandbox import build

KEY = "AGE-SECRET-KEY-"
_PATH = "secrets/{}/login.enc.yaml"


def _secrets(world: World) -> str:
    return f"/api/v1/namespaces/{world.name}/secrets"


def _prepare(world: World) -> None:
    build.built("sops")
    world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.name}})


def _row(world: World, **more: Any) -> Args:
    keys = [{"name": "made"}, {"name": "given", "value": world.secret("given value")}]
    copies = [{"namespace": world.name, "name": "copy", "keys": {"made": "clientSecret"}}]
    return {"namespace": world.name, "name": "login", "keys": keys, "copies": copies, **more}


def _equal(world: World, key: str = "made") -> Args:
    source = {"namespace": world.name, "name": "login", "key": key}
    return {"namespace": world.name, "name": "equal", "keys": [{"name": "same", "from_secret": source}]}


def _good(world: World) -> Args:
    return {
        "folder": str(folder(world) / "age"),
        "key_secret": {"namespace": world.name, "name": "age"},
        "secrets": [_row(world), _equal(world)],
        "bring": "all",
    }


def _meddle(world: World) -> None:
    world.patch(f"{_secrets(world)}/login", {"data": {"given": "dGhlaXJz"}})
    world.patch(f"{_secrets(world)}/copy", {"data": {"clientSecret": "dGhlaXJz"}})


def _lose_key(world: World) -> None:
    """The machine is another one."""
    (folder(world) / "age" / "age.key").unlink()


def _lose_secret(world: World) -> None:
    world.api.delete(f"{_secrets(world)}/age")


def _bad_folder(world: World, name: str, text: str) -> Args:
    path = folder(world) / name
    path.mkdir(exist_ok=True)
    (path / "age.key").write_text(text, encoding="utf-8")
    return {"folder": str(path)}


def _whole(world: World) -> list[Any]:
    """Every Secret with its keys and how long they are, and whether what should be equal is."""
    values: dict[str, dict[str, bytes]] = {}
    for item in world.api.list(_secrets(world)):
        values[item["metadata"]["name"]] = {name: base64.b64decode(text) for name, text in item["data"].items()}
    made = values.get("login", {}).get("made")
    key = folder(world) / "age" / "age.key"
    same = key.exists() and values.get("age", {}).get("keys.txt") == key.read_bytes()
    equal = [values.get("copy", {}).get("clientSecret") == made, values.get("equal", {}).get("same") == made, same]
    sizes = {name: {key: len(value) for key, value in data.items()} for name, data in sorted(values.items())}
    return [sizes, equal]


def _file(world: World, text: str) -> Args:
    return {"files": {_PATH.format(world.name): text}}


def _foreign(world: World) -> Args:
    """A file that somebody else has encrypted for themselves."""
    programs = build.built("sops")
    key = subprocess.run([programs / "age-keygen"], capture_output=True, check=True).stdout
    public = subprocess.run([programs / "age-keygen", "-y"], input=key, capture_output=True, check=True).stdout
    command = [str(programs / "sops"), "--config", "/dev/null", "encrypt", "--filename-override", "a.yaml"]
    command += ["--age", public.decode().strip(), "/dev/stdin"]
    text = subprocess.run(command, input=b"kind: Secret\ndata: {a: YWJj}\n", capture_output=True, check=True).stdout
    return _file(world, text.decode())


CASE = Case(
    module="platform_sops",
    key="sops",
    prepare=_prepare,
    good=_good,
    files=files,
    bad=(
        Bad("no folder", lambda world: {"folder": None}, ("folder",)),
        Bad("a path that is not absolute", lambda world: {"folder": "age"}, ("absolute",)),
        Bad("a recipient that is none", lambda world: {"recipients": ["ssh-ed25519 AAAA"]}, ("ssh-ed25", "recipient")),
        Bad("a private key as a recipient", lambda world: {"recipients": [f"{KEY}1QQ"]}, ("recipient", "age1")),
        Bad("a place that stands twice", lambda world: {"secrets": [_row(world), _row(world)]}, ("login", "twice")),
        Bad("a source that stands nowhere", lambda world: {"secrets": [_equal(world)]}, ("login", "above it")),
        Bad("a key that the source lacks", lambda world: {"secrets": [_row(world), _equal(world, "none")]}, ("none",)),
        Bad("nothing to hold", lambda world: {"secrets": [_row(world, keys=[], copies=[])]}, ("neither keys",)),
        Bad("a version that is none", lambda world: {"secrets": [_row(world, rotate={"made": "x"})]}, ("version",)),
        Bad("a key that is none", lambda world: _bad_folder(world, "none", "text"), ("age.key", "no age key"),
            looks=True),
        Bad("a file that no key opens", _foreign, ("login.enc.yaml", "no age key"), looks=True),
        Bad("a file in clear", lambda world: _file(world, "kind: Secret\n"), ("login.enc.yaml", "no file of sops"),
            looks=True),
    ),
    whole=_whole,
    drifts=(
        Drift("other values, here and in the copy", _meddle, lambda world: ("given", "clientSecret", "***")),
        Drift("the key is on another machine", _lose_key, lambda world: ("age.key",)),
        Drift("the key is not in the cluster", _lose_secret, lambda world: ("keys.txt", "***")),
    ),
    update=lambda world: {"secrets": [_row(world, rotate={"made": 2}), _equal(world)]},
    update_shows=lambda world: ("secret-versions", "***"),
)  # fmt: skip
