"""The story of the gate: three deployments wait at GitHub; one may go, one has to wait for a freeze, one is refused.

In: a sandbox with GitHub. Out: what was decided and why, as the gate's own commands explain it. Never here: product
code; the gate is a process, like the one that a user starts.

No tunnel leads to a process of a demo, so GitHub's deliveries get lost, as in an outage: the gate finds them in
GitHub's log.
"""

from __future__ import annotations

import functools
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.sandbox.gate import STARTS_WITHIN, Configured, configure
from tests.sandbox.process import answers
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.standins.control import Control
from tests.sandbox.telling import Broken, say, until

REPOSITORY, FORK = "acme-corp/web-shop", "globex/web-shop"
NIGHTLY = ".github/workflows/nightly.yml"
_FROZEN = 8  # seconds
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
        configured = _configure(sandbox, place)
        gate = configured.process(place / "log")
        try:
            gate.start().wait_ready(lambda: answers(configured.port), STARTS_WITHIN)
            _three(github, configured, end)
        finally:
            gate.stop()


def _configure(sandbox: Sandbox, place: Path) -> Configured:
    """Write the configuration of a gate for the sandbox's App, which finds at once what did not arrive."""
    app = {
        "app_id": sandbox.env["APHEX_SANDBOX_GITHUB_APP_ID"],
        "key_file": sandbox.env["APHEX_SANDBOX_GITHUB_APP_KEY_FILE"],
        "secret_files": [str(place / "secret")],
        "api_url": sandbox.env["GITHUB_API_URL"],
    }
    return configure(place, {"acme": app}, recover_every="1s")


def _three(github: Control, gate: Configured, end: datetime) -> None:
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
        print(_explained(gate, run), flush=True)
    if datetime.now(UTC) < end:
        raise Broken("production was approved while the freeze lasted")


def _run(github: Control, environment: str, **more: Any) -> int:
    return int(github.do("start_run", repository=REPOSITORY, environments=[environment], **more)["id"])


def _decided(github: Control, run_id: int) -> dict[str, Any] | None:
    """Return the review that let a run go on, or ended it; None while it waits."""
    run = next(run for run in github.state()["runs"] if run["id"] == run_id)
    return next((dict(each) for each in run["reviews"] if each["state"] != "pending"), None)


def _explained(gate: Configured, run_id: int) -> str:
    """Return what the gate itself says of a run: its rule, and what each requirement answered."""
    records = [json.loads(line) for line in _ask(gate, "audit", "export").splitlines()]
    entry = next(record["entry"] for record in reversed(records) if record["run_id"] == run_id)
    return "".join(f"  {line}\n" for line in _ask(gate, "explain", str(entry)).splitlines())


def _ask(gate: Configured, *arguments: str) -> str:
    ended = gate.command(*arguments)
    if ended.returncode:
        raise Broken(f"aphex-gate {arguments[0]}: {ended.stderr}")
    return ended.stdout
