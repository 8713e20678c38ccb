"""Whatever arrives, in a body, in headers, in a policy or in an expression: it is taken, or refused by our own words.

Nothing raises but Ignored, Malformed and Failure, nothing is stored without a signature, and nothing is approved of
which anything is unknown. APHEX_FUZZ is the number of cases of each test, 200 unless it is set; each prints how many
it has run.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._gate import evaluate
from ansible_collections.aphex.platform.plugins.module_utils._gate.expression import Context, compile_expression
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import Facts, PendingDeployment, Unknown
from ansible_collections.aphex.platform.plugins.module_utils._gate.holidays import days
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import Policy, load, read
from ansible_collections.aphex.platform.plugins.module_utils._github import signature
from services.gate import http
from services.gate.origin import Origins, network
from services.gate.payload import HEARD, Delivery, Ignored, Malformed, Signal, parse, readable, signal
from tests.unit.services.gate.door import BODY, PAYLOAD, SECRET, Box, an_app, call, headers

CASES = int(os.environ.get("APHEX_FUZZ", "200"))
fuzzed = settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
API = "https://api.github.com"
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
STATUSES = {200, 202, 400, 401, 404, 413, 415, 429}
# Every rule wants something that was looked up, so nothing may be approved while nothing was.
UNKNOWN_TO_ALL = {"run": "path == '.github/workflows/deploy.yml'"}
POLICY: dict[str, Any] = {
    "version": 1,
    "defaults": {"on_no_match": "reject", "on_error": "defer", "max_defer": "29d", "timezone": "Europe/Rome"},
    "calendars": {"business": {"days": ["mon-fri"], "hours": ["09:00-12:30", "14:00-17:30"], "tz": "Europe/Rome"}},
    "freezes": {"year": [{"name": "year-end", "from": "2026-12-20", "to": "2027-01-07", "except_if": "sha == 'a'"}]},
    "groups": {"release": {"teams": ["acme/release"], "users": ["octocat"]}},
    "rules": [
        {
            "name": "nightly",
            "match": {"environment": ["staging", "prod-*"], "event": "schedule", "ref": "refs/heads/main"},
            "require": [{"not_fork": True}, UNKNOWN_TO_ALL],
            "decision": "approve",
        },
        {
            "name": "production",
            "match": {"environment": "*"},
            "require": [
                {"calendar": "business"},
                {"no_freeze": "year"},
                {"checks": {"names": ["build", "test-*"], "conclusion": ["success"], "wait": "30m"}},
                {"promoted_from": {"environment": "staging", "same_sha": True, "min_age": "2h"}},
                {"ticket": {"pattern": "OPS-[0-9]+", "in": ["commit.message", "ref"]}},
                {"actor": {"in": "release", "not_author": True}},
                {"approvals": {"count": 2, "from": "release", "source": ["pr_review", "deployment_review"]}},
                {"signed_commits": True},
                {"rate": {"max": 3, "per": "1h", "burst": 1, "scope": ["repository", "environment"]}},
                {"max_concurrent": 1},
                {"when": "environment == 'production'"},
                UNKNOWN_TO_ALL,
            ],
            "decision": "approve",
            "else": "reject",
        },
    ],
}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["", "\0", "é/ü", "../..", "9" * 400, "2026-02-30", "0001-01-01T00:00:00", "http://[", "😀" * 40])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_LOUD = "{}[]()!@#&|.,:;'`\"\\=<>-*?0123456789 abcdefghijklmnopqrstuvwxyz\n"
texts = st.text(max_size=200) | st.text(_LOUD, max_size=200)


@pytest.fixture
def counted(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> Iterator[Counter[str]]:
    """Counts what became of the cases; told at the end, and kept in the report."""
    counts: Counter[str] = Counter()
    yield counts
    record_property("cases", sum(counts.values()))
    with capsys.disabled():
        print(f"\n{request.node.name}: {sum(counts.values())} cases, {dict(counts)}")
    assert sum(counts.values()) >= min(CASES, 100)


@contextmanager
def our_words(counts: Counter[str], *refusals: type[Exception]) -> Iterator[None]:
    """Count a case; an exception of another type ends the test."""
    try:
        yield
        counts["taken"] += 1
    except refusals as error:
        counts[type(error).__name__] += 1


@st.composite
def changed(draw: st.DrawFn, whole: Any, most: int = 2) -> Any:
    """Something good of which some parts were exchanged, taken away, or doubled."""
    whole = copy.deepcopy(whole)
    for _number in range(draw(st.integers(0, most))):
        places = list(_places(whole))
        holder, key = draw(st.sampled_from(places))
        how = draw(st.sampled_from(["exchange", "delete", "add", "add"]))
        if how == "delete":
            del holder[key]
        elif how == "exchange":
            holder[key] = draw(anything)
        elif isinstance(holder, list):
            holder.append(draw(anything | st.just(holder[key])))
        else:
            holder[draw(st.text(max_size=8))] = draw(anything)
        if not list(_places(whole)):
            break
    return whole


def _places(whole: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(whole) if isinstance(whole, dict) else range(len(whole)) if isinstance(whole, list) else []
    for key in keys:
        yield whole, key
        yield from _places(whole[key])


payloads = changed(PAYLOAD).map(lambda body: json.dumps(body).encode("utf-8", "surrogatepass"))
bodies = st.one_of(
    *[payloads] * 4,
    st.binary(max_size=200),
    st.sampled_from([b"[" * 50_000, b'{"a":' * 50_000, b'"\xff\xfe"', b"1e400", b'{"action":"requested"}', BODY[:-1]]),
    st.builds(
        lambda body, at, bit: body[:at] + bytes([bit]) + body[at + 1 :],
        payloads,
        st.integers(0, 400),
        st.integers(0, 255),
    ),
)
STRICT = load(
    {
        "strict.yml": json.dumps(
            {"version": 1, "rules": [{"name": "all", "require": [UNKNOWN_TO_ALL], "decision": "approve"}]}
        )
    }
)


def judged(policy: Policy, pending: PendingDeployment) -> str:
    """The verdict when nothing could be looked up."""
    selection = evaluate.select(policy, pending, NOW)
    return evaluate.evaluate(policy, selection, Facts(pending), NOW).outcome


@fuzzed
@given(body=bodies, event=st.sampled_from(sorted(HEARD)) | st.text(max_size=10), form=st.booleans())
def test_payloads(counted: Counter[str], body: bytes, event: str, form: bool) -> None:
    content_type = "application/x-www-form-urlencoded" if form else "application/json"
    sent = b"payload=" + quote_plus(body).encode() if form and len(body) % 5 else body
    delivery = Delivery("1", "deployment_protection_rule", sent, "acme", content_type)
    assert isinstance(readable(delivery), bool)
    assert isinstance(signal(Delivery("1", event, sent, "acme", content_type)), Signal | None)
    with our_words(counted, Ignored, Malformed):
        pending = parse(delivery, API)
        assert isinstance(pending.run_id, int)
        assert pending.environment
        assert judged(STRICT, pending) in (evaluate.REJECT, evaluate.DEFER)


near_urls = st.from_regex(
    r"(https?://)?[a-z.@:\[\]]*(/repos)?/[^ ]{0,20}(/actions/runs/[0-9]{0,25})?/deployment_protection_rule"
)
changed_urls = changed([*str(PAYLOAD["deployment_callback_url"])]).map(lambda parts: "".join(map(str, parts)))


@fuzzed
@given(url=st.text(max_size=60) | near_urls | changed_urls)
def test_callback_urls_lead_nowhere_else(counted: Counter[str], url: str) -> None:
    body = json.dumps({**PAYLOAD, "deployment_callback_url": url}).encode("utf-8", "surrogatepass")
    with our_words(counted, Malformed):
        pending = parse(Delivery("1", "deployment_protection_rule", body, "acme"), API)
        assert url.lower().startswith("https://api.github.com/repos/acme/web/actions/runs/")
        assert pending.full_name == "acme/web"


header_names = st.sampled_from([*http._ONCE, "x-hub-signature", "x-forwarded-for", "user-agent", "X-GitHub-Event"])
header_values = st.text(st.characters(codec="latin-1"), max_size=80) | st.sampled_from(
    ["sha256=" + "0" * 64, "sha256=" + "é" * 64, "chunked", "application/json", "-1", "9" * 100, "²", "12345", "ping"]
)


@fuzzed
@given(
    more=st.lists(st.tuples(header_names, header_values), max_size=4),
    less=st.lists(header_names, max_size=2),
    signed=st.booleans(),
    path=st.sampled_from(["/webhook/acme", "/webhook"]),
    client=st.none() | st.sampled_from(["192.0.2.7", "::1", "unix"]),
)
def test_headers(
    counted: Counter[str], more: list[tuple[str, str]], less: list[str], signed: bool, path: str, client: str | None
) -> None:
    box = Box()
    good = headers() if signed else headers(x_hub_signature_256="sha256=" + "1" * 64)
    pairs = [(name, value) for name, value in good.items() if name not in less] + more
    origins = Origins(["192.0.2.0/24"])
    answer = asyncio.run(
        call(http.application({"acme": an_app()}, box, origins=origins), BODY, pairs, path, client=client)
    )
    counted[str(answer.status)] += 1
    assert answer.status in STATUSES
    assert SECRET not in answer.text
    if not signed:
        assert box.stored == []
        assert answer.status >= 400


@fuzzed
@given(text=st.text(max_size=100) | header_values, body=st.binary(max_size=100))
def test_signatures_and_addresses(counted: Counter[str], text: str, body: bytes) -> None:
    assert signature.verify(body, text, an_app().secrets) is None
    assert isinstance(Origins(["192.0.2.0/24"]).client("192.0.2.1", text), str)
    with our_words(counted, Failure):
        network(text)


@fuzzed
@given(whole=changed(POLICY, 2))
def test_policies_of_another_shape(counted: Counter[str], whole: Any) -> None:
    rules = whole.get("rules") if isinstance(whole, dict) else None
    for rule in rules if isinstance(rules, list) else []:
        if isinstance(rule, dict) and isinstance(rule.get("require"), list):
            rule["require"].append(UNKNOWN_TO_ALL)
        elif isinstance(rule, dict) and "require" not in rule:
            rule["require"] = [UNKNOWN_TO_ALL]
    policy, problems = read({"policy.yml": json.dumps(whole)}, {})
    counted["taken" if policy else "Failure"] += 1
    assert (policy is None) == bool(problems)
    assert all(isinstance(problem, Failure) and problem.sentence() for problem in problems)
    if policy is not None:
        pending = parse(Delivery("1", "deployment_protection_rule", BODY, "acme"), API)
        defaults = whole.get("defaults") or {}
        assert judged(policy, pending) != evaluate.APPROVE or defaults.get("on_no_match") == evaluate.APPROVE


odd = ["&a [*a]", "a: &a [1]\nb: *a", "!!python/object:os.system x", "---\n---\n", "\ufeff", "? :"]


@fuzzed
@given(text=texts | st.sampled_from(odd))
def test_policies_that_are_any_text(counted: Counter[str], text: str) -> None:
    with our_words(counted, Failure):
        load({"policy.yml": text})


@fuzzed
@given(text=texts)
def test_holiday_files(counted: Counter[str], text: str) -> None:
    for whole in (text, f"BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\n{text}\nEND:VEVENT\nEND:VCALENDAR\n"):
        with our_words(counted, Failure):
            days(whole, "holidays.ics")


words = st.sampled_from(
    ["environment", "run.path", "pull_requests[].labels[].name", "deployment.id", "@", "`true`", "`null`", "`1`", "'a'"]
)
operators = st.sampled_from([" == ", " != ", " < ", " && ", " || ", " | ", "."])
functions = st.sampled_from(["contains", "length", "exists", "regex", "glob", "age", "in_window", "lower", "sort_by"])


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, operators, inner).map("".join),
        inner.map("!{}".format),
        inner.map("({})".format),
        inner.map("[?{}]".format),
        st.tuples(functions, st.lists(inner, max_size=2).map(", ".join)).map(lambda parts: "{}({})".format(*parts)),
    )


expressions = st.recursive(words, _nested, max_leaves=12)
deep = st.integers(1, 3000).map(lambda depth: "(" * depth + "a" + ")" * depth)


@fuzzed
@given(text=expressions | texts | deep, facts=anything)
def test_expressions(counted: Counter[str], text: str, facts: Any) -> None:
    context = Context(NOW, POLICY_AS_IT_IS.is_open)
    known = {"environment": facts, "pull_requests": facts, "run": Unknown("not looked up"), "deployment": {"id": facts}}
    with our_words(counted, Failure):
        expression = compile_expression(text, "the expression")
        assert isinstance(expression.roots(), frozenset)
        for view in (known, {}):
            assert isinstance(expression.holds(view, context), bool | Unknown)


POLICY_AS_IT_IS = load({"policy.yml": json.dumps(POLICY)})


def test_the_policy_that_is_changed_is_a_good_one() -> None:
    """Else all of its changed forms would fail for one reason, and nothing behind that would be reached."""
    pending = parse(Delivery("1", "deployment_protection_rule", BODY, "acme"), API)
    assert len(POLICY_AS_IT_IS.rules) == 2
    assert judged(POLICY_AS_IT_IS, pending) == evaluate.DEFER
