"""How much of the contract is asked: all of it, or what an ansible-core or a Python can break.

In: APHEX_CONTRACT, which tests/tools/suite.py sets to `core` for the newest core. Out: what is walked on which path.
Never here: a walk in process that is left out.

Nothing is lost by it. In process every case walks through all its stages, on the newest core as on the oldest. By
module `test_environments` runs every case on both cores, from an empty folder and with the oldest libraries, and wants
the answer of the same in process; `test_ansible_edge` has what is true of modules alone. What a core hides, it hides by
the kind of an option, and the subjects of `HIDING` have every kind.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from tests.contract.runner import IN_PROCESS, MODULE

CORE_ALONE = os.environ.get("APHEX_CONTRACT", "") == "core"

HIDING = ("kubernetes", "github", "platform")
"""Subjects of `test_canaries`: secrets as text, in a list of mappings, and anywhere in any value."""


def paths_of_stages() -> tuple[str, ...]:
    """The paths on which a case walks through its stages."""
    return (IN_PROCESS,) if CORE_ALONE else (IN_PROCESS, MODULE)


def paths_of_secrets(subjects: Iterable[str]) -> list[tuple[str, str]]:
    """Each subject with each path on which its secrets are looked for."""
    by_module = [subject for subject in subjects if subject in HIDING or not CORE_ALONE]
    return [*((subject, IN_PROCESS) for subject in subjects), *((subject, MODULE) for subject in by_module)]
