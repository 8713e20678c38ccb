"""The GitHub stand-in over real sockets: who may ask what, Apps and their tokens, limits, versions, faults."""

from __future__ import annotations

import base64
import http.client
import re
import time
from typing import Any

import pytest

from tests.sandbox.faults import Fault
from tests.sandbox.standins.control import Control
from tests.sandbox.standins.github import GitHub
from tests.sandbox.standins.github.access import EXPIRED, NOT_YET, TOO_FAR, UNDECODABLE
from tests.sandbox.standins.github.openapi import taken
from tests.unit.sandbox.github_client import HOOKS, REPO, Client, Origin, jwt

HOOK = {"name": "web", "config": {"url": "https://a.example.com", "content_type": "json"}}


# Who asks


def test_every_answer_has_githubs_headers(call: Client) -> None:
    for reply in (call("GET", HOOKS), call("GET", f"{HOOKS}/1")):
        assert re.fullmatch(r"[0-9A-F:]{20,}", reply.headers["X-GitHub-Request-Id"])
        assert reply.headers["X-GitHub-Api-Version-Selected"] == "2022-11-28"
        assert reply.headers["X-RateLimit-Limit"] == "5000"
        assert reply.headers["Server"] == "github.com"


@pytest.mark.parametrize(
    ("token", "refused"),
    [
        ("", (401, "Requires authentication")),
        ("ghp_unknown", (401, "Bad credentials")),
        ("Basic b2xnYTp4", (401, "Bad credentials")),
        ("token a.b.c", (401, UNDECODABLE)),
        ("Bearer a.b.c", (401, UNDECODABLE)),
        ("Bearer e30.e30.e30", (401, UNDECODABLE)),
    ],
)
def test_bad_credentials(call: Client, token: str, refused: tuple[int, str]) -> None:
    path = "/app" if "." in token else "/orgs/acme-corp/hooks"
    assert call("GET", path, token=token).refused == refused


def test_a_token_may_be_called_token_or_bearer(call: Client) -> None:
    for scheme in ("token", "Bearer", "bearer"):
        assert call("GET", HOOKS, token=f"{scheme} {call.github.token}").result == []


def test_a_token_may_stand_in_the_place_of_a_password(call: Client) -> None:
    pair = base64.b64encode(f"anybody:{call.github.token}".encode()).decode()
    assert call("GET", HOOKS, token=f"Basic {pair}").result == []


def test_a_request_names_its_program(github: GitHub) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", github.port, timeout=5)
    connection.request("GET", "/rate_limit")
    answer = connection.getresponse()
    assert (answer.status, b"User-Agent" in answer.read()) == (403, True)
    connection.close()


def test_a_classic_token_without_the_scope_finds_nothing(call: Client, github: GitHub) -> None:
    poor = github.add_classic_token(["read:repo_hook"])
    assert call("GET", HOOKS, token=poor).result == []
    reply = call("POST", HOOKS, HOOK, token=poor)
    assert reply.refused == (404, "Not Found")
    assert reply.headers["X-OAuth-Scopes"] == "read:repo_hook"
    assert "admin:repo_hook" in reply.headers["X-Accepted-OAuth-Scopes"]
    assert call("GET", "/orgs/acme-corp/hooks", token=poor).status == 404


def test_a_fine_grained_token_is_told_which_right_is_missing(call: Client, github: GitHub) -> None:
    reader = github.add_token({"repository_hooks": "read"}, "acme-corp", ["acme-corp/web-shop"])
    reply = call("GET", HOOKS, token=reader)
    assert reply.result == []
    assert reply.headers["X-Accepted-GitHub-Permissions"] == "repository_hooks=read"
    reply = call("POST", HOOKS, HOOK, token=reader)
    assert reply.refused == (403, "Resource not accessible by personal access token")
    assert reply.headers["X-Accepted-GitHub-Permissions"] == "repository_hooks=write"
    assert call("GET", "/repos/acme-corp/api-service/hooks", token=reader).refused == (404, "Not Found")
    assert call("GET", "/repos/globex/intranet/hooks", token=reader).refused == (404, "Not Found")
    assert call("GET", "/orgs/globex/hooks", token=reader).refused == (404, "Not Found")
    assert call("GET", "/orgs/acme-corp/hooks", token=reader).status == 403


