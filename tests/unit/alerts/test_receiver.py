"""The alerts about Flux webhooks: promtool takes them, each fires when it must, and each metric is a real one."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import yaml

from ansible_collections.aphex.platform.plugins.module_utils._flux.lint import lint
from ansible_collections.aphex.platform.plugins.module_utils._flux.manifests import Manifest, Manifests
from tests.tools.promtool import promtool
from tests.tools.steps import ROOT

FILES = ROOT / "roles" / "flux_webhook" / "files"
RULES = FILES / "alerts" / "receiver.yaml"
CASES = Path(__file__).with_name("receiver.test.yaml")


def run(folder: Path, *words: str) -> str:
    """Run promtool in a folder that holds rules and their cases; what it said when it was not content."""
    done = subprocess.run([promtool(), *words], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    return done.stdout + done.stderr if done.returncode else ""


def placed(folder: Path, rules: str) -> Path:
    folder.joinpath(RULES.name).write_text(rules, encoding="utf-8")
    shutil.copy(CASES, folder)
    return folder


def test_promtool_takes_the_rules_as_they_are() -> None:
    assert run(RULES.parent, "check", "rules", RULES.name) == ""


def test_each_alert_fires_when_it_must_and_not_else(tmp_path: Path) -> None:
    assert run(placed(tmp_path, RULES.read_text(encoding="utf-8")), "test", "rules", CASES.name) == ""


def test_a_rule_that_never_fires_is_found(tmp_path: Path) -> None:
    spoiled = RULES.read_text(encoding="utf-8").replace('code="400"', 'status_code="400"')
    assert "FluxWebhookSignatureRefused" in run(placed(tmp_path, spoiled), "test", "rules", CASES.name)


def test_every_alert_has_a_case() -> None:
    alerts = [rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    cases = yaml.safe_load(CASES.read_text())["tests"]
    assert sorted(alerts) == sorted(row["alertname"] for row in cases[0]["alert_rule_test"])


def test_A10_A12_rules_and_dashboard_read_metrics_that_exist() -> None:
    spec = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    dashboard = (FILES / "dashboards" / "flux_webhook.json").read_text(encoding="utf-8")
    items = (
        Manifest({"kind": "PrometheusRule", "metadata": {"name": "rules"}, "spec": spec}),
        Manifest({"kind": "ConfigMap", "metadata": {"name": "board"}, "data": {"board.json": dashboard}}),
    )
    assert lint(Manifests(items)) == []
    assert [panel["id"] for panel in json.loads(dashboard)["panels"]] == [1, 2, 3, 4]
