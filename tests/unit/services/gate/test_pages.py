"""The internal listener: a page that shows everything and obeys nothing that stands in it, probes, figures."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx

from services.gate import config, pages
from services.gate.inbox import Inbox, State
from services.gate.metrics import Metrics
from tests.unit.services.gate.recorded import NOW, Seen, a_store, set_aside

_HOSTILE = ("<img src=x", "<b>the outage", "onerror=alert(1)>")


@dataclass
class _Shown:
    """What of a gate the page asks for."""

    seen: Seen
    problem: str = ""
    complaints: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.config = config.read(self.seen.config)
        self.inbox: Inbox = self.seen.inbox
        self.policy = self.seen.policy
        self.since = NOW.timestamp()
        self.metrics = Metrics(self.clock)

    def clock(self) -> float:
        return NOW.timestamp()

    def ready(self) -> list[str]:
        return self.said

    def figures(self) -> bytes:
        return self.metrics.text()


class _Structure(HTMLParser):
    """Counts what would reach out or run, and whether every element is closed."""

    _VOID = frozenset(("meta", "br", "link", "img", "rect", "line"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.reaching: list[tuple[str, Any]] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self._VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name.startswith("on") or name in ("src", "style", "srcset") or (name == "href" and tag != "a"):
                self.reaching.append((tag, name))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._VOID and (not self.open or self.open.pop() != tag):
            raise AssertionError(f"</{tag}> closes nothing")


def _asked(shown: _Shown, path: str, method: str = "GET") -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(pages.application(shown))
        async with httpx.AsyncClient(transport=transport, base_url="http://gate") as client:
            return await client.request(method, path)

    return asyncio.run(ask())


def test_the_page_shows_what_waits_what_is_dead_and_what_was_decided(tmp_path: Path) -> None:
    seen = a_store(tmp_path)
    set_aside(seen.inbox, NOW + timedelta(hours=2))
    text = pages.page(_Shown(seen))
    for part in (
        "acme-corp/web-shop → production",
        "next look <time",
        "the freeze black-friday ends on",
        "Needs a person",
        "it needs the permission deployments: write",
        "INC-77",
        "GitHub: approved",
        "nightly-is-automatic",
        "Trace, 3 answers",
        'href="https://github.com/acme-corp/web-shop/actions/runs/7001"',
    ):
        assert part in text, part


def test_nothing_of_a_request_is_obeyed_and_nothing_comes_from_elsewhere(tmp_path: Path) -> None:
    seen = a_store(tmp_path)
    set_aside(seen.inbox, NOW + timedelta(hours=2))
    shown = _Shown(seen, problem="<script>alert(1)</script>", complaints={"acme": "<b>the outage"})
    text = pages.page(shown)
    found = _Structure(text)
    assert found.open == []
    assert found.reaching == []
    assert not {"script", "link", "img", "iframe", "form", "button", "input"} & set(found.tags)
    assert len(found.ids) == len(set(found.ids))
    assert not [part for part in _HOSTILE if part in text]
    assert "canary-of-the-secret" not in text


def test_the_headers_allow_the_one_style_and_nothing_else(tmp_path: Path) -> None:
    answer = _asked(_Shown(a_store(tmp_path)), "/")
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_the_page_only_shows(tmp_path: Path) -> None:
    shown = _Shown(a_store(tmp_path))
    assert [_asked(shown, "/", method).status_code for method in ("POST", "PUT", "DELETE")] == [405] * 3


def test_an_empty_gate_has_a_page(tmp_path: Path) -> None:
    seen = a_store(tmp_path)
    while entries := seen.inbox.entries():
        seen.inbox.take(entries[0].number, "test", NOW.timestamp(), 60.0)
        seen.inbox.close(entries, State.SETTLED, "approved", NOW.timestamp())
    assert "Nothing waits." in pages.page(_Shown(seen))


def test_probes_tell_what_is_wrong_and_problems_of_github_do_not_end_the_receiving(tmp_path: Path) -> None:
    shown = _Shown(a_store(tmp_path), complaints={"acme": "it lacks the permission deployments: write"})
    well = _asked(shown, "/readyz")
    assert (_asked(shown, "/livez").status_code, well.status_code) == (200, 200)
    assert "the App acme: it lacks the permission deployments: write" in well.text
    shown.said = ["the store cannot be written (OSError)"]
    ill = _asked(shown, "/readyz")
    assert (ill.status_code, "the store cannot be written" in ill.text) == (503, True)


def test_figures_are_there(tmp_path: Path) -> None:
    shown = _Shown(a_store(tmp_path))
    shown.metrics.watch(shown.inbox.counts, shown.inbox.oldest)
    answer = _asked(shown, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'gate_queue_entries{state="deferred"} 1.0' in answer.text
