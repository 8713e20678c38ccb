# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every rule about a Flux webhook, by name: what is found by looking would not travel to a remote host (N8).

In: checked options. Out: findings as plain data. Never here: a rule; each stands beside the part that it judges.
"""

from __future__ import annotations

import typing as t

from ..._core.failure import invalid
from ..._core.finding import Finding
from ..._core.reconcile import Runtime
from ..manifests import Manifests, gather
from . import ingress, monitoring, receiver, tunnel
from .rule import Rule

RULES: tuple[Rule, ...] = (*receiver.RULES, *tunnel.RULES, *ingress.RULES, *monitoring.RULES)


def lint(manifests: Manifests, ignore: t.Collection[str] = ()) -> list[Finding]:
    """Return what is wrong with these manifests, in the order of the rules; the same is said once."""
    found = [item for rule in RULES if rule.id not in ignore for item in rule.findings(manifests)]
    return list(dict.fromkeys(found))


def read(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> list[dict[str, str]]:
    """Return the findings of a task. Raises Failure(invalid) for what the input alone shows to be wrong."""
    unknown = [name for name in params["ignore"] if name not in {rule.id for rule in RULES}]
    if unknown:
        raise invalid(f"ignore {unknown[0][:40]!r}", "there is no rule of this id", "See the ids in the guide")
    return [finding.as_dict() for finding in lint(gather(params, products["kubernetes"]), params["ignore"])]