def test_unknown_paths_are_not_found_and_noticed(call: Client) -> None:
    assert call("GET", "/nowhere").refused == (404, "Not Found")
    assert call("PUT", HOOKS).status == 404
    noticed = [str(item) for item in taken()]
    assert noticed[0] == "GET /nowhere: GitHub describes no GET /nowhere"
    assert len(noticed) == 2


# Apps


def test_an_app_sees_itself_and_where_it_is_installed(call: Client, github: GitHub) -> None:
    mine = jwt(github)
    app = call.do("GET", "/app", token=mine)
    assert (app["id"], app["slug"], app["installations_count"]) == (github.app_id, "aphex-platform", 2)
    assert app["permissions"]["repository_hooks"] == "write"
    installations = call.do("GET", "/app/installations", token=mine)
    assert [each["account"]["login"] for each in installations] == ["acme-corp", "globex"]
    for path in (REPO, "/orgs/acme-corp"):
        assert call.do("GET", f"{path}/installation", token=mine)["id"] == installations[0]["id"]
    assert call("GET", "/users/olga/installation", token=mine).refused == (404, "Not Found")
    assert call.do("GET", f"/app/installations/{installations[1]['id']}", token=mine)["target_type"] == "Organization"
    assert call.do("GET", "/apps/aphex-platform")["id"] == github.app_id
    assert call("GET", "/app").refused == (401, UNDECODABLE)


def test_an_app_says_who_it_is_by_either_id(call: Client, github: GitHub) -> None:
    assert call.do("GET", "/app", token=jwt(github, iss=github.app.client_id))["id"] == github.app_id
    assert call("GET", "/app", token=jwt(github, iss="4711")).refused == (404, "Integration not found")
    stranger = GitHub().private_key
    assert call("GET", "/app", token=jwt(github, key=stranger)).refused == (401, UNDECODABLE)
    assert call.do("GET", "/app", token=jwt(github, key=github.add_key()))["id"] == github.app_id


@pytest.mark.parametrize(
    ("shift", "claims", "words"),
    [
        (0, {"exp": 661}, TOO_FAR),
        (0, {"exp": -1}, EXPIRED),
        (0, {"exp": "soon"}, EXPIRED),
        (0, {"iat": 60}, NOT_YET),
        (0, {"iat": None}, NOT_YET),
        (-120, {}, NOT_YET),
        (-30, {"iat": -60, "exp": 600}, TOO_FAR),
        (700, {}, EXPIRED),
    ],
)
def test_the_times_of_a_jwt_go_by_githubs_clock(
    call: Client, github: GitHub, shift: float, claims: dict[str, Any], words: str
) -> None:
    now = int(time.time())
    times = {"iat": now - 60, "exp": now + 540}
    sent = times | {name: now + value if isinstance(value, int) else value for name, value in claims.items()}
    token = jwt(github, **sent)
    github.clock.shift = shift
    reply = call("GET", "/app", token=token)
    assert reply.refused == (401, words)
    # The repair that clients do: the clock is off by what the header says.
    found = time.mktime(time.strptime(reply.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
    assert abs(found - time.time() - shift) < 5
    assert call("GET", "/app", token=jwt(github)).status == 200


def test_an_installation_token_lives_for_an_hour(call: Client, github: GitHub) -> None:
    made = call.do("POST", call.tokens_path(), token=jwt(github))
    assert made["permissions"] == github.app.permissions
    assert made["repository_selection"] == "all"
    # The form of 2026: long, with dots, and no form that anybody may count on.
    assert re.fullmatch(rf"ghs_{github.app_id}_[\w-]+\.[\w-]+\.[\w-]+", made["token"])
    assert len(made["token"]) > 400
    assert call.do("GET", HOOKS, token=made["token"]) == []
    seen = call.do("GET", "/installation/repositories", token=made["token"])
    assert [each["full_name"] for each in seen["repositories"]] == ["acme-corp/web-shop", "acme-corp/api-service"]
    github.clock.shift = 3601
    assert call("GET", HOOKS, token=made["token"]).refused == (401, "Bad credentials")


def test_the_old_form_of_a_token_can_be_asked_for(call: Client, github: GitHub) -> None:
    headers = {"X_GitHub_Stateless_S2S_Token": "disabled"}
    made = call("POST", call.tokens_path(), token=jwt(github), **headers).result
    assert re.fullmatch(r"ghs_\w{36}", made["token"])


def test_a_token_is_narrowed_to_repositories_and_rights(call: Client, github: GitHub) -> None:
    shop = call.do("GET", REPO)["id"]
    for chosen in ({"repositories": ["web-shop"]}, {"repository_ids": [shop]}):
        body = {**chosen, "permissions": {"repository_hooks": "read"}}
        made = call.do("POST", call.tokens_path(), body, jwt(github))
        assert made["permissions"] == {"metadata": "read", "repository_hooks": "read"}
        assert [each["id"] for each in made["repositories"]] == [shop]
        token = made["token"]
        assert call.do("GET", HOOKS, token=token) == []
        assert call("POST", HOOKS, HOOK, token=token).refused == (403, "Resource not accessible by integration")
        assert call("GET", "/repos/acme-corp/api-service/hooks", token=token).refused == (404, "Not Found")
        assert [each["id"] for each in call.do("GET", "/installation/repositories", token=token)["repositories"]] == [
            shop
        ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"permissions": {"issues": "write"}}, "The permissions requested are not granted to this installation."),
        ({"permissions": {"contents": "write"}}, "The permissions requested are not granted to this installation."),
        ({"repositories": ["intranet"]}, "There is at least one repository"),
        ({"repository_ids": [4711]}, "There is at least one repository"),
        ({"repository_ids": list(range(501))}, "must not exceed 500"),
    ],
)
def test_a_token_is_not_widened(call: Client, github: GitHub, body: dict[str, Any], words: str) -> None:
    status, said = call("POST", call.tokens_path(), body, jwt(github)).refused
    assert (status, words in said) == (422, True), said


