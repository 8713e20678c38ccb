"""Loads an HTTP server with signed deliveries, and tells how it bore them.

In: an address, a body, a secret, the server's process. Out: answers a second, latencies, memory. Never here: a server.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tools.wrk import wrk

SECRET = "It's a Secret to Everybody"
CONNECTIONS = 32
SECONDS = 6
_SIZE = 27 * 1024

# Every request has a GUID of its own, as GitHub's have; the body and its signature are the same, and are made before.
_SCRIPT = """
local number, prefix
init = function(arguments)
  prefix = arguments[1]
  number = 0
  local file = io.open(arguments[2], "rb")
  wrk.body = file:read("*a")
  file:close()
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["X-GitHub-Event"] = "deployment_protection_rule"
  wrk.headers["X-Hub-Signature-256"] = arguments[3]
end
request = function()
  number = number + 1
  wrk.headers["X-GitHub-Delivery"] = prefix .. "-" .. number
  return wrk.format()
end
done = function(summary, latency, requests)
  io.write(string.format('{"requests": %d, "microseconds": %d, "refused": %d, "broken": %d, "p50": %d, "p99": %d}\\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Load:
    """What a server has borne: answers a second, milliseconds, megabytes at its worst, and processor time.

    ``cost`` is the microseconds of all its threads for one delivery: beside other work on the machine the rate says
    little, and this still says what a server is able to do.
    """

    what: str
    rate: float
    p50: float
    p99: float
    memory: float
    cost: float


class Unfit(RuntimeError):
    """A server refused deliveries, or broke connections; its figures mean nothing."""


def body() -> bytes:
    """Return a payload of 27 KB, with the fields and the kind of text that GitHub's have."""
    chance = random.Random(27)
    payload: dict[str, Any] = {
        "action": "requested",
        "environment": "production",
        "event": "push",
        "deployment_callback_url": "https://api.github.com/repos/acme/web/actions/runs/7/deployment_protection_rule",
        "deployment": {"id": 41, "sha": f"{chance.getrandbits(160):040x}", "ref": "main", "payload": {}},
        "repository": {"id": 1, "name": "web", "full_name": "acme/web", "default_branch": "main"},
        "sender": {"login": "octocat", "id": 583231},
        "installation": {"id": 99},
        "pull_requests": [],
    }
    while len(json.dumps(payload)) < _SIZE:
        number = len(payload["pull_requests"]) + 1
        below = f"https://api.github.com/repos/acme/web/pulls/{number}"
        payload["pull_requests"].append(
            {
                "id": chance.getrandbits(32),
                "node_id": f"PR_{chance.getrandbits(96):024x}",
                "number": number,
                "url": below,
                **{f"{name}_url": f"{below}/{name}" for name in ("html", "diff", "commits", "comments", "statuses")},
                "head": {"ref": f"feature-{number}", "sha": f"{chance.getrandbits(160):040x}"},
                "base": {"ref": "main", "sha": f"{chance.getrandbits(160):040x}"},
                "user": {"login": f"user-{chance.getrandbits(20)}", "type": "User", "site_admin": False},
                "title": " ".join(f"{chance.getrandbits(24):x}" for _word in range(8)),
            }
        )
    return json.dumps(payload).encode()


def load(what: str, url: str, pid: int, folder: Path, seconds: int = SECONDS) -> Load:
    """Load a server for some seconds, and print what it bore. Raises Unfit."""
    program, env = wrk()
    sent = body()
    script, file = folder / "load.lua", folder / "body.json"
    script.write_text(_SCRIPT, encoding="ascii")
    file.write_bytes(sent)
    signature = "sha256=" + hmac.new(SECRET.encode(), sent, hashlib.sha256).hexdigest()
    words = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), url, "--"]
    arguments = [uuid.uuid4().hex, str(file), signature]
    before = processor(pid)
    command = [str(program), *words, *arguments]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.strip().splitlines()[-1])
    if told["refused"] or told["broken"] or not told["requests"]:
        raise Unfit(f"{what}: {told}\n{done.stdout}")
    rate = told["requests"] / told["microseconds"] * 1e6
    cost = (processor(pid) - before) / told["requests"] * 1e6
    answer = Load(what, rate, told["p50"] / 1000, told["p99"] / 1000, memory(pid), cost)
    times = f"p50 {answer.p50:6.1f} ms   p99 {answer.p99:6.1f} ms"
    print(f"  {what:<48} {rate:8.0f}/s   {times}   {answer.memory:5.0f} MB   {cost:5.0f} us of processor", flush=True)
    return answer


def processor(pid: int) -> float:
    """Return how many seconds of processor time a process and its children have used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK") + sum(processor(child) for child in children(pid))


def children(pid: int) -> list[int]:
    """Return the processes that this one has started and that still run."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def memory(pid: int) -> float:
    """Return how many megabytes a process and its children have held at most."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return own / 1024 + sum(memory(child) for child in children(pid))
