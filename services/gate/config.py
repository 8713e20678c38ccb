"""What the gate is told when it starts: Apps, policy, store, listeners.

In: a YAML file; secrets and keys as files. Out: Config, or every problem with its line. Never here: a secret in the
file itself, a default that opens something.

The file, with what holds where it says nothing::

    apps:                        # one or several, at one or several GitHub hosts
      acme:                      # the name is the path of its webhook: /webhook/acme
        app_id: "12345"          # or the client id
        key_file: acme.pem       # with no key at all this process only receives, and another one decides
        secret_files: [webhook]  # all that may have signed: two while a secret is exchanged
        api_url: https://api.github.com
        ca_file: null
    policy: [policy.yml]         # several files make one policy
    holidays: []                 # calendar files (ICS)
    store: gate.sqlite3          # or, for several replicas, postgres_file: a file that holds the connection string
    listen: 127.0.0.1:8080       # deliveries
    internal: 127.0.0.1:9090     # /livez /readyz /metrics and the pages; not for the internet
    trusted_proxies: []          # networks whose X-Forwarded-For is believed
    only_github: false           # take deliveries from the addresses alone that GitHub names at /meta
    workers: 4
    retention: 90d               # of what is settled, and of its records; 35d at least
    recover_every: 10m           # look for deliveries that did not arrive
    recover_mode: ingest         # or redeliver: have GitHub send them again
    watch_every: 30s             # look whether policy, secrets or keys have changed; SIGHUP does so at once

Paths are relative to the folder of the file.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind, invalid
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._gate.words import DURATION, duration
from ansible_collections.aphex.platform.plugins.module_utils._github.address import DEFAULT_URL, check_url
from ansible_collections.aphex.platform.plugins.module_utils._yaml import lines, load_documents

LEAST_RETENTION = timedelta(days=35)
_SHORTEST_SECRET = 8
_MOST_WORKERS = 64
_APP_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_HOST_AND_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z.-]*)):([0-9]{1,5})")


class Wrong(Failure):
    """A file with problems; its sentence has a line for each."""

    def __init__(self, problems: Sequence[Failure]) -> None:
        super().__init__(Kind.INVALID, tried=problems[0].tried, said=problems[0].said, remedy=problems[0].remedy)
        self.problems = tuple(problems)

    def sentence(self) -> str:
        """Return a sentence for each problem."""
        return "\n".join(problem.sentence() for problem in self.problems)


@dataclass(frozen=True)
class Address:
    """Where a listener listens; an empty host is every address of the machine."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(eq=False)
class App:
    """One GitHub App at one GitHub host; ``secrets`` are all that may have signed its deliveries."""

    name: str
    app_id: str
    key_file: str | None
    secret_files: tuple[Path, ...]
    api_url: str = DEFAULT_URL
    ca_file: str | None = None
    secrets: Sequence[Sensitive] = field(default=(), repr=False)

    def reload(self) -> None:
        """Read the secrets again. Raises Failure(invalid); the former ones then stay."""
        self.secrets = [_secret(path) for path in self.secret_files]