def test_a_token_is_given_back(call: Client) -> None:
    token = call.installation_token()
    assert call("DELETE", "/installation/token", token=token).status == 204
    assert call("GET", HOOKS, token=token).refused == (401, "Bad credentials")
    assert call("DELETE", "/installation/token").status == 403


def test_a_new_token_may_be_unknown_for_a_moment(call: Client, github: GitHub) -> None:
    github.access.refusals = 1
    token = call.installation_token()
    assert call("GET", HOOKS, token=token).refused == (401, "Bad credentials")
    assert call.do("GET", HOOKS, token=token) == []


def test_a_suspended_installation_gives_nothing(call: Client, github: GitHub) -> None:
    token, mine = call.installation_token(), jwt(github)
    one = call.tokens_path().removesuffix("/access_tokens")
    assert call("PUT", f"{one}/suspended", token=mine).status == 204
    assert call.do("GET", one, token=mine)["suspended_at"]
    assert call("GET", HOOKS, token=token).refused == (403, "This installation has been suspended")
    assert call("POST", f"{one}/access_tokens", token=mine).refused == (403, "This installation has been suspended")
    assert call("DELETE", f"{one}/suspended", token=mine).status == 204
    assert call.do("GET", HOOKS, token=token) == []


@pytest.mark.parametrize(("version", "status"), [("2022-11-28", 204), ("2026-03-10", 202)])
def test_an_installation_is_removed(call: Client, github: GitHub, version: str, status: int) -> None:
    token, mine = call.installation_token(), jwt(github)
    one = call.tokens_path().removesuffix("/access_tokens")
    assert call("DELETE", one, token=mine, X_GitHub_Api_Version=version).status == status
    assert call("GET", one, token=mine).refused == (404, "Not Found")
    assert call("GET", HOOKS, token=token).refused == (401, "Bad credentials")


def test_an_installation_has_the_repositories_that_it_was_given(call: Client, github: GitHub) -> None:
    other = github.add_app("other", {"repository_hooks": "write", "metadata": "read"}, [])
    key = github.add_key(other["id"])
    installed = github.install(other["id"], "acme-corp", ["acme-corp/api-service"])
    mine = jwt(github, key=key, iss=other["client_id"])
    assert call("GET", f"{REPO}/installation", token=mine).refused == (404, "Not Found")
    assert call.do("GET", "/repos/acme-corp/api-service/installation", token=mine)["id"] == installed
    made = call.do("POST", f"/app/installations/{installed}/access_tokens", token=mine)
    assert made["repository_selection"] == "selected"
    assert call("GET", HOOKS, token=made["token"]).refused == (404, "Not Found")
    assert call("GET", call.tokens_path().removesuffix("/access_tokens"), token=mine).status == 404


