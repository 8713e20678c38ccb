"""The Authentik stand-in: Authentik's codes and pages, blueprints with their tags, and the worker that applies them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.faults import Fault
from tests.sandbox.standins import authentik_blueprints as blueprints
from tests.sandbox.standins.authentik import BASE, Authentik
from tests.sandbox.standins.authentik_blueprints import Invalid

BLUEPRINT = """\
version: 1
metadata: {name: Any}
context: {group: people}
entries:
  - model: authentik_blueprints.metaapplyblueprint
    attrs: {identifiers: {name: Other}, required: false}
  - model: authentik_core.group
    id: people
    identifiers: {name: !Context group}
  - model: authentik_providers_oauth2.oauth2provider
    id: provider
    identifiers: {name: dex}
    attrs:
      client_secret: !File /secret
      authorization_flow: !Find [authentik_flows.flow, [slug, default-provider-authorization-implicit-consent]]
      invalidation_flow: !Find [authentik_flows.flow, [slug, default-provider-invalidation-flow]]
  - model: authentik_core.application
    id: application
    identifiers: {slug: !Format ["%s-of-%s", platform, !Context group]}
    attrs: {name: Platform, provider: !KeyOf provider}
  - model: authentik_policies.policybinding
    identifiers: {target: !KeyOf application, group: !KeyOf people}
    attrs: {order: 0}
