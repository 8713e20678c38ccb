# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Git says when it fails, told apart by its words, which are English under LC_ALL=C.

In: its error output. Out: a Failure that knows whether to try again. Never here: a command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._core.failure import Failure, Kind

LONGEST = 300
# How Git tells that it was refused: it would ask a person now.
_PROMPT = re.compile(r"could not read (Username|Password) for '[^']*': terminal prompts disabled")


@dataclass(frozen=True)
class _Answer:
    """A kind of failure, how it is known, and what to do; ``again`` when another attempt may help."""

    kind: Kind
    words: str
    remedy: str
    again: bool = False


# The first that fits decides, so what is certain stands before what is general.
_ANSWERS = (
    _Answer(
        Kind.DENIED,
        r"Authentication failed|could not read (Username|Password)|terminal prompts disabled|Permission denied"
        r"|returned error: (401|403)|access denied|Invalid username or (password|token)",
        "Give credentials that may do that: git_token for https, git_ssh_key_file for ssh",
    ),
    _Answer(
        Kind.DENIED,
        r"SSL certificate problem|certificate verif|server certificate|Problem with the SSL CA cert"
        r"|Host key verification failed|REMOTE HOST IDENTIFICATION",
        "Name the authority by git_ca_cert, or the host's key by git_known_hosts_file",
    ),
    _Answer(
        Kind.REFUSED,
        r"hook declined|protected branch|GH00\d|denyCurrentBranch|shallow update not allowed|prohibited"
        r"|branch is currently checked out|dubious ownership|denied by the admin",
        "Allow it there, or name another branch: what the server accepts is decided there",
    ),
    _Answer(Kind.BUSY, r"returned error: 429|rate limit|Too Many Requests", "Try again later", again=True),
    _Answer(
        Kind.TIMEOUT,
        r"Operation too slow|timed out|Operation was aborted|time-?out",
        "See whether the server is up and reachable from here, or raise git_timeout",
        again=True,
    ),
    _Answer(
        Kind.MISSING,
        r"returned error: 404|repository '[^']*' not found|does not appear to be a git repository|does not exist"
        r"|Repository not found|No such file or directory",
        "Make the repository first, or correct its address",
    ),
    _Answer(
        Kind.BROKEN,
        r".",
        "See whether the server is up and reachable from here",
        again=True,
    ),
)


class GitFailure(Failure):
    """A failure of a command that goes over a network; ``again`` when another attempt may help."""

    again: bool = False

    @classmethod
    def of(cls, text: str, *, tried: str, on: str, timeout: int = 0) -> GitFailure:
        """Return the failure that this output tells of."""
        found = next((each for each in _ANSWERS if re.search(each.words, text, re.IGNORECASE)), _ANSWERS[-1])
        said = explain(text)
        if found.kind is Kind.TIMEOUT:
            said = f"no answer within {timeout} s ({said})"
        failure = cls(found.kind, tried=tried, on=on, said=said, remedy=found.remedy)
        failure.again = found.again
        return failure


def explain(text: str) -> str:
    """Return what matters of an error output, in one line."""
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n")]
    told = [line for line in lines if re.match(r"(fatal|error|remote|ssh|!)\b|!\t", line)] or [
        each for each in lines if each
    ]
    words = [
        re.sub(r"^(fatal|error):\s*(unable to access '[^']*':\s*)?", "", line)
        for line in told
        if not line.startswith("error: failed to push")
    ]
    words = [_PROMPT.sub("the server wants credentials, or other ones", word) for word in words]
    seen = list(dict.fromkeys(word for word in words if word != "remote:"))
    return "; ".join(seen)[:LONGEST] or "it gave no reason"
