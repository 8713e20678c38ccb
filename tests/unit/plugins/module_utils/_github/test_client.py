"""The connection to GitHub: every fault ends in the wanted state or in one sentence, a token goes to GitHub alone."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils import _http
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.retry import Backoff
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github import client as client_file
from ansible_collections.aphex.platform.plugins.module_utils._github.app_auth import Access
from ansible_collections.aphex.platform.plugins.module_utils._github.client import AS_APP, Client, segment
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from tests.sandbox.faults import KINDS
from tests.sandbox.standins.server import Answer, Request, StandIn, json_answer
from tests.unit.plugins.module_utils._github.conftest import OWNER, READ_TIMEOUT, REPOSITORY, World

CANARY = "CANARY-token-that-must-not-be-seen-anywhere-0"
HOOKS = Access.of(OWNER, repository_hooks="write")
PATH = f"/repos/{OWNER}/{REPOSITORY}/hooks"
HOOK = {"name": "web", "config": {"url": "https://hooks.example.org/", "content_type": "json"}}


def _read(client: Client, path: str = PATH) -> Any:
    return client.get(path, HOOKS, tried="Reading the webhooks")


class Scripted(StandIn):
    """Answers with what a test puts into the list, one after the other; the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers = list(answers)

    def answer(self, request: Request) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def _scripted(standin: Scripted, slept: list[float], **given: Any) -> Client:
    settings: dict[str, Any] = {
        "token": Sensitive(CANARY),
        "runtime": Runtime(now=time.time),
        "url": standin.url,
        "read_timeout": READ_TIMEOUT,
        "sleep": slept.append,
    }
    return Client(**{**settings, **given})


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_is_repeated_after_every_fault(world: World, kind: str) -> None:
    world.fault(kind)
    assert _read(world.client()) == []
    assert [entry.fault for entry in world.standin.log.entries()] == [kind, None]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_on_the_way_to_a_token_is_repeated_too(world: World, kind: str) -> None:
    world.fault(kind, "POST", "access_tokens")
    assert _read(world.app()) == []


@pytest.mark.parametrize(
    ("kind", "failure_kind"),
    [
        ("429", Kind.BUSY),
        ("500", Kind.BROKEN),
        ("timeout", Kind.TIMEOUT),
        ("reset", Kind.BROKEN),
        ("garbage", Kind.BROKEN),
        ("lost", Kind.BROKEN),
    ],
)
def test_a_fault_that_stays_is_one_sentence(world: World, kind: str, failure_kind: Kind) -> None:
    world.fault(kind, times=None)
    with pytest.raises(Failure) as caught:
        _read(world.client(backoff=Backoff(attempts=3, first=0.01), read_timeout=0.1))
    assert caught.value.kind is failure_kind
    assert caught.value.sentence().startswith("Reading the webhooks: ")
    assert "\n" not in caught.value.sentence()
    assert len(world.standin.log.entries()) == 3


def test_all_pages_are_read_by_their_links(world: World) -> None:
    for number in range(6):
        world.make_hook(f"https://hooks.example.org/{number}", event=("push", "star", "fork")[number % 3])
    world.standin.log.clear()
    found = list(world.client().pages(PATH, HOOKS, tried="Reading", query={"per_page": "4"}))
    assert len({hook["id"] for hook in found}) == 6
    assert len(world.standin.log.entries()) == 2


def test_the_next_page_is_asked_of_the_same_server_whatever_its_link_says() -> None:
    link = {"Link": '<https://elsewhere.example.org/repositories/1/hooks?page=2&per_page=100>; rel="next"'}
    with Scripted(json_answer(200, [{"id": 1}], link), json_answer(200, [{"id": 2}])) as standin:
        found = list(_scripted(standin, []).pages(PATH, HOOKS, tried="Reading"))
        assert [hook["id"] for hook in found] == [1, 2]
        assert [(entry.path, entry.query) for entry in standin.log.entries()] == [
            (PATH, "per_page=100"),
            (PATH, "page=2&per_page=100"),
        ]


def test_a_repeated_read_asks_by_its_etag(world: World) -> None:
    client = world.client()
    assert _read(client) == _read(client) == []
    assert [entry.status for entry in world.standin.log.entries()] == [200, 304]


def test_a_renamed_repository_is_followed_within_the_server(world: World) -> None:
    world.standin.rename_repository(f"{OWNER}/{REPOSITORY}", "shop")
    made = world.client().post(PATH, HOOKS, HOOK, look=lambda: None, tried="Creating")
    assert [hook["id"] for hook in world.hooks()] == [made["id"]]


def test_a_token_follows_no_redirect_to_another_system() -> None:
    with Scripted(Answer(301, b"", {"Location": "https://elsewhere.example.org/"})) as standin:
        with pytest.raises(Failure) as caught:
            _read(_scripted(standin, [], backoff=Backoff(attempts=1)))
        assert "another system" in caught.value.sentence()
        assert len(standin.log.entries()) == 1


