"""What ansible-test looks at is what users get."""

from __future__ import annotations

import pytest

from tests.tools.sanity import is_shipped


@pytest.mark.parametrize(
    "name",
    [
        "galaxy.yml",
        "plugins/modules/organization.py",
        "roles/crds/tasks/main.yml",
        "inventory/sample/host_vars/home.yml",
    ],
)
def test_what_users_get_is_judged(name: str) -> None:
    assert is_shipped(name)


@pytest.mark.parametrize(
    "name",
    ["Makefile", ".ci/run", "tests/unit/test_house.py", "services/gate/http.py", "inventory/sandbox/hosts.yml"],
)
def test_what_only_a_checkout_has_is_not(name: str) -> None:
    assert not is_shipped(name)
