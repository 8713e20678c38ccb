# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what each hop shows to findings: which hop of a Flux webhook is broken, and what to do.

In: a Receiver by its name, the public address, Kubernetes. Out: findings, the first error being the hop that is broken.
Never here: a repair; and no request that polls a source, unless the caller asks for a proof.

The ladder (A34): a HEAD of the right path changes nothing and is answered by the hop where it ends. 400 means that it
came through to a Receiver that is ready: only a signature was missing. A receiver of type ``generic`` takes even that
for a delivery, so it is asked at a path that is nobody's.
"""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import dataclass, field

from .._core.failure import invalid
from .._core.finding import Finding
from .._core.names import is_subdomain
from .._core.reconcile import Runtime
from .._core.sensitive import MASK, Sensitive
from .._kubernetes.objects import Object, ObjectKey
from .._kubernetes.product import Kubernetes
from .._probe import Answer, Target, ask, checked_target
from .info import ready_condition, sources_of
from .receiver_objects import PATH_PREFIX, webhook_path
from .spec import API_VERSION, KIND, TOKEN_KEY, TYPES, Type, token_problem

Severity = t.Literal["ok", "warning", "error"]
NOBODYS_PATH = PATH_PREFIX + "0" * 64
_LOOK_AGAIN = 0.5


@dataclass(frozen=True)
class Facts:
    """What the cluster says of a Receiver; absent is None."""

    name: str
    receiver: Object | None = None
    token: Sensitive | None = None
    sources: list[dict[str, t.Any]] = field(default_factory=list)

    @property
    def type(self) -> str:
        """The type of the Receiver."""
        return str(((self.receiver or {}).get("spec") or {}).get("type") or "")

    @property
    def traits(self) -> Type:
        """What the type does with a request."""
        return TYPES.get(self.type, Type())

    @property
    def served(self) -> str:
        """The path that Flux serves."""
        return str(((self.receiver or {}).get("status") or {}).get("webhookPath") or "")

    @property
    def suspended(self) -> bool:
        """True when deliveries are refused."""
        return bool(((self.receiver or {}).get("spec") or {}).get("suspend"))

    @property
    def healthy(self) -> bool:
        """True when Flux would answer 400 to an unsigned request at the served path."""
        ready = ready_condition(self.receiver or {}).get("status") == "True"
        return bool(ready and self.served and not self.suspended)


def verify(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> list[dict[str, str]]:
    """Return the findings of all hops, from the cluster outwards, as plain data."""
    for what in ("name", "namespace"):
        if not is_subdomain(params[what]):
            raise invalid(f"{what} {params[what][:80]!r}", "it is no legal name", "Use the name of the Receiver")
    target = None
    if params["url"]:
        target = checked_target(
            params["url"], params["connect_to"] or "", params["url_ca_cert"] or "", params["timeout"]
        )
    elif params["prove"] != "nothing":
        raise invalid("prove", "it needs url", "Give the public address, such as https://flux.example.org")
    kubernetes: Kubernetes = products["kubernetes"]
    facts = observe(kubernetes, params["namespace"], params["name"])
    findings = [*in_cluster(facts), *polled(facts, params["polled_since"] or "")]
    if target is not None:
        findings += on_the_way(facts, target)
        if params["prove"] != "nothing" and not runtime.check and not broken(findings):
            findings += prove(kubernetes, facts, target, params)
    return [finding.as_dict() for finding in findings]


def broken(findings: t.Iterable[Finding]) -> Finding | None:
    """Return the first error, which is the hop to look at."""
    return next((finding for finding in findings if finding.severity == "error"), None)


def observe(kubernetes: Kubernetes, namespace: str, name: str) -> Facts:
    """Read the Receiver, its token and its sources."""
    subject = f"{KIND} {namespace}/{name}"
    receiver = kubernetes.get(ObjectKey(API_VERSION, KIND, namespace, name))
    if receiver is None:
        return Facts(subject)
    reference = (receiver["spec"].get("secretRef") or {}).get("name")
    secret = kubernetes.get(ObjectKey("v1", "Secret", namespace, reference)) if reference else None
    value = ((secret or {}).get("data") or {}).get(TOKEN_KEY)
    token = value.decoded() if isinstance(value, Sensitive) else None
    return Facts(subject, receiver, token, sources_of(kubernetes, receiver))


# the cluster ----------------------------------------------------------------------------------------------------------


def in_cluster(facts: Facts) -> list[Finding]:
    """Return what the Receiver itself shows."""
    if facts.receiver is None:
        return [_error(facts, "receiver-missing", "receiver", "it is not there", "Make it by flux_receiver")]
    found = [*_token_findings(facts), *_state_findings(facts), *_source_findings(facts)]
    return found or [Finding("receiver-ready", "ok", facts.name, "receiver", "it is ready, and its sources are there")]


def _token_findings(facts: Facts) -> t.Iterator[Finding]:
    if not facts.traits.token:
        return
    if facts.token is None:
        yield _error(facts, "token-missing", "receiver", "there is no Secret with a token", "Make it by flux_receiver")
        return
    problem = token_problem(facts.token)
    if problem:
        yield _error(facts, "token-unusable", "receiver", f"its token: {problem}", "Correct it where it comes from")
        return
    metadata = (facts.receiver or {})["metadata"]
    if facts.served and facts.served != webhook_path(facts.token, metadata["name"], metadata["namespace"]):
        yield _error(
            facts,
            "receiver-path",
            "receiver",
            "Flux serves the path of an earlier token, signed with the present one (A22)",
            "Run flux_receiver, then give the sender the new address",
        )


def _state_findings(facts: Facts) -> t.Iterator[Finding]:
    if facts.suspended:
        yield _error(
            facts,
            "receiver-suspended",
            "receiver",
            "it is suspended: every delivery is answered with 503 and not repeated (A28)",
            "Resume it, then redeliver what failed within three days",
        )
        return
    ready = ready_condition(facts.receiver or {})
    if ready.get("status") != "True":
        said = f"it is not ready: {ready.get('reason') or 'no condition'} {ready.get('message') or ''}".strip()
        yield _error(facts, "receiver-not-ready", "receiver", said, "See its events; is notification-controller up?")


def _source_findings(facts: Facts) -> t.Iterator[Finding]:
    for source in facts.sources:
        if not source["found"]:
            title = f"{source['kind']} {source['namespace']}/{source['name']}"
            said = f"{title} is not there: every delivery is answered with 500 (A17)"
            yield _error(facts, "source-missing", "source", said, "Make it, or take it out of the Receiver")
    if not facts.sources:
        said = "no source carries the labels: deliveries are answered with 200 and poll nothing"
        yield Finding("source-none", "warning", facts.name, "source", said, "Correct the labels")


def polled(facts: Facts, since: str) -> list[Finding]:
    """Return whether every source was asked to look after a time in RFC 3339; nothing without a time."""
    late = [
        f"{source['kind']} {source['namespace']}/{source['name']}"
        for source in facts.sources
        if since and source["found"] and (source["requested_at"] or "") < since
    ]
    if not since or facts.receiver is None:
        return []
    if late:
        said = f"since {since} nothing asked {', '.join(late)} to look"
        remedy = "See the webhook's deliveries, and whether the filter takes the branch"
        return [_error(facts, "source-not-polled", "source", said, remedy)]
    return [Finding("source-polled", "ok", facts.name, "source", f"every source was asked to look since {since}")]


# the way --------------------------------------------------------------------------------------------------------------


def on_the_way(facts: Facts, target: Target) -> list[Finding]:
    """Ask from outside, and say where the question ended."""
    if facts.receiver is None or not facts.served:
        return [judge(facts, target, ask(target, NOBODYS_PATH), at_home=False)]
    if facts.traits.head_triggers:
        return [judge(facts, target, ask(target, NOBODYS_PATH), at_home=False)]
    answer = ask(target, facts.served)
    if answer.status == 530:
        # The reason stands in the body, which a HEAD has none of; nothing comes through to Flux anyway.
        answer = ask(target, facts.served, "GET")
    return [judge(facts, target, answer)]


def judge(facts: Facts, target: Target, answer: Answer, at_home: bool = True) -> Finding:
    """Return what an answer means. ``at_home``: it was asked at the Receiver's own path. Pure."""
    subject = f"{target.parts.scheme}://{target.parts.netloc}"
    if answer.status is None:
        identity, hop, said, remedy = _STAGES[answer.stage or "answer"]
        return Finding(identity, "error", subject, hop, f"{said}: {answer.said}", remedy)
    if not at_home and answer.status == 404:
        said = "a path that is nobody's is answered with 404; the Receiver's own was not asked, to trigger nothing"
        if facts.receiver is not None and facts.served:
            return Finding("way-open", "ok", subject, "receiver", said)
        return Finding("way-unknown", "warning", subject, "receiver", "404, and there is no Receiver to ask for")
    row = _by_status(facts, answer)
    return Finding(row[0], row[1], subject, row[2], f"HTTP {answer.status}: {row[3]}", row[4])


