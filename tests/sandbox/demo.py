"""The told story: from an empty cluster to a push at GitHub that starts a pipeline.

In: nothing. Out: what each step prints, and exit code 0 when all of it came true. Never here: product code; the story
uses what a user has, playbooks and the public address.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
import time
import urllib.error
import urllib.request
import uuid

from tests.sandbox import demo_gate
from tests.sandbox.api import Api
from tests.sandbox.sandbox import Sandbox, join
from tests.sandbox.stack import ALL
from tests.sandbox.standins.control import Control
from tests.sandbox.state import User
from tests.sandbox.telling import Broken, play, say, title, until

INVENTORY = "inventory/sandbox"
ORGANIZATION, REPOSITORY, PIPELINE = "acme-corp", "acme-corp/web-shop", "web-shop"
OWN_WEBHOOK = "intranet"
_PLATFORM = "/apis/aphex.io/v1alpha1/namespaces/platform-system"
_SOURCES = "/apis/source.toolkit.fluxcd.io/v1"
FLUX_REPOSITORY = "acme-corp/infrastructure"


def main() -> int:
    """Tell the story; what it started is stopped whatever happens."""
    begun = time.monotonic()
    title("A cluster of real parts on this machine")
    sandbox = join("demo", (*ALL, "flux"), user=User.this_process("demo"), say=say)
    try:
        _story(sandbox)
    except Broken as problem:
        say(f"the demo stopped: {problem}")
        return 1
    finally:
        sandbox.leave()
        say("sandbox stopped")
    say(f"done in {time.monotonic() - begun:.0f} s")
    return 0


def _story(sandbox: Sandbox) -> None:
    title("The platform: kinds, settings, rights, admission policies")
    play(sandbox, INVENTORY, "prepare")
    title("The tenants: two organizations and their repositories")
    play(sandbox, INVENTORY, "onboard")
    title("The webhook at GitHub, and the ping that proved it")
    _proof(sandbox)
    title("A push at GitHub, delivered to the public address")
    _push(sandbox)
    title("The same playbook again")
    changed = play(sandbox, INVENTORY, "onboard")
    if changed:
        raise Broken(f"the second run changed {changed} tenants, not 0")
    say("nothing changed")
    title("The tenants, with addresses and states")
    play(sandbox, INVENTORY, "status")
    title("Flux: its Receiver, tunnel rule, DNS and webhook at GitHub, each seen to work")
    _flux(sandbox)
    title("The gate: policy decides three deployments that wait")
    demo_gate.tell(sandbox)


def _proof(sandbox: Sandbox) -> None:
    status = sandbox.api.get(f"{_PLATFORM}/organizations/{ORGANIZATION}")["status"]
    webhook = status["webhook"]
    say(f"webhook of {webhook['owner']}: {webhook['url']}, secret with fingerprint {webhook['fingerprint']}")
    event = sandbox.api.get(f"/api/v1/namespaces/org-{ORGANIZATION}/events/hook-{webhook['deliveryId']}")
    say(f"delivery {webhook['deliveryId']}: {event['message']}")
    own = sandbox.api.get(f"{_PLATFORM}/repobindings/{OWN_WEBHOOK}")["status"]["webhook"]
    say(f"webhook of {own['owner']}/{own['repository']}, which has one of its own: {own['url']}")


def _push(sandbox: Sandbox) -> None:
    host = _host(sandbox.api)
    say(f"somebody else, to https://{host}/ with a wrong signature: {_forge(sandbox, host)}, no run will come of it")
    delivery = Control(sandbox.env["APHEX_SANDBOX_GITHUB"]).do("push", repository=REPOSITORY)
    say(f"push to main of {REPOSITORY}, delivery {delivery}")
    run = until(lambda: sandbox.api.find(f"/apis/tekton.dev/v1/namespaces/{PIPELINE}/pipelineruns/push-{delivery}"))
    runs = sandbox.api.get(f"/apis/tekton.dev/v1/namespaces/{PIPELINE}/pipelineruns")["items"]
    say(f"PipelineRun {PIPELINE}/{run['metadata']['name']}, the only one of {len(runs)}:")
    for item in run["spec"]["params"]:
        say(f"  {item['name']}: {item['value']}")
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
    play(sandbox, INVENTORY, "inventory/flux/prepare.yml")
    play(sandbox, INVENTORY, "flux_webhook", "-e", "@inventory/flux/sandbox.yml")
    before = _requested_at(sandbox)
    delivery = github.do("push", repository=FLUX_REPOSITORY)
    say(f"push to main of {FLUX_REPOSITORY}, delivery {delivery}")
    after = until(lambda: {"at": at} if (at := _requested_at(sandbox)) != before else None)["at"]
    say(f"GitRepository flux-system/infrastructure is to be looked at: {before or 'never'} -> {after}")


def _requested_at(sandbox: Sandbox) -> str:
    source = sandbox.api.get(f"{_SOURCES}/namespaces/flux-system/gitrepositories/infrastructure")
    return str((source["metadata"].get("annotations") or {}).get("reconcile.fluxcd.io/requestedAt", ""))


if __name__ == "__main__":
    sys.exit(main())
