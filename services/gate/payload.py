"""Bytes of a delivery to what the gate judges.

In: a Delivery. Out: a PendingDeployment, or why it is none; a Signal. Never here: a call, a URL of the body that is
followed.

Only ``action``, ``repository`` and ``sender`` are required by GitHub's schema (E9): the rest may be missing, and fields
that nobody knows are passed over. The callback URL is checked and then only its run id is used, so that a token never
goes to an address that a request has named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import PendingDeployment

EVENT = "deployment_protection_rule"
_CALLBACK = re.compile(
    r"/repos/([\w.-]+)/([\w.-]+)/actions/runs/([1-9][0-9]{0,18})/deployment_protection_rule", re.ASCII
)
_LARGEST_ID = 2**63 - 1
_LONGEST_NAME = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_Id = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST_ID)]


@dataclass(frozen=True)
class Delivery:
    """One delivery as it came: raw bytes, with the headers that say what it is. ``secret`` is which one fitted.

    ``digest`` is the same for the same bytes; who has measured them already hands it in.
    """

    guid: str
    event: str
    body: bytes
    app: str
    content_type: str = "application/json"
    secret: int = 0
    received: float = 0.0
    digest: bytes = field(default=b"", compare=False, repr=False)


class Ignored(Exception):
    """The delivery asks for nothing; its text says why."""


class Malformed(Exception):
    """The delivery is of the right event, and cannot be judged; its text says why."""


@dataclass(frozen=True)
class Signal:
    """Something has happened that a deployment may have waited for.

    ``repository`` is a full name, empty when all of the owner's are meant; a run narrows it. ``mended`` says that what
    the App could not do before it may be able to do now.
    """

    owner: str
    repository: str = ""
    run_id: int | None = None
    mended: bool = False


class _User(msgspec.Struct):
    login: str = ""


class _Repository(msgspec.Struct):
    full_name: str
    name: str


class _Installation(msgspec.Struct):
    id: _Id


class _Deployment(msgspec.Struct):
    id: _Id | None = None
    sha: str | None = None
    ref: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


class _Run(msgspec.Struct):
    id: _Id | None = None


class _Body(msgspec.Struct):
    action: str
    repository: _Repository
    sender: _User | None = None
    environment: str | None = None
    event: str | None = None
    deployment_callback_url: str | None = None
    deployment: _Deployment | None = None
    installation: _Installation | None = None
    workflow_run: _Run | None = None
    sha: str | None = None
    ref: str | None = None


class _Account(msgspec.Struct):
    account: _User | None = None


class _Named(msgspec.Struct):
    full_name: str = ""


class _News(msgspec.Struct):
    action: str = ""
    repository: _Named | None = None
    workflow_run: _Run | None = None
    installation: _Account | None = None


_ANY = frozenset[str]()
_WAKING: dict[str, frozenset[str]] = {
    "check_run": frozenset(("completed",)),
    "check_suite": frozenset(("completed",)),
    "deployment_review": frozenset(("approved", "rejected")),
    "deployment_status": _ANY,
    "issues": frozenset(("labeled", "unlabeled", "closed", "reopened")),
    "pull_request": frozenset(("labeled", "unlabeled", "closed", "edited", "synchronize")),
    "pull_request_review": frozenset(("submitted", "dismissed", "edited")),
    "status": _ANY,
    "workflow_run": frozenset(("completed",)),
}
"""What may settle a requirement, and by which actions."""
_MENDING: dict[str, frozenset[str]] = {
    "installation": frozenset(("created", "unsuspend", "new_permissions_accepted")),
    "installation_repositories": frozenset(("added",)),
}
HEARD = frozenset((EVENT, *_WAKING, *_MENDING))
"""The events that mean anything here; the edge answers all others, and stores none of them."""
_TYPED = msgspec.json.Decoder(_Body)
_NEWS = msgspec.json.Decoder(_News)
_PLAIN = msgspec.json.Decoder()
_WHOLE = msgspec.json.Decoder(msgspec.Raw)


def parse(delivery: Delivery, api_url: str) -> PendingDeployment:
    """Return what waits. Raises Ignored, or Malformed. ``api_url`` is the base of the API that the App belongs to."""
    if delivery.event != EVENT:
        raise Ignored(f"the event {delivery.event[:80]} asks for no decision")
    body = json_of(delivery)
    try:
        typed = _TYPED.decode(body)
        plain: dict[str, Any] = _PLAIN.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"the body is no payload of {EVENT}: {str(error)[:200]}") from error
    if typed.action != "requested":
        raise Ignored(f"the action {typed.action[:80]!r} asks for no decision")
    return _pending(typed, plain, api_url, delivery.received or None)


def signal(delivery: Delivery) -> Signal | None:
    """Return what another event may mean for what waits, None when it means nothing."""
    event = delivery.event
    actions = _WAKING.get(event, _MENDING.get(event))
    if actions is None:
        return None
    try:
        news = _NEWS.decode(json_of(delivery))
    except (Malformed, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    if actions and news.action not in actions:
        return None
    if event in _MENDING:
        account = news.installation.account if news.installation else None
        return Signal(account.login, mended=True) if account and account.login else None
    if news.repository is None or news.repository.full_name.count("/") != 1:
        return None
    # A review says something of its own run; of everything else another run may have waited.
    run = news.workflow_run.id if news.workflow_run and event == "deployment_review" else None
    return Signal(news.repository.full_name.partition("/")[0], news.repository.full_name, run)


def readable(delivery: Delivery) -> bool:
    """Tell whether a body is JSON at all; the edge asks that of what is signed, before it is stored."""
    try:
        _WHOLE.decode(json_of(delivery))
    except (Malformed, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
    return True


def json_of(delivery: Delivery) -> bytes:
    """Return the JSON of a body, which a form carries as its field ``payload``. Raises Malformed."""
    if delivery.content_type != "application/x-www-form-urlencoded":
        return delivery.body
    try:
        [text] = parse_qs(delivery.body.decode(), strict_parsing=True, max_num_fields=10)["payload"]
    except (ValueError, KeyError) as error:
        raise Malformed("the form has no field payload") from error
    return text.encode()


def _pending(body: _Body, plain: dict[str, Any], api_url: str, received: float | None) -> PendingDeployment:
    if not body.environment or not body.deployment_callback_url:
        raise Malformed("it names no environment, or no address to answer to")
    if len(body.environment) > _LONGEST_NAME or _CONTROL.search(body.environment):
        raise Malformed("the name of its environment is none that GitHub allows")
    owner, repository, run_id = _callback(body.deployment_callback_url, api_url)
    if f"{owner}/{repository}".lower() != body.repository.full_name.lower():
        raise Malformed("the address to answer to is of another repository")
    if body.workflow_run is not None and body.workflow_run.id not in (None, run_id):
        raise Malformed("the address to answer to is of another run")
    deployment = body.deployment or _Deployment()
    return PendingDeployment(
        owner=owner,
        repository=repository,
        run_id=run_id,
        environment=body.environment,
        deployment_id=deployment.id,
        event=body.event,
        ref=deployment.ref or body.ref,
        sha=deployment.sha or body.sha,
        installation_id=body.installation.id if body.installation else None,
        created_at=_time(deployment.created_at),
        updated_at=_time(deployment.updated_at),
        payload=plain,
        received=received,
    )


def _callback(url: str, api_url: str) -> tuple[str, str, int]:
    """Return owner, repository and run of a callback URL that lies below the API's base. Raises Malformed."""
    try:
        base, found = urlsplit(api_url.rstrip("/")), urlsplit(url)
    except ValueError as error:
        raise Malformed("the address to answer to is none") from error
    same = (found.scheme, found.netloc.lower()) == (base.scheme, base.netloc.lower()) and not found.query
    path = _CALLBACK.fullmatch(found.path.removeprefix(base.path)) if found.path.startswith(base.path) else None
    if not same or path is None:
        raise Malformed("the address to answer to is none of this API")
    run_id = int(path[3])
    if run_id > _LARGEST_ID:
        raise Malformed("the address to answer to names no run")
    return path[1], path[2], run_id


def _time(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except (ValueError, OverflowError, OSError):  # no time, or one that this machine cannot count
        return None