def test_an_app_comes_out_of_a_manifest_once(call: Client, github: GitHub) -> None:
    code = github.add_manifest("gate", "https://gate.example.com", {"deployments": "write"}, [])
    path = f"/app-manifests/{code}/conversions"
    made = call.do("POST", path, token="")
    assert call.do("GET", "/app", token=jwt(github, key=made["pem"], iss=made["client_id"]))["slug"] == "gate"
    assert made["webhook_secret"] == github.state()["apps"][1]["webhook"]["secret"]
    assert call("POST", path, token="").refused == (404, "Not Found")


def test_the_webhook_of_an_app(call: Client, github: GitHub) -> None:
    with Origin() as origin:
        github.deliver_to, mine = origin.url, jwt(github)
        config = {"url": "https://gate.example.com/in", "content_type": "json", "secret": "s1"}
        assert call.do("PATCH", "/app/hook/config", config, mine)["secret"] == "********"
        assert call.do("PATCH", "/app/hook/config", {"secret": "s2"}, mine)["url"] == "https://gate.example.com/in"
        assert call.do("GET", "/app/hook/config", token=mine)["content_type"] == "json"
        assert github.state()["apps"][0]["webhook"]["secret"] == "s2"
        call.environment()
        call.do(
            "POST", f"{REPO}/environments/production/deployment_protection_rules", {"integration_id": github.app_id}
        )
        github.start_run("acme-corp/web-shop", ["production"])
        github.settle()
        (delivery,) = call.do("GET", "/app/hook/deliveries", token=mine)
        assert (delivery["event"], delivery["action"]) == ("deployment_protection_rule", "requested")
        assert delivery["installation_id"]
        one = f"/app/hook/deliveries/{delivery['id']}"
        whole = call.do("GET", one, token=mine)
        assert whole["request"]["headers"]["X-GitHub-Hook-Installation-Target-Type"] == "integration"
        assert whole["request"]["payload"]["installation"]["id"] == delivery["installation_id"]
        assert call("POST", f"{one}/attempts", token=mine).status == 202
        github.settle()
        again, first = call.do("GET", "/app/hook/deliveries", token=mine)
        assert (again["guid"], again["redelivery"], first["redelivery"]) == (delivery["guid"], True, False)


# Limits, versions, what need not be sent again


def test_the_primary_limit_counts_by_caller(call: Client, github: GitHub) -> None:
    github.limits.set(per_hour=2)
    token = call.installation_token()
    github.limits.set(per_hour=2)
    left = [call("GET", HOOKS, token=token).headers["X-RateLimit-Remaining"] for _number in range(2)]
    assert left == ["1", "0"]
    reply = call("GET", HOOKS, token=token)
    assert reply.status == 403
    assert reply.data["message"].startswith("API rate limit exceeded for installation")
    assert reply.headers["X-RateLimit-Remaining"] == "0"
    assert int(reply.headers["X-RateLimit-Reset"]) > time.time()
    assert call("GET", HOOKS).status == 200
    assert call.do("GET", "/rate_limit", token=token)["resources"]["core"]["remaining"] == 0
    github.clock.shift = 3601
    assert call("GET", HOOKS, token=call.github.token).status == 200


def test_secondary_limits_say_when_to_come_back(call: Client, github: GitHub) -> None:
    github.limits.set(contents_per_minute=1)
    call.webhook()
    reply = call("POST", HOOKS, {**HOOK, "events": ["release"]})
    assert (reply.status, reply.headers["Retry-After"]) == (403, "60")
    assert "secondary rate limit" in reply.data["message"]
    assert call("GET", HOOKS).status == 200
    github.clock.shift = 61
    assert call("POST", HOOKS, {**HOOK, "events": ["release"]}).status == 201
    github.limits.set(contents_per_minute=None, points_per_minute=5)
    assert [call("GET", HOOKS).status for _number in range(6)] == [200] * 5 + [403]
    with pytest.raises(ValueError, match="there is no limit per_day"):
        github.limits.set(per_day=1)


