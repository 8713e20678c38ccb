"""From a verdict to GitHub: the one POST, and the comment that explains it.

In: a pending deployment, a verdict. Out: Decision. Never here: another verdict than the one that was handed in; a text
of others that calls people, shows as something else than text, or holds a token.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._gate import comment as template
from ansible_collections.aphex.platform.plugins.module_utils._gate import evaluate
from ansible_collections.aphex.platform.plugins.module_utils._gate.evaluate import Verdict
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import PendingDeployment
from ansible_collections.aphex.platform.plugins.module_utils._github import deployment
from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._github.deployment import LONGEST_COMMENT, Review

STATES = {evaluate.APPROVE: "approved", evaluate.ABSTAIN: "approved", evaluate.REJECT: "rejected"}
"""What GitHub is told for a verdict: who abstains passes its own rule, and leaves the rest to the others (E1)."""
MOST_NOTES = 8
"""GitHub takes ten comments a deployment; two are left for the decision and for who comes to help."""

_HEADS = {
    evaluate.APPROVE: "Approved",
    evaluate.ABSTAIN: "Left to the required reviewers",
    evaluate.REJECT: "Rejected",
    evaluate.DEFER: "Waiting",
}
_MARKUP = re.compile(r"[<>`\[\]!|*_~\\]")
_CALLS = re.compile(r"[@#]|://")
_Mask = Callable[[str], str]


@dataclass(frozen=True)
class Decision:
    """What GitHub took. ``heard`` is False when nothing waited any more; ``again`` when it had our word already."""

    state: str
    heard: bool
    again: bool = False


def decide(client: Client, pending: PendingDeployment, verdict: Verdict, text: str) -> Decision:
    """Approve or reject. Raises Failure when GitHub does not take it, and when it cannot be told whether it has."""
    review = asked(pending, STATES[verdict.outcome], text)
    try:
        return Decision(review.state, deployment.review(client, review))
    except Failure as failure:
        if failure.kind is not Kind.CONFLICT:
            raise
        # This rule wants no word any more, though others may still hold the environment: ours, when it is the same.
        own = deployment.own_word(client, review)
        if own is None:
            raise
    return Decision(review.state, heard=own == review.state, again=own == review.state)


def found_out(client: Client, pending: PendingDeployment, outcome: str) -> Decision | None:
    """Return what became of a decision that was under way when its worker ended; None when it has to be sent again.

    What still waits has not heard it, or waits for people as well: GitHub itself tells those apart, by refusing a
    second word. An older word of ours does not, for it may have been for an earlier job of the run (E10).
    """
    if waits(client, pending):
        return None
    review = asked(pending, STATES[outcome], "")
    return Decision(review.state, heard=deployment.own_word(client, review) == review.state)


def waits(client: Client, pending: PendingDeployment) -> bool:
    """Tell whether the run still waits at the environment."""
    return deployment.pending(client, asked(pending, "approved", "")) is not None


def note(client: Client, pending: PendingDeployment, text: str) -> bool:
    """Say why it waits; False when nothing waits any more."""
    return deployment.note(client, asked(pending, "approved", text))


def asked(pending: PendingDeployment, state: str, text: str) -> Review:
    """Return the review that is meant. Raises Failure(invalid)."""
    return Review(
        owner=pending.owner,
        repository=pending.repository,
        run_id=pending.run_id,
        environment=pending.environment,
        state=state,
        comment=text,
    )


def comment(verdict: Verdict, mask: _Mask = str) -> str:
    """Return the explanation, cut to what GitHub takes: the verdict, its reasons, when it is looked at next.

    ``mask`` takes secrets out. A rule's own template stands in place of the reasons.
    """
    head = _HEADS[verdict.outcome] + (f" by the rule {quiet(mask(verdict.rule))}." if verdict.rule else ".")
    if verdict.comment:
        lines = [head, *template.render(verdict.comment, verdict.words(), lambda each: quiet(mask(each))).splitlines()]
    else:
        lines = [head, *(f"- {quiet(mask(reason))}" for reason in verdict.reasons)]
    last = f"Policy {verdict.digest}." if verdict.digest else ""
    if verdict.until is not None and verdict.outcome == evaluate.DEFER:
        last = f"Looked at again {verdict.until:%Y-%m-%d %H:%M %Z}. {last}".strip()
    room = LONGEST_COMMENT - len(last) - 3
    text = ""
    for line in lines:
        if len(text) + len(line) + 1 > room:
            # A first line that is too long by itself is cut; it may end within an escape, which shows as text.
            text += f"{line[: room - len(text) - 1]}…\n" if room - len(text) > 20 else "…\n"
            break
        text += line + "\n"
    return text + last


def quiet(text: str) -> str:
    """Return a text of others as what it is: nobody is called, no link, no markup, no HTML, no letter that hides."""
    plain = "".join(letter for letter in " ".join(text.split()) if unicodedata.category(letter) not in ("Cc", "Cf"))
    # Behind the sign, not before it: GitHub looks at what follows.
    still = _CALLS.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", plain)
    return _MARKUP.sub(lambda found: "\\" + found[0], still)
