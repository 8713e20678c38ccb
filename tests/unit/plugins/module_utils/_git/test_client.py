"""Credentials reach Git and nothing else; what cannot work is refused before Git runs; old or missing Git is said."""

from __future__ import annotations

import base64
import random
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._git.answers import GitFailure
from ansible_collections.aphex.platform.plugins.module_utils._git.client import (
    Access,
    Client,
    check_repository,
    shown,
)
from tests.sandbox.faults import Fault
from tests.sandbox.pki import Pki
from tests.unit.plugins.module_utils._git.conftest import FAST, World

CANARY = "CANARY-4711"


class Recorder:
    """A command runner that notes what it is asked, and answers what it is told."""

    def __init__(self, code: int = 0, out: str = "", err: str = "", version: str = "git version 2.39.5\n") -> None:
        self.answer = (code, out, err)
        self.version = version
        self.seen: list[tuple[list[str], dict[str, str], str | None]] = []

    def __call__(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, data: str | None = None
    ) -> tuple[int, str, str]:
        if list(argv) == ["git", "version"]:
            return (0, self.version, "") if self.version else (127, "", "No such file")
        self.seen.append((list(argv), dict(env or {}), data))
        return self.answer

    @property
    def settings(self) -> dict[str, str]:
        """The settings that the last command was given by its environment."""
        env = self.seen[-1][1]
        return {env[f"GIT_CONFIG_KEY_{n}"]: env[f"GIT_CONFIG_VALUE_{n}"] for n in range(int(env["GIT_CONFIG_COUNT"]))}


def _client(run: Recorder, **access: Any) -> Client:
    runtime = Runtime(now=lambda: 0.0, run=run)
    return Client(runtime, Access(**access), FAST, sleep=lambda _seconds: None)


def test_a_token_is_in_the_environment_for_its_server_alone() -> None:
    run = Recorder()
    client = _client(run, token=Sensitive(CANARY), username="me")
    client.reach("/copy", "https://git.example.org/tree.git", "fetch", tried="Fetching")
    header = base64.b64encode(f"me:{CANARY}".encode()).decode()
    assert run.settings["http.https://git.example.org/.extraHeader"] == f"Authorization: Basic {header}"
    assert run.settings["credential.helper"] == ""
    argv = " ".join(run.seen[-1][0])
    assert CANARY not in argv
    assert header not in argv
    assert client.runtime.secrets == {CANARY, header}


@pytest.mark.parametrize("repository", ["git@git.example.org:tree.git", "/srv/tree.git", "file:///srv/tree.git"])
def test_a_token_stays_away_from_what_is_no_http(repository: str) -> None:
    run = Recorder()
    _client(run, token=Sensitive(CANARY)).reach("/copy", repository, "fetch", tried="Fetching")
    assert CANARY not in str(run.seen)
    assert base64.b64encode(f"git:{CANARY}".encode()).decode() not in str(run.seen)


def test_what_a_server_says_of_the_token_is_masked() -> None:
    run = Recorder(128, err=f"remote: no such user {CANARY}\nfatal: Authentication failed for 'x'")
    with pytest.raises(GitFailure) as found:
        _client(run, token=Sensitive(CANARY)).reach("/copy", "https://git.example.org/t", "fetch", tried="Fetching")
    assert CANARY not in str(found.value)
    assert len(run.seen) == 1


def test_ssh_gets_the_key_the_hosts_and_no_terminal() -> None:
    run = Recorder()
    client = _client(run, ssh_key_file="/keys/my key", known_hosts_file="/keys/hosts", timeout=7)
    client.reach("/copy", "git@git.example.org:tree.git", "fetch", tried="Fetching")
    command = run.seen[-1][1]["GIT_SSH_COMMAND"]
    for words in ("BatchMode=yes", "-i '/keys/my key'", "UserKnownHostsFile=/keys/hosts", "ConnectTimeout=7"):
        assert words in command
    assert "StrictHostKeyChecking=yes" in command
    assert run.seen[-1][1]["GIT_TERMINAL_PROMPT"] == "0"


def test_authority_and_time_out_are_settings() -> None:
    run = Recorder()
    _client(run, ca_file="/ca.pem", timeout=9).reach("/copy", "https://x.example/t", "fetch", tried="Fetching")
    assert run.seen[-1][1]["GIT_SSL_CAINFO"] == "/ca.pem"
    assert run.settings["http.lowSpeedTime"] == "9"


def test_what_may_pass_is_tried_again_and_then_said() -> None:
    run = Recorder(128, err="fatal: unable to access 'x': Could not resolve host: x")
    with pytest.raises(GitFailure, match="Could not resolve host"):
        _client(run).reach("/copy", "https://x.example/t", "fetch", tried="Fetching")
    assert len(run.seen) == FAST.attempts


