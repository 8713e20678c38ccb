"""The lookup of an App's token: narrow, one a run however often it is asked for, and a sentence when it cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleError

from ansible_collections.aphex.platform.plugins.lookup.github_app_token import DOCUMENTATION, LookupModule
from tests.sandbox.standins.github import GitHub as GitHubStandIn

NAME = "aphex.platform.github_app_token"
OWNER = "acme-corp"


@pytest.fixture
def standin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubStandIn]:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    with GitHubStandIn() as made:
        monkeypatch.setenv("GITHUB_APP_ID", str(made.app_id))
        monkeypatch.setenv("GITHUB_API_URL", made.url)
        monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY", made.private_key)
        yield made


def _tokens(*owners: str, **options: Any) -> list[str]:
    """What the lookup answers, without Ansible's loader: that would take over how this process imports collections."""
    described = yaml.safe_load(DOCUMENTATION)["options"]
    constants.config.initialize_plugin_configuration_definitions("lookup", NAME, described)
    plugin = LookupModule()
    plugin._load_name = NAME
    return plugin.run(list(owners), variables={}, **options)


def _asked(standin: GitHubStandIn) -> list[dict[str, Any]]:
    entries = standin.log.entries()
    return [json.loads(entry.body) for entry in entries if entry.path.endswith("/access_tokens")]


def test_a_token_is_as_narrow_as_asked_for(standin: GitHubStandIn) -> None:
    found = _tokens(OWNER, permissions={"contents": "read"}, repositories=["web-shop"])
    assert found == [standin.state()["tokens"][-1]]
    assert _asked(standin) == [{"permissions": {"contents": "read"}, "repositories": ["web-shop"]}]


def test_all_permissions_are_the_installations_own(standin: GitHubStandIn) -> None:
    assert len(_tokens(OWNER, "globex")) == 2
    assert _asked(standin) == [{}, {}]


def test_n5_a_run_asks_once_and_keeps_no_token_in_clear(standin: GitHubStandIn, tmp_path: Path) -> None:
    first = _tokens(OWNER, permissions={"contents": "read"})
    assert _tokens(OWNER, permissions={"contents": "read"}) == first
    assert len(_asked(standin)) == 1
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert files
    assert [path.name for path in files if first[0].encode() in path.read_bytes()] == []
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"permissions": {"contents": "everything"}}, "contents: everything"),
        ({"permissions": {"pages": "write"}}, "pages: write"),
        ({"repositories": ["acme-corp/web-shop"]}, "the name alone"),
        ({"repositories": ["nothing"]}, "does not exist or is not accessible"),
        ({"github_app_private_key": "CANARY"}, "private key"),
        ({"github_app_id": "999"}, "GitHub knows no such App"),
    ],
)
def test_what_cannot_be_is_one_sentence_without_its_cause(
    standin: GitHubStandIn, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(AnsibleError) as caught:
        _tokens(OWNER, **options)
    assert words in str(caught.value)
    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_owner_without_the_app_is_one_sentence(standin: GitHubStandIn) -> None:
    standin.add_owner("elsewhere")
    with pytest.raises(AnsibleError) as caught:
        _tokens("elsewhere")
    assert "not installed there" in str(caught.value)