"""


@pytest.fixture
def authentik() -> Iterator[Authentik]:
    with Authentik() as standin:
        yield standin


def ask(standin: Authentik, method: str, path: str, body: Any = None, token: str | None = "") -> tuple[int, Any]:
    """Status and body of an answer; a token of None sends none."""
    connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=10)
    headers = {} if token is None else {"Authorization": f"Bearer {token or standin.token}"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else None


@pytest.mark.parametrize(
    ("token", "said"),
    [(None, "Authentication credentials were not provided."), ("wrong", "Token invalid/expired")],
)
def test_no_token_and_a_wrong_one_are_both_a_403(authentik: Authentik, token: str | None, said: str) -> None:
    assert ask(authentik, "GET", f"{BASE}/core/groups/", token=token) == (403, {"detail": said})


def test_a_list_has_pages_and_no_next_one_at_its_end(authentik: Authentik) -> None:
    for number in range(24):
        authentik.add_group(f"group-{number}")
    status, first = ask(authentik, "GET", f"{BASE}/core/groups/")
    assert (status, len(first["results"]), first["pagination"]["next"]) == (200, 20, 2)
    _status, second = ask(authentik, "GET", f"{BASE}/core/groups/?page=2")
    assert (len(second["results"]), second["pagination"]["next"]) == (5, 0)
    assert ask(authentik, "GET", f"{BASE}/core/groups/?page=3")[0] == 404
    assert len(ask(authentik, "GET", f"{BASE}/core/groups/?page_size=500")[1]["results"]) == 25


def test_what_is_wrong_is_said_by_field(authentik: Authentik) -> None:
    status, said = ask(authentik, "POST", f"{BASE}/providers/oauth2/", {"name": "x", "authorization_flow": "none"})
    assert status == 400
    assert said == {
        "invalidation_flow": ["This field is required."],
        "authorization_flow": ['Invalid pk "none" - object does not exist.'],
    }
    assert ask(authentik, "GET", f"{BASE}/core/applications/none/") == (
        404,
        {"detail": "No Application matches the given query."},
    )
    assert ask(authentik, "PUT", f"{BASE}/core/groups/", {})[0] == 405


def test_an_application_of_others_is_not_listed_and_is_there(authentik: Authentik) -> None:
    path = f"{BASE}/core/applications/"
    made = ask(authentik, "POST", path, {"name": "a", "slug": "a"})[1]
    binding = {"target": made["pk"], "group": authentik.add_group("people"), "order": 0}
    assert ask(authentik, "POST", f"{BASE}/policies/bindings/", binding)[0] == 201
    assert ask(authentik, "GET", path)[1]["results"] == []
    assert ask(authentik, "GET", f"{path}a/")[0] == 200
    assert len(ask(authentik, "GET", f"{path}?superuser_full_list=true")[1]["results"]) == 1
    assert ask(authentik, "DELETE", f"{path}a/")[0] == 204
    assert authentik.items(blueprints.BINDING) == []


def test_the_worker_applies_what_is_mounted_and_tells_the_same_hash(authentik: Authentik) -> None:
    authentik.set_file("mounted/a.yaml", BLUEPRINT)
    authentik.mount("/secret", "one\n")
    assert (authentik.discover(), authentik.discover()) == (1, 0)
    [provider] = authentik.items(blueprints.PROVIDER)
    assert (provider["client_secret"], provider["grant_types"]) == ("one", [])
    [application] = authentik.items(blueprints.APPLICATION)
    assert (application["slug"], application["provider"]) == ("platform-of-people", provider["pk"])
    rows = ask(authentik, "GET", f"{BASE}/managed/blueprints/available/")[1]
    assert len(rows) == 1
    assert rows[0]["hash"] == authentik.instances[0]["last_applied_hash"]
    status, found = ask(authentik, "GET", f"/application/o/{application['slug']}/.well-known/openid-configuration")
    assert (status, found["issuer"]) == (200, f"{authentik.url}/application/o/platform-of-people/")
    # A file behind the tag is no reason to apply it again.
    authentik.mount("/secret", "two")
    assert authentik.discover() == 0


def test_what_cannot_be_applied_leaves_all_as_it_was_and_a_reason(authentik: Authentik) -> None:
    authentik.set_file("mounted/a.yaml", BLUEPRINT)
    authentik.discover()
    assert authentik.instances[0]["status"] == "error"
    assert {item["name"] for item in authentik.items(blueprints.GROUP)} == {"authentik Admins"}
    [task] = ask(authentik, "GET", f"{BASE}/tasks/tasks/?rel_obj_id={authentik.instances[0]['pk']}")[1]["results"]
    assert "'client_secret': ['This field may not be null.']" in task["logs"][0]["event"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("version: 1", "version: 2"), "version is not 1"),
        (("authentik_core.group", "authentik_core.groups"), "unknown model 'authentik_core.groups'"),
        (("{order: 0}", "{orders: 0}"), "authentik_policies.policybinding has no field orders"),
        (("!KeyOf provider", "!KeyOf nothing"), "!KeyOf nothing names no entry before it"),
        (("[authentik_flows.flow,", "[authentik_flows.stage,"), "unknown model authentik_flows.stage"),
        (("    id: people\n", "    ids: people\n"), "unknown key ids"),
        (("    identifiers: {name: dex}\n", ""), "no identifiers"),
        (("    id: people\n", "    state: gone\n"), "unknown state gone"),
    ],
)
def test_a_blueprint_that_is_none_is_told_by_its_form(change: tuple[str, str], said: str) -> None:
    assert blueprints.check(blueprints.read(BLUEPRINT)) == []
    problems = blueprints.check(blueprints.read(BLUEPRINT.replace(*change, 1)))
    assert any(said in problem for problem in problems), problems


def test_what_is_no_yaml_is_no_blueprint() -> None:
    for text in ("a: [", "text", "a: !Unknown b"):
        with pytest.raises(Invalid):
            blueprints.read(text)


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500)])
def test_faults_answer_as_authentik_would(authentik: Authentik, kind: str, status: int) -> None:
    authentik.faults.arm(Fault(kind))
    connection = http.client.HTTPConnection("127.0.0.1", authentik.port, timeout=10)
    connection.request("GET", f"{BASE}/core/groups/")
    assert connection.getresponse().status == status
    connection.close()


def test_it_can_be_told_what_to_be_from_another_process(authentik: Authentik) -> None:
    assert set(authentik.actions) == {"add_token", "add_group", "set_file", "mount", "discover", "set_ready"}
    authentik.set_ready(False)
    assert ask(authentik, "GET", "/-/health/ready/", token=None)[0] == 503
