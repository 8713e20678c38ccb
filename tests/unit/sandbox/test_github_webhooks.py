"""Webhooks of the GitHub stand-in over real sockets: what may be configured, what is delivered, and what is kept."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sandbox.standins.github.deliveries import LARGEST
from tests.sandbox.standins.github.openapi import taken
from tests.sandbox.standins.github.payloads import NO_COMMIT
from tests.unit.sandbox.github_client import HOOKS, REPO, SECRET, Client, Origin, a_client

ORG_HOOKS = "/orgs/acme-corp/hooks"


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as standin:
        yield standin


@pytest.fixture
def call(origin: Origin) -> Iterator[Client]:
    with a_client(origin.url) as client:
        yield client


# What a webhook is


@pytest.mark.parametrize("path", [HOOKS, ORG_HOOKS])
def test_a_webhook_is_made_read_changed_and_deleted(call: Client, path: str) -> None:
    made = call.webhook(path, events=["push", "release"])
    one = f"{path}/{made['id']}"
    assert made["config"] == {
        "url": "https://hooks.example.com/in",
        "content_type": "json",
        "insecure_ssl": "0",
        "secret": "********",
    }
    assert (made["active"], made["events"], made["name"]) == (True, ["push", "release"], "web")
    assert [each["id"] for each in call.do("GET", path)] == [made["id"]]
    changed = call.do("PATCH", one, {"active": False, "events": ["push"]})
    assert (changed["active"], changed["events"], changed["config"]["secret"]) == (False, ["push"], "********")
    assert call.do("GET", one)["events"] == ["push"]
    assert call("DELETE", one).status == 204
    assert call("GET", one).refused == (404, "Not Found")


def test_what_is_left_out_has_githubs_defaults(call: Client) -> None:
    made = call.do("POST", HOOKS, {"config": {"url": "https://a.example.com"}})
    assert made["config"] == {"url": "https://a.example.com", "content_type": "form", "insecure_ssl": "0"}
    assert made["events"] == ["push"]
    assert made["last_response"] == {"code": None, "status": "unused", "message": None}


def test_a_whole_config_without_the_secret_removes_it(call: Client) -> None:
    made = call.webhook()
    changed = call.do("PATCH", f"{HOOKS}/{made['id']}", {"config": {"url": "https://b.example.com"}})
    assert changed["config"] == {"url": "https://b.example.com", "content_type": "form", "insecure_ssl": "0"}
    assert call.github.state()["webhooks"][0]["secret"] is None


@pytest.mark.parametrize("path", [HOOKS, ORG_HOOKS])
def test_a_part_of_the_config_leaves_the_rest(call: Client, path: str) -> None:
    config = f"{path}/{call.webhook(path)['id']}/config"
    changed = call.do("PATCH", config, {"url": "https://b.example.com"})
    assert changed == call.do("GET", config)
    assert (changed["url"], changed["content_type"], changed["secret"]) == ("https://b.example.com", "json", "********")
    assert call.github.state()["webhooks"][0]["secret"] == SECRET


def test_events_are_added_and_taken_away(call: Client) -> None:
    one = f"{HOOKS}/{call.webhook()['id']}"
    assert call.do("PATCH", one, {"add_events": ["release"]})["events"] == ["push", "release"]
    assert call.do("PATCH", one, {"remove_events": ["push"]})["events"] == ["release"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (HOOKS, {"config": {"content_type": "json"}}, "Validation Failed"),
        (HOOKS, {"name": "irc", "config": {"url": "https://a.example.com"}}, "Validation Failed"),
        (HOOKS, {"config": {"url": "ftp://a.example.com"}}, "The URL you've entered is not valid"),
        (HOOKS, {"config": {"url": "https://localhost/x"}}, "Sorry, the URL host localhost is not supported"),
        (HOOKS, {"config": {"url": "https://a.example.com"}, "events": ["team"]}, "not supported"),
        (
            HOOKS,
            {"config": {"url": "https://a.example.com"}, "events": ["deployment_protection_rule"]},
            "not supported",
        ),
        (
            ORG_HOOKS,
            {"name": "web", "config": {"url": "https://a.example.com"}, "events": ["workflow_dispatch"]},
            "not supported",
        ),
        (HOOKS, {"config": {"url": "https://a.example.com"}, "events": []}, "at least one"),
        (HOOKS, {"config": {"url": "https://a.example.com", "content_type": "xml"}}, "content_type"),
        (HOOKS, {"config": {"url": "https://a.example.com", "insecure_ssl": "2"}}, "insecure_ssl"),
    ],
)
def test_what_github_refuses(call: Client, path: str, body: dict[str, object], words: str) -> None:
    status, said = call("POST", path, body).refused
    assert (status, words in said) == (422, True), said
    assert call.do("GET", path) == []


def test_events_of_organizations_are_taken_there(call: Client) -> None:
    assert call.webhook(ORG_HOOKS, events=["team", "push"])["events"] == ["team", "push"]
    assert call.webhook(HOOKS, events=["*"])["events"] == ["*"]


def test_the_same_webhook_twice_needs_other_events(call: Client) -> None:
    call.webhook(events=["push"])
    config = {"url": "https://hooks.example.com/in", "content_type": "json"}
    again = {"name": "web", "config": config, "events": ["push", "release"]}
    assert call("POST", HOOKS, again).refused == (422, "Hook already exists on this repository")
    other = call.webhook(events=["release"])
    reply = call("PATCH", f"{HOOKS}/{other['id']}", {"events": ["push"]})
    assert reply.refused == (422, "Hook already exists on this repository")
    call.webhook(ORG_HOOKS)
    assert call("POST", ORG_HOOKS, again).refused == (422, "Hook already exists on this organization")


def test_an_event_has_twenty_webhooks_at_most(call: Client) -> None:
    for number in range(20):
        call.webhook(url=f"https://{number}.example.com")
    reply = call("POST", HOOKS, {"config": {"url": "https://21.example.com"}})
    assert reply.refused == (422, 'The "push" event cannot have more than 20 hooks')


def test_lists_come_in_pages(call: Client) -> None:
    for number in range(5):
        call.webhook(url=f"https://{number}.example.com")
    first = call("GET", f"{HOOKS}?per_page=2")
    assert len(first.result) == 2
    links = {part.partition("; ")[2]: part.partition("; ")[0] for part in first.headers["Link"].split(", ")}
    assert set(links) == {'rel="next"', 'rel="last"'}
    target = urlsplit(links['rel="last"'].strip("<>"))
    last = call("GET", f"{target.path}?{target.query}")
    assert len(last.result) == 1
    assert 'rel="prev"' in last.headers["Link"]
    assert call("GET", f"{HOOKS}?per_page=2&page=9").result == []


# What is delivered


def test_a_new_webhook_is_pinged_with_a_signature_over_the_raw_body(call: Client, origin: Origin) -> None:
    made = call.webhook(url="https://hooks.example.com/in/acme?x=1")
    (delivery,) = call.log(made)
    assert (delivery["event"], delivery["status"], delivery["status_code"]) == ("ping", "OK", 202)
    (got,) = origin.log.entries()
    assert (got.method, got.path, got.query) == ("POST", "/in/acme", "x=1")
    wanted = hmac.new(SECRET.encode(), got.body.encode(), hashlib.sha256).hexdigest()
    assert got.headers["x-hub-signature-256"] == f"sha256={wanted}"
    assert got.headers["host"] == "hooks.example.com"
    assert got.headers["user-agent"].startswith("GitHub-Hookshot/")
    assert got.headers["x-github-delivery"] == delivery["guid"]
    assert (got.headers["x-github-event"], got.headers["x-github-hook-id"]) == ("ping", str(made["id"]))
    assert got.headers["x-github-hook-installation-target-type"] == "repository"
    body = json.loads(got.body)
    assert (body["hook_id"], body["repository"]["full_name"]) == (made["id"], "acme-corp/web-shop")
    assert call.do("GET", f"{HOOKS}/{made['id']}")["last_response"] == {
        "code": 202,
        "status": "active",
        "message": "OK",
    }


def test_the_signature_is_that_of_githubs_documentation() -> None:
    digest = hmac.new(SECRET.encode(), b"Hello, World!", hashlib.sha256).hexdigest()
    assert digest == "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_a_form_carries_the_payload_and_is_signed_as_it_is_sent(call: Client, origin: Origin) -> None:
    call.log(call.webhook(config={"content_type": "form"}))
    (got,) = origin.log.entries()
    assert got.headers["content-type"] == "application/x-www-form-urlencoded"
    assert json.loads(parse_qs(got.body)["payload"][0])["zen"]
    wanted = hmac.new(SECRET.encode(), got.body.encode(), hashlib.sha256).hexdigest()
    assert got.headers["x-hub-signature-256"] == f"sha256={wanted}"


def test_without_a_secret_there_is_no_signature(call: Client, origin: Origin) -> None:
    call.do("POST", HOOKS, {"config": {"url": "https://a.example.com"}})
    call.github.settle()
    assert [name for name in origin.log.entries()[0].headers if "signature" in name] == []


def test_a_push_reaches_repository_and_organization_under_one_guid(call: Client, origin: Origin) -> None:
    hooks = [call.webhook(), call.webhook(ORG_HOOKS), call.webhook("/orgs/globex/hooks")]
    deaf = call.webhook(url="https://deaf.example.com", events=["release"])
    off = call.webhook(url="https://off.example.com", active=False)
    call.github.settle()
    origin.log.clear()
    guid = call.github.push("acme-corp/web-shop", "refs/heads/feature", after="a" * 40)
    call.github.settle()
    got = origin.log.entries()
    assert [entry.headers["x-github-delivery"] for entry in got] == [guid, guid]
    body = json.loads(got[0].body)
    assert (body["ref"], body["after"], body["before"]) == ("refs/heads/feature", "a" * 40, NO_COMMIT)
    assert (body["created"], body["deleted"], body["pusher"]["name"]) == (True, False, "olga")
    assert [each["event"] for each in call.log(hooks[0])] == ["ping", "push"]
    assert [each["event"] for each in call.log(deaf)] == ["ping"]
    assert call.log(off) == []
    call.github.push("acme-corp/web-shop", after=NO_COMMIT)
    call.github.settle()
    assert json.loads(origin.log.entries()[-1].body)["deleted"]


def test_other_events_and_what_is_too_large(call: Client, origin: Origin) -> None:
    call.webhook(events=["release"])
    call.github.settle()
    origin.log.clear()
    call.github.emit("release", "acme-corp/web-shop", {"action": "published"})
    call.github.emit("release", "acme-corp/web-shop", {"action": "x" * LARGEST})
    call.github.settle()
    (got,) = origin.log.entries()
    assert json.loads(got.body)["action"] == "published"


def test_pings_and_tests_send_once_more(call: Client) -> None:
    made = call.webhook()
    assert call("POST", f"{HOOKS}/{made['id']}/pings").status == 204
    assert call("POST", f"{HOOKS}/{made['id']}/tests").status == 204
    assert [each["event"] for each in call.log(made)] == ["ping", "ping", "push"]
    deaf = call.webhook(events=["release"])
    assert call("POST", f"{HOOKS}/{deaf['id']}/tests").status == 204
    assert [each["event"] for each in call.log(deaf)] == ["ping"]


def test_a_test_repeats_the_last_push(call: Client) -> None:
    made = call.webhook()
    call.github.push("acme-corp/web-shop", after="b" * 40)
    call.do("POST", f"{HOOKS}/{made['id']}/tests")
    call.github.settle()
    pushes = [each for each in call.github.log_of(made["id"]) if each["event"] == "push"]
    assert [each["request"]["payload"]["after"] for each in pushes] == ["b" * 40] * 2
    assert len({each["guid"] for each in pushes}) == 2


# What is kept


@pytest.mark.parametrize(("code", "said"), [(200, "OK"), (302, "OK"), (404, "Invalid HTTP Response: 404")])
def test_the_log_has_the_code_of_the_answer(call: Client, origin: Origin, code: int, said: str) -> None:
    origin.code = code
    made = call.webhook()
    (delivery,) = call.log(made)
    assert (delivery["status_code"], delivery["status"]) == (code, said)
    whole = call.do("GET", f"{HOOKS}/{made['id']}/deliveries/{delivery['id']}")
    assert whole["response"]["payload"] == "thanks"
    assert whole["response"]["headers"]["X-Origin"] == "1"
    assert whole["request"]["headers"]["X-GitHub-Event"] == "ping"
    assert whole["request"]["payload"]["zen"]
    assert whole["url"] == "https://hooks.example.com/in"


def test_nobody_there_and_nobody_answering(call: Client, origin: Origin) -> None:
    call.github.deliver_to = None
    gone = call.webhook()
    assert [(each["status"], each["status_code"]) for each in call.log(gone)] == [("failed to connect to host", 502)]
    origin.takes, call.github.deliver_to, call.github.courier.answer_within = 0.3, origin.url, 0.05
    slow = call.webhook(url="https://slow.example.com")
    assert [(each["status"], each["status_code"]) for each in call.log(slow)] == [("timed out", 504)]
    last = call.do("GET", f"{HOOKS}/{slow['id']}")["last_response"]
    assert (last["code"], last["status"]) == (504, "timeout")


def test_a_redelivery_keeps_the_guid_and_signs_with_the_secret_of_today(call: Client, origin: Origin) -> None:
    origin.code = 500
    made = call.webhook()
    (lost,) = call.log(made)
    origin.code = 200
    call.do("PATCH", f"{HOOKS}/{made['id']}/config", {"secret": "another"})
    assert call("POST", f"{HOOKS}/{made['id']}/deliveries/{lost['id']}/attempts").status == 202
    first, again = call.log(made)
    assert (first["redelivery"], again["redelivery"]) == (False, True)
    assert (again["guid"], again["status"]) == (first["guid"], "OK")
    assert again["id"] > first["id"]
    got = origin.log.entries()[-1]
    assert got.body == origin.log.entries()[0].body
    wanted = hmac.new(b"another", got.body.encode(), hashlib.sha256).hexdigest()
    assert got.headers["x-hub-signature-256"] == f"sha256={wanted}"


def test_the_log_is_read_by_cursor_and_by_status(call: Client, origin: Origin) -> None:
    made = call.webhook()
    call.github.settle()
    origin.code = 404
    for _number in range(2):
        call.do("POST", f"{HOOKS}/{made['id']}/pings")
        call.github.settle()
    path, found = f"{HOOKS}/{made['id']}/deliveries?per_page=2", []
    while path:
        reply = call("GET", path)
        found += reply.result
        link = reply.headers.get("Link", "")
        assert "cursor=" in link or not link
        target = urlsplit(link.partition(">")[0].strip("<"))
        path = f"{target.path}?{target.query}" if link else ""
    assert [each["status_code"] for each in found] == [404, 404, 202]
    assert sorted((each["id"] for each in found), reverse=True) == [each["id"] for each in found]
    of = f"{HOOKS}/{made['id']}/deliveries"
    assert [each["status_code"] for each in call.do("GET", f"{of}?status=failure")] == [404, 404]
    assert [each["status_code"] for each in call.do("GET", f"{of}?status=success")] == [202]
    assert call("GET", f"{of}?cursor=nonsense").status == 400


def test_the_log_is_kept_for_three_days(call: Client) -> None:
    made = call.webhook()
    (delivery,) = call.log(made)
    call.github.clock.shift = 3 * 86_400 - 60
    assert call.log(made) == [delivery]
    call.github.clock.shift = 3 * 86_400 + 60
    assert call.log(made) == []
    one = f"{HOOKS}/{made['id']}/deliveries/{delivery['id']}"
    assert call("GET", one).refused == call("POST", f"{one}/attempts").refused == (404, "Not Found")


def test_an_enterprise_server_waits_and_keeps_longer(call: Client, origin: Origin) -> None:
    call.github.become_enterprise()
    assert call.github.courier.answer_within == 30
    made = call.webhook()
    call.github.clock.shift = 6 * 86_400
    assert len(call.log(made)) == 1
    assert origin.log.entries()[0].headers["x-github-enterprise-version"] == "3.19.0"
    for number in range(20):
        call.webhook(url=f"https://{number}.example.com")


def test_a_webhook_is_not_found_in_another_place(call: Client) -> None:
    made = call.webhook()
    assert call("GET", f"/repos/acme-corp/api-service/hooks/{made['id']}").status == 404
    assert call("GET", f"{ORG_HOOKS}/{made['id']}").status == 404
    assert call("GET", f"{HOOKS}/none").status == 404
    assert [str(item) for item in taken()] == [
        "GET /repos/{owner}/{repo}/hooks/{hook_id}: path, hook_id: 'none' is not of type 'integer'"
    ]


def test_a_repository_of_another_name_leads_on(call: Client) -> None:
    made = call.webhook()
    call.github.rename_repository("acme-corp/web-shop", "store")
    reply = call("GET", f"{HOOKS}/{made['id']}")
    assert reply.refused == (301, "Moved Permanently")
    there = urlsplit(reply.headers["Location"])
    assert there.path.startswith("/repositories/")
    assert call.do("GET", there.path)["id"] == made["id"]
    assert call("PATCH", f"{HOOKS}/{made['id']}", {"active": False}).refused == (307, "Temporary Redirect")
    assert call.do("GET", "/repos/Acme-Corp/STORE/hooks")[0]["id"] == made["id"]
    assert call("GET", f"{REPO}-gone/hooks").status == 404