_STAGES: dict[str, tuple[str, str, str, str]] = {
    "name": ("name-unknown", "name", "the name does not resolve", "Make the DNS record"),
    "connection": ("edge-unreachable", "edge", "nobody takes the connection", "See where the name leads to"),
    "tls": (
        "edge-certificate",
        "edge",
        "the certificate is not accepted",
        "Universal SSL covers one label below the zone (A35): use a shorter name, or order a certificate",
    ),
    "timeout": ("edge-timeout", "edge", "no answer in time", "See whether the origin hangs; GitHub waits 10 s"),
    "answer": ("edge-broken", "edge", "what came is no answer", "See what listens there"),
}

_Row = tuple[str, Severity, str, str, str]


def _by_status(facts: Facts, answer: Answer) -> _Row:
    status = answer.status or 0
    if status == 400:
        said = "it came through to a Receiver that is ready; only the signature was missing"
        return ("way-open", "ok", "receiver", said, "")
    if status == 404:
        return _not_found(facts)
    if status == 503:
        return _unavailable(facts)
    if status == 530:
        return _no_tunnel(answer)
    if status in (301, 302, 307, 308):
        said = f"redirected to {answer.headers.get('location', 'elsewhere')}, and senders do not follow"
        return ("edge-redirect", "error", "edge", said, "Leave this host out of redirects and of access policies")
    return _OTHERS.get(status) or _unexpected(status)


