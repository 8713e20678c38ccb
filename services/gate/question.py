"""Asks another system about a deployment, as the requirement ``http`` wants it.

In: an address with a time, the facts of the delivery. Out: the status and the parsed body of the answer, or a Failure.
Never here: what the answer means, a credential, a redirect that is followed, an answer without end.
"""

from __future__ import annotations

import json
import time
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import PendingDeployment
from ansible_collections.aphex.platform.plugins.module_utils._http import httpx, make_client, unanswered

LARGEST = 1024 * 1024  # bytes of an answer
_TRIED = "Asking"


def ask(of: str, pending: PendingDeployment) -> dict[str, Any]:
    """Return ``status`` and ``body`` (parsed JSON, None when it is none). ``of`` holds ``url`` and ``seconds``.

    Raises Failure when nobody answers in time, and for an answer that tells of trouble over there.
    """
    asked = json.loads(of)
    url, seconds = str(asked["url"]), float(asked["seconds"])
    begun = time.monotonic()
    with make_client(read_timeout=seconds) as client:
        try:
            with client.stream("POST", url, json=_facts(pending), headers={"Accept": "application/json"}) as response:
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    # A time-out of the transport counts from byte to byte: who drips would hold a worker for hours.
                    if time.monotonic() - begun > seconds:
                        raise _trouble(url, Kind.TIMEOUT, f"no whole answer within {seconds:g} s")
                    if len(body) > LARGEST:
                        raise _trouble(url, Kind.BROKEN, f"the answer is larger than {LARGEST} bytes")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            found = unanswered(error)
            raise _trouble(url, found.kind, found.said) from error
    if response.status_code >= 500 or response.status_code == 429:
        raise _trouble(url, Kind.BROKEN, f"it answered {response.status_code}")
    return {"status": int(response.status_code), "body": _parsed(bytes(body))}


def _facts(pending: PendingDeployment) -> dict[str, Any]:
    return {
        "repository": pending.full_name,
        "run_id": pending.run_id,
        "environment": pending.environment,
        "deployment_id": pending.deployment_id,
        "event": pending.event,
        "ref": pending.ref,
        "sha": pending.sha,
    }


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _trouble(url: str, kind: Kind, said: str) -> Failure:
    # A query may hold what is not for a comment.
    return Failure(kind, tried=_TRIED, on=url.partition("?")[0], said=said)
