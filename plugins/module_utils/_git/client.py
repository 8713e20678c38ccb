# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Git by its own program: commands, credentials, time-outs, and retries of what goes over a network.

In: a repository, credentials, a command's arguments and input. Out: its output as bytes, or a Failure.
Never here: what a command is for; a credential in an argument, a URL, a file or a message.
"""

from __future__ import annotations

import base64
import functools
import re
import shlex
import time
import typing as t
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from .._core.failure import Failure, Kind, invalid, known
from .._core.reconcile import Runtime
from .._core.retry import Backoff
from .._core.sensitive import MASK, Sensitive
from .answers import GitFailure, explain

OLDEST = (2, 34)  # signs by SSH keys
NO_SUCH_COMMAND = 127
_SCP_LIKE = re.compile(r"(?P<host>(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9._-]+):(?!/)(?P<path>[^\s:]+)")
_T = t.TypeVar("_T")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Access:
    """How to reach repositories, and as whom. Files are paths on the machine that runs the task."""

    username: str = "git"
    token: Sensitive | None = None
    ssh_key_file: str | None = None
    known_hosts_file: str | None = None
    ca_file: str | None = None
    timeout: int = 30

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> Access:
        """Return what the option group GIT says."""
        token = params.get("git_token")
        timeout = params.get("git_timeout")
        return cls(
            username=params.get("git_username") or "git",
            token=token if token is not None and len(token) else None,
            ssh_key_file=params.get("git_ssh_key_file") or None,
            known_hosts_file=params.get("git_known_hosts_file") or None,
            ca_file=params.get("git_ca_cert") or None,
            timeout=30 if timeout is None else timeout,
        )


class Client:
    """A light handle: nothing is run before it is asked. ``sleep`` and ``backoff`` are handed in by tests."""

    def __init__(
        self,
        runtime: Runtime,
        access: Access | None = None,
        backoff: Backoff | None = None,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self.runtime = runtime
        self._access = access or Access()
        self._backoff = backoff or Backoff()
        self.sleep = sleep
        self._masked: list[str] = []

    @property
    def timeout(self) -> int:
        """Seconds to wait for an answer, or for another run on this machine."""
        return self._access.timeout

    def require(self, repository: str) -> None:
        """Raise Failure(invalid) for a repository or credentials that cannot work; runs nothing."""
        check_repository(repository)
        if self._access.timeout <= 0:
            raise invalid("git_timeout", "it is not above 0", "Give whole seconds, such as 30")
        if self._access.token is not None:
            self._access.token.map(_checked_token)
            if ":" in self._access.username or not self._access.username.isprintable():
                raise invalid("git_username", "it holds a colon or what cannot be printed")
            _check_private(repository)

    @functools.cached_property
    def _git(self) -> str:
        """The program's name, once it is known to be there and new enough."""
        code, out, _err = self._run(("git", "version"), {}, None)
        found = re.search(r"(\d+)\.(\d+)", out)
        remedy = f"Install Git {'.'.join(map(str, OLDEST))} or newer where this task runs"
        if code == NO_SUCH_COMMAND:
            raise Failure(Kind.MISSING, tried="running git", said="it is not installed here", remedy=remedy)
        if found is None or (int(found[1]), int(found[2])) < OLDEST:
            raise Failure(Kind.MISSING, tried="running git", said=f"it is too old: {out.strip()[:60]}", remedy=remedy)
        return "git"

    def ask(
        self, folder: str, *arguments: str, data: bytes | None = None, env: dict[str, str] | None = None
    ) -> bytes | None:
        """Run a command that needs no network; return its output, or None when it says no (code 1)."""
        code, out, err = self._run(
            (self._git, f"--git-dir={folder}", *arguments), {**self._quiet(), **(env or {})}, data
        )
        if code == 1:
            return None
        if code:
            raise Failure(
                Kind.BROKEN,
                tried=f"running git {arguments[0]}",
                on=f"in {folder}",
                said=self._masked_text(explain(err)),
                remedy="Delete that folder, which is made again, if it is damaged",
            )
        return out.encode("utf-8", "surrogateescape")

    def need(self, folder: str, *arguments: str, data: bytes | None = None, env: dict[str, str] | None = None) -> bytes:
        """Run a command that needs no network and that cannot say no."""
        answer = self.ask(folder, *arguments, data=data, env=env)
        if answer is None:
            raise Failure(
                Kind.BROKEN,
                tried=f"running git {arguments[0]}",
                on=f"in {folder}",
                said="it failed without a word",
                remedy="Delete that folder, which is made again, if it is damaged",
            )
        return answer

    def reach(self, folder: str, repository: str, *arguments: str, tried: str) -> str:
        """Run a command that only reads over the network; repeated within the budget of the backoff."""
        return self._again(functools.partial(self.reach_once, folder, repository, *arguments, tried=tried))

    def reach_once(self, folder: str, repository: str, *arguments: str, tried: str) -> str:
        """Run a command over the network once."""
        return self._reach(folder, repository, arguments, tried, {})[0]

    def heads(self, folder: str, repository: str, *branches: str, tried: str) -> dict[str, str]:
        """Return the branches of a repository, or those that are named, each with its commit."""
        return self._again(functools.partial(self._heads, folder, repository, branches, tried))

    def _heads(self, folder: str, repository: str, branches: tuple[str, ...], tried: str) -> dict[str, str]:
        words = ("ls-remote", "--heads", "--", repository, *(f"refs/heads/{branch}" for branch in branches))
        out = self.reach_once(folder, repository, *words, tried=tried)
        if not out.strip() and _is_http(repository):
            # To Git, any page in place of a server is a repository without branches: only packets tell a server.
            out, packets = self._reach(folder, repository, words, tried, {"GIT_TRACE_PACKET": "2"})
            if "packet:" not in packets:
                raise GitFailure.of("what answers there is no Git server", tried=tried, on=shown(repository))
        lines = [line.split("\t") for line in out.splitlines() if "\t" in line]
        return {name.strip().removeprefix("refs/heads/"): commit for commit, name in lines}

    def _reach(
        self, folder: str, repository: str, arguments: tuple[str, ...], tried: str, env: dict[str, str]
    ) -> tuple[str, str]:
        environment = {**self._quiet(), **self._network(repository), **env}
        code, out, err = self._run((self._git, f"--git-dir={folder}", *arguments), environment, None)
        if code:
            text = self._masked_text(err + out)
            raise GitFailure.of(text, tried=tried, on=shown(repository), timeout=self._access.timeout)
        return out, err

    def _again(self, once: t.Callable[[], _T]) -> _T:
        attempt, waited = 0, 0.0
        while True:
            attempt += 1
            try:
                return once()
            except GitFailure as failure:
                waited += self.pause(failure, attempt, waited)

    def pause(self, failure: GitFailure, attempt: int, waited: float) -> float:
        """Wait before the next attempt and return how long; raise the failure when it is enough."""
        delay = self._backoff.delay(attempt, waited) if failure.again else None
        if delay is None:
            raise failure
        self.sleep(delay)
        return delay

    def _run(self, argv: tuple[str, ...], environment: dict[str, str], data: bytes | None) -> tuple[int, str, str]:
        run = known(self.runtime.run, "every process that uses Git lends a command runner")
        text = None if data is None else data.decode("utf-8", "surrogateescape")
        return run(argv, env=environment, data=text)

    def _quiet(self) -> dict[str, str]:
        """What keeps the surroundings of this process out: prompts, hooks, traces, another repository's settings."""
        return {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "SSH_ASKPASS": "",
            "GIT_TRACE": "0",
            "GIT_TRACE_CURL": "0",
            "GIT_TRACE_PACKET": "0",
            "GIT_TRACE_REDACT": "1",
            "GIT_NAMESPACE": "",
            "GIT_CONFIG_PARAMETERS": "",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            **_settings({"core.hooksPath": "/dev/null", "gc.autoDetach": "false", "core.quotePath": "false"}),
        }

    def _network(self, repository: str) -> dict[str, str]:
        settings = {
            "core.hooksPath": "/dev/null",
            "gc.autoDetach": "false",
            "push.followTags": "false",
            "push.gpgSign": "false",
            "http.lowSpeedLimit": "1",
            "http.lowSpeedTime": str(self._access.timeout),
            "protocol.ext.allow": "never",
        }
        if self._access.token is not None and _is_http(repository):
            header = self._access.token.map(self._basic).reveal()
            settings["credential.helper"] = ""
            settings[f"http.{_origin(repository)}.extraHeader"] = f"Authorization: Basic {header}"
            self._mask(header)
            self._mask(self._access.token.reveal())
        # A variable, since one that is there already would win over the setting.
        authority = {"GIT_SSL_CAINFO": self._access.ca_file} if self._access.ca_file else {}
        return {**_settings(settings), **authority, "GIT_SSH_COMMAND": self._ssh()}

    def _basic(self, token: str) -> str:
        return base64.b64encode(f"{self._access.username}:{token}".encode()).decode()

    def _ssh(self) -> str:
        words = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={self._access.timeout}"]
        words += ["-o", f"ServerAliveInterval={self._access.timeout}", "-o", "ServerAliveCountMax=1"]
        if self._access.ssh_key_file:
            words += ["-i", self._access.ssh_key_file, "-o", "IdentitiesOnly=yes"]
        if self._access.known_hosts_file:
            words += ["-o", f"UserKnownHostsFile={self._access.known_hosts_file}", "-o", "StrictHostKeyChecking=yes"]
        return shlex.join(words)

    def _mask(self, value: str) -> None:
        if value not in self._masked:
            self._masked.append(value)
            self.runtime.secrets.add(value)

    def _masked_text(self, text: str) -> str:
        for value in self._masked:
            text = text.replace(value, MASK)
        return text


