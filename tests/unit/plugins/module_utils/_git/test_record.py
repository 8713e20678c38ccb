"""The record is the same for the same files, can be read by people, and says when it cannot be read."""

from __future__ import annotations

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._git import record

FILES = {"b.yaml": "b" * 64, "a/ä.yaml": "a" * 64}


def test_it_is_read_as_it_was_written_whatever_the_order() -> None:
    text = record.write(FILES)
    assert record.read(text, "main") == FILES
    assert record.write(dict(reversed(FILES.items()))) == text
    assert text.decode().endswith("\n")
    assert text.decode().startswith("# Written by aphex.platform")


def test_no_record_is_no_file() -> None:
    assert record.read(None, "main") == {}
    assert record.read(record.write({}), "main") == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: [",
        "version: 2\nfiles: {}\n",
        "version: 1\n",
        "version: 1\nfiles: [a]\n",
        "version: 1\nfiles: {a: b}\n",
        "\xff",
    ],
)
def test_a_damaged_record_is_said_and_not_guessed(text: str) -> None:
    with pytest.raises(Failure, match=r"Restore that file from the history") as found:
        record.read(text.encode("latin-1"), "main of tree")
    assert found.value.kind is Kind.CONFLICT
    assert "main of tree" in str(found.value)