def _not_found(facts: Facts) -> _Row:
    if not facts.healthy:
        return ("receiver-path", "error", "receiver", "Flux serves no such path", "See the Receiver first")
    return (
        "tunnel-rule",
        "error",
        "tunnel",
        "Flux serves this path, so a hop before it answers: the last rule of the tunnel, or another route",
        "Name this host in the tunnel rules, path ^/hook/[0-9a-f]{64}$; restart connectors after a change (A23)",
    )


def _unavailable(facts: Facts) -> _Row:
    if not facts.healthy:
        return ("receiver-not-ready", "error", "receiver", "the Receiver is suspended or not ready", "See it first")
    return (
        "endpoints-none",
        "error",
        "origin",
        "the Receiver is ready, so a hop before it has nobody to ask",
        "Send to Service webhook-receiver, port 80 and not 9292 (A2); a tunnel without rules answers so as well",
    )


def _no_tunnel(answer: Answer) -> _Row:
    if "1016" in answer.body:
        return (
            "dns-target",
            "error",
            "name",
            "error 1016: the record leads to nothing",
            "Point a proxied CNAME at <tunnel id>.cfargotunnel.com, in the tunnel's account (A6)",
        )
    return ("tunnel-down", "error", "tunnel", "error 1033: no connector runs", "Start cloudflared, and see its log")