def _settings(wanted: dict[str, str]) -> dict[str, str]:
    """Return settings as environment: they reach no file and no list of processes."""
    answer = {"GIT_CONFIG_COUNT": str(len(wanted))}
    for number, (name, value) in enumerate(wanted.items()):
        answer |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return answer


def check_repository(repository: str) -> None:
    """Raise Failure(invalid) for what is no URL or path of a repository, or carries a password."""
    what = f"The repository {shown(repository)[:120]!r}"
    remedy = "Write https://host/path, ssh://git@host/path, git@host:path or an absolute path"
    if not repository.isprintable() or repository.startswith("-") or " " in repository:
        raise invalid(what, "it is no URL and no path", remedy)
    if repository.startswith("/") or ("://" not in repository and _SCP_LIKE.fullmatch(repository)):
        return
    parts = _parts(repository)
    if parts.scheme not in ("http", "https", "ssh", "file") or not parts.path.strip("/"):
        raise invalid(what, "it is no URL and no path of a repository", remedy)
    if parts.scheme != "file" and not parts.hostname:
        raise invalid(what, "it names no host", remedy)
    if parts.password or (parts.username and parts.scheme in ("http", "https")):
        raise invalid(what, "it holds credentials, which logs would show", "Give them as git_username and git_token")


def password_in(repository: str) -> str | None:
    """Return what a URL that is about to be refused holds as a password, so that it can be masked."""
    return _parts(repository).password


def _parts(repository: str) -> SplitResult:
    """Return the parts of a URL; what cannot be taken apart has none."""
    try:
        return urlsplit(repository)
    except ValueError:
        return urlsplit("")


def shown(repository: str) -> str:
    """Return the repository for people, without credentials."""
    parts = _parts(repository)
    if "@" not in parts.netloc or parts.scheme not in ("http", "https", "ssh"):
        return repository
    user, _at, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return parts._replace(netloc=f"{name}@{host}" if parts.scheme == "ssh" else host).geturl()


def _checked_token(text: str) -> str:
    if not text.isprintable() or " " in text:
        raise invalid("The Git token", "it holds a blank or a line end", "Give it as it was made, such as by | trim")
    return text


def _check_private(repository: str) -> None:
    """Refuse a token that would go over a network in clear."""
    parts = urlsplit(repository)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise invalid(
            f"The repository {shown(repository)}", "a token would go there in clear", "Use its https:// address"
        )


def _is_http(repository: str) -> bool:
    return urlsplit(repository).scheme in ("http", "https")


def _origin(repository: str) -> str:
    """Return scheme and host, which is where the credentials belong and nowhere else."""
    parts = urlsplit(repository)
    return f"{parts.scheme}://{parts.netloc}/"
