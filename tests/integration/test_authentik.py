"""Is what the role of Authentik writes accepted by the cluster, and what its blueprint makes what Dex and people need?

The objects are put to the real API server, pods to Pod Security. Authentik itself is a stand-in that applies the very
blueprint; the functions in it are run as they are.
"""

from __future__ import annotations

import copy
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import yaml

from tests.integration.installed import Run
from tests.integration.rendering import Part, parts_of, refusal
from tests.integration.running import run_role
from tests.sandbox.api import ApiError, Object
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.standins import authentik_blueprints as blueprints
from tests.sandbox.standins.authentik import Authentik

DOMAIN = "example.com"
GROUPS = ["platform-admins", "platform-operators", "platform-engineering"]
INPUTS: dict[str, Any] = {
    "authentik_domain": DOMAIN,
    "authentik_admin_username": "ann",
    "authentik_admin_email": "ann@people.example",
}
EXTERNAL: dict[str, Any] = {
    "authentik_domain": DOMAIN,
    "authentik_database": "external",
    "authentik_database_host": "database.example.net",
    "authentik_database_cidr": "192.0.2.10/32",
    "authentik_database_ca_config_map": "database-ca",
    "authentik_egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.25/32"}}], "ports": [{"port": 587}]}],
    "authentik_environment": {"AUTHENTIK_EMAIL__HOST": "mail.example.net"},
}
FILE = "mounted/platform/platform.yaml"
SECRET_FILE = "/run/secrets/dex/authentik-client-secret"
NOWHERE = Path("/nowhere/kubeconfig")


@pytest.fixture(scope="module")
def part() -> Part:
    return parts_of("authentik", **INPUTS)["authentik"]


@pytest.fixture(scope="module")
def external() -> Part:
    return parts_of("authentik", **EXTERNAL)["authentik"]


def blueprint_of(part: Part) -> str:
    """The text of the blueprint, as the worker reads it."""
    return str(part.one("ConfigMap", "authentik-blueprint")["data"]["platform.yaml"])


@pytest.fixture
def authentik(part: Part) -> Iterator[Authentik]:
    """A running Authentik whose worker has just started, with blueprint and secret mounted."""
    with Authentik() as running:
        running.public_url = f"https://auth.{DOMAIN}"
        running.mount(SECRET_FILE, "first-client-secret\n")
        running.set_file(FILE, blueprint_of(part))
        assert running.discover() == 1
        assert running.instances[0]["status"] == "successful", running.tasks
        yield running


def door(name: str, running: Authentik, *arguments: str, **variables: Any) -> Run:
    """Run sync.yml or ask.yml of the role against it."""
    connection = {"authentik_url": running.url, "authentik_token": running.token, "authentik_wait_timeout": 10}
    return run_role(NOWHERE, "authentik", *arguments, door=name, **{**INPUTS, **connection, **variables})


def provider(running: Authentik) -> dict[str, Any]:
    [found] = running.items(blueprints.PROVIDER)
    return found


# --- the objects


def placed(part: Part, namespace: str) -> list[Object]:
    """The objects of a part in another namespace than its own."""
    found: list[Object] = json.loads(json.dumps(part.objects()).replace("auth-system", namespace))
    return found


@pytest.fixture
def namespace(sandbox: Sandbox, part: Part) -> Iterator[str]:
    """A namespace like the part's own, Pod Security and all."""
    name = f"auth-{uuid4().hex[:8]}"
    [own] = [item for item in placed(part, name) if item["kind"] == "Namespace"]
    sandbox.api.apply(own)
    yield name
    sandbox.api.delete(f"/api/v1/namespaces/{name}")


def bare_pods(item: Object, namespace: str) -> list[Object]:
    """The pod that an object makes: Pod Security only warns of what makes pods. Its account is not there yet."""
    spec = item.get("spec") or {}
    if "template" not in spec:
        return []
    pod = copy.deepcopy(spec["template"])
    pod["metadata"] |= {"name": "tried", "namespace": namespace}
    del pod["spec"]["serviceAccountName"]
    for claim in spec.get("volumeClaimTemplates", []):
        name = claim["metadata"]["name"]
        pod["spec"]["volumes"].append({"name": name, "persistentVolumeClaim": {"claimName": name}})
    return [{"apiVersion": "v1", "kind": "Pod", **pod}]


@pytest.mark.parametrize("database", ["bundled", "external"])
def test_every_object_is_accepted_strictly_and_every_pod_by_pod_security(
    sandbox: Sandbox, namespace: str, part: Part, external: Part, database: str
) -> None:
    refused = []
    for item in placed(part if database == "bundled" else external, namespace):
        for each in (item, *bare_pods(item, namespace)):
            try:
                sandbox.api.apply(each, "aphex.platform/objects", dryRun="All", fieldValidation="Strict")
            except ApiError as error:
                refused.append(f"{each['kind']} {each['metadata']['name']}: {error}")
    assert refused == []


