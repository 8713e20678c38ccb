"""`python -m tests.bench`: ours beside kubernetes.core, kubectl, community.general and the seed, in one run.

In: nothing. Out: seconds and ratios. Never here: an assertion on time; read ratios, machines differ.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.bench import bootstrap, fleet, gate, repository, task, webhooks
from tests.bench.peers import peers
from tests.bench.scene import Scene
from tests.sandbox.sandbox import join
from tests.sandbox.state import User


def main() -> int:
    """Run all questions."""
    sandbox = join("bench", user=User.this_process("bench"), say=print)
    try:
        with tempfile.TemporaryDirectory() as folder:
            scene = Scene(sandbox, Path(folder), peers())
            print(f"cores: {os.cpu_count()}, Kubernetes and everything else on this machine", flush=True)
            for question in (task.ask, repository.ask, fleet.ask, webhooks.ask, bootstrap.ask):
                question(scene)
            gate.ask(scene.folder)
    finally:
        sandbox.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
