"""The layer rule of the collection, asked of the syntax tree.

In: the root of a checkout. Out: sentences about what breaks the rule, none when all is well. Packages are found by
looking, so a new one is under the rule from its first file. Never here: a list of files that may break it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PLUGINS = "ansible_collections.aphex.platform.plugins"

_SINGLE_FILES = {
    "_edge": "edge",
    "_options": "edge",
    "_http": "tool",
    "_probe": "tool",
    "_crypto": "tool",
    "_yaml": "yaml",
    "_clock": "product",
    "_adguard": "product",
    "_external_ingress": "use case",
}
_FOLDERS = {
    "modules": "module",
    "action": "action",
    "plugin_utils": "in process",
    "lookup": "reader",
    "filter": "reader",
    "inventory": "reader",
    "doc_fragments": "words",
}
# What a room may import. Two rooms of one kind (two products, two use cases, two modules) never import each other.
_BELOW_EDGE = {"use case", "product", "tool", "yaml", "core"}
_MAY_IMPORT = {
    "module": {"edge"} | _BELOW_EDGE,
    "action": {"module", "in process"},
    "in process": {"edge"} | _BELOW_EDGE,
    "edge": _BELOW_EDGE,
    "use case": {"product", "tool", "yaml", "core"},
    "product": {"tool", "yaml", "core"},
    "tool": {"core"},
    "yaml": {"core"},
    "core": set[str](),
    # A lookup that asks a system shares what the run has learned so far: the cache lies at the edge in process.
    "reader": {"product", "yaml", "core", "in process"},
    "words": set[str](),
}
_KNOWS_ANSIBLE = {"edge", "in process", "reader"}

# The one file of each library; everything else speaks to that file.
LIBRARY_HOME = {
    "httpx": "module_utils/_http.py",
    "httpcore": "module_utils/_http.py",
    "yaml": "module_utils/_yaml.py",
    "kubernetes": "module_utils/_kubernetes/client.py",
    "urllib3": "module_utils/_kubernetes/client.py",
    "cloudflare": "module_utils/_cloudflare/client.py",
    "jwt": "module_utils/_github/app_auth.py",
    "cryptography": "module_utils/_crypto.py",
    "jmespath": "module_utils/_gate/expression.py",
    "jsonschema": "module_utils/_gate/schema.py",
    "icalendar": "module_utils/_gate/holidays.py",
    "recurring_ical_events": "module_utils/_gate/holidays.py",
}
# A service imports these rooms of the collection, and never another service; a library of its own has files of its own.
_SERVICES = {"gate": {"_gate", "_github", "_http", "_core", "_yaml"}}
SERVICE_LIBRARY_HOME = {
    "starlette": {"gate/http.py", "gate/pages.py"},
    "uvicorn": {"gate/serve.py", "gate/listener.py"},
    "uvloop": {"gate/listener.py"},
    "msgspec": {"gate/payload.py", "gate/audit.py"},
    "prometheus_client": {"gate/metrics.py"},
    "psycopg": {"gate/postgres.py"},
    "psycopg_pool": {"gate/postgres.py"},
    "sqlite3": {"gate/sqlite.py"},
}

_REVEALS = {"client.py", "app_auth.py", "_crypto.py"}
_IO = {"asyncio", "http", "selectors", "shutil", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "urllib.request"}
_NOT_PURE = {"datetime", "random", "secrets", "time", "uuid"}
_DYNAMIC = {"importlib", "importlib.resources", "pkgutil", "runpy"}


@dataclass(frozen=True)
class Import:
    """One imported name: dotted, absolute; ``guarded`` when a missing library would not end the run."""

    name: str
    line: int
    guarded: bool


@dataclass(frozen=True)
class Source:
    """A Python file of `plugins/`; ``path`` is relative to that folder."""

    path: Path
    tree: ast.Module

    @property
    def dotted(self) -> str:
        return ".".join((PLUGINS, *self.path.with_suffix("").parts))


def problems(root: Path) -> list[str]:
    """Return every break of the rule in the checkout at ``root``, as ``file:line: sentence``."""
    rooms = Rooms(root / "plugins")
    checks: tuple[Callable[[Rooms, Source], Iterator[str]], ...] = (
        _imports_to_the_right,
        _ansible_at_the_edges,
        _libraries_at_home,
        _no_dynamic_import,
        _reveal_in_clients,
        _core_without_io,
        _builders_are_pure,
    )
    found = [text for source in rooms.sources() for check in checks for text in check(rooms, source)]
    return [*found, *_services_in_their_rooms(root), *_sandbox_stands_alone(root), *_no_unknown_folder(root)]


class Rooms:
    """Which room a file or an imported name belongs to."""

    def __init__(self, plugins: Path) -> None:
        self._plugins = plugins

    def sources(self) -> Iterator[Source]:
        for path in sorted(self._plugins.rglob("*.py")):
            yield Source(path.relative_to(self._plugins), ast.parse(path.read_text(encoding="utf-8")))

    def kind(self, room: str) -> str:
        """Return what sort of room it is; a package of module_utils is a product when it has a `product.py`."""
        folder, _slash, name = room.partition("/")
        if folder != "module_utils":
            return _FOLDERS.get(folder, "unknown")
        if name == "_core":
            return "core"
        if (self._plugins / "module_utils" / name).is_dir():
            return "product" if (self._plugins / "module_utils" / name / "product.py").is_file() else "use case"
        return _SINGLE_FILES.get(name, "unknown")

    def of_file(self, path: Path) -> str:
        """Return the room of a file: `module_utils/<package or file>`, else the file itself below its folder."""
        return self._room(list(path.with_suffix("").parts))

    def of_name(self, name: str) -> str | None:
        """Return the room of an imported name, None when it is not ours or names a whole folder."""
        if not name.startswith(PLUGINS + "."):
            return None
        parts = name.removeprefix(PLUGINS + ".").split(".")
        return self._room(parts) if len(parts) > 1 else None

    @staticmethod
    def _room(parts: list[str]) -> str:
        return "/".join(parts[:2])


def imports(source: Source) -> Iterator[Import]:
    """Yield every import of a file, at any depth, also those for types alone."""
    yield from _walk(source, source.tree, guarded=False)


def _walk(source: Source, node: ast.AST, guarded: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        safe = guarded or (_is_guard(node) and child in getattr(node, "body", ()))
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, safe) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = _absolute(source, child)
            yield from (Import(f"{base}.{alias.name}", child.lineno, safe) for alias in child.names)
        else:
            yield from _walk(source, child, safe)


def _is_guard(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    if not isinstance(node, ast.Try):
        return False
    caught = [ast.unparse(handler.type) for handler in node.handlers if handler.type]
    return any("ImportError" in text or "ModuleNotFoundError" in text for text in caught)


def _absolute(source: Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    base = source.dotted.split(".")[: -node.level]
    return ".".join([*base, node.module] if node.module else base)


def _imports_to_the_right(rooms: Rooms, source: Source) -> Iterator[str]:
    here = rooms.of_file(source.path)
    kind = rooms.kind(here)
    if kind == "unknown":
        yield f"plugins/{source.path}:1: the rule does not know this room; say in tests/tools/layers.py what it is"
        return
    for each in imports(source):
        there = rooms.of_name(each.name)
        if there is None or there == here:
            continue
        other = rooms.kind(there)
        if other not in _MAY_IMPORT[kind]:
            yield f"plugins/{source.path}:{each.line}: {here} ({kind}) imports {there} ({other})"


def _ansible_at_the_edges(rooms: Rooms, source: Source) -> Iterator[str]:
    if rooms.kind(rooms.of_file(source.path)) in _KNOWS_ANSIBLE:
        return
    for each in imports(source):
        if each.name.split(".")[0] == "ansible":
            yield f"plugins/{source.path}:{each.line}: imports {each.name}; only the edges know Ansible"


def _libraries_at_home(rooms: Rooms, source: Source) -> Iterator[str]:
    for each in imports(source):
        library = each.name.split(".")[0]
        if library in sys.stdlib_module_names or library in ("ansible", "ansible_collections"):
            continue
        home = LIBRARY_HOME.get(library)
        if home is None:
            yield f"plugins/{source.path}:{each.line}: library {library} has no home in tests/tools/layers.py"
        elif home != source.path.as_posix():
            yield f"plugins/{source.path}:{each.line}: imports {library}, whose one file is plugins/{home}"
        elif not each.guarded:
            yield f"plugins/{source.path}:{each.line}: imports {library} without a guard for its absence"


def _no_dynamic_import(rooms: Rooms, source: Source) -> Iterator[str]:
    # Only imports that can be read in the text travel to a remote host. The edge in process stays on this side.
    if rooms.kind(rooms.of_file(source.path)) == "in process":
        return
    for each in imports(source):
        if each.name in _DYNAMIC or each.name.rpartition(".")[0] in _DYNAMIC:
            yield f"plugins/{source.path}:{each.line}: imports {each.name}; what it finds would not travel"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__":
            yield f"plugins/{source.path}:{node.lineno}: __import__; what it finds would not travel"


def _reveal_in_clients(rooms: Rooms, source: Source) -> Iterator[str]:
    if source.path.name in _REVEALS:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == "reveal":
            yield f"plugins/{source.path}:{node.lineno}: reveals a secret; only {' and '.join(sorted(_REVEALS))} may"


def _core_without_io(rooms: Rooms, source: Source) -> Iterator[str]:
    if rooms.kind(rooms.of_file(source.path)) == "core":
        yield from _banned(source, _IO, "_core does no input or output")


def _builders_are_pure(rooms: Rooms, source: Source) -> Iterator[str]:
    if source.path.stem.endswith("_objects") and source.path.parts[0] == "module_utils":
        yield from _banned(source, _NOT_PURE, "a builder knows no clock and no chance")


def _banned(source: Source, names: set[str], why: str) -> Iterator[str]:
    for each in imports(source):
        # `from time import sleep` is the name time.sleep.
        prefixes = {".".join(each.name.split(".")[:count]) for count in (1, 2)}
        if prefixes & names:
            yield f"plugins/{source.path}:{each.line}: imports {each.name}; {why}"


def _sandbox_stands_alone(root: Path) -> Iterator[str]:
    for path in sorted((root / "tests" / "sandbox").rglob("*.py")):
        source = Source(path.relative_to(root), ast.parse(path.read_text(encoding="utf-8")))
        for each in imports(source):
            if each.name.split(".")[0] in ("ansible_collections", "plugins"):
                yield f"{source.path}:{each.line}: imports {each.name}; the sandbox knows nothing of the product"


def _services_in_their_rooms(root: Path) -> Iterator[str]:
    for service, rooms in _SERVICES.items():
        for path in sorted((root / "services" / service).rglob("*.py")):
            source = Source(path.relative_to(root), ast.parse(path.read_text(encoding="utf-8")))
            home = path.relative_to(root / "services").as_posix()
            for each in imports(source):
                said = _not_for_a_service(service, rooms, home, each.name)
                if said:
                    yield f"{source.path}:{each.line}: {said}"


def _not_for_a_service(service: str, rooms: set[str], home: str, name: str) -> str | None:
    if name.startswith(PLUGINS):
        inner = name.removeprefix(f"{PLUGINS}.module_utils.").split(".")[0]
        return None if inner in rooms else f"the service {service} imports {inner}"
    first = name.split(".")[0]
    if first == "services":
        return None if name.split(".")[1] == service else f"the service {service} imports {name}"
    homes = SERVICE_LIBRARY_HOME.get(first)
    if homes is not None:
        return None if home in homes else f"imports {first}, whose files are {' and '.join(sorted(homes))}"
    if first in sys.stdlib_module_names:
        return None
    return f"library {first} has no home in tests/tools/layers.py"


def _no_unknown_folder(root: Path) -> Iterator[str]:
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if folder.name in ("plugins", "tests", "collections"):
            continue
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(root)
            if folder.name != "services" or name.parts[1] not in _SERVICES:
                yield f"{name}:1: Python outside of plugins/, services/ and tests/"
