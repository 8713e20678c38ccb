"""A configuration is taken whole, or refused with file, line and remedy for every problem; secrets never show."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from services.gate import config
from services.gate.config import Address, Wrong

_CANARY = "canary-of-the-webhook-secret"
_LEAST = """\
apps:
  acme:
    app_id: "12345"
    key_file: acme.pem
    secret_files: [first, second]
policy: [policy.yml]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "acme.pem": "key",
        "first": f"{_CANARY}\n",
        "second": "another one",
        "policy.yml": "version: 1",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def _read(folder: Path, text: str) -> config.Config:
    file = folder / "gate.yaml"
    file.write_text(text, encoding="utf-8")
    return config.read(file)


def _refused(folder: Path, text: str) -> list[str]:
    with pytest.raises(Wrong) as refused:
        _read(folder, text)
    return refused.value.sentence().splitlines()


def test_the_least_is_enough_and_opens_nothing(folder: Path) -> None:
    found = _read(folder, _LEAST)
    assert [found.listen, found.internal] == [Address("127.0.0.1", 8080), Address("127.0.0.1", 9090)]
    assert found.store == folder / "gate.sqlite3"
    assert found.retention >= timedelta(days=35)
    assert found.decides
    assert len(found.apps["acme"].secrets) == 2
    assert set(found.watched()) == {folder / name for name in ("policy.yml", "acme.pem", "first", "second")}


def test_a_secret_shows_nowhere(folder: Path) -> None:
    found = _read(folder, _LEAST)
    assert _CANARY not in repr(found) + repr(found.apps["acme"]) + str(found.apps["acme"].secrets)


def test_every_problem_is_said_with_its_line(folder: Path) -> None:
    said = _refused(
        folder,
        _LEAST.replace('"12345"', "12345")
        + "listen: somewhere\nworkers: 0\nlisten_on: 1.2.3.4:80\nretention: 1d\ntrusted_proxies: [10.0.0.1/8]\n",
    )
    file = folder / "gate.yaml"
    assert [line.split(" ")[0].split(": ")[0].rstrip(":") for line in said] == [
        f"{file}:{number}" for number in (9, 7, 11, 8, 10, 3)
    ]
    assert "'listen_on' is not known here" in said[0]
    assert "put numbers into quotes" in said[-1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("acme.pem", "lost.pem"), "lost.pem: it cannot be read: No such file or directory"),
        (("[first, second]", "[]"), "secret_files: it must name at least one file"),
        (("  acme:", "  ACME:"), "is no name of an App"),
        (("policy: [policy.yml]", "policy: [policy.yml, sub/policy.yml]"), "two files of policy have one name"),
        (("policy: [policy.yml]\n", ""), "policy is missing"),
        (("policy: [policy.yml]", "policy: [policy.yml]\napi_url: x"), "'api_url' is not known here"),
        (("    key_file", "    api_url: https://github.com\n    key_file"), "The API is at https://api.github.com"),
        (("policy: [", "store: a\npostgres_file: b\npolicy: ["), "store and postgres_file are both set"),
    ],
)
def test_a_wrong_file_is_refused(folder: Path, change: tuple[str, str], sentence: str) -> None:
    [said] = _refused(folder, _LEAST.replace(*change))
    assert sentence in said
    assert said.startswith(f"{folder / 'gate.yaml'}:")


def test_several_apps_at_two_hosts_stand_side_by_side(folder: Path) -> None:
    other = (
        "  enterprise: {app_id: Iv23abc, key_file: acme.pem, secret_files: [second], "
        "api_url: https://github.example.com/api/v3/}\n"
    )
    apps = _read(folder, _LEAST.replace("policy:", f"{other}policy:")).apps
    assert {name: (app.app_id, app.api_url) for name, app in apps.items()} == {
        "acme": ("12345", "https://api.github.com"),
        "enterprise": ("Iv23abc", "https://github.example.com/api/v3"),
    }


def test_an_app_without_a_key_beside_one_with_a_key_is_refused(folder: Path) -> None:
    two = _LEAST.replace("apps:\n", "apps:\n  other: {app_id: '7', secret_files: [second]}\n")
    assert ["key_file is missing" in line for line in _refused(folder, two)] == [True]


def test_without_any_key_it_only_receives(folder: Path) -> None:
    assert not _read(folder, _LEAST.replace("    key_file: acme.pem\n", "")).decides


def test_a_secret_that_cannot_be_read_again_leaves_the_former_ones(folder: Path) -> None:
    app = _read(folder, _LEAST).apps["acme"]
    former = list(app.secrets)
    for text, said in (("", "it is empty"), ("short", "fewer than 8 characters")):
        (folder / "second").write_text(text, encoding="utf-8")
        with pytest.raises(Failure, match=said):
            app.reload()
    assert list(app.secrets) == former


def test_the_connection_string_comes_from_a_file_and_does_not_show(folder: Path) -> None:
    (folder / "dsn").write_text(f"postgresql://gate:{_CANARY}@db/gate\n", encoding="utf-8")
    found = _read(folder, _LEAST + "postgres_file: dsn\n")
    assert found.postgres is not None
    assert _CANARY not in repr(found)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("[::1]:8080", Address("::1", 8080)),
        (":80", Address("", 80)),
        ("gate.example.com:443", Address("gate.example.com", 443)),
    ],
)
def test_an_address_is_read_and_shown(folder: Path, text: str, address: Address) -> None:
    found = _read(folder, _LEAST + f'listen: "{text}"\n').listen
    assert (found, str(found)) == (address, text)
