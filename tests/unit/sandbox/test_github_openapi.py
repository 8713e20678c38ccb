"""The check against GitHub's own description finds what it is there to find."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.standins.github import GitHub
from tests.sandbox.standins.github.openapi import Checked, taken
from tests.sandbox.standins.server import Answer, Request, json_answer
from tests.tools import openapi
from tests.unit.sandbox.github_client import jwt

HOOKS, ENVIRONMENT = "/repos/{owner}/{repo}/hooks", "/repos/{owner}/{repo}/environments/{environment_name}"
RULE = "/repos/{owner}/{repo}/actions/runs/{run_id}/deployment_protection_rule"
LATER = "2026-03-10"
ERROR = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}


def noticed(checked: Checked) -> list[str]:
    """What was recorded, without method and path; it is no fault of the test."""
    taken()
    return [item.what for item in checked.mismatches]


def ask(method: str, path: str, body: Any = None, **query: str) -> list[str]:
    checked = Checked()
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(method, path, {name: [value] for name, value in query.items()}, {}, raw)
    params = {"owner": "o", "repo": "r", "environment_name": "e", "hook_id": "1", "run_id": "1"}
    checked.request(request, path, path, params, "2022-11-28")
    return noticed(checked)


def hear(method: str, path: str, answer: Answer, version: str = "2022-11-28") -> list[str]:
    checked = Checked()
    checked.answer(Request(method, path, {}, {}, b""), path, path, answer, version)
    return noticed(checked)


CONFIG = {"url": "https://a.example.com", "content_type": "json"}


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", HOOKS, {"name": "web", "config": CONFIG}, None),
        ("POST", HOOKS, {"name": "web", "config": CONFIG, "colour": "red"}, "body, colour is not described"),
        ("POST", HOOKS, {"config": {"url": 4}}, "body, config/url: 4 is not of type 'string'"),
        ("POST", HOOKS, [], "body, is no object"),
        ("POST", HOOKS, b"{", "body, is no JSON"),
        ("GET", HOOKS, {"page": 1}, "body, there is a body"),
        ("GET", HOOKS, {}, None),
        ("PATCH", "/app/hook/config", None, "body, is missing"),
        ("PATCH", f"{HOOKS}/{{hook_id}}/config", {"token": "x"}, "body, token is not described"),
        ("POST", RULE, {"environment_name": "e", "state": "approved"}, None),
        ("POST", RULE, {"environment_name": "e", "comment": "c"}, None),
        ("POST", RULE, {"environment_name": "e"}, "'comment' is a required property"),
        ("PUT", ENVIRONMENT, {"wait_timer": 1, "can_admins_bypass": True}, None),
        ("PUT", ENVIRONMENT, {"deployment_branch_policy": None}, None),
        ("PUT", HOOKS, {}, "GitHub describes no PUT"),
    ],
)
def test_requests(method: str, path: str, body: Any, words: str | None) -> None:
    found = ask(method, path, body)
    assert bool(found) == bool(words), found
    assert not words or any(words in each for each in found), found


def test_parameters_of_the_query() -> None:
    assert ask("GET", HOOKS, per_page="100", page="2") == []
    assert ask("GET", HOOKS, per_page="many") == ["query, per_page: 'many' is not of type 'integer'"]
    assert ask("GET", HOOKS, limit="100") == ["query, limit is not described"]
    deliveries = f"{HOOKS}/{{hook_id}}/deliveries"
    assert ask("GET", deliveries, cursor="v1_1", status="failure") == []
    (wrong,) = ask("GET", deliveries, status="lost")
    assert "'lost' is not one of" in wrong


@pytest.mark.parametrize(
    ("method", "path", "answer", "words"),
    [
        ("GET", HOOKS, json_answer(200, []), None),
        ("GET", HOOKS, json_answer(200, {}), "is not of type 'array'"),
        ("GET", HOOKS, json_answer(200, [{"id": 1}]), "is a required property"),
        ("GET", HOOKS, json_answer(404, ERROR), None),
        ("GET", HOOKS, json_answer(404, {"message": 4}), "message: 4 is not of type 'string'"),
        ("GET", HOOKS, Answer(200, b"<html>"), "is no JSON"),
        ("GET", HOOKS, json_answer(418, ERROR), "the code 418 is not described"),
        ("GET", HOOKS, json_answer(201, []), "the code 201 is not described"),
        ("GET", HOOKS, Answer(304), None),
        ("GET", HOOKS, Answer(304, b"x"), "has a body, and none is described"),
        ("POST", RULE, Answer(204), None),
        ("POST", RULE, json_answer(422, {**ERROR, "errors": []}), None),
        ("POST", RULE, json_answer(422, {"message": "no"}), "'documentation_url' is a required property"),
        ("DELETE", f"{HOOKS}/{{hook_id}}", json_answer(204, {}), "has a body, and none is described"),
        ("GET", "/app", json_answer(200, None), None),
    ],
)
def test_answers(method: str, path: str, answer: Answer, words: str | None) -> None:
    found = hear(method, path, answer)
    assert bool(found) == bool(words), found
    assert not words or any(words in each for each in found), found


def test_times_addresses_and_what_may_be_null() -> None:
    with GitHub() as github:
        made = github.installation_view("acme-corp")
    path = "/app/installations/{installation_id}"
    assert hear("GET", path, json_answer(200, made)) == []
    assert hear("GET", path, json_answer(200, {**made, "suspended_at": "2026-01-01T00:00:00Z"})) == []
    for field, value, words in (
        ("created_at", "yesterday", "is not a 'date-time'"),
        ("created_at", None, "None is not of type 'string'"),
        ("html_url", "acme", "is not a 'uri'"),
        ("account", {}, "is a required property"),
    ):
        (found, *_more) = hear("GET", path, json_answer(200, {**made, field: value}))
        assert field in found
        assert words in found
    assert hear("GET", "/app/installations", json_answer(200, [made])) == []


def test_versions_differ() -> None:
    gone = "/app/installations/{installation_id}"
    assert hear("DELETE", gone, Answer(204)) == []
    assert hear("DELETE", gone, Answer(204), LATER) == ["the code 204 is not described"]
    assert hear("DELETE", gone, Answer(202), LATER) == []
    core = {"limit": 1, "remaining": 1, "reset": 1, "used": 0}
    later = {"resources": {"core": core, "search": core}}
    assert hear("GET", "/rate_limit", json_answer(200, later), LATER) == []
    assert hear("GET", "/rate_limit", json_answer(200, later)) == [
        "answer 200: the whole: 'rate' is a required property"
    ]


def test_every_endpoint_of_the_stand_in_is_described() -> None:
    checked = Checked()
    for endpoint in GitHub().endpoints():
        request = Request(endpoint.method, endpoint.path, {}, {}, b"")
        checked.request(request, endpoint.path, endpoint.path, {}, "2022-11-28")
    assert [each for each in noticed(checked) if "GitHub describes no" in each] == []


def test_the_report_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    with GitHub() as github:
        token = jwt(github)
        headers = {"user-agent": "tests", "authorization": f"Bearer {token}", "host": "api"}
        for path in ("/app", "/app", "/nowhere"):
            request = Request("GET", path, {}, headers, b"", path)
            github.heard(request)
            github.answer(request)
        report = github.checked.report()
    assert noticed(github.checked) == ["GitHub describes no GET /nowhere"]
    assert (report["requests"], report["answers"], report["endpoints"]) == (3, 3, {"GET /app": 2})
    assert report["described"] == pytest.approx(2 / 3)
    assert report["mismatches"] == ["GET /nowhere: GitHub describes no GET /nowhere"]


# Fetching it


def archive(folder: Path, name: str) -> Path:
    path = folder / "package.tgz"
    with tarfile.open(path, "w:gz") as package:
        item = tarfile.TarInfo(name)
        item.size = 2
        package.addfile(item, io.BytesIO(b"{}"))
    return path


def test_another_package_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "description.json"
    with pytest.raises(openapi.FetchFailed, match="is not what was pinned"):
        openapi.extract(archive(tmp_path, openapi.MEMBER), target)
    assert not target.exists()


def test_the_pinned_one_is_taken_whole(tmp_path: Path) -> None:
    made, target = archive(tmp_path, openapi.MEMBER), tmp_path / "description.json"
    openapi.extract(made, target, openapi.integrity(made))
    assert target.read_text(encoding="utf-8") == "{}"


def test_without_npm_the_user_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(openapi, "DESCRIPTION", tmp_path / "none.json")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(openapi.FetchFailed, match="npm is not on the PATH"):
        openapi.fetch()