@dataclass(frozen=True)
class Config:
    """A configuration that was checked. ``postgres`` is a connection string, and takes the place of ``store``."""

    file: Path
    apps: Mapping[str, App]
    policy_files: tuple[Path, ...]
    holiday_files: tuple[Path, ...]
    store: Path
    listen: Address
    internal: Address
    workers: int
    retention: timedelta
    recover_every: timedelta
    recover_mode: str
    watch_every: timedelta
    trusted_proxies: tuple[str, ...] = ()
    only_github: bool = False
    postgres: Sensitive | None = None

    @property
    def decides(self) -> bool:
        """False for a process that only receives: another one, which has the keys, decides."""
        return any(app.key_file for app in self.apps.values())

    def policy_texts(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the texts of policy and holiday files by their names. Raises Failure(invalid)."""
        return texts_of(self.policy_files), texts_of(self.holiday_files)

    def watched(self) -> tuple[Path, ...]:
        """Return the files whose change is taken up while the gate runs."""
        keys = [Path(app.key_file) for app in self.apps.values() if app.key_file]
        secrets = [path for app in self.apps.values() for path in app.secret_files]
        return (*self.policy_files, *self.holiday_files, *keys, *secrets)


def read(file: Path) -> Config:
    """Return the configuration of a file. Raises Wrong with every problem of it."""
    reader = _Reader(file, read_text(file))
    config = reader.config()
    if config is None or reader.problems:
        raise Wrong(reader.problems)
    return config


def texts_of(files: Sequence[Path]) -> dict[str, str]:
    """Return the texts of files by their names. Raises Failure(invalid) for one that cannot be read."""
    return {path.name: read_text(path) for path in files}


def read_text(path: Path) -> str:
    """Return the text of a file. Raises Failure(invalid)."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text in UTF-8"
        raise invalid(str(path), f"it cannot be read: {said}", "Check its path and its rights") from error


def _secret(path: Path) -> Sensitive:
    text = read_text(path).strip()
    if len(text) < _SHORTEST_SECRET:
        said = f"it has fewer than {_SHORTEST_SECRET} characters" if text else "it is empty"
        raise invalid(str(path), said, "Put the secret into it, and nothing else; `openssl rand -hex 32` makes one")
    return Sensitive(text)


# What a field can be: each function returns the value, or raises ValueError with what is wrong.


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("it must be a text; put numbers into quotes")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("it must be a list, such as [policy.yml]")
    return tuple(_text(item) for item in value)


def _some_texts(value: Any) -> tuple[str, ...]:
    found = _texts(value)
    if not found:
        raise ValueError("it must name at least one file")
    return found


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise ValueError("it must be a mapping with at least one entry")
    return value


def _workers(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_WORKERS:
        raise ValueError(f"it must be a number from 1 to {_MOST_WORKERS}")
    return value


def _time(value: Any) -> timedelta:
    if not isinstance(value, str) or not re.fullmatch(DURATION["pattern"], value):
        raise ValueError("it must be a time, such as 90d, 10m or 1h30m")
    return duration(value)


def _some_time(value: Any) -> timedelta:
    found = _time(value)
    if not found:
        raise ValueError("it must be longer than nothing")
    return found


def _retention(value: Any) -> timedelta:
    found = _time(value)
    if found < LEAST_RETENTION:
        raise ValueError(f"it must be {LEAST_RETENTION.days}d or longer: until then a delivery has to be known again")
    return found


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("it must be true or false")
    return value


def _address(value: Any) -> Address:
    found = _HOST_AND_PORT.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[3]) > 65_535:
        raise ValueError("it must be an address and a port, such as 127.0.0.1:8080 or [::1]:8080")
    return Address(found[1] or found[2] or "", int(found[3]))


def _networks(value: Any) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(item)) for item in _texts(value))
    except ValueError as error:
        raise ValueError(f"it must list networks, such as 10.0.0.0/8 ({error})") from error


def _api_url(value: Any) -> str:
    try:
        check_url(_text(value))
    except Failure as failure:
        raise ValueError(f"{failure.said}. {failure.remedy}") from failure
    return str(value).rstrip("/")


def _mode(value: Any) -> str:
    if value not in ("ingest", "redeliver"):
        raise ValueError("it must be ingest or redeliver")
    return str(value)


_REQUIRED = object()
_Fields = Mapping[str, tuple[Callable[[Any], Any], Any]]
_FILE: _Fields = {
    "apps": (_mapping, _REQUIRED),
    "policy": (_some_texts, _REQUIRED),
    "holidays": (_texts, ()),
    "store": (_text, "gate.sqlite3"),
    "postgres_file": (_text, None),
    "listen": (_address, Address("127.0.0.1", 8080)),
    "internal": (_address, Address("127.0.0.1", 9090)),
    "trusted_proxies": (_networks, ()),
    "only_github": (_flag, False),
    "workers": (_workers, 4),
    "retention": (_retention, timedelta(days=90)),
    "recover_every": (_some_time, timedelta(minutes=10)),
    "recover_mode": (_mode, "ingest"),
    "watch_every": (_some_time, timedelta(seconds=30)),
}
_APP: _Fields = {
    "app_id": (_text, _REQUIRED),
    "key_file": (_text, None),
    "secret_files": (_some_texts, _REQUIRED),
    "api_url": (_api_url, DEFAULT_URL),
    "ca_file": (_text, None),
}


