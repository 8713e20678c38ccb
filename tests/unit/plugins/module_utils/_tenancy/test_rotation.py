"""Where the rotation of a webhook secret stands, by the Secret alone (P16)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._tenancy import rotation

AT = "2026-01-01T00:00:00Z"
SECONDS = 1767225600.0


def secret(*keys: str, **annotations: str) -> dict[str, Any]:
    marks = {f"platform.aphex/{name.replace('_', '-')}": value for name, value in annotations.items()}
    return {"metadata": {"annotations": marks}, "data": dict.fromkeys(keys, "c2VjcmV0")}


def test_the_version_is_the_mark_of_the_secret() -> None:
    assert rotation.version(None) == rotation.version(secret("secret")) == 1
    assert rotation.version(secret("secret", secret_version="7")) == 7
    with pytest.raises(Failure, match="'seven' is no number"):
        rotation.version(secret("secret", secret_version="seven"))


def test_P16_two_values_are_a_rotation_under_way() -> None:
    assert not rotation.under_way(None)
    assert not rotation.under_way(secret("secret"))
    assert rotation.under_way(secret("secret", "secret-previous"))


def test_P16_the_new_value_counts_when_no_interceptor_remembers_the_former_one() -> None:
    rotating = secret("secret", "secret-previous", rotated_at=AT)
    assert rotation.counts_from(secret("secret"), 5.0, coming=False) == 0.0
    assert rotation.counts_from(secret("secret"), 5.0, coming=True) == 15.0
    assert rotation.counts_from(rotating, 5.0, coming=False) == SECONDS + 10
    with pytest.raises(Failure, match="'once' is no time"):
        rotation.counts_from(secret("secret", "secret-previous", rotated_at="once"), 5.0, coming=False)


@pytest.mark.parametrize(
    ("proven_at", "proven"),
    [("", False), ("2026-01-01T00:00:10Z", False), ("2026-01-01T00:00:11Z", True)],
)
def test_P16_a_ping_of_the_first_seconds_proves_nothing(proven_at: str, proven: bool) -> None:
    rotating = secret("secret", "secret-previous", rotated_at=AT)
    assert rotation.is_proven(rotating, proven_at) is proven
