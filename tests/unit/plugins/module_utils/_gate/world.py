"""What the tests of the gate's language share: a waiting deployment, a time, a policy as text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings

from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import PendingDeployment
from ansible_collections.aphex.platform.plugins.module_utils._yaml import dump

FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
"""How generated cases run: how long one takes on a busy machine says nothing."""
NOW = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
"""A Wednesday."""
PAYLOAD = {
    "repository": {"default_branch": "main", "topics": ["web", "tier-1"], "custom_properties": {"tier": "one"}},
    "pull_requests": [],
    "sender": {"login": "octocat"},
}


def pending(**given: Any) -> PendingDeployment:
    """Return a deployment that has waited for ten minutes at NOW."""
    made: dict[str, Any] = {
        "owner": "acme",
        "repository": "web",
        "run_id": 7,
        "environment": "production",
        "deployment_id": 1,
        "event": "push",
        "ref": "main",
        "sha": "abc",
        "created_at": NOW.timestamp() - 600,
        "payload": PAYLOAD,
    }
    return PendingDeployment(**{**made, **given})


def dumped(policy: dict[str, Any]) -> str:
    """Return a policy as the text of its file."""
    return dump(policy)
