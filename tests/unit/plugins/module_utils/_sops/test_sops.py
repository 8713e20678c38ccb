"""What sops and age-keygen are asked, and what becomes of what they answer; the real ones are in the other suites."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._sops.product import Sops, check_recipients, recipients_of

CANARY = "CANARY-4711"
DOCUMENT = {"kind": "Secret", "metadata": {"name": "a"}, "data": {"b": Sensitive(CANARY)}}
ANN = "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq"
FILE = f"kind: Secret\nsops:\n  age:\n    - recipient: {ANN}\n      enc: x\n  mac: ENC[x]\n"


class Programs:
    """Answers every command alike, and remembers what it was asked."""

    def __init__(self, code: int = 0, out: str = "") -> None:
        self.code, self.out = code, out
        self.asked: list[tuple[list[str], dict[str, str], str | None]] = []

    def __call__(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, data: str | None = None
    ) -> tuple[int, str, str]:
        self.asked.append((list(argv), dict(env or {}), data))
        return self.code, self.out, f"it said {CANARY}"


def sops(programs: Programs) -> Sops:
    return Sops.connect({}, Runtime(now=lambda: 0.0, run=programs))


def test_a_secret_is_never_on_a_command_line() -> None:
    programs = Programs(out="text")
    assert sops(programs).encrypted({"a.enc.yaml": DOCUMENT}, [ANN]) == {"a.enc.yaml": "text"}
    [(argv, env, data)] = programs.asked
    assert CANARY not in " ".join(argv)
    assert CANARY in (data or "")
    assert argv[argv.index("--age") + 1] == ANN
    assert env["SOPS_KMS_ARN"] == "", "what a person has set for other files adds nobody"
    programs = Programs(out=json.dumps({**DOCUMENT, "data": {"b": CANARY}}))
    found = sops(programs).decrypted({"a.enc.yaml": FILE}, Sensitive("AGE-SECRET-KEY-1X"))
    assert found == {"a.enc.yaml": DOCUMENT}
    [(argv, env, data)] = programs.asked
    assert "AGE-SECRET-KEY" not in " ".join(argv)
    assert env == {"SOPS_AGE_KEY": "AGE-SECRET-KEY-1X"}
    assert data == FILE


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (127, Kind.MISSING, "Install sops"),
        (128, Kind.DENIED, "no age key that is here opens it"),
        (51, Kind.BROKEN, "changed without sops"),
        (1, Kind.BROKEN, "no file of sops"),
    ],
)
def test_what_went_wrong_is_one_sentence_without_what_a_program_said(code: int, kind: Kind, words: str) -> None:
    with pytest.raises(Failure, match=words) as found:
        sops(Programs(code)).decrypted({"a.enc.yaml": FILE}, None)
    assert found.value.kind is kind
    assert CANARY not in str(found.value)


@pytest.mark.parametrize("out", ["text", "[]", json.dumps({"data": "text"})])
def test_what_holds_no_secret_is_refused(out: str) -> None:
    with pytest.raises(Failure, match=r"a\.enc\.yaml.*no Secret"):
        sops(Programs(out=out)).decrypted({"a.enc.yaml": FILE}, None)


def test_keys_come_from_age_keygen() -> None:
    assert sops(Programs(out="key")).new_key() == Sensitive("key")
    programs = Programs(out=f"{ANN}\n")
    assert sops(programs).recipients(Sensitive("key"), "age.key") == [ANN]
    assert programs.asked == [(["age-keygen", "-y"], {}, "key")]
    with pytest.raises(Failure, match="Install age"):
        sops(Programs(127)).new_key()
    with pytest.raises(Failure, match="ended with code 2"):
        sops(Programs(2)).new_key()
    with pytest.raises(Failure, match=r"age\.key: it holds no age key"):
        sops(Programs(1)).recipients(Sensitive("key"), "age.key")
    with pytest.raises(Failure, match=r"sops for a\.yaml: it ended with code 3"):
        sops(Programs(3)).encrypted({"a.yaml": DOCUMENT}, [ANN])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (FILE, {ANN}),
        (FILE.replace("  mac:", "  pgp: [{fp: x}]\n  mac:"), set()),
        ("kind: Secret\n", set()),
        ("sops: text\n", set()),
        ("a: [", set()),
    ],
)
def test_whom_a_file_is_for(text: str, found: set[str]) -> None:
    assert recipients_of("a.enc.yaml", text) == found


@pytest.mark.parametrize("recipient", ["", "ann", ANN.upper(), f"{ANN},{ANN}", f"AGE-SECRET-KEY-1{CANARY}", "age1b1"])
def test_what_is_no_recipient_is_refused_and_hardly_shown(recipient: str) -> None:
    check_recipients([ANN])
    with pytest.raises(Failure, match="no recipient of age") as found:
        check_recipients([ANN, recipient])
    assert CANARY not in str(found.value)