def test_the_database_is_brought_only_when_asked_for(part: Part, external: Part) -> None:
    assert {item["kind"] for item in part.objects()} - {item["kind"] for item in external.objects()} == {"StatefulSet"}
    environment = {
        entry["name"]: entry.get("value")
        for entry in external.one("Deployment", "authentik-server")["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert environment["AUTHENTIK_POSTGRESQL__SSLMODE"] == "verify-full"
    assert environment["AUTHENTIK_POSTGRESQL__SSLROOTCERT"] == "/run/config/postgresql/ca.crt"
    assert environment["AUTHENTIK_EMAIL__HOST"] == "mail.example.net"
    egress = external.one("NetworkPolicy", "authentik")["spec"]["egress"]
    assert [rule["to"][0].get("ipBlock", {}).get("cidr") for rule in egress] == [None, "192.0.2.10/32", "192.0.2.25/32"]


def test_pods_do_not_take_services_for_their_configuration(part: Part) -> None:
    """A Service named authentik would become variables that begin with AUTHENTIK_."""
    pods = [
        item["spec"]["template"]["spec"] for item in part.objects() if item["kind"] in ("Deployment", "StatefulSet")
    ]
    assert len(pods) == 3
    assert all(pod["enableServiceLinks"] is False and pod["automountServiceAccountToken"] is False for pod in pods)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"authentik_domain": "example"}, "authentik_domain is 'example'"),
        ({"authentik_version": "2024.2.2"}, "need Redis"),
        ({"authentik_environment": {"AUTHENTIK_EMAIL__PASSWORD": "x"}}, "names a secret"),
    ],
)
def test_wrong_inputs_are_one_sentence(wrong: dict[str, Any], words: str) -> None:
    assert words in refusal("authentik", **{**INPUTS, **wrong})


def test_verify_waits_for_its_programs_and_names_those_that_do_not_run(sandbox: Sandbox) -> None:
    ended = run_role(sandbox.kubeconfig, "authentik", door="verify", **INPUTS, authentik_wait_timeout=1)
    assert ended.code != 0
    assert "Deployment authentik-server" in ended.output
    assert "StatefulSet authentik-postgresql" in ended.output


# --- S15: secrets


def test_S15_no_secret_stands_in_the_tree_and_each_pod_gets_only_its_own(part: Part) -> None:
    """Secrets come as files; a script with secrets in it, a Job, and rights at the API server are not there at all."""
    items = part.objects()
    assert {item["kind"] for item in items} == {
        "ConfigMap",
        "Deployment",
        "Namespace",
        "NetworkPolicy",
        "Service",
        "ServiceAccount",
        "StatefulSet",
    }
    text = blueprint_of(part)
    assert re.search(r"client_secret: !File \"/run/secrets/dex/authentik-client-secret\"$", text, re.MULTILINE)
    assert "!Env" not in text
    used = {item["metadata"]["name"]: sorted(secrets_of(item)) for item in items if "template" in item.get("spec", {})}
    assert used == {
        "authentik-postgresql": ["authentik-postgresql.password"],
        "authentik-server": ["authentik-postgresql.password", "authentik-secrets.secret-key"],
        "authentik-worker": [
            "authentik-postgresql.password",
            "authentik-secrets.bootstrap-password",
            "authentik-secrets.bootstrap-token",
            "authentik-secrets.secret-key",
            "dex-secrets.authentik-client-secret",
        ],
    }


def secrets_of(item: Object) -> Iterator[str]:
    """Each key of a Secret that a pod gets, as a file or as a variable."""
    pod = item["spec"]["template"]["spec"]
    for volume in pod["volumes"]:
        for entry in volume.get("secret", {}).get("items", []):
            yield f"{volume['secret']['secretName']}.{entry['key']}"
    for variable in pod["containers"][0]["env"]:
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        if reference:
            yield f"{reference['name']}.{reference['key']}"


# --- B19, D13, S17: what the blueprint makes


def test_the_blueprint_names_only_models_and_fields_that_there_are(part: Part, external: Part) -> None:
    for each in (part, external):
        assert blueprints.check(blueprints.read(blueprint_of(each))) == []


