# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what each hop of a login shows to findings: the issuer, its keys, a token, and what the API server makes of it.

In: an issuer's URL, perhaps a token, Kubernetes. Out: findings, the first error being the hop that is broken.
Never here: a write, a judgement about a signature (that is the API server's), a token or a claim of it that does not
decide anything.

A broken hop is a finding and never a failure: what comes after it is asked all the same, as far as it can be.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import typing as t
from dataclasses import dataclass, field, replace

from .._core.failure import Failure, invalid
from .._core.finding import Finding
from .._core.reconcile import Runtime
from .._core.sensitive import Sensitive
from .._http import checked_token
from .._kubernetes.product import Kubernetes
from .._probe import Answer, Target, ask, checked_target

DISCOVERY = "/.well-known/openid-configuration"
ALGORITHM = "RS256"
LARGEST = 262_144
"""Bytes of an answer that are read: keys with their certificates are some kilobytes each."""

_RELOADS = "apiserver_authentication_config_controller_automatic_reload_last_timestamp_seconds"
_LOADED = "apiserver_authentication_config_controller_last_config_info"
_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:]+)(?:\{(?P<labels>[^}]*)\})?\s+(?P<value>\S+)", re.MULTILINE)
_HASH = re.compile(r'\bhash="([^"]+)"')
_STATUS = re.compile(r'\bstatus="([a-z]+)"')
_CUT = 120


@dataclass(frozen=True)
class Question:
    """What is asked: an issuer as it stands in tokens, for which audience, and where it is reached."""

    issuer: str
    audience: str
    target: Target
    token: Sensitive | None = None


@dataclass
class Seen:
    """What came to light so far: findings, and what later hops need of earlier ones."""

    findings: list[Finding] = field(default_factory=list)
    keys_url: str = ""
    keys: list[dict[str, t.Any]] | None = None

    def add(self, found: str, hop: str, subject: str, said: str, remedy: str = "") -> None:
        """Add an error."""
        self.findings.append(Finding(found, "error", subject, hop, said, remedy))

    def warn(self, found: str, hop: str, subject: str, said: str, remedy: str = "") -> None:
        """Add a warning."""
        self.findings.append(Finding(found, "warning", subject, hop, said, remedy))

    def fine(self, found: str, hop: str, subject: str, said: str) -> None:
        """Add what is as it should be."""
        self.findings.append(Finding(found, "ok", subject, hop, said))


