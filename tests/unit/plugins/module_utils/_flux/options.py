"""The options of `flux_receiver` as Ansible hands them over, for tests that change a few of them."""

from __future__ import annotations

from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._edge import conceal
from ansible_collections.aphex.platform.plugins.modules.flux_receiver import ENTRY_POINT


def _filled(options: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return given values with the defaults of the argument spec, sub-options too."""
    unknown = given.keys() - options.keys()
    assert not unknown, f"no such option: {unknown}"
    filled = {name: given.get(name, spec.get("default")) for name, spec in options.items()}
    for name, spec in options.items():
        value = filled[name]
        if spec.get("options") and isinstance(value, dict):
            filled[name] = _filled(spec["options"], value)
        elif spec.get("options") and isinstance(value, list):
            filled[name] = [_filled(spec["options"], item) for item in value]
    return filled


def params(**given: Any) -> dict[str, Any]:
    """Return the options of a Receiver that is right, with these changes."""
    whole = {"name": "apps", "branches": ["main"], "resources": [{"name": "apps"}], **given}
    return conceal(_filled(ENTRY_POINT.options, whole), ENTRY_POINT.options)
