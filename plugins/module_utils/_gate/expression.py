# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JMESPath under three-valued logic: what is not known makes an expression unknown, never true.

In: an expression's text, the view of Facts, a clock's time. Out: true, false or Unknown with its reason.
Never here: I/O, a clock of its own, an exception that leaves.

The library alone fails open (measured, part 4.2 of the gate's facts): ``a != 'b'`` holds when ``a`` is missing, and a
comparison of text with a number raises. Here a missing field is unknown until ``exists()`` asks for it; so is null,
until it is compared with ```null```; and so is a comparison of values of different types. The library parses, and has
the functions; an expression is compiled to calls at load, which asks faster than its interpreter.
"""

from __future__ import annotations

import fnmatch
import functools
import re
import typing as t
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .._core.failure import Failure, Kind, invalid
from . import values
from .facts import Unknown
from .words import regex

try:
    import jmespath
    from jmespath import exceptions as _exceptions
    from jmespath import functions as _functions
except ImportError:
    jmespath = None

LONGEST = 2000
DEEPEST = 40
_DEEPEST_TREE = 100
_LONGEST_SUBJECT = 4000
_OPENING = re.compile(r"[(\[{]")
_ORDERS: t.Final[t.Mapping[str, t.Callable[[t.Any, t.Any], bool]]] = {
    "lt": lambda left, right: bool(left < right),
    "lte": lambda left, right: bool(left <= right),
    "gt": lambda left, right: bool(left > right),
    "gte": lambda left, right: bool(left >= right),
}
_NO_ORDER = Unknown("values are compared that have no order")
_OTHER_TYPE = Unknown("values of different types are compared")


class Context:
    """What an expression may ask beside the facts: the time, and whether a calendar is open then.

    One serves all expressions of one judgement.
    """

    def __init__(self, now: datetime, is_open: t.Callable[[str, datetime], bool]) -> None:
        self.now = now
        self.is_open = is_open
        self._library: t.Any = None

    def call(self, name: str, arguments: list[t.Any]) -> t.Any:
        """Return what a function answers. Raises what the library raises."""
        if self._library is None:
            self._library = _Functions(self)
        return self._library.call_function(name, arguments)


Step = t.Callable[[t.Any, Context], t.Any]


@dataclass(frozen=True)
class Expression:
    """A compiled expression. Made by ``compile_expression``."""

    text: str
    parsed: t.Any
    step: Step = field(compare=False)

    def value(self, view: t.Mapping[str, t.Any], context: Context) -> t.Any:
        """Return what the expression gives, or Unknown."""
        try:
            return self.step(view, context)
        except (
            _exceptions.JMESPathError,
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            return Unknown(f"`{self.text}` cannot be asked of these facts ({_told(error)})")

    def holds(self, view: t.Mapping[str, t.Any], context: Context) -> bool | Unknown:
        """Return whether the expression is true by the rules of JMESPath, or Unknown."""
        value = self.value(view, context)
        return value if isinstance(value, Unknown) else not values.is_false(value)

    def roots(self) -> frozenset[str]:
        """Return the names that it asks of the facts themselves; ``@`` where it asks for all of them at once."""
        return self._roots

    @functools.cached_property
    def _roots(self) -> frozenset[str]:
        return frozenset(_names_asked(self.parsed))


def compile_expression(text: str, what: str) -> Expression:
    """Return the expression. Raises Failure(invalid) for one that is none, too long, too deep, or calls no function."""
    if jmespath is None:
        raise Failure(
            Kind.MISSING,
            tried="loading the Python library jmespath",
            said="it is not installed here",
            remedy="Install it for the Python that runs this: pip install jmespath",
        )
    if len(text) > LONGEST or len(_OPENING.findall(text)) > DEEPEST:
        raise invalid(what, f"the expression has more than {LONGEST} characters or {DEEPEST} brackets", "Split it")
    try:
        parsed = jmespath.compile(text).parsed
    except (_exceptions.JMESPathError, RecursionError, ValueError) as error:
        raise invalid(what, f"`{text}` is no JMESPath expression: {_told(error)}", "Correct it") from error
    if _depth(parsed) > _DEEPEST_TREE:
        raise invalid(what, f"`{text[:80]}` nests more than {_DEEPEST_TREE} parts", "Split it")
    for node in nodes(parsed):
        if node["type"] == "function_expression":
            _check_call(node, text, what)
    return Expression(text, parsed, _made(parsed))


def nodes(parsed: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """Yield every node of a parsed expression; for those who look at one without asking it."""
    waiting = [parsed]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.get("children") or []


def _check_call(node: dict[str, t.Any], text: str, what: str) -> None:
    """Refuse a function that there is not, with too few or too many arguments, and a pattern that is no literal."""
    name, given = node["value"], node["children"]
    known = {**_Functions.FUNCTION_TABLE, **_SPECIAL}
    if name not in known:
        raise invalid(what, f"`{text}` calls {name}(), which there is not", f"There are: {', '.join(sorted(known))}")
    wanted, more = _arity(name)
    if len(given) < wanted or (len(given) > wanted and not more):
        raise invalid(what, f"`{text}` gives {name}() {len(given)} arguments, and it takes {wanted}", "Correct it")
    if name in ("regex", "glob", "in_window") and not isinstance(_literal(given[0]), str):
        raise invalid(what, f"`{text}` gives {name}() a first argument that is no text in quotes", "Write it out")
    if name == "regex":
        regex(given[0]["value"], what)


def _arity(name: str) -> tuple[int, bool]:
    if name in _SPECIAL:
        return 1, name == "not_null"
    asked = _Functions.FUNCTION_TABLE[name]["signature"]
    return len(asked), bool(asked and asked[-1].get("variadic"))


def _depth(parsed: t.Any) -> int:
    deepest, waiting = 0, [(parsed, 1)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, dict):
            deepest = max(deepest, depth)
            waiting += [(child, depth + 1) for child in node.get("children") or []]
    return deepest


_CHAINS = frozenset(("subexpression", "pipe", "index_expression"))
_PROJECTIONS = frozenset(("projection", "value_projection", "filter_projection", "flatten"))


def _names_asked(node: t.Any) -> t.Iterator[str]:
    """Yield the names that a node asks of what it is asked of; what stands behind a dot is asked of something else."""
    kind = node["type"]
    if kind == "field":
        yield node["value"]
    elif kind in ("current", "identity"):
        yield "@"
    elif kind in _CHAINS or kind in _PROJECTIONS:
        yield from _names_asked(node["children"][0])
    elif kind not in ("literal", "index", "slice", "expref"):
        for child in node["children"]:
            yield from _names_asked(child)


# from a node to a call


def _made(node: dict[str, t.Any]) -> Step:
    return _MAKERS[node["type"]](node)


def _children(node: dict[str, t.Any]) -> list[Step]:
    return [_made(child) for child in node["children"]]


def _literal(node: dict[str, t.Any]) -> t.Any:
    return node["value"] if node["type"] == "literal" else None


def _make_current(node: dict[str, t.Any]) -> Step:
    return lambda value, context: value


def _make_literal(node: dict[str, t.Any]) -> Step:
    literal = node["value"]
    return lambda value, context: literal


def _make_field(node: dict[str, t.Any]) -> Step:
    name = node["value"]
    absent = Unknown(f"there is no {name}", missing=True)

    def step(value: t.Any, context: Context) -> t.Any:
        if isinstance(value, dict):
            found = value.get(name)
            return absent if found is None else found
        return value if isinstance(value, Unknown) else absent

    return step


def _make_path(names: list[str]) -> Step:
    """Make names that are joined by dots: what most expressions ask for, without a call for each."""
    steps = [(name, Unknown(f"there is no {name}", missing=True)) for name in names]

    def step(value: t.Any, context: Context) -> t.Any:
        for name, absent in steps:
            if not isinstance(value, dict):
                return value if isinstance(value, Unknown) else absent
            value = value.get(name)
            if value is None:
                return absent
        return value

    return step


def _make_index(node: dict[str, t.Any]) -> Step:
    number = node["value"]
    absent = Unknown(f"there is no item {number}", missing=True)

    def step(value: t.Any, context: Context) -> t.Any:
        if isinstance(value, Unknown):
            return value
        found = value[number] if isinstance(value, list) and -len(value) <= number < len(value) else None
        return absent if found is None else found

    return step


def _make_slice(node: dict[str, t.Any]) -> Step:
    part = slice(*node["children"])
    return lambda value, context: values.listed(value, lambda items: items[part])


def _make_chain(node: dict[str, t.Any]) -> Step:
    if all(child["type"] == "field" for child in node["children"]):
        return _make_path([child["value"] for child in node["children"]])
    steps = _children(node)

    def step(value: t.Any, context: Context) -> t.Any:
        for each in steps:
            value = each(value, context)
            if isinstance(value, Unknown):
                return value
        return value

    return step


def _make_flatten(node: dict[str, t.Any]) -> Step:
    [base] = _children(node)
    return lambda value, context: values.listed(base(value, context), values.flat)


def _make_projection(node: dict[str, t.Any]) -> Step:
    base, then = _children(node)
    return lambda value, context: values.listed(
        base(value, context), lambda items: [then(item, context) for item in items]
    )


def _make_value_projection(node: dict[str, t.Any]) -> Step:
    base, then = _children(node)

    def step(value: t.Any, context: Context) -> t.Any:
        found = base(value, context)
        if isinstance(found, dict):
            found = list(found.values())
        return values.listed(found, lambda items: [then(item, context) for item in items])

    return step


def _make_filter_projection(node: dict[str, t.Any]) -> Step:
    base, then, wanted = _children(node)

    def kept(items: list[t.Any], context: Context) -> t.Any:
        found = []
        for item in items:
            held = wanted(item, context)
            if isinstance(held, Unknown):
                return held
            if not values.is_false(held):
                found.append(then(item, context))
        return found

    return lambda value, context: values.listed(base(value, context), lambda items: kept(items, context))


def _make_comparator(node: dict[str, t.Any]) -> Step:
    first, second = node["children"]
    left, right, order = _made(first), _made(second), _ORDERS.get(node["value"])
    equal = node["value"] == "eq"
    # Only who writes `null` asks whether something is null.
    nulls = any(child["type"] == "literal" and child["value"] is None for child in (first, second))

    def step(value: t.Any, context: Context) -> t.Any:
        one, two = left(value, context), right(value, context)
        if nulls and order is None:
            one, two = values.or_null(one), values.or_null(two)
        if isinstance(one, str) and isinstance(two, str):
            return (one == two) is equal if order is None else order(one, two)
        for side in (one, two):
            if isinstance(side, Unknown):
                return side
        if order is not None:
            return order(one, two) if values.ordered(one, two) else _NO_ORDER
        if not nulls and values.type_of(one) != values.type_of(two):
            return _OTHER_TYPE
        return (one == two) is equal

    return step


def _make_or(node: dict[str, t.Any]) -> Step:
    left, right = _children(node)

    def step(value: t.Any, context: Context) -> t.Any:
        one = left(value, context)
        if not isinstance(one, Unknown) and not values.is_false(one):
            return one
        two = right(value, context)
        return one if isinstance(one, Unknown) and not isinstance(two, Unknown) and values.is_false(two) else two

    return step


def _make_and(node: dict[str, t.Any]) -> Step:
    left, right = _children(node)

    def step(value: t.Any, context: Context) -> t.Any:
        one = left(value, context)
        if not isinstance(one, Unknown) and values.is_false(one):
            return one
        two = right(value, context)
        return one if isinstance(one, Unknown) and (isinstance(two, Unknown) or not values.is_false(two)) else two

    return step


def _make_not(node: dict[str, t.Any]) -> Step:
    [inner] = _children(node)

    def step(value: t.Any, context: Context) -> t.Any:
        found = inner(value, context)
        return found if isinstance(found, Unknown) else values.is_false(found)

    return step


def _make_list(node: dict[str, t.Any]) -> Step:
    steps = _children(node)
    return lambda value, context: values.whole([step(value, context) for step in steps])


def _make_dict(node: dict[str, t.Any]) -> Step:
    steps = {child["value"]: _made(child["children"][0]) for child in node["children"]}

    def step(value: t.Any, context: Context) -> t.Any:
        made = {name: inner(value, context) for name, inner in steps.items()}
        return next((item for item in made.values() if isinstance(item, Unknown)), made)

    return step


def _make_expref(node: dict[str, t.Any]) -> Step:
    [inner] = _children(node)
    return lambda value, context: _Expression(inner, context)


def _make_call(node: dict[str, t.Any]) -> Step:
    name, steps = node["value"], _children(node)
    special = _SPECIAL.get(name)
    if name == "regex":
        return _searched(re.compile(node["children"][0]["value"]), steps[1])

    def step(value: t.Any, context: Context) -> t.Any:
        arguments = [each(value, context) for each in steps]
        if special is not None:
            return special(arguments)
        for item in arguments:
            if isinstance(item, Unknown):
                return item
        answer = context.call(name, arguments)
        return values.NO_VALUE if answer is None else values.whole(answer) if isinstance(answer, list) else answer

    return step


def _searched(pattern: re.Pattern[str], subject: Step) -> Step:
    def step(value: t.Any, context: Context) -> t.Any:
        text = subject(value, context)
        if isinstance(text, Unknown):
            return text
        if not isinstance(text, str):
            raise ValueError("regex() takes text alone")
        return pattern.search(text[:_LONGEST_SUBJECT]) is not None

    return step


_MAKERS: t.Final[t.Mapping[str, t.Callable[[dict[str, t.Any]], Step]]] = {
    "and_expression": _make_and,
    "comparator": _make_comparator,
    "current": _make_current,
    "expref": _make_expref,
    "field": _make_field,
    "filter_projection": _make_filter_projection,
    "flatten": _make_flatten,
    "function_expression": _make_call,
    "identity": _make_current,
    "index": _make_index,
    "index_expression": _make_chain,
    "key_val_pair": _make_chain,
    "literal": _make_literal,
    "multi_select_dict": _make_dict,
    "multi_select_list": _make_list,
    "not_expression": _make_not,
    "or_expression": _make_or,
    "pipe": _make_chain,
    "projection": _make_projection,
    "slice": _make_slice,
    "subexpression": _make_chain,
    "value_projection": _make_value_projection,
}


# functions


_SPECIAL: t.Final[t.Mapping[str, t.Callable[[list[t.Any]], t.Any]]] = {
    "exists": values.exists,
    "not_null": values.not_null,
}


class _Expression:
    """What the library's functions ask of each item; they know it by the name of this class."""

    def __init__(self, step: Step, context: Context) -> None:
        self.expression = step
        self._context = context

    def visit(self, step: Step, value: t.Any) -> t.Any:
        """Return what the expression gives of one item."""
        return step(value, self._context)


if jmespath is not None:
    _Function = t.TypeVar("_Function", bound=t.Callable[..., t.Any])

    def _takes(*types: str) -> t.Callable[[_Function], _Function]:
        """Say which types a function takes, one an argument; the library, which has no types, only marks it."""
        mark: t.Callable[[_Function], _Function] = _functions.signature(*({"types": each.split()} for each in types))
        return mark

    class _Functions(_functions.Functions):  # type: ignore[misc]
        """The functions of JMESPath, and ours: regex, glob, semver, age, now, in_window, lower."""

        def __init__(self, context: Context) -> None:
            super().__init__()
            self._context = context

        @_takes("string", "string")
        def _func_regex(self, pattern: str, text: str) -> bool:
            return re.search(pattern, text[:_LONGEST_SUBJECT]) is not None

        @_takes("string", "string")
        def _func_glob(self, pattern: str, text: str) -> bool:
            return fnmatch.fnmatchcase(text[:_LONGEST_SUBJECT], pattern)

        @_takes("string")
        def _func_lower(self, text: str) -> str:
            return text.lower()

        @_takes("string")
        def _func_semver(self, text: str) -> str:
            return values.sortable(text)

        @_takes("string number")
        def _func_age(self, time: t.Any) -> float:
            when = datetime.fromisoformat(time) if isinstance(time, str) else datetime.fromtimestamp(time, UTC)
            if when.tzinfo is None:
                raise ValueError("the time names no zone")
            return (self._context.now - when).total_seconds()

        @_takes()
        def _func_now(self) -> float:
            return self._context.now.timestamp()

        @_takes("string")
        def _func_in_window(self, calendar: str) -> bool:
            return self._context.is_open(calendar, self._context.now)


def _told(error: BaseException) -> str:
    """Return what went wrong, in one line and without the value that it went wrong with."""
    if isinstance(error, _exceptions.JMESPathTypeError):
        return f"{error.function_name}() takes no {error.actual_type}"
    return str(error).split("\n", maxsplit=1)[0][:200] or type(error).__name__