def verify(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> list[dict[str, str]]:
    """Return the findings of all hops, from the issuer to the API server, as plain data."""
    question = asked(params)
    kubernetes: Kubernetes = products["kubernetes"]
    # A connection that cannot be read is wrong input; a server that does not answer is a broken hop.
    _server = kubernetes.server
    seen = Seen()
    discovery(question, seen)
    if seen.keys_url:
        keys(question, seen)
    if question.token is not None:
        token(question, question.token, seen, runtime.now())
        review(question.token, kubernetes, seen)
    configuration(kubernetes, seen, params["configuration_file"] or "")
    return [finding.as_dict() for finding in seen.findings]


def asked(params: dict[str, t.Any]) -> Question:
    """Return the checked question. Raises Failure(invalid) before any request."""
    issuer = str(params["issuer"])
    if not issuer.startswith("https://"):
        raise invalid(f"issuer {issuer[:_CUT]!r}", "the API server takes an issuer with https alone", "Give its URL")
    target = checked_target(issuer, params["connect_to"] or "", params["issuer_ca_cert"] or "", params["timeout"])
    given = params["token"]
    if isinstance(given, Sensitive):
        given.map(lambda text: checked_token("token", text))
    return Question(issuer, params["audience"], target, given if isinstance(given, Sensitive) else None)


# the issuer -----------------------------------------------------------------------------------------------------------


def discovery(question: Question, seen: Seen) -> None:
    """Ask the issuer who it is, and find where its keys are."""
    base = question.target.parts.path.rstrip("/")
    document = _document(question.target, base + DISCOVERY, "discovery", question.issuer, seen)
    if document is None:
        return
    said = str(document.get("issuer", ""))
    if said != question.issuer:
        seen.add(
            "issuer-differs",
            "discovery",
            question.issuer,
            f"it calls itself {said[:_CUT]!r}: every token that it signs is refused (B19)",
            "Give one URL to the issuer and to all who ask it, to the last slash",
        )
    algorithms = document.get("id_token_signing_alg_values_supported")
    if not isinstance(algorithms, list) or ALGORITHM not in algorithms:
        told = ", ".join(map(str, algorithms)) if isinstance(algorithms, list) else "nothing"
        remedy = f"Let it sign by {ALGORITHM}"
        seen.add("algorithm", "discovery", question.issuer, f"it signs by {told[:_CUT]}", remedy)
    url = document.get("jwks_uri")
    if not isinstance(url, str) or not url.startswith("https://"):
        seen.add("keys-nowhere", "discovery", question.issuer, "it names no jwks_uri with https", "Correct the issuer")
        return
    seen.keys_url = url
    if not seen.findings:
        seen.fine("issuer", "discovery", question.issuer, f"it is the one that it says, and its keys are at {url}")


def keys(question: Question, seen: Seen) -> None:
    """Ask for the keys, and see that one of them signs as the API server wants it."""
    try:
        target = _for_keys(question.target, seen.keys_url)
    except Failure as failure:
        seen.add("keys-nowhere", "keys", seen.keys_url[:_CUT], failure.said, "Correct the issuer")
        return
    path = target.parts.path + (f"?{target.parts.query}" if target.parts.query else "")
    document = _document(target, path or "/", "keys", seen.keys_url, seen)
    if document is None:
        return
    listed = document.get("keys")
    found = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
    seen.keys = [key for key in found if key.get("kty") == "RSA" and key.get("use", "sig") == "sig"]
    if not seen.keys:
        said = f"{len(found)} keys, and none of them is an RSA key for signatures"
        seen.add("keys-none", "keys", seen.keys_url, said, f"Let the issuer sign by {ALGORITHM}, then look again")
        return
    seen.fine("keys", "keys", seen.keys_url, f"{len(seen.keys)} for signatures")


def _for_keys(issuer: Target, url: str) -> Target:
    """Return where the keys are asked for: the way to the issuer holds for its own host alone."""
    same = Target(url).parts.netloc == issuer.parts.netloc
    checked_target(url)
    return replace(issuer, url=url, connect_to=issuer.connect_to if same else "")


_REMEDIES = {
    "name": "Make the name resolve where this runs, and where the API server runs (B19)",
    "connection": "Start the issuer, or correct the way to it",
    "tls": "Name the issuer's CA, or give the issuer a certificate for this name from it",
    "timeout": "See whether the issuer is overloaded, or a firewall drops what is sent",
    "answer": "See the log of the issuer, and of the ingress before it",
}


def _document(target: Target, path: str, hop: str, subject: str, seen: Seen) -> dict[str, t.Any] | None:
    """Return the JSON document at a path, or None after a finding that says why there is none."""
    try:
        answer = ask(target, path, "GET", {"Accept": "application/json"}, largest=LARGEST)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        remedy = "Name a readable file with certificates in PEM form"
        seen.add("ca-unreadable", hop, target.ca_file or subject, f"the CA cannot be read: {reason}", remedy)
        return None
    if answer.status is None:
        said = f"it is not reached ({answer.stage}): {answer.said}"
        seen.add(f"{hop}-unreachable", hop, subject, said, _REMEDIES.get(answer.stage, ""))
        return None
    if answer.status != 200:
        remedy = "See the log of the issuer, and of the ingress before it"
        seen.add(f"{hop}-status", hop, subject, f"it answers HTTP {answer.status}", remedy)
        return None
    return _parsed(answer, hop, subject, seen)


def _parsed(answer: Answer, hop: str, subject: str, seen: Seen) -> dict[str, t.Any] | None:
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        remedy = "See whether something else answers at this address"
        seen.add(f"{hop}-garbage", hop, subject, "what it answers is no JSON document", remedy)
        return None
    return document


# the token ------------------------------------------------------------------------------------------------------------


def token(question: Question, given: Sensitive, seen: Seen, now: float) -> None:
    """Read the claims that decide, without a look at the signature: that is the API server's to judge."""
    parts = _read(given)
    if parts is None:
        remedy = "Give the id token, three parts with dots between them, and not the access token"
        seen.add("token-unreadable", "token", "the token", "it is no JSON web token", remedy)
        return
    header, claims = parts
    before = len(seen.findings)
    _who_signed(question, header, claims, seen)
    _for_whom(question, claims, seen, now)
    _about_whom(claims, seen)
    if len(seen.findings) == before:
        seen.fine("token", "token", "the token", shown(claims))


def _read(given: Sensitive) -> tuple[dict[str, t.Any], dict[str, t.Any]] | None:
    """Return header and claims of a token, None for a text that is none; the text itself goes nowhere."""
    found: list[t.Any] = []

    def look(text: str) -> str:
        for part in text.split(".")[:2]:
            raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
            found.append(json.loads(raw))
        return ""

    try:
        given.map(look)
    except (ValueError, RecursionError):
        return None
    return (found[0], found[1]) if len(found) == 2 and all(isinstance(part, dict) for part in found) else None


def shown(claims: dict[str, t.Any]) -> str:
    """Return the claims that decide, and no other: a token may say much about a person."""
    told = ("iss", "aud", "exp", "email_verified", "groups")
    return ", ".join(f"{name} {json.dumps(claims.get(name))[:_CUT]}" for name in told)


def _who_signed(question: Question, header: dict[str, t.Any], claims: dict[str, t.Any], seen: Seen) -> None:
    issuer, algorithm, key = claims.get("iss"), header.get("alg"), header.get("kid")
    if issuer != question.issuer:
        said = f"its issuer is {str(issuer)[:_CUT]!r}, and {question.issuer!r} is asked"
        seen.add("token-issuer", "token", "the token", said, "Log in at the issuer that the API server knows")
    if algorithm != ALGORITHM:
        said = f"it is signed by {str(algorithm)[:_CUT]}"
        seen.add("token-algorithm", "token", "the token", said, f"Let the issuer sign by {ALGORITHM}")
    if seen.keys and key not in [known.get("kid") for known in seen.keys]:
        said = "the issuer does not publish the key that it names"
        seen.add("token-key", "token", "the token", said, "Log in again: the issuer has changed its keys")


def _for_whom(question: Question, claims: dict[str, t.Any], seen: Seen, now: float) -> None:
    audience, ends = claims.get("aud"), claims.get("exp")
    if question.audience not in (audience if isinstance(audience, list) else [audience]):
        said = f"its audience is {json.dumps(audience)[:_CUT]}, and {question.audience!r} is wanted"
        seen.add("token-audience", "token", "the token", said, "Log in with the client of kubectl")
    if not isinstance(ends, (int, float)) or ends <= now:
        seen.add("token-expired", "token", "the token", "its time is over", "Log in again")


def _about_whom(claims: dict[str, t.Any], seen: Seen) -> None:
    verified, groups = claims.get("email_verified"), claims.get("groups")
    if not claims.get("email"):
        seen.add("token-email", "token", "the token", "it names no e-mail address", "Ask for the scope email")
    if verified is not True:
        said = "email_verified is missing" if verified is None else f"email_verified is {json.dumps(verified)[:_CUT]}"
        remedy = "Let the issuer say true for addresses that it has verified, and for no other"
        seen.add("token-email-unverified", "token", "the token", said, remedy)
    listed = groups if isinstance(groups, list) else [groups] if groups else []
    if any(str(group).startswith("system:") for group in listed):
        said = "one of its groups begins with system:, and the API server refuses that"
        seen.add("token-group-refused", "token", "the token", said, "Rename the group at the issuer")
    if not listed:
        remedy = "Ask for the scope groups, and see the memberships at the issuer"
        seen.warn("token-no-groups", "token", "the token", "it names no groups, so it brings no rights", remedy)


# the API server -------------------------------------------------------------------------------------------------------


def review(given: Sensitive, kubernetes: Kubernetes, seen: Seen) -> None:
    """Ask the API server whom it takes the bearer of the token for."""
    subject = "the API server"
    try:
        user = kubernetes.who_is(given)
    except Failure as failure:
        if failure.status == 401:
            remedy = "See the earlier findings; if there is none, see the log of the API server, which alone says why"
            seen.add("token-refused", "review", subject, "it refuses the token", remedy)
        else:
            seen.add("api-server-unreachable", "review", subject, failure.said, failure.remedy)
        return
    groups = [str(group) for group in user.get("groups") or []]
    theirs = ", ".join(group for group in groups if not group.startswith("system:")) or "no group of the issuer"
    seen.fine("token-taken", "review", subject, f"it takes the bearer for {user.get('username')}, in {theirs}")


def configuration(kubernetes: Kubernetes, seen: Seen, file: str = "") -> None:
    """Read whether the API server took its last configuration: a bad one it ignores without a word (P11).

    With the file at hand it is compared with what the server says it uses; else its last try decides.
    """
    subject = "AuthenticationConfiguration"
    try:
        wanted = _fingerprint(file)
    except OSError as error:
        said = f"the file cannot be read: {error.strerror}"
        seen.add("configuration-missing", "configuration", file, said, "Write it, or name another file")
        return
    try:
        text = kubernetes.metrics()
    except Failure as failure:
        remedy = failure.remedy or "Look as somebody who may read the metrics of the API server"
        seen.warn("configuration-unknown", "configuration", subject, f"the metrics: {failure.said}", remedy)
        return
    loaded, last = _reloads(text)
    ignored = wanted not in loaded if wanted and loaded else last.get("failure", 0.0) > last.get("success", 0.0)
    if ignored:
        seen.add(
            "configuration-ignored",
            "configuration",
            subject,
            "the API server did not take its last change, and goes on with the one before (P11)",
            "See its log, correct the file, and see that it reaches the issuer; it tries for a minute",
        )
    elif not loaded and not last:
        remedy = "Start the API server with --authentication-config, and without the flags --oidc-*"
        seen.warn("configuration-none", "configuration", subject, "the API server tells of none", remedy)
    else:
        same = "the API server uses the file as it is" if wanted and loaded else ""
        said = same or ("its last change was taken" if last else "the one that it started with is in use")
        seen.fine("configuration", "configuration", subject, said)


def _fingerprint(file: str) -> str:
    """Return a file's hash as the API server writes it; empty without a file."""
    if not file:
        return ""
    with open(file, "rb") as opened:
        return f"sha256:{hashlib.sha256(opened.read()).hexdigest()}"


def _reloads(text: str) -> tuple[set[str], dict[str, float]]:
    """Return the hash of the configuration in use, and when a change was last taken and last refused."""
    loaded: set[str] = set()
    last: dict[str, float] = {}
    for sample in _SAMPLE.finditer(text):
        used = _HASH.search(sample["labels"] or "") if sample["name"] == _LOADED else None
        if used:
            loaded.add(used[1])
        status = _STATUS.search(sample["labels"] or "") if sample["name"] == _RELOADS else None
        if status:
            last[status[1]] = max(float(sample["value"]), last.get(status[1], 0.0))
    return loaded, last