@pytest.mark.parametrize(
    ("version", "said"), [("", "not installed"), ("git version 2.25.1", "too old"), ("?", "too old")]
)
def test_git_itself_must_be_there_and_new_enough(version: str, said: str) -> None:
    with pytest.raises(Failure, match=said) as found:
        _client(Recorder(version=version)).ask("/copy", "rev-parse", "HEAD")
    assert found.value.kind is Kind.MISSING
    assert "2.34" in found.value.remedy


def test_a_command_that_says_no_is_told_from_one_that_breaks() -> None:
    assert _client(Recorder(1)).ask("/copy", "rev-parse") is None
    with pytest.raises(Failure, match="failed without a word"):
        _client(Recorder(1)).need("/copy", "rev-parse")
    with pytest.raises(Failure, match="bad object"):
        _client(Recorder(128, err="fatal: bad object x")).ask("/copy", "rev-parse")


GOOD = ["https://h.example/a.git", "ssh://git@h.example:22/a.git", "git@h.example:a/b.git", "h:a.git", "/srv/a.git"]
WRONG = [
    "tree",
    "../tree",
    "-u/x",
    "https://h.example",
    "ext::sh -c id",
    "ftp://h/a",
    "https:///a",
    "https://h/a b",
    "https://[h/a",
    "",
]


@pytest.mark.parametrize("repository", [*GOOD, "file:///srv/a.git", "http://127.0.0.1:1/a.git"])
def test_repositories(repository: str) -> None:
    check_repository(repository)


@pytest.mark.parametrize("repository", WRONG)
def test_what_is_no_repository(repository: str) -> None:
    with pytest.raises(Failure) as found:
        check_repository(repository)
    assert found.value.kind is Kind.INVALID


@pytest.mark.parametrize("scheme", ["https", "ssh"])
def test_a_password_in_the_url_is_refused_and_not_shown(scheme: str) -> None:
    repository = f"{scheme}://me:{CANARY}@h.example/a.git"
    with pytest.raises(Failure, match="git_token") as found:
        check_repository(repository)
    assert CANARY not in str(found.value)
    assert CANARY not in shown(repository)


@pytest.mark.parametrize(
    ("repository", "access", "word"),
    [
        ("http://git.example.org/a.git", {"token": "t"}, "in clear"),
        ("https://git.example.org/a.git", {"token": "t\n"}, "line end"),
        ("https://git.example.org/a.git", {"token": "t", "username": "a:b"}, "colon"),
        ("https://git.example.org/a.git", {"timeout": 0}, "above 0"),
    ],
)
def test_what_cannot_work_is_refused_before_git_runs(repository: str, access: dict[str, Any], word: str) -> None:
    run = Recorder()
    given = {**access, **({"token": Sensitive(access["token"])} if "token" in access else {})}
    with pytest.raises(Failure, match=word):
        _client(run, **given).require(repository)
    assert run.seen == []


def test_an_empty_repository_is_told_from_a_page_of_somebody_else(world: World) -> None:
    runtime = world.runtime()
    client = Client(runtime, Access(token=Sensitive(world.server.token)), FAST, sleep=lambda _seconds: None)
    folder = str(world.server.path("tree"))
    assert client.heads(folder, world.url, tried="Reading") == {}
    world.server.faults.arm(Fault("garbage", times=None))
    with pytest.raises(GitFailure, match="no Git server"):
        client.heads(folder, world.url, tried="Reading")


def test_nothing_of_the_token_is_on_the_disk(world: World, tmp_path: Path) -> None:
    world.write({"a": "1"})
    forms = [world.server.token, base64.b64encode(f"git:{world.server.token}".encode()).decode()]
    copy = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    assert copy
    assert [path for path in copy if any(form.encode() in path.read_bytes() for form in forms)] == []
    assert [argv for argv, _env in world.commands if any(form in " ".join(argv) for form in forms)] == []


def test_a_private_authority_is_trusted_when_it_is_named(world: World, tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    pki.create_ca("private")
    for path, text in zip(("cert.pem", "key.pem"), pki.serving("git", ["localhost"]), strict=True):
        (tmp_path / path).write_text(text, encoding="utf-8")
    world.server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    world.server.tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    tree = world.tree({"a": "1"}, repository=world.url.replace("http://", "https://"))
    with pytest.raises(Failure, match="git_ca_cert") as found:
        world.run(tree)
    assert found.value.kind is Kind.DENIED
    assert world.run(tree, ca_file=str(pki.ca))[0].plan.changed
    assert world.files == {"part/a": "1"}


def test_a_large_file_goes_in_pieces(world: World) -> None:
    large = random.Random(4711).randbytes(3 * 1024 * 1024)
    world.write({"large": large})
    assert any("chunked" in entry.headers.get("transfer-encoding", "") for entry in world.server.log.entries())
    assert not world.write({"large": large})[0].plan.changed
