"""The story of the gate: three deployments wait at GitHub; one may go, one has to wait for a freeze, one is refused.

In: a sandbox with GitHub. Out: what was decided and why, as the gate's own commands explain it. Never here: product
code; the gate is a process, like the one that a user starts.

No tunnel leads to a process of a demo, so GitHub's deliveries get lost, as in an outage: the gate finds them in
GitHub's log.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.sandbox.process import Process, answers, free_port
from tests.sandbox.sandbox import CHECKOUT, Sandbox
from tests.sandbox.standins.control import Control
from tests.sandbox.telling import Broken, say, until

REPOSITORY, FORK = "acme-corp/web-shop", "globex/web-shop"
NIGHTLY = ".github/workflows/nightly.yml"
_FROZEN = 8  # seconds
_STARTS_WITHIN = 30.0
_GATE = (sys.executable, "-m", "services.gate")
_SECRET = "a secret of this demo"
_POLICY = f"""
version: 1
freezes:
  freezes: [{{{{name: rehearsal, from: "2020-01-01", to: "{{end}}"}}}}]
rules:
  - name: nightly-is-automatic
    match: {{{{environment: staging, event: schedule}}}}
    require:
      - run: "path == '{NIGHTLY}' && run_attempt == `1`"
      - not_fork: true
    decision: approve
  - name: production
    match: {{{{environment: production}}}}
    require: [not_fork: true, no_freeze: freezes]
    decision: approve
"""


def tell(sandbox: Sandbox) -> None:
    """Tell the story. Raises Broken."""
    github = Control(sandbox.env["APHEX_SANDBOX_GITHUB"])
    with tempfile.TemporaryDirectory(prefix="aphex-gate-") as folder:
        place = Path(folder)
        end = datetime.now(UTC) + timedelta(seconds=_FROZEN)
        (place / "policy.yml").write_text(_POLICY.format(end=end.isoformat()), encoding="utf-8")
        (place / "secret").write_text(_SECRET, encoding="utf-8")
        port = _configure(sandbox, place)
        gate = Process("gate", [*_GATE, "serve", "--config", str(place / "gate.yaml")], place / "log", _environment())
        try:
            gate.start().wait_ready(lambda: answers(port), _STARTS_WITHIN)
            _three(github, place, end)
        finally:
            gate.stop()


def _configure(sandbox: Sandbox, place: Path) -> int:
    """Write the gate's configuration, and return the port that it will listen on."""
    port = free_port()
    app = {
        "app_id": sandbox.env["APHEX_SANDBOX_GITHUB_APP_ID"],
        "key_file": sandbox.env["APHEX_SANDBOX_GITHUB_APP_KEY_FILE"],
        "secret_files": [str(place / "secret")],
        "api_url": sandbox.env["GITHUB_API_URL"],
    }
    whole = {
        "apps": {"acme": app},
        "policy": ["policy.yml"],
        "listen": f"127.0.0.1:{port}",
        "internal": f"127.0.0.1:{free_port()}",
        "recover_every": "1s",
    }
    # JSON is YAML as well.
    (place / "gate.yaml").write_text(json.dumps(whole), encoding="utf-8")
    return port


def _three(github: Control, place: Path, end: datetime) -> None:
    github.do("hook_app", url="https://gate.example.com/webhook/acme", secret=_SECRET)
    github.do("add_repository", full_name=FORK)
    for environment in ("staging", "production"):
        github.do("guard", repository=REPOSITORY, environment=environment)
    say(f"a freeze ends at {end:%H:%M:%S} UTC; three runs reach an environment, and GitHub asks the gate")
    production = _run(github, "production")
    nightly = _run(github, "staging", event="schedule", path=NIGHTLY)
    fork = _run(github, "production", event="pull_request", fork=FORK)
    for what, run, wanted in (
        ("the nightly run", nightly, "approved"),
        ("the run of a fork", fork, "rejected"),
        ("the run to production, when the freeze was over", production, "approved"),
    ):
        review = until(functools.partial(_decided, github, run))
        say(f"{what}: {review['state']}")
        if review["state"] != wanted:
            raise Broken(f"{what} was {review['state']}, not {wanted}: {review['comment']}")
        print(_explained(place, run), flush=True)
    if datetime.now(UTC) < end:
        raise Broken("production was approved while the freeze lasted")


def _run(github: Control, environment: str, **more: Any) -> int:
    return int(github.do("start_run", repository=REPOSITORY, environments=[environment], **more)["id"])


def _decided(github: Control, run_id: int) -> dict[str, Any] | None:
    """Return the review that let a run go on, or ended it; None while it waits."""
    run = next(run for run in github.state()["runs"] if run["id"] == run_id)
    return next((dict(each) for each in run["reviews"] if each["state"] != "pending"), None)


def _explained(place: Path, run_id: int) -> str:
    """Return what the gate itself says of a run: its rule, and what each requirement answered."""
    config = ("--config", str(place / "gate.yaml"))
    records = [json.loads(line) for line in _ask("audit", "export", *config).splitlines()]
    entry = next(record["entry"] for record in reversed(records) if record["run_id"] == run_id)
    return "".join(f"  {line}\n" for line in _ask("explain", str(entry), *config).splitlines())


def _ask(*arguments: str) -> str:
    ended = subprocess.run([*_GATE, *arguments], env=_environment(), capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Broken(f"aphex-gate {arguments[0]}: {ended.stderr}")
    return ended.stdout


def _environment() -> dict[str, str]:
    paths = (str(CHECKOUT), str(CHECKOUT / ".cache" / "collections"))
    return {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths)}