def test_what_the_caller_has_costs_nothing(call: Client) -> None:
    first = call("GET", HOOKS)
    again = call("GET", HOOKS, If_None_Match=first.headers["ETag"])
    assert (again.status, again.data) == (304, None)
    assert call("GET", HOOKS).headers["X-RateLimit-Used"] == "2"
    call.webhook()
    assert call("GET", HOOKS, If_None_Match=first.headers["ETag"]).status == 200


def test_versions_of_the_api(call: Client) -> None:
    old, new = (call("GET", "/rate_limit", X_GitHub_Api_Version=each) for each in ("2022-11-28", "2026-03-10"))
    assert old.result["rate"] == old.result["resources"]["core"]
    assert "rate" not in new.result
    assert new.headers["X-GitHub-Api-Version-Selected"] == "2026-03-10"
    assert call("GET", "/rate_limit", X_GitHub_Api_Version="2020-01-01").status == 410


def test_an_enterprise_server_has_no_limits_and_no_addresses(call: Client) -> None:
    assert call.do("GET", "/meta")["hooks"]
    call.github.directory.set_hook_ranges([])
    assert call.do("GET", "/meta")["hooks"] == []
    assert "hooks" not in call.do("GET", "/api/v3/meta")
    assert call("GET", "/api/v3/rate_limit").refused == (404, "Rate limiting is not enabled.")
    reply = call("GET", f"/api/v3{HOOKS}")
    assert reply.result == []
    assert "X-RateLimit-Limit" not in reply.headers
    made = call.do("POST", f"/api/v3{HOOKS}", HOOK)
    assert f"/api/v3{HOOKS}/{made['id']}" in made["url"]


def test_what_can_be_looked_up(call: Client, github: GitHub) -> None:
    team = github.add_team("acme-corp", "release")
    assert call.do("GET", "/orgs/acme-corp")["login"] == "acme-corp"
    assert [each["name"] for each in call.do("GET", "/orgs/acme-corp/repos")] == ["web-shop", "api-service"]
    assert call.do("GET", REPO)["full_name"] == "acme-corp/web-shop"
    assert call.do("GET", "/users/olga")["type"] == "User"
    assert call.do("GET", "/orgs/acme-corp/teams/release")["id"] == team
    for path in ("/orgs/nobody", "/orgs/olga", "/users/nobody", "/orgs/acme-corp/teams/none", "/apps/none"):
        assert call("GET", path).refused == (404, "Not Found"), path


# Faults and control


def test_faults_speak_as_github_does(call: Client, github: GitHub) -> None:
    for kind, status in (("429", 429), ("500", 500)):
        github.faults.arm(Fault(kind, retry_after=7))
        reply = call("GET", HOOKS)
        assert reply.status == status
        assert reply.headers["X-GitHub-Request-Id"]
        assert (reply.headers.get("Retry-After") == "7") == (status == 429)
    github.faults.arm(Fault("lost"))
    with pytest.raises(http.client.RemoteDisconnected):
        call("POST", HOOKS, HOOK)
    call.close()
    assert len(call.do("GET", HOOKS)) == 1
    report = github.checked.report()
    assert report["requests"] == len(github.log.entries())
    assert (report["described"], report["mismatches"]) == (1.0, [])


def test_another_process_sets_up_and_looks(github: GitHub) -> None:
    with Origin() as origin:
        github.deliver_to = origin.url
        control = Control(github.url)
        control.do("add_owner", login="umbrella")
        control.do("add_repository", full_name="umbrella/lab")
        control.do("install", app_id=github.app_id, owner="umbrella")
        token = control.do("add_token", permissions={"repository_hooks": "write"}, owner="umbrella")
        made = Client(github)("POST", "/repos/umbrella/lab/hooks", HOOK, token).result
        guid = control.do("push", repository="umbrella/lab")
        control.do("settle")
        push, ping = control.do("log_of", hook_id=made["id"])
        assert (push["guid"], ping["event"], push["status"]) == (guid, "ping", "OK")
        state = control.state()
        assert state["webhooks"][0]["deliveries"][1]["guid"] == guid
        assert token in state["tokens"]
        report = control.do("report")
        assert report["endpoints"] == {"POST /repos/{owner}/{repo}/hooks": 1}
        assert report["mismatches"] == []


def test_minted_tokens_can_be_found_by_a_word(call: Client, github: GitHub) -> None:
    github.access.word = "CANARY-"
    assert "CANARY-" in call.installation_token()
