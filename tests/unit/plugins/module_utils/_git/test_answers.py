"""What Git says becomes a kind, a sentence and a remedy; what may pass by itself is tried again."""

from __future__ import annotations

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Kind
from ansible_collections.aphex.platform.plugins.module_utils._git.answers import LONGEST, GitFailure, explain

SAID = [
    ("fatal: Authentication failed for 'https://git.example.org/tree.git/'", Kind.DENIED, False),
    ("fatal: could not read Username for 'https://x': terminal prompts disabled", Kind.DENIED, False),
    ("fatal: unable to access 'https://x/': The requested URL returned error: 403", Kind.DENIED, False),
    ("git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.", Kind.DENIED, False),
    ("Host key verification failed.\nfatal: Could not read from remote repository.", Kind.DENIED, False),
    ("fatal: unable to access 'https://x/': SSL certificate problem: unable to get issuer", Kind.DENIED, False),
    ("!\ta:refs/heads/main\t[remote rejected] (pre-receive hook declined)", Kind.REFUSED, False),
    ("remote: error: GH006: Protected branch update failed for refs/heads/main.", Kind.REFUSED, False),
    ("fatal: unable to access 'https://x/': The requested URL returned error: 429", Kind.BUSY, True),
    ("fatal: unable to access 'https://x/': Operation too slow. Less than 1 bytes/sec", Kind.TIMEOUT, True),
    ("ssh: connect to host x port 22: Connection timed out", Kind.TIMEOUT, True),
    ("fatal: repository 'https://x/tree.git/' not found", Kind.MISSING, False),
    ("fatal: '/srv/tree.git' does not appear to be a git repository", Kind.MISSING, False),
    ("fatal: unable to access 'https://x/': Could not resolve host: x", Kind.BROKEN, True),
    ("fatal: unable to access 'https://x/': Failed to connect to x port 443", Kind.BROKEN, True),
    ("error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502", Kind.BROKEN, True),
    ("fatal: the remote end hung up unexpectedly", Kind.BROKEN, True),
    ("", Kind.BROKEN, True),
]


@pytest.mark.parametrize(("text", "kind", "again"), SAID)
def test_its_words_have_a_meaning(text: str, kind: Kind, again: bool) -> None:
    failure = GitFailure.of(text, tried="Pushing to", on="x", timeout=7)
    assert (failure.kind, failure.again) == (kind, again)
    assert failure.remedy
    assert "\n" not in failure.sentence()
    assert ("7 s" in failure.said) == (kind is Kind.TIMEOUT)


def test_what_matters_is_told_once_and_in_one_line() -> None:
    text = "remote: \nremote: error: no\r\nhint: try this\nerror: failed to push some refs to 'x'\nremote: error: no\n"
    assert explain(text) == "remote: error: no"
    assert explain("") == "it gave no reason"
    assert explain("fatal: unable to access 'https://x/': no route") == "no route"
    prompt = "fatal: could not read Username for 'https://x': terminal prompts disabled"
    assert explain(prompt) == "the server wants credentials, or other ones"
    assert len(explain("fatal: " + "x" * 1000)) == LONGEST
