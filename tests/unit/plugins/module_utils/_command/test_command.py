"""A command of the user's is run as it stands, and nothing that it says shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._command.product import Commands, Fed
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive


def commands(code: int = 0, out: str = "", seen: list[object] | None = None) -> Commands:
    def run(
        argv: Sequence[str], *, env: Mapping[str, str] | None = None, data: str | None = None
    ) -> tuple[int, str, str]:
        (seen if seen is not None else []).append((list(argv), data))
        return code, out, "CANARY in an error"

    return Commands.connect({}, Runtime(now=lambda: 0.0, run=run))


def test_what_a_command_writes_is_sensitive() -> None:
    assert commands(out="dump").output("the dump", ["pg_dump"]) == Sensitive("dump")


def test_a_command_gets_what_it_is_to_read() -> None:
    seen: list[object] = []
    product = commands(seen=seen)
    (step,) = product.plan(Fed("the dump", ("psql", "-q"), Sensitive("CANARY")))
    assert "CANARY" not in repr(step)
    product.perform(step)
    assert seen == [(["psql", "-q"], "CANARY")]


@pytest.mark.parametrize(
    ("code", "out", "kind", "said"),
    [
        (3, "", Kind.BROKEN, "pg_dump ended with code 3"),
        (127, "", Kind.MISSING, "the command pg_dump is not there"),
        (0, "\udcff", Kind.INVALID, "it wrote no text"),
    ],
)
def test_a_command_that_fails_is_a_sentence_without_its_words(code: int, out: str, kind: Kind, said: str) -> None:
    with pytest.raises(Failure) as caught:
        commands(code, out).output("the dump", ["pg_dump"])
    assert caught.value.kind is kind
    assert said in caught.value.sentence()
    assert "CANARY" not in caught.value.sentence()
