"""Where the benches play: the sandbox, a scratch folder, and how each contestant is called.

In: a sandbox. Out: timed calls of ansible-playbook and kubectl. Never here: a question.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import CHECKOUT, timed
from tests.sandbox.sandbox import Sandbox


@dataclass(frozen=True)
class Scene:
    """One sandbox and what is needed to work on it."""

    sandbox: Sandbox
    folder: Path
    peers: Path

    @property
    def env(self) -> dict[str, str]:
        """The environment of every contestant."""
        return {
            **self.sandbox.env,
            "ANSIBLE_COLLECTIONS_PATH": f"{CHECKOUT / '.cache' / 'collections'}:{self.peers}",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_FORKS": "5",
        }

    def play(self, *arguments: str | Path) -> float:
        """Time ansible-playbook."""
        program = Path(sys.executable).parent / "ansible-playbook"
        return timed([str(program), *map(str, arguments)], self.env)

    def kubectl_apply(self, file: Path) -> float:
        """Time kubectl's server-side apply of a file."""
        command = [str(self.sandbox.kubectl), "apply", "--server-side", "--force-conflicts", "-f", str(file)]
        return timed(command, self.env)
