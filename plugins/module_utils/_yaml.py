# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads YAML with line numbers and limits, writes the same bytes for the same data.

In: text. Out: plain data, or a Failure with the line. Never here: a schema.
"""

from __future__ import annotations

import re
import typing as t

from ._core.failure import Failure, Kind, invalid

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

LARGEST = 1024 * 1024
DEEPEST = 200
_STRING = "tag:yaml.org,2002:str"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_MERGE = "tag:yaml.org,2002:merge"
# What can begin a level: brackets that hold something, and marks at the begin of a line as YAML knows lines.
_OPENING = re.compile(r"[\[{](?!\s*[\]}])")
_INDENT = re.compile(r"(?:\A|[\r\n\x85\u2028\u2029])([ ?:-]+)")
_DOCUMENT = re.compile(r"^---(?=[ \t\r\n\x85\u2028\u2029]|\Z)", re.MULTILINE)


def require_yaml() -> None:
    """Raise Failure(missing) when the library is not installed here."""
    if yaml is None:
        raise Failure(
            Kind.MISSING,
            tried="loading the Python library PyYAML",
            said="it is not installed here",
            remedy="Install it for the Python that runs this task: pip install PyYAML",
        )


if yaml is not None:
    if t.TYPE_CHECKING:
        _BaseLoader = yaml.SafeLoader
        _BaseDumper = yaml.SafeDumper
    else:
        _BaseLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        _BaseDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class _Loader(_BaseLoader):
        """Safe loader that keeps dates as text, as JSON does, and refuses a key that stands twice."""

        def construct_mapping(self, node: t.Any, deep: bool = False) -> dict[t.Any, t.Any]:
            """Build a mapping; the second of two equal keys is an error with its line."""
            seen: set[t.Any] = set()
            for key_node, _value in node.value:
                if key_node.tag == _MERGE:
                    continue
                key = self.construct_object(key_node, deep=True)
                if not isinstance(key, (str, int, float, bool, type(None))):
                    raise yaml.constructor.ConstructorError(None, None, "a key must be text", key_node.start_mark)
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key!r} stands twice", key_node.start_mark
                    )
                seen.add(key)
            mapping: dict[t.Any, t.Any] = super().construct_mapping(node, deep)
            return mapping

    _Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in _BaseLoader.yaml_implicit_resolvers.items()
    }

    class _Dumper(_BaseDumper):
        """Safe dumper that quotes every text, so that no reader takes it for a number or a boolean (P23)."""

        def ignore_aliases(self, data: t.Any) -> bool:
            """Write equal parts twice: readers of manifests do not expect anchors."""
            return True

    def _represent_text(dumper: t.Any, text: str) -> t.Any:
        style = "|" if "\n" in text and not any(line.endswith(" ") for line in text.split("\n")) else '"'
        return dumper.represent_scalar(_STRING, text, style=style)

    def _represent_mapping(dumper: t.Any, mapping: dict[t.Any, t.Any]) -> t.Any:
        # Keys stay unquoted where that is safe: a manifest that people read has plain keys.
        node = dumper.represent_mapping("tag:yaml.org,2002:map", mapping.items())
        for key_node, _value in node.value:
            if key_node.tag == _STRING and key_node.value.replace("-", "a").replace("_", "a").isalnum():
                resolved = dumper.resolve(yaml.ScalarNode, key_node.value, (True, False))
                key_node.style = None if resolved == _STRING else '"'
        return node

    _Dumper.add_representer(str, _represent_text)
    _Dumper.add_representer(dict, _represent_mapping)


def load_documents(text: str, what: str, aliases: bool = True, largest: int = LARGEST) -> list[t.Any]:
    """Return all documents of a YAML text, empty ones left out. ``what`` names the text in messages.

    Raises Failure(invalid) with the line for text over ``largest`` bytes, a syntax error, a key that stands twice, a
    tag that is not plain data, more than 200 levels, and, unless ``aliases``, an anchor or alias.
    """
    require_yaml()
    if len(text.encode()) > largest:
        raise invalid(what, f"it is larger than {largest // 1024} KiB", "Split it, or refer to files from it")
    try:
        if any(_may_hold(document) > DEEPEST for document in _DOCUMENT.split(text)):
            _refuse_depth(text)
        if not aliases:
            _refuse_aliases(text)
        return [document for document in yaml.load_all(text, _Loader) if document is not None]
    except yaml.YAMLError as error:
        raise invalid(what, _explain(error), "Correct the YAML") from error
    except (ValueError, RecursionError) as error:
        raise invalid(what, f"it is no usable YAML ({type(error).__name__})", "Correct the YAML") from error


def lines(text: str) -> dict[tuple[t.Any, ...], int]:
    """Return the line (from 1) of every key and every item of the first document, by its path from the root.

    The text must be one that ``load_documents`` takes; aliases are followed as they stand.
    """
    require_yaml()
    found: dict[tuple[t.Any, ...], int] = {}
    root = next(iter(yaml.compose_all(text, _Loader)), None)
    waiting: list[tuple[tuple[t.Any, ...], t.Any]] = [((), root)] if root is not None else []
    while waiting:
        path, node = waiting.pop()
        found.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                found.setdefault((*path, key.value), key.start_mark.line + 1)
                waiting.append(((*path, key.value), value))
        elif isinstance(node, yaml.SequenceNode):
            waiting += [((*path, number), item) for number, item in enumerate(node.value)]
    return found


def dump(data: t.Any) -> str:
    """Return plain data as one YAML document; keys keep their order, equal data gives equal bytes."""
    require_yaml()
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=120
    )
    return text


def _may_hold(text: str) -> int:
    """Return how many levels one document can have at most, without parsing it."""
    # A list may stand in the same column as the mapping that holds it: two levels for one column.
    columns = max((len(found) for found in _INDENT.findall(text)), default=0)
    return len(_OPENING.findall(text)) + 2 * columns + 1


def _refuse_depth(text: str) -> None:
    """Raise for text that is nested too deeply: the library recurses in C and would end the whole process."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            mark: t.Any = event.start_mark
            raise yaml.constructor.ConstructorError(None, None, f"it has more than {DEEPEST} levels", mark)


def _refuse_aliases(text: str) -> None:
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            mark: t.Any = event.start_mark
            raise yaml.constructor.ConstructorError(None, None, "anchors and aliases are not allowed here", mark)


def _explain(error: t.Any) -> str:
    """Return the problem and its place without quoting the text, which may hold a secret."""
    problem = getattr(error, "problem", None) or "it is no YAML"
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else str(problem)
