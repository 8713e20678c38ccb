"""Small words: times as people write them, patterns of names."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._gate.words import Patterns, duration, spoken, texts


@pytest.mark.parametrize("text", ["45s", "30m", "1h30m", "29d", "1d1h1m1s"])
def test_a_time_is_read_and_spoken(text: str) -> None:
    assert spoken(duration(text)) == text


def test_times_add_up() -> None:
    assert duration("90m") == timedelta(hours=1, minutes=30)
    assert spoken(duration("90m")) == "1h30m"
    assert spoken(timedelta(0)) == "0s"


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("Main", "main", True),
        ("main", "mainly", False),
        ("release/*", "Release/1/2", True),
        ("v[0-9]", "v1", True),
        ("v[0-9]", "v[0-9]", False),
        ("regex:v\\d+", "V12", True),
        ("regex:v\\d+", "v12x", False),
        ("regex:a|b", "b", True),
        ("regex:a|b", "ab", False),
        ("a.c", "abc", False),
        ("*", "", True),
        ("a*", "a\nb", True),
    ],
)
def test_a_pattern_fits_a_whole_name_without_regard_to_case(pattern: str, name: str, fits: bool) -> None:
    assert Patterns.of([pattern], "p").fit(name) is fits
    assert Patterns.of(["other", "x*", pattern], "p").fit(name) is fits


def test_what_is_no_pattern_is_refused() -> None:
    for pattern in ("regex:(", "regex:a)(b", "regex:*"):
        with pytest.raises(Failure, match=r"p\.yml:1"):
            Patterns.of([pattern], "p.yml:1")


def test_one_text_or_several() -> None:
    assert (texts(None), texts("a"), texts(["a", "b"])) == ((), ("a",), ("a", "b"))
