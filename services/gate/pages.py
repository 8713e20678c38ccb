"""What people and probes see: how the gate is, what waits and why, what was decided last, when it is open.

In: a running gate. Out: HTML that needs nothing from elsewhere, and the short answers for probes. Never here: a change
of anything, a script, a text that is not escaped.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import Policy
from services.gate import audit, metrics, timeline
from services.gate.audit import Record
from services.gate.config import Config
from services.gate.inbox import Entry, Inbox, Override, State
from services.gate.output import ago, title
from services.gate.timeline import Html, fill

_MOST_WAITING = 100
_MOST_DEAD = 20
_MOST_DECISIONS = 30
_LOOKED_THROUGH = 300
_SHOWN_KINDS = (audit.DECIDED, audit.SETTLED, audit.DEAD, audit.MANUAL, audit.OVERRIDE)
_STATES = {State.RECEIVED: "new", State.DEFERRED: "waits", State.DECIDING: "deciding", State.DEAD: "dead"}


class Shown(Protocol):
    """What of a gate is shown."""

    config: Config
    inbox: Inbox
    policy: Policy
    since: float
    problem: str
    complaints: dict[str, str]

    def clock(self) -> float:
        """Return the time, in seconds since 1970."""

    def ready(self) -> list[str]:
        """Return what keeps the gate from taking deliveries."""

    def figures(self) -> bytes:
        """Return what Prometheus is told."""


def application(gate: Shown) -> Starlette:
    """Return the application of the internal listener."""

    async def live(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(_request: Request) -> Response:
        problems = await asyncio.to_thread(gate.ready)
        said = [f"the App {name}: {text}" for name, text in gate.complaints.items() if text]
        lines = [*(problems or ["ready"]), *said, *gate.problem.splitlines()]
        return PlainTextResponse("\n".join(lines) + "\n", 503 if problems else 200)

    async def figures(_request: Request) -> Response:
        return Response(await asyncio.to_thread(gate.figures), media_type=metrics.CONTENT_TYPE)

    async def overview(_request: Request) -> Response:
        return HTMLResponse(await asyncio.to_thread(page, gate), headers=_headers())

    return Starlette(
        routes=[
            Route("/livez", live),
            Route("/readyz", ready),
            Route("/metrics", figures),
            Route("/", overview),
        ]
    )


@cache
def _headers() -> Mapping[str, str]:
    """Return headers by which a browser takes nothing from elsewhere, whatever a page should ever say."""
    digest = base64.b64encode(hashlib.sha256(timeline.text("style.css").encode()).digest()).decode()
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def page(gate: Shown) -> str:
    """Return the page."""
    inbox, now = gate.inbox, gate.clock()
    waiting = sorted(inbox.entries(limit=_MOST_WAITING), key=lambda entry: (entry.not_before, entry.number))
    count = sum(number for state, number in inbox.counts().items() if state != State.DEAD)
    return fill(
        "page.html",
        style=Html(timeline.text("style.css")),
        count=count,
        digest=gate.policy.digest,
        since=_moment(gate.since),
        now=_moment(now),
        problems=_problems(gate),
        waiting=_join((_waiting(gate, entry, now) for entry in waiting), "Nothing waits.")
        + _more(count - len(waiting)),
        dead=_section(
            "Needs a person", [_waiting(gate, each, now) for each in inbox.entries([State.DEAD], _MOST_DEAD)]
        ),
        overrides=_section("Set aside", [_override(each, now) for each in inbox.overrides(now)]),
        timeline=timeline.drawn(gate.policy, datetime.fromtimestamp(now, UTC)),
        decisions=_join(_decisions(gate, now), "Nothing was decided yet."),
    )


# parts


def _problems(gate: Shown) -> Html:
    said = [f"The App {name}: {text}" for name, text in gate.complaints.items() if text]
    if gate.problem:
        said.insert(0, f"A changed file is wrong, and its former version is in use.\n{gate.problem}")
    return _join((Html(f'<p class="card problem" role="status">{html.escape(text)}</p>') for text in said), "")


def _waiting(gate: Shown, entry: Entry, now: float) -> Html:
    """Return one entry that is not settled: what it is, why it waits, when it is looked at next."""
    records = [item for item in gate.inbox.records(where={"entry": entry.number}) if item.trace or item.reasons]
    last = records[-1] if records else None
    reasons = last.reasons if last is not None and last.reasons else (entry.said,) if entry.said else ()
    dead = entry.state == State.DEAD
    looked = "" if dead else "now" if entry.not_before <= now else f"next look {_moment(entry.not_before, now)}"
    return fill(
        "waiting.html",
        kind="dead" if dead else "defer",
        state=_STATES.get(entry.state, str(entry.state)),
        title=title(last, entry),
        next=Html(looked) if looked else "",
        what=_what(gate, last, f"since {ago(now - entry.delivery.received)}, entry {entry.number}"),
        reasons=_reasons(reasons),
        trace=_trace(last),
    )


def _decisions(gate: Shown, now: float) -> Iterable[Html]:
    newest = gate.inbox.newest(_LOOKED_THROUGH)
    shown = [record for record in newest if record.kind in _SHOWN_KINDS][:_MOST_DECISIONS]
    return [_decision(gate, record, now) for record in shown]


def _decision(gate: Shown, record: Record, now: float) -> Html:
    by = [f"rule {record.rule}"] if record.rule else []
    by += [f"by {record.actor}"] if record.actor else []
    by += [f"GitHub: {record.answer}"] if record.answer else []
    return fill(
        "decision.html",
        kind=record.outcome or record.kind,
        verdict=record.outcome or record.kind,
        title=title(record) or record.kind,
        time=_moment(record.time, now),
        what=_what(gate, record, ", ".join([*by, f"record {record.number}"])),
        reasons=_reasons(record.reasons),
        trace=_trace(record),
    )


def _override(override: Override, now: float) -> Html:
    return fill(
        "decision.html",
        kind="wait",
        verdict="override",
        title=f"{override.repository} → {override.environment}",
        time=Html("until ") + _moment(override.expires, now),
        what=f"by {override.by}",
        reasons=_reasons([override.reason]),
        trace="",
    )


def _what(gate: Shown, record: Record | None, more: str) -> Html:
    """Return the line below a title: the run with its address, who asked for it, and more."""
    parts: list[Html] = []
    if record is not None and record.run_id:
        parts.append(_run(gate, record))
        pending = record.pending
        ref, event = pending.get("ref"), pending.get("event")
        sender = (pending.get("payload") or {}).get("sender") or {}
        seen = (ref and f"ref {ref}", event and f"event {event}", sender.get("login") and f"for {sender['login']}")
        parts += [Html(html.escape(str(item))) for item in seen if item]
    return Html(", ".join([*parts, html.escape(more)]))


def _run(gate: Shown, record: Record) -> Html:
    """Return a run with its address for browsers: made from the configured API, never taken from a delivery."""
    app = gate.config.apps.get(record.app)
    label = f"run {record.run_id}"
    if app is None:
        return Html(html.escape(label))
    api = urlsplit(app.api_url)
    host = api.netloc.removeprefix("api.")
    repository = record.repository if "/" in record.repository else f"{record.owner}/{record.repository}"
    url = f"{api.scheme}://{host}/{repository}/actions/runs/{record.run_id}"
    return Html(f'<a href="{html.escape(url)}" rel="noreferrer">{html.escape(label)}</a>')


def _reasons(reasons: Sequence[str]) -> Html:
    items = "".join(f"<li>{html.escape(reason)}</li>" for reason in reasons if reason)
    return Html(f'<ul class="why">{items}</ul>' if items else "")


def _trace(record: Record | None) -> Html:
    if record is None or not record.trace:
        return Html("")
    shadows = "; ".join(f"the shadow rule {name} says {verdict}" for name, verdict in record.shadows.items())
    return fill(
        "trace.html",
        summary=f"Trace, {len(record.trace)} answers",
        rows=_join((_step(item) for item in record.trace), ""),
        more=Html(f'<p class="what">Policy {html.escape(record.policy)}. {html.escape(shadows)}</p>'),
    )


def _step(item: Mapping[str, Any]) -> Html:
    until = str(item.get("until") or "")
    return fill(
        "step.html",
        # What a rule requires has depth 1: the whole of it stands in no line of its own.
        depth=min(max(int(item.get("depth") or 0) - 1, 0), 3),
        kind=item.get("kind", ""),
        outcome=item.get("outcome", ""),
        said=item.get("said", ""),
        until=until.replace("T", " ").replace("+00:00", "").removesuffix("Z")[:16],
    )


def _section(head: str, parts: Sequence[Html]) -> Html:
    if not parts:
        return Html("")
    return Html(
        f'<section><h2>{html.escape(head)} <span class="count">{len(parts)}</span></h2>{"".join(parts)}</section>'
    )


def _join(parts: Iterable[Html], nothing: str) -> Html:
    whole = "\n".join(parts)
    return Html(whole or (f'<p class="nothing">{html.escape(nothing)}</p>' if nothing else ""))


def _more(count: int) -> Html:
    return Html(f'<p class="nothing">And {count} more: <code>aphex-gate pending</code>.</p>' if count > 0 else "")


def _moment(seconds: float, now: float | None = None) -> Html:
    """Return a time for people and programs, with how far it is from now."""
    moment = datetime.fromtimestamp(seconds, UTC)
    far = ""
    if now is not None:
        far = f" (in {ago(seconds - now)})" if seconds > now else f" ({ago(now - seconds)} ago)"
    return Html(f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}">{moment:%Y-%m-%d %H:%M} UTC</time>{far}')