def test_B19b_dex_is_handed_over_by_the_flow_that_does_so_at_the_address_that_browsers_know(
    authentik: Authentik,
) -> None:
    made = provider(authentik)
    flows = {item["pk"]: item for item in authentik.items(blueprints.FLOW)}
    assert flows[made["authorization_flow"]]["designation"] == "authorization"
    assert flows[made["authorization_flow"]]["slug"] == "default-provider-authorization-implicit-consent"
    assert flows[made["invalidation_flow"]]["designation"] == "invalidation"
    assert made["redirect_uris"] == [{"matching_mode": "strict", "url": f"https://dex.{DOMAIN}/callback"}]
    assert made["signing_key"] is not None, "else tokens are signed with the secret, which Dex refuses"
    assert made["grant_types"] == ["authorization_code", "refresh_token"]
    assert made["issuer_mode"] == "per_provider"
    ended = door("ask", authentik)
    assert ended.code == 0, ended.output
    # Behind an ingress that keeps host or scheme to itself, Authentik would name itself by another address.
    authentik.public_url = "http://authentik.auth-system.svc.cluster.local:9000"
    broken = " ".join(door("ask", authentik).output.split())
    assert f"and Dex expects https://auth.{DOMAIN}/application/o/platform/" in broken


def test_D13b_groups_and_slug_are_spelled_as_everywhere(authentik: Authentik) -> None:
    assert [item["slug"] for item in authentik.items(blueprints.APPLICATION)] == ["platform"]
    names = {item["pk"]: item["name"] for item in authentik.items(blueprints.GROUP)}
    assert set(GROUPS) < set(names.values())
    bindings = authentik.items(blueprints.BINDING)
    assert sorted(names[item["group"]] for item in bindings) == sorted(GROUPS)
    assert all(item["enabled"] and not item["negate"] for item in bindings)
    assert provider(authentik)["client_id"] == "dex"


def test_nobody_is_a_superuser_unless_asked(authentik: Authentik) -> None:
    assert {item["name"] for item in authentik.items(blueprints.GROUP) if item["is_superuser"]} == {"authentik Admins"}
    text = blueprint_of(parts_of("authentik", **INPUTS, authentik_admins_are_superusers=True)["authentik"])
    blueprints.apply(text, {}, blueprints.Worker(authentik.store, authentik.mounted))
    supers = {item["name"] for item in authentik.items(blueprints.GROUP) if item["is_superuser"]}
    assert supers == {"authentik Admins", "platform-admins"}


def test_B19b_dex_asks_for_what_authentik_says(authentik: Authentik) -> None:
    """Both roles, each with its defaults, mean the same issuer, client, redirect and scopes."""
    dex = parts_of("dex", dex_domain=DOMAIN)["dex"]
    [connector] = yaml.safe_load(dex.one("ConfigMap", "dex")["data"]["config.yaml"])["connectors"]
    asked = connector["config"]
    made = provider(authentik)
    [slug] = [item["slug"] for item in authentik.items(blueprints.APPLICATION)]
    assert asked["issuer"] == f"https://auth.{DOMAIN}/application/o/{slug}/"
    assert asked["clientID"] == made["client_id"]
    assert [asked["redirectURI"]] == [redirect["url"] for redirect in made["redirect_uris"]]
    told = [
        item["scope_name"] for item in authentik.items(blueprints.MAPPING) if item["pk"] in made["property_mappings"]
    ]
    assert sorted(asked["scopes"]) == sorted(told)


def claims(running: Authentik, scope: str, user: Any) -> dict[str, Any]:
    """What the mapping of the provider for that scope says of somebody: its function, run as Authentik runs it."""
    used = provider(running)["property_mappings"]
    [mapping] = [
        item for item in running.items(blueprints.MAPPING) if item["pk"] in used and item["scope_name"] == scope
    ]
    place: dict[str, Any] = {}
    exec(f"def claims(request):\n{textwrap.indent(mapping['expression'], '    ')}", place)
    found: dict[str, Any] = place["claims"](SimpleNamespace(user=user))
    return found


def person(email: str, verified: str | None = None, groups: tuple[str, ...] = ()) -> Any:
    """Somebody at Authentik."""
    attributes = {"platform.aphex/verified-email": verified} if verified is not None else {}
    memberships = [SimpleNamespace(name=name) for name in groups]
    names = {"name": "Ann", "username": "ann", "email": email, "attributes": attributes}
    return SimpleNamespace(**names, all_groups=lambda: memberships)


@pytest.mark.parametrize(
    ("who", "verified"),
    [
        (person("ann@people.example", "ann@people.example"), True),
        (person("Ann@People.example", "ann@people.example"), True),
        (person("ann@people.example"), False),
        (person("ann@people.example", ""), False),
        (person("", ""), False),
        # She has changed her e-mail into that of an administrator.
        (person("root@people.example", "ann@people.example"), False),
    ],
)
def test_S17_who_changes_the_own_email_is_not_verified_any_more(authentik: Authentik, who: Any, verified: bool) -> None:
    assert claims(authentik, "email", who) == {"email": who.email, "email_verified": verified}
    assert provider(authentik)["sub_mode"] == "user_uuid"


