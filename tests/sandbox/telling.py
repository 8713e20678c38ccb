"""How a demo tells its story: titles, lines, playbooks with what they say.

In: a sandbox. Out: printed lines; `Broken` when the story does not come true. Never here: a story.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.sandbox.sandbox import CHECKOUT, Sandbox

_WITHIN = 30.0
_RECAP = re.compile(r"changed=(\d+) .*failed=(\d+)")
_QUIET = dict.fromkeys(("ANSIBLE_FORCE_COLOR", "ANSIBLE_LOCALHOST_WARNING", "ANSIBLE_DISPLAY_SKIPPED_HOSTS"), "false")


class Broken(RuntimeError):
    """The story did not come true; the text says where."""


def play(sandbox: Sandbox, inventory: str, verb: str, *more: str, environment: Mapping[str, str] | None = None) -> int:
    """Run a playbook of ours, or a file; show what it says, and return the number of changed tasks in its recap."""
    playbook = verb if "/" in verb else f"aphex.platform.{verb}"
    command = ["ansible-playbook", "-i", inventory, playbook, *more]
    say("$ " + " ".join(command))
    env = {**os.environ, **sandbox.env, **_QUIET, **(environment or {})}
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


def until(look: Callable[[], dict[str, Any] | None], within: float = _WITHIN) -> dict[str, Any]:
    """Look until something is found. Raises Broken."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise Broken(f"nothing came of it within {within:.0f} s")


def title(text: str) -> None:
    print(f"\n== {text}", flush=True)


def say(text: str) -> None:
    print(text, flush=True)