def test_a_secondary_limit_that_names_its_time_is_waited_for(world: World) -> None:
    world.fault("429")
    _read(world.client(backoff=Backoff()))
    assert world.slept == [1.0]


@pytest.mark.parametrize(
    ("status", "headers", "message", "waits"),
    [
        (403, {"Retry-After": "7"}, "You have exceeded a secondary rate limit.", 7.0),
        (403, {}, "You have exceeded a secondary rate limit. Please wait a few minutes.", 60.0),
        (429, {}, "Too many requests", 60.0),
        (
            403,
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767261610", "Date": "Thu, 01 Jan 2026 10:00:00 GMT"},
            "API rate limit exceeded for installation ID 1.",
            11.0,
        ),
    ],
)
def test_a_limit_is_waited_for(status: int, headers: dict[str, str], message: str, waits: float) -> None:
    slept: list[float] = []
    with Scripted(json_answer(status, {"message": message}, headers), json_answer(200, [])) as standin:
        assert _read(_scripted(standin, slept)) == []
    assert slept == [waits]


def test_a_primary_limit_that_lasts_too_long_is_told_with_its_time() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767263400", "Date": "Thu, 01 Jan 2026 10:00:00 GMT"}
    slept: list[float] = []
    with (
        Scripted(json_answer(403, {"message": "API rate limit exceeded"}, headers)) as standin,
        pytest.raises(Failure) as caught,
    ):
        _read(_scripted(standin, slept))
    assert caught.value.kind is Kind.BUSY
    assert caught.value.retry_after == 1801.0
    assert slept == []


def test_a_missing_permission_is_named(world: World) -> None:
    token = world.standin.add_token({"repository_hooks": "read"}, OWNER)
    with pytest.raises(Failure) as caught:
        world.client(token=Sensitive(token)).post(PATH, HOOKS, HOOK, look=lambda: None, tried="Creating the webhook")
    assert caught.value.kind is Kind.DENIED
    assert caught.value.sentence() == (
        "Creating the webhook: Resource not accessible by personal access token. "
        "Give the App or the token the permission repository_hooks: write."
    )
    assert caught.value.request_id
    assert world.slept == []


def test_what_is_hidden_from_a_token_is_told_as_both(world: World) -> None:
    token = world.standin.add_classic_token(["workflow"])
    with pytest.raises(Failure) as caught:
        _read(world.client(token=Sensitive(token)))
    assert caught.value.kind is Kind.MISSING
    assert "GitHub also answers so when the App or the token lacks the permission repository_hooks: write" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"message": "Validation Failed", "errors": [{"resource": "Hook", "field": "url", "code": "missing_field"}]},
            "Validation Failed; Hook url missing_field",
        ),
        (
            {"message": "Validation Failed", "errors": [{"message": "Hook already exists on this repository"}]},
            "Validation Failed; Hook already exists on this repository",
        ),
        ({"message": "Unprocessable", "errors": ["one", "two"]}, "Unprocessable; one; two"),
        ({"message": "Unprocessable", "errors": "one text"}, "Unprocessable; one text"),
        (["no", "object"], "GitHub answered 422"),
    ],
)
def test_errors_of_every_form_are_quoted(body: Any, said: str) -> None:
    with Scripted(json_answer(422, body)) as standin, pytest.raises(Failure) as caught:
        _read(_scripted(standin, []))
    assert caught.value.said == said


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"429"}))
def test_an_unclear_post_is_looked_for_before_it_is_repeated(world: World, kind: str) -> None:
    world.fault(kind, "POST")
    client = world.client()
    made = client.post(PATH, HOOKS, HOOK, look=lambda: next(iter(_read(client)), None), tried="Creating")
    assert [hook["id"] for hook in world.hooks()] == [made["id"]]
    methods = [entry.method for entry in world.standin.log.entries()]
    assert methods == (["POST", "GET"] if kind == "lost" else ["POST", "GET", "POST"])


def test_what_a_look_has_read_is_not_remembered_beyond_the_repeat(world: World) -> None:
    """The look finds nothing, the repeat makes it: who reads then must not be told what the look saw."""
    client = world.client()

    def look() -> Any:
        return next(iter(client.remember("hooks", lambda: _read(client))), None)

    world.fault("500")
    made = client.post(PATH, HOOKS, HOOK, look=look, tried="Creating")
    assert look()["id"] == made["id"]


def test_b3_a_delete_whose_answer_was_lost_has_succeeded(world: World) -> None:
    client = world.client()
    made = client.post(PATH, HOOKS, HOOK, look=lambda: None, tried="Creating")
    world.fault("lost", "DELETE")
    client.delete(f"{PATH}/{made['id']}", HOOKS, tried="Deleting")
    assert world.hooks() == []