def test_S17_only_groups_of_the_platform_leave_authentik(authentik: Authentik) -> None:
    who = person("ann@people.example", groups=("system:masters", "authentik Admins", "platform-operators"))
    assert claims(authentik, "groups", who) == {"groups": ["platform-operators"]}
    assert "groups" not in claims(authentik, "profile", who), "lists of two mappings would be joined"
    names = {item["pk"]: item for item in authentik.items(blueprints.MAPPING)}
    scopes = sorted(names[each]["scope_name"] for each in provider(authentik)["property_mappings"])
    assert scopes == ["email", "groups", "openid", "profile"]


def test_S17_it_is_told_that_people_may_change_their_email(authentik: Authentik) -> None:
    authentik.settings["default_user_change_email"] = True
    ended = door("ask", authentik)
    assert ended.code != 0
    assert "Authentik lets people change their e-mail" in ended.output


def test_the_first_administrator_is_made_once_and_without_a_password(authentik: Authentik, part: Part) -> None:
    [ann] = [item for item in authentik.store[blueprints.USER] if item["username"] == "ann"]
    assert "password" not in ann
    ann["email"], ann["groups"] = "new@people.example", []
    authentik.set_file(FILE, blueprint_of(part) + "# changed\n")
    assert authentik.discover() == 1
    assert (ann["email"], ann["groups"]) == ("new@people.example", [])


# --- B20: bringing it in line


def test_B20_the_blueprint_and_the_module_want_the_same_and_a_second_time_nothing(authentik: Authentik) -> None:
    """What the worker has made by itself is what sync.yml would make: nothing is written, by both, for ever."""
    for _time in range(2):
        ended = door("sync", authentik, authentik_client_secret="first-client-secret")
        assert (ended.code, ended.changed) == (0, 0), ended.output
    assert [f"{entry.method} {entry.path}" for entry in authentik.log.writes()] == []
    assert authentik.discover() == 0


def test_B20_another_client_secret_arrives_by_sync_at_once(authentik: Authentik) -> None:
    authentik.mount(SECRET_FILE, "CANARY-second-client-secret")
    foreseen = door("sync", authentik, "--check", "--diff", authentik_client_secret="CANARY-second-client-secret")
    assert (foreseen.code, foreseen.changed) == (0, 1), foreseen.output
    assert authentik.log.writes() == []
    ended = door("sync", authentik, "--diff", "-vvv", authentik_client_secret="CANARY-second-client-secret")
    assert (ended.code, ended.changed) == (0, 1), ended.output
    assert provider(authentik)["client_secret"] == "CANARY-second-client-secret"
    assert "CANARY" not in foreseen.output + ended.output
    assert door("sync", authentik, authentik_client_secret="CANARY-second-client-secret").changed == 0


def test_B20_another_client_secret_arrives_by_the_tree_when_its_version_is_raised(
    authentik: Authentik, part: Part
) -> None:
    """Up to 2026.8 the worker does not see that a file behind !File has changed: the blueprint must change too."""
    authentik.mount(SECRET_FILE, "second-client-secret")
    assert authentik.discover() == 0
    raised = parts_of("authentik", **INPUTS, authentik_client_secret_version=2)["authentik"]

    def annotation(of: Part) -> str:
        template = of.one("Deployment", "authentik-worker")["spec"]["template"]
        return str(template["metadata"]["annotations"]["platform.aphex/blueprint"])

    assert annotation(raised) != annotation(part), "the worker starts anew, and reads the secret as it is then"
    changed = [path for path, text in raised.files.items() if part.files[path] != text]
    assert changed == ["blueprint.yaml", "worker.yaml"]
    authentik.set_file(FILE, blueprint_of(raised))
    assert authentik.discover() == 1
    assert provider(authentik)["client_secret"] == "second-client-secret"
    assert authentik.discover() == 0


def test_B20_the_first_start_may_come_too_early_and_sync_makes_it_good(part: Part) -> None:
    """Before the secret is there nothing is half done, and the state is an error that the next run takes up."""
    with Authentik() as running:
        running.public_url = f"https://auth.{DOMAIN}"
        running.set_file(FILE, blueprint_of(part))
        running.discover()
        assert running.instances[0]["status"] == "error"
        assert running.items(blueprints.APPLICATION) == []
        missing = " ".join(door("ask", running).output.split())
        assert "There is no application platform with a provider yet" in missing
        running.mount(SECRET_FILE, "late-client-secret")
        ended = door("sync", running, authentik_client_secret="late-client-secret")
        assert ended.code == 0, ended.output
        assert door("ask", running).code == 0


def test_what_is_not_as_it_should_be_is_named(authentik: Authentik) -> None:
    authentik.store[blueprints.BINDING].pop()
    ended = door("ask", authentik)
    assert ended.code != 0
    assert "Authentik is not what the blueprint says: Group platform-" in " ".join(ended.output.split())
    authentik.set_ready(False)
    assert "Wait until Authentik answers" in door("ask", authentik, authentik_wait_timeout=1).output
