"""The told story: from an empty cluster to a signed push that starts a pipeline.

In: nothing. Out: what each step prints, and exit code 0 when all of it came true. Never here: product code; the story
uses what a user has, playbooks and the public address.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from tests.sandbox.api import Api
from tests.sandbox.sandbox import CHECKOUT, Sandbox, join
from tests.sandbox.state import User

INVENTORY = "inventory/sandbox"
ORGANIZATION, REPOSITORY, PIPELINE = "acme-corp", "acme-corp/web-shop", "web-shop"
_RUN_WITHIN = 30.0
_RECAP = re.compile(r"changed=(\d+) .*failed=(\d+)")


class Broken(RuntimeError):
    """The story did not come true; the text says where."""


def main() -> int:
    """Tell the story; what it started is stopped whatever happens."""
    begun = time.monotonic()
    _title("A cluster of real parts on this machine")
    sandbox = join("demo", user=User.this_process("demo"), say=_say)
    try:
        _story(sandbox)
    except Broken as problem:
        _say(f"the demo stopped: {problem}")
        return 1
    finally:
        sandbox.leave()
        _say("sandbox stopped")
    _say(f"done in {time.monotonic() - begun:.0f} s")
    return 0


def _story(sandbox: Sandbox) -> None:
    _title("The platform: kinds, settings, rights, admission policies")
    _play(sandbox, "prepare")
    _title("The tenants: two organizations and their repositories")
    _play(sandbox, "onboard")
    _title("A signed push to the public address")
    _push(sandbox)
    _title("The same playbook again")
    changed = _play(sandbox, "onboard")
    if changed:
        raise Broken(f"the second run changed {changed} tenants, not 0")
    _say("nothing changed")
    _title("The tenants, with addresses and states")
    _play(sandbox, "status")


def _play(sandbox: Sandbox, verb: str) -> int:
    """Run a playbook, show what it says, and return the number of changed tasks in its recap."""
    command = ["ansible-playbook", "-i", INVENTORY, f"aphex.platform.{verb}"]
    _say("$ " + " ".join(command))
    env = {**os.environ, **sandbox.env, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_LOCALHOST_WARNING": "false"}
    changed = 0
    with subprocess.Popen(command, cwd=CHECKOUT, env=env, stdout=subprocess.PIPE, text=True) as playing:
        assert playing.stdout is not None
        for line in playing.stdout:
            if line.strip():
                print(f"  {line.rstrip()}", flush=True)
            recap = _RECAP.search(line)
            changed += int(recap[1]) if recap else 0
    if playing.returncode:
        raise Broken(f"the playbook {verb} ended with code {playing.returncode}")
    return changed


def _push(sandbox: Sandbox) -> None:
    host = _host(sandbox.api)
    secret = _webhook_secret(sandbox.api)
    delivery = str(uuid.uuid4())
    body = json.dumps(_payload()).encode()
    _say(f"POST https://{host}/  push to main of {REPOSITORY}, delivery {delivery}")
    _say(f"  wrong signature: {_deliver(sandbox, host, body, str(uuid.uuid4()), b'wrong' * 8)}, no run will come of it")
    _say(f"  right signature: {_deliver(sandbox, host, body, delivery, secret)}")
    run = _until(lambda: sandbox.api.find(f"/apis/tekton.dev/v1/namespaces/{PIPELINE}/pipelineruns/push-{delivery}"))
    runs = sandbox.api.get(f"/apis/tekton.dev/v1/namespaces/{PIPELINE}/pipelineruns")["items"]
    _say(f"PipelineRun {PIPELINE}/{run['metadata']['name']}, the only one of {len(runs)}:")
    for item in run["spec"]["params"]:
        _say(f"  {item['name']}: {item['value']}")
    if len(runs) != 1:
        raise Broken(f"{len(runs)} runs started, not 1")


def _host(api: Api) -> str:
    found = api.get(f"/apis/aphex.io/v1alpha1/namespaces/platform-system/organizations/{ORGANIZATION}")
    return str(found["status"]["webhookURL"]).removeprefix("https://")


def _webhook_secret(api: Api) -> bytes:
    found = api.get(f"/api/v1/namespaces/org-{ORGANIZATION}/secrets/github-webhook-secret")
    return b64decode(found["data"]["secret"])


def _payload() -> dict[str, Any]:
    """Return what GitHub sends of a push, as far as anybody reads it."""
    return {
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "after": hashlib.sha1(b"the demo", usedforsecurity=False).hexdigest(),
        "deleted": False,
        "repository": {
            "full_name": REPOSITORY,
            "default_branch": "main",
            "clone_url": f"https://github.com/{REPOSITORY}.git",
            "pushed_at": int(time.time()),
        },
    }


def _deliver(sandbox: Sandbox, host: str, body: bytes, delivery: str, secret: bytes) -> str:
    headers = {
        "Host": host,
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }
    request = urllib.request.Request(sandbox.env["APHEX_EDGE_URL"] + "/", data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return f"HTTP {answer.status}"
    except urllib.error.HTTPError as error:
        raise Broken(f"the public address answered {error.code}: {error.headers.get('X-Sandbox-Why', '')}") from error


def _until(look: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    deadline = time.monotonic() + _RUN_WITHIN
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise Broken(f"no run came within {_RUN_WITHIN:.0f} s")


def _title(text: str) -> None:
    print(f"\n== {text}", flush=True)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
