"""What a Receiver consists of: its path, known offline, its token, its filter, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import UNKNOWN
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Generated, Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._flux import receiver_objects as objects
from ansible_collections.aphex.platform.plugins.module_utils._flux.receiver import Observed, Receiver, Wishes
from ansible_collections.aphex.platform.plugins.module_utils._flux.spec import TYPES, from_params, unguarded
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.objects import Amend, Objects
from tests.unit.plugins.module_utils._flux.options import params

TOKEN = "0123456789abcdef0123"
OIDC = {
    "issuer_url": "https://token.example.org",
    "validations": [{"expression": "claims.a == 'b'", "failure_message": "no"}],
}


def spec(**given: Any) -> dict[str, Any]:
    """The spec of the Receiver that these options make."""
    body: dict[str, Any] = objects.receiver(from_params(params(**given)))["spec"]
    return body


def refusal(**given: Any) -> str:
    """The sentence with which these options are refused."""
    with pytest.raises(Failure) as caught:
        from_params(params(**given))
    assert caught.value.kind is Kind.INVALID
    return caught.value.sentence()


AS_USUAL = Wishes()


def use_case(wishes: Wishes = AS_USUAL, **given: Any) -> Any:
    """A use case that reads nothing."""
    nothing: Any = None
    return Receiver(from_params(params(**given)), wishes, nothing)


def live_secret(token: str, owned: bool = True, **data: str) -> dict[str, Any]:
    """A Secret as it is read from a cluster."""
    made = objects.secret(from_params(params()), Sensitive(token))
    if not owned:
        made["metadata"]["labels"] = {}
    made["data"] |= {name: Sensitive(text).base64() for name, text in data.items()}
    return {**made, "metadata": {**made["metadata"], "uid": "1"}}


# path ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "digest"),
    [
        ("test-token", "106120121d366c2f67e93200f6c1dbe938235eb588daa5e8c0516d3a77ac1dee"),
        ("test-token\n", "f253f98fa0c7b98d23bc5aeecd45291a0792e979c62a291a312d95a9f3d5151e"),
    ],
)
def test_A1_the_path_is_the_digest_of_token_name_and_namespace(token: str, digest: str) -> None:
    assert objects.webhook_path(Sensitive(token), "receiver-secret", "my-namespace") == f"/hook/{digest}"


def test_A1_a_given_token_tells_the_path_before_there_is_a_cluster() -> None:
    made = use_case(token=TOKEN)
    assert made.path(Observed()) == objects.webhook_path(Sensitive(TOKEN), "apps", "flux-system")


def test_the_path_of_a_token_that_is_not_made_yet_is_unknown() -> None:
    assert use_case().path(Observed()) == UNKNOWN


# events and filters -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "written"),
    [(None, ["ping", "push"]), (["push"], ["ping", "push"]), (["Ping", "push"], ["Ping", "push"]), ([], None)],
)
def test_A16_ping_is_always_let_in(events: list[str] | None, written: list[str] | None) -> None:
    assert spec(events=events).get("events") == written


def test_A16_only_pushes_to_the_branches_poll() -> None:
    assert spec(branches=["main", "release/1.2", "main"])["resourceFilter"] == (
        "has(req.ref) && req.ref in ['refs/heads/main', 'refs/heads/release/1.2']"
    )
    assert spec(branches=["*"])["resourceFilter"] == "has(req.ref)"


def test_A16_a_receiver_of_github_says_which_branches() -> None:
    assert "A16" in refusal(branches=None)


@pytest.mark.parametrize("branch", ["main' || true", "a b", "", "*", "refs/heads/main", "-x"])
def test_P14_a_branch_cannot_end_the_text_that_it_stands_in(branch: str) -> None:
    assert "branch" in refusal(branches=["main", branch])


def test_A18_a_filter_asks_for_each_field_before_it_reads_it() -> None:
    assert unguarded("has(req.ref) && req.ref == 'x'") == []
    assert unguarded("req.ref == 'x' && req.repository.name == 'y' && has( req.repository )") == ["ref"]
    assert "has(req.ref)" in refusal(branches=None, resource_filter="req.ref == 'refs/heads/main'")
    assert "has(req.ref)" in refusal(resources=[{"name": "apps", "filter": "req.ref == 'x'"}])


def test_branches_are_for_senders_that_name_them() -> None:
    assert "resource_filter" in refusal(type="bitbucket")
    assert spec(type="gitlab")["resourceFilter"].startswith("has(req.ref)")


# types --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_type_of_the_api_can_be_made(kind: str) -> None:
    more: dict[str, Any] = {"oidc_providers": [OIDC]} if kind == "generic-oidc" else {}
    made = spec(type=kind, branches=["main"] if TYPES[kind].refs else None, **more)
    assert made["type"] == kind
    assert ("secretRef" in made) is (kind != "generic-oidc")


def test_a_type_refuses_what_it_does_not_look_at() -> None:
    assert "events" in refusal(type="generic", branches=None, events=["push"])
    assert "no Secret" in refusal(type="generic-oidc", branches=None, oidc_providers=[OIDC], token=TOKEN)
    assert "at least one" in refusal(type="generic-oidc", branches=None)
    assert "generic-oidc alone" in refusal(oidc_providers=[OIDC])
    assert "gcr alone" in refusal(gcr_email="a@example.org")


def test_an_issuer_that_lets_everybody_in_is_refused() -> None:
    everybody = {**OIDC, "validations": []}
    assert "everybody" in refusal(type="generic-oidc", branches=None, oidc_providers=[everybody])


def test_the_secret_of_gcr_has_all_its_keys() -> None:
    given = from_params(params(type="gcr", branches=None, token=TOKEN, gcr_email="a@example.org", gcr_audience="b"))
    assert sorted(objects.secret(given, Generated())["data"]) == ["audience", "email", "token"]
    made = use_case(type="gcr", branches=None)
    with pytest.raises(Failure, match="needs the key email"):
        made.desired(Observed(secret=live_secret(TOKEN, owned=False)))


# sources ------------------------------------------------------------------------------------------------------------


def test_sources_of_several_kinds_stand_with_their_version_and_namespace() -> None:
    sources = [{"name": "apps"}, {"kind": "OCIRepository", "name": "charts", "namespace": "team"}]
    assert spec(resources=sources)["resources"] == [
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "name": "apps",
            "namespace": "flux-system",
        },
        {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository", "name": "charts", "namespace": "team"},
    ]


def test_many_sources_are_chosen_by_labels() -> None:
    assert spec(resources=[{"name": "*", "match_labels": {"team": "web"}}])["resources"][0]["matchLabels"] == {
        "team": "web"
    }
    assert "needs match_labels" in refusal(resources=[{"name": "*"}])
    assert "'*' alone" in refusal(resources=[{"name": "apps", "match_labels": {"a": "b"}}])
    assert "stands twice" in refusal(resources=[{"name": "apps"}, {"name": "apps"}])
    assert "api_version" in refusal(resources=[{"kind": "Kustomization", "name": "apps"}])
    assert "there is none" in refusal(resources=[])


def test_A17_a_missing_source_is_refused_unless_asked_for() -> None:
    missing = Observed(missing=["GitRepository flux-system/apps"])
    with pytest.raises(Failure, match="A17"):
        use_case(token=TOKEN).desired(missing)
    assert use_case(Wishes(allow_missing_sources=True), token=TOKEN).desired(missing)


# token --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "said"),
    [("", "empty"), (f"{TOKEN}\n", "line break"), (f"a {TOKEN}", "white space"), ("short", "5 characters")],
)
def test_a_token_that_cannot_be_used_is_refused(token: str, said: str) -> None:
    sentence = refusal(token=token)
    assert said in sentence
    assert TOKEN not in sentence
    with pytest.raises(Failure, match=said) as caught:
        use_case().desired(Observed(secret=live_secret(token, owned=False)))
    assert TOKEN not in caught.value.sentence()


def sets(desired: Any) -> list[str]:
    """What is desired, in short: how each object is brought about."""
    words = []
    for item in desired:
        if isinstance(item, Amend):
            words.append("look again")
            continue
        for obj in item.objects:
            how = "none of" if not item.present else "once" if item.create else "always"
            words.append(f"{how} {obj['kind']}")
    return words


def test_a_token_is_made_once_and_kept() -> None:
    first, second = use_case().desired(Observed()), use_case().desired(Observed(secret=live_secret(TOKEN)))
    assert sets(first) == sets(second) == ["none of ExternalSecret", "once Secret", "always Receiver"]


def test_a_given_token_is_written_and_one_of_others_is_used() -> None:
    assert sets(use_case(token=TOKEN).desired(Observed())) == [
        "none of ExternalSecret",
        "always Secret",
        "always Receiver",
    ]
    other = Observed(secret=live_secret(TOKEN, owned=False))
    assert sets(use_case().desired(other)) == ["none of ExternalSecret", "always Receiver"]


def test_A22_an_external_secret_brings_the_token_and_tells_flux_when_it_changes() -> None:
    external = {"store": "onepassword", "key": "Flux webhook", "property": "token"}
    made = use_case(external_secret=external)
    assert sets(made.desired(Observed())) == ["always ExternalSecret", "always Receiver"]
    body = objects.external_secret(made.spec)["spec"]
    assert body["target"]["template"]["metadata"]["labels"] == {"reconcile.fluxcd.io/watch": "Enabled"}
    assert body["data"] == [{"secretKey": "token", "remoteRef": {"key": "Flux webhook", "property": "token"}}]
    assert body["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "onepassword"}


def test_A22_flux_is_asked_to_look_again_when_the_token_has_changed() -> None:
    receiver = {"status": {"webhookPath": "/hook/old"}}
    observed = Observed(receiver=receiver, secret=live_secret(TOKEN))
    assert "look again" in sets(use_case().desired(observed))
    served = {"status": {"webhookPath": use_case().path(observed)}}
    assert "look again" not in sets(use_case().desired(replace(observed, receiver=served)))


def test_it_is_waited_for_the_very_path() -> None:
    desired = use_case(token=TOKEN).desired(Observed())
    [(key, condition)] = [item for item in desired if isinstance(item, Objects)][-1].wait
    assert key.kind == "Receiver"
    assert condition.value == objects.webhook_path(Sensitive(TOKEN), "apps", "flux-system")
    assert condition.value not in str(condition)
    suspended = use_case(token=TOKEN, suspend=True).desired(Observed())
    assert [item.wait for item in suspended] == [(), (), ()]


def test_leaving_begins_with_the_receiver() -> None:
    made = use_case(Wishes(present=False), state="absent", branches=None, resources=[])
    assert sets(made.desired(Observed())) == ["none of Receiver", "none of ExternalSecret", "none of Secret"]
