"""Findings are plain data."""

from __future__ import annotations

from ansible_collections.aphex.platform.plugins.module_utils._core.finding import Finding


def test_a_finding_is_shown_with_all_its_fields() -> None:
    finding = Finding("dns-missing", "error", "acme-corp", "dns", "there is no record", "Run onboard")
    assert finding.as_dict() == {
        "id": "dns-missing",
        "severity": "error",
        "subject": "acme-corp",
        "hop": "dns",
        "said": "there is no record",
        "remedy": "Run onboard",
    }
