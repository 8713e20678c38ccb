"""Does the dashboard of the gate read figures that the gate has?"""

from __future__ import annotations

import json
import re
from pathlib import Path

from services.gate.metrics import Metrics

DASHBOARD = Path(__file__).resolve().parents[2] / "roles" / "protection_gate" / "files" / "dashboards" / "gate.json"
_FIGURE = re.compile(r"\bgate_[a-z_]+")
_LABELS = re.compile(r"by \(([a-z, ]+)\)")


def _figures() -> dict[str, set[str]]:
    """Return the labels of every figure, by each name that it is read by."""
    metrics = Metrics(lambda: 0.0)
    metrics.watch(lambda: {"received": 1}, lambda: None)
    found = {"gate_queue_entries": {"state"}, "gate_queue_oldest_seconds": set[str]()}
    for kind in vars(metrics).values():
        name = getattr(kind, "_name", None)
        if name is not None:
            for suffix in ("", "_total", "_bucket", "_count", "_sum"):
                found[name + suffix] = {*kind._labelnames, "le"}
    shown = metrics.text().decode()
    assert all(f"# TYPE {name} " in shown for name in ("gate_queue_entries", "gate_queue_oldest_seconds"))
    return found


def test_every_figure_of_the_dashboard_is_one_of_the_gate_with_its_labels() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    known, asked = _figures(), [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(asked) > 10
    for expression in asked:
        [name] = set(_FIGURE.findall(expression))
        labels = {label for group in _LABELS.findall(expression) for label in group.split(", ")}
        assert name in known, expression
        assert labels <= known[name], expression


def test_each_panel_says_what_it_shows_in_a_place_of_its_own() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert all(panel["description"].endswith(".") for panel in panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)
    assert len({panel["id"] for panel in panels}) == len(panels)