class _Reader:
    """Makes a Config of a file; collects problems, so that one look shows them all."""

    def __init__(self, file: Path, text: str) -> None:
        self._file = file
        documents = load_documents(text, str(file))
        self._data: Any = documents[0] if len(documents) == 1 else None
        self._lines = lines(text)
        self.problems: list[Failure] = []

    def config(self) -> Config | None:
        """Return the configuration; it is whole only when there are no problems."""
        if not isinstance(self._data, dict):
            self._wrong((), "it is no single mapping", "Begin it with `apps:`")
            return None
        given = self._fields((), self._data, _FILE)
        self._not_both()
        apps = {name: self._app(name, item) for name, item in (given["apps"] or {}).items()}
        self._keys_for_all_or_none(app for app in apps.values() if app is not None)
        if self.problems:
            return None
        return Config(
            file=self._file,
            apps={name: app for name, app in apps.items() if app is not None},
            policy_files=self._distinct("policy", given["policy"]),
            holiday_files=self._distinct("holidays", given["holidays"]),
            store=self._path(given["store"]),
            listen=given["listen"],
            internal=given["internal"],
            workers=given["workers"],
            retention=given["retention"],
            recover_every=given["recover_every"],
            recover_mode=given["recover_mode"],
            watch_every=given["watch_every"],
            trusted_proxies=given["trusted_proxies"],
            only_github=given["only_github"],
            postgres=self._connection(given["postgres_file"]),
        )

    def _app(self, name: str, item: Any) -> App | None:
        path = ("apps", name)
        if not isinstance(name, str) or not _APP_NAME.fullmatch(name):
            self._wrong(path, f"{name!r} is no name of an App", "Use small letters, digits and -: it is part of a path")
            return None
        if not isinstance(item, dict):
            self._wrong(path, "it must be a mapping with app_id, key_file and secret_files")
            return None
        given = self._fields(path, item, _APP)
        if any(given[each] is None for each in ("app_id", "secret_files", "api_url")):
            return None
        app = App(
            name=name,
            app_id=given["app_id"],
            key_file=str(self._path(given["key_file"])) if given["key_file"] else None,
            secret_files=tuple(self._path(each) for each in given["secret_files"]),
            api_url=given["api_url"],
            ca_file=str(self._path(given["ca_file"])) if given["ca_file"] else None,
        )
        self._try((*path, "secret_files"), app.reload)
        for named in ("key_file", "ca_file"):
            if given[named]:
                self._try((*path, named), functools.partial(read_text, self._path(given[named])))
        return app

    def _fields(self, path: tuple[Any, ...], data: dict[str, Any], fields: _Fields) -> dict[str, Any]:
        """Return the value of each field, None for one that is wrong; what nobody knows is a problem."""
        for name in data:
            if name not in fields:
                self._wrong((*path, name), f"{name!r} is not known here", f"There are {', '.join(fields)}")
        found: dict[str, Any] = {}
        for name, (convert, default) in fields.items():
            found[name] = None if default is _REQUIRED else default
            if data.get(name) is None:
                if default is _REQUIRED:
                    self._wrong(path, f"{name} is missing")
                continue
            try:
                found[name] = convert(data[name])
            except ValueError as error:
                self._wrong((*path, name), f"{name}: {error}")
        return found

    def _not_both(self) -> None:
        if self._data.get("store") and self._data.get("postgres_file"):
            self._wrong(("postgres_file",), "store and postgres_file are both set", "Keep one of them")

    def _keys_for_all_or_none(self, apps: Iterable[App]) -> None:
        """Refuse an App without a key beside one with: the workers take up the deliveries of both."""
        by_key = {bool(app.key_file): app.name for app in apps}
        if len(by_key) > 1:
            self._wrong(("apps", by_key[False]), "key_file is missing", "Give every App its key, or none of them")

    def _distinct(self, section: str, names: Sequence[str]) -> tuple[Path, ...]:
        """Return paths whose last parts differ: messages and calendars call a file by that."""
        paths = tuple(self._path(name) for name in names)
        if len({path.name for path in paths}) < len(paths):
            self._wrong((section,), f"two files of {section} have one name", "Give each a name of its own")
        return paths

    def _connection(self, name: str | None) -> Sensitive | None:
        found: list[Sensitive] = []
        if name:
            self._try(("postgres_file",), lambda: found.append(_secret(self._path(name))))
        return found[0] if found else None

    def _path(self, name: str) -> Path:
        return self._file.parent / name

    def _try(self, path: tuple[Any, ...], action: Callable[[], object]) -> None:
        try:
            action()
        except Failure as failure:
            self._wrong(path, f"{failure.tried}: {failure.said}", failure.remedy)

    def _wrong(self, path: tuple[Any, ...], said: str, remedy: str = "") -> None:
        while path and path not in self._lines:
            path = path[:-1]
        self.problems.append(invalid(f"{self._file}:{self._lines.get(path, 1)}", said, remedy))