def test_b3_a_delete_that_a_token_may_not_see_is_no_success(world: World) -> None:
    """GitHub answers 404 to a classic token without the scope; the webhook is still there."""
    made = world.client().post(PATH, HOOKS, HOOK, look=lambda: None, tried="Creating")
    token = world.standin.add_classic_token(["read:repo_hook"])
    with pytest.raises(Failure) as caught:
        world.client(token=Sensitive(token)).delete(f"{PATH}/{made['id']}", HOOKS, tried="Deleting")
    assert caught.value.kind is Kind.DENIED
    assert len(world.hooks()) == 1


@pytest.mark.parametrize("text", ["bad header token", CANARY + "\n", CANARY + "\u00e9", "   "])
def test_a_token_that_is_none_is_refused_before_any_request(world: World, text: str) -> None:
    with pytest.raises(Failure) as caught:
        _read(world.client(token=Sensitive(text)))
    assert caught.value.kind is Kind.INVALID
    assert text.strip() == "" or text.strip() not in caught.value.sentence()
    assert world.standin.log.entries() == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"url": "ftp://example.org"}, "github_api_url"),
        ({"url": "example.org"}, "github_api_url"),
        ({"url": "https://github.com"}, "https://api.github.com"),
        ({"url": "https://acme.ghe.com"}, "https://api.acme.ghe.com"),
        ({"read_timeout": 0.0}, "github_timeout"),
        ({"token": None}, "github_token"),
    ],
)
def test_options_that_cannot_work_are_refused_before_any_request(
    world: World, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(Failure) as caught:
        _read(world.client(**given))
    assert caught.value.kind is Kind.INVALID
    assert words in caught.value.sentence()
    assert world.standin.log.entries() == []


def test_token_and_app_together_are_one_sentence(world: World) -> None:
    client = world.client(app=world.app().app)
    with pytest.raises(Failure) as caught:
        _read(client)
    assert "both set" in caught.value.sentence()
    assert world.standin.log.entries() == []


def test_what_only_the_app_may_do_is_refused_to_a_token(world: World) -> None:
    with pytest.raises(Failure) as caught:
        world.client().get("/app/hook/config", AS_APP, tried="Reading")
    assert "only the App itself" in caught.value.sentence()
    assert world.standin.log.entries() == []


@pytest.mark.parametrize("url", ["https://api.acme.ghe.com", "https://github.example.org/api/v3", "http://127.0.0.1:1"])
def test_e21_every_kind_of_server_is_an_address(world: World, url: str) -> None:
    world.client(url=url).require()


def test_e21_an_enterprise_server_is_reached_below_its_path(world: World) -> None:
    client = world.app(url=f"{world.standin.url}/api/v3")
    client.url = f"{world.standin.url}/api/v3"
    assert _read(client) == []
    assert all(entry.path.startswith("/api/v3/") for entry in world.standin.log.entries())


def test_every_request_says_what_it_is(world: World) -> None:
    _read(world.client())
    headers = world.standin.log.entries()[0].headers
    assert headers["x-github-api-version"] == "2022-11-28"
    assert headers["accept"] == "application/vnd.github+json"
    assert headers["user-agent"].startswith("aphex.platform/")


def test_a_login_page_in_place_of_the_api_is_told() -> None:
    with (
        Scripted(Answer(200, b"<html>", {"Content-Type": "text/html"})) as standin,
        pytest.raises(Failure) as caught,
    ):
        _read(_scripted(standin, [], backoff=Backoff(attempts=1)))
    assert "/api/v3" in caught.value.remedy


def test_what_github_will_drop_is_shown() -> None:
    shown: list[str] = []
    with Scripted(json_answer(200, [], {"Sunset": "Fri, 10 Mar 2028 00:00:00 GMT"})) as standin:
        _read(_scripted(standin, [], runtime=Runtime(now=time.time, progress=shown.append)))
    assert shown == [f"GitHub will drop {PATH} on Fri, 10 Mar 2028 00:00:00 GMT"]


def test_a_slash_in_a_name_is_percent_encoded() -> None:
    assert segment("prod/eu west") == "prod%2Feu%20west"


def test_connect_sends_nothing_and_needs_no_credentials(world: World) -> None:
    product = GitHub.connect({"github_api_url": world.standin.url}, Runtime(now=time.time))
    assert world.standin.log.entries() == []
    with pytest.raises(Failure):
        product.require()
    product.close()


def test_n14_a_missing_library_is_one_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "httpx", None)
    monkeypatch.setattr(client_file, "httpx", None)
    with pytest.raises(Failure) as caught:
        _read(world.client())
    assert caught.value.kind is Kind.MISSING
    assert "pip install httpx" in caught.value.remedy
