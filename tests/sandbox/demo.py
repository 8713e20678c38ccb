"""The told story: from an empty cluster to a push at GitHub that starts a pipeline.

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
from collections.abc import Callable
from typing import Any

from tests.sandbox.api import Api
from tests.sandbox.sandbox import CHECKOUT, Sandbox, join
from tests.sandbox.stack import ALL
from tests.sandbox.standins.control import Control
from tests.sandbox.state import User

INVENTORY = "inventory/sandbox"
ORGANIZATION, REPOSITORY, PIPELINE = "acme-corp", "acme-corp/web-shop", "web-shop"
OWN_WEBHOOK = "intranet"
_PLATFORM = "/apis/aphex.io/v1alpha1/namespaces/platform-system"
_SOURCES = "/apis/source.toolkit.fluxcd.io/v1"
FLUX_REPOSITORY = "acme-corp/infrastructure"
_RUN_WITHIN = 30.0
_RECAP = re.compile(r"changed=(\d+) .*failed=(\d+)")


class Broken(RuntimeError):
    """The story did not come true; the text says where."""


def main() -> int:
    """Tell the story; what it started is stopped whatever happens."""
    begun = time.monotonic()
    _title("A cluster of real parts on this machine")
    sandbox = join("demo", (*ALL, "flux"), user=User.this_process("demo"), say=_say)
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
    _title("The webhook at GitHub, and the ping that proved it")
    _proof(sandbox)
    _title("A push at GitHub, delivered to the public address")
    _push(sandbox)
    _title("The same playbook again")
    changed = _play(sandbox, "onboard")
    if changed:
        raise Broken(f"the second run changed {changed} tenants, not 0")
    _say("nothing changed")
    _title("The tenants, with addresses and states")
    _play(sandbox, "status")
    _title("Flux: its Receiver, tunnel rule, DNS and webhook at GitHub, each seen to work")
    _flux(sandbox)


def _play(sandbox: Sandbox, verb: str, *more: str) -> int:
    """Run a playbook of ours, or a file; show what it says, and return the number of changed tasks in its recap."""
    playbook = verb if "/" in verb else f"aphex.platform.{verb}"
    command = ["ansible-playbook", "-i", INVENTORY, playbook, *more]
    _say("$ " + " ".join(command))
    quiet = dict.fromkeys(
        ("ANSIBLE_FORCE_COLOR", "ANSIBLE_LOCALHOST_WARNING", "ANSIBLE_DISPLAY_SKIPPED_HOSTS"), "false"
    )
    env = {**os.environ, **sandbox.env, **quiet}
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


def _proof(sandbox: Sandbox) -> None:
    status = sandbox.api.get(f"{_PLATFORM}/organizations/{ORGANIZATION}")["status"]
    webhook = status["webhook"]
    _say(f"webhook of {webhook['owner']}: {webhook['url']}, secret with fingerprint {webhook['fingerprint']}")
    event = sandbox.api.get(f"/api/v1/namespaces/org-{ORGANIZATION}/events/hook-{webhook['deliveryId']}")
    _say(f"delivery {webhook['deliveryId']}: {event['message']}")
    own = sandbox.api.get(f"{_PLATFORM}/repobindings/{OWN_WEBHOOK}")["status"]["webhook"]
    _say(f"webhook of {own['owner']}/{own['repository']}, which has one of its own: {own['url']}")


def _push(sandbox: Sandbox) -> None:
    host = _host(sandbox.api)
    _say(f"somebody else, to https://{host}/ with a wrong signature: {_forge(sandbox, host)}, no run will come of it")
    delivery = Control(sandbox.env["APHEX_SANDBOX_GITHUB"]).do("push", repository=REPOSITORY)
    _say(f"push to main of {REPOSITORY}, delivery {delivery}")
    run = _until(lambda: sandbox.api.find(f"/apis/tekton.dev/v1/namespaces/{PIPELINE}/pipelineruns/push-{delivery}"))
    runs = sandbox.api.get(f"/apis/tekton.dev/v1/namespaces/{PIPELINE}/pipelineruns")["items"]
    _say(f"PipelineRun {PIPELINE}/{run['metadata']['name']}, the only one of {len(runs)}:")
    for item in run["spec"]["params"]:
        _say(f"  {item['name']}: {item['value']}")
    if len(runs) != 1:
        raise Broken(f"{len(runs)} runs started, not 1")


def _host(api: Api) -> str:
    found = api.get(f"{_PLATFORM}/organizations/{ORGANIZATION}")
    return str(found["status"]["webhookURL"]).removeprefix("https://")


def _forge(sandbox: Sandbox, host: str) -> str:
    """Send what GitHub would send of a push, as far as anybody reads it, signed with another secret."""
    payload = {
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "after": "1" * 40,
        "deleted": False,
        "repository": {"full_name": REPOSITORY, "default_branch": "main", "pushed_at": int(time.time())},
    }
    body = json.dumps(payload).encode()
    headers = {
        "Host": host,
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": "sha256=" + hmac.new(b"a guess", body, hashlib.sha256).hexdigest(),
    }
    request = urllib.request.Request(sandbox.env["APHEX_EDGE_URL"] + "/", data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return f"HTTP {answer.status}"
    except urllib.error.HTTPError as error:
        raise Broken(f"the public address answered {error.code}: {error.headers.get('X-Sandbox-Why', '')}") from error


def _flux(sandbox: Sandbox) -> None:
    github = Control(sandbox.env["APHEX_SANDBOX_GITHUB"])
    github.do("add_repository", full_name=FLUX_REPOSITORY)
    _play(sandbox, "inventory/flux/prepare.yml")
    _play(sandbox, "flux_webhook", "-e", "@inventory/flux/sandbox.yml")
    before = _requested_at(sandbox)
    delivery = github.do("push", repository=FLUX_REPOSITORY)
    _say(f"push to main of {FLUX_REPOSITORY}, delivery {delivery}")
    after = _until(lambda: {"at": at} if (at := _requested_at(sandbox)) != before else None)["at"]
    _say(f"GitRepository flux-system/infrastructure is to be looked at: {before or 'never'} -> {after}")


def _requested_at(sandbox: Sandbox) -> str:
    source = sandbox.api.get(f"{_SOURCES}/namespaces/flux-system/gitrepositories/infrastructure")
    return str((source["metadata"].get("annotations") or {}).get("reconcile.fluxcd.io/requestedAt", ""))


def _until(look: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    deadline = time.monotonic() + _RUN_WITHIN
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise Broken(f"nothing came of it within {_RUN_WITHIN:.0f} s")


def _title(text: str) -> None:
    print(f"\n== {text}", flush=True)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