_OTHERS: dict[int, _Row] = {
    403: (
        "edge-forbidden",
        "error",
        "edge",
        "something at the edge refuses or challenges",
        "Leave this host out of Bot Fight Mode, of rules and of access policies (A30)",
    ),
    429: ("edge-limited", "error", "edge", "a rate limit, which loses pushes (A19)", "Take it off this host"),
    500: ("receiver-error", "error", "receiver", "a filter or a source fails", "See notification-controller's log"),
    502: (
        "origin-unreachable",
        "error",
        "origin",
        "the connector reaches no origin",
        "Send to http://webhook-receiver.<namespace>.svc.cluster.local:80; with https it wants originServerName (A3)",
    ),
    504: ("origin-timeout", "error", "origin", "the origin does not answer in time", "See what it waits for"),
    524: ("origin-timeout", "error", "origin", "the origin does not answer in time", "See what it waits for"),
}


def _unexpected(status: int) -> _Row:
    said = "no Receiver answers so to an unsigned HEAD; something else stands at this address"
    return ("edge-other", "error", "edge", said, "See where the name leads to")


# proof ----------------------------------------------------------------------------------------------------------------


def prove(kubernetes: Kubernetes, facts: Facts, target: Target, params: dict[str, t.Any]) -> list[Finding]:
    """Send one signed delivery, as GitHub would, and see what it brings about."""
    if facts.type != "github" or facts.token is None:
        return [_error(facts, "proof-type", "receiver", "only type github can be proven so", "Let the sender prove it")]
    event = params["prove"]
    before = {_title(source): source["requested_at"] for source in facts.sources}
    body = json.dumps(_payload(event, params["branch"])).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-Hub-Signature-256": f"sha256={facts.token.hmac(body)}",
    }
    answer = ask(target, facts.served, "POST", headers, body)
    if answer.status != 200:
        said = f"a signed {event} is answered with {answer.status or answer.said}"
        return [_error(facts, "proof-refused", "receiver", said, "See notification-controller's log")]
    taken = Finding("proof-answered", "ok", facts.name, "receiver", f"a signed {event} is answered with 200")
    if event != "push":
        return [taken]
    return [taken, _moved(kubernetes, facts, before, params["timeout"])]


def _payload(event: str, branch: str) -> dict[str, t.Any]:
    if event == "push":
        return {"ref": f"refs/heads/{branch}", "deleted": False, "repository": {"full_name": "aphex/proof"}}
    return {"zen": "Anything added dilutes everything else.", "hook": {"type": "Repository"}}


def _moved(kubernetes: Kubernetes, facts: Facts, before: dict[str, t.Any], seconds: float) -> Finding:
    """Wait until every source says that it was asked to look, later than before."""
    metadata = (facts.receiver or {})["metadata"]
    deadline = time.monotonic() + seconds
    while True:
        kubernetes.forget()
        sources = observe(kubernetes, metadata["namespace"], metadata["name"]).sources
        still = [_title(item) for item in sources if item["found"] and item["requested_at"] == before.get(_title(item))]
        if not still:
            return Finding("source-polled", "ok", facts.name, "source", "the push asked every source to look")
        if time.monotonic() > deadline:
            said = f"the push did not ask {', '.join(still)} to look"
            return _error(facts, "source-not-polled", "source", said, "Does the filter take this branch?")
        time.sleep(_LOOK_AGAIN)


def _title(source: dict[str, t.Any]) -> str:
    return f"{source['kind']} {source['namespace']}/{source['name']}"


def _error(facts: Facts, identity: str, hop: str, said: str, remedy: str) -> Finding:
    # Flux names the path in its messages, and on some types the path is the only secret.
    said = said.replace(facts.served, MASK) if facts.served and facts.traits.path_alone else said
    return Finding(identity, "error", facts.name, hop, said, remedy)
