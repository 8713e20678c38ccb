"""What the proxy before the API server passes on, and what it does when a fault or a kill is armed."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests.sandbox.api import Api, ApiError, Server
from tests.sandbox.faults import Fault, Faults, Kill, Match, ProcessKill
from tests.sandbox.proxy import Proxy
from tests.sandbox.standins.server import Answer, Request, StandIn, json_answer, route

WRITE = "/api/v1/namespaces"


def _echo(request: Request) -> Answer:
    found = {name: request.headers.get(name, "") for name in ("authorization", "content-type", "user-agent")}
    return json_answer(201, {**found, "body": request.body.decode()}, {"X-Kept": "yes"})


class Upstream(StandIn):
    """Answers with what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.add_routes(
            route("POST", WRITE, _echo),
            route("GET", WRITE, lambda _unused: json_answer(200, {"kind": "List", "apiVersion": "v1", "items": []})),
            route("DELETE", f"{WRITE}/a", lambda _unused: Answer(204)),
        )


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as started:
        yield started


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[Proxy]:
    with Proxy(Server(upstream.url)) as started:
        yield started


@pytest.fixture
def api(proxy: Proxy) -> Api:
    return Api(Server(proxy.url), user_agent="aphex.platform/0.1.0").with_token("secret-token")


def test_requests_pass_unchanged_and_are_noted(api: Api, proxy: Proxy, upstream: Upstream) -> None:
    answer = api.post(WRITE, {"a": 1}, dryRun="All")
    assert answer["authorization"] == "Bearer secret-token"
    assert answer["content-type"] == "application/json"
    assert answer["user-agent"] == "aphex.platform/0.1.0"
    assert json.loads(answer["body"]) == {"a": 1}
    api.post(WRITE, {})
    assert api.delete(f"{WRITE}/a") == {"text": ""}
    assert api.list(WRITE) == []
    assert [str(seen) for seen in proxy.requests()] == [
        "POST /api/v1/namespaces?dryRun=All -> 201",
        "POST /api/v1/namespaces -> 201",
        "DELETE /api/v1/namespaces/a -> 204",
        "GET /api/v1/namespaces -> 200",
    ]
    assert [seen.body_size for seen in proxy.requests()] == [8, 2, 0, 0]
    assert [seen.method for seen in proxy.writes()] == ["POST", "DELETE"]
    assert len({entry.headers["host"] for entry in upstream.log.entries()}) == 1


def test_many_requests_at_once_keep_their_answers(proxy: Proxy) -> None:
    wrong: list[str] = []

    def ask(number: int) -> None:
        api = Api(Server(proxy.url))
        for turn in range(20):
            body = {"number": number, "turn": turn}
            if json.loads(api.post(WRITE, body)["body"]) != body:
                wrong.append(f"{number}/{turn}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(proxy.requests()) == 160


@pytest.mark.parametrize(("kind", "reason"), [("429", "TooManyRequests"), ("500", "InternalError")])
def test_an_error_is_told_in_the_servers_words(
    api: Api, proxy: Proxy, upstream: Upstream, kind: str, reason: str
) -> None:
    proxy.faults.arm(Fault(kind, nth=2, retry_after=3))
    api.post(WRITE, {})
    with pytest.raises(ApiError) as caught:
        api.post(WRITE, {})
    assert (caught.value.status, caught.value.reason) == (int(kind), reason)
    api.post(WRITE, {})
    assert len(upstream.log.entries()) == 2


def test_429_names_the_seconds_to_wait(proxy: Proxy) -> None:
    proxy.faults.arm(Fault("429", retry_after=3))
    connection = http.client.HTTPConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]), timeout=5)
    connection.request("GET", WRITE)
    assert connection.getresponse().getheader("Retry-After") == "3"
    connection.close()


def test_garbage_is_no_json(api: Api, proxy: Proxy) -> None:
    proxy.faults.arm(Fault("garbage"))
    assert api.get(WRITE)["text"].startswith('{"kind": "List"')


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset", ConnectionResetError),
        ("lost", http.client.RemoteDisconnected),
        ("timeout", http.client.RemoteDisconnected),
    ],
)
def test_a_broken_connection_and_what_took_effect(
    api: Api, proxy: Proxy, upstream: Upstream, kind: str, error: type[Exception]
) -> None:
    proxy.faults.arm(Fault(kind, match=Match(method="POST"), hold=0.2))
    with pytest.raises(error):
        api.post(WRITE, {})
    assert len(upstream.log.entries()) == (1 if kind == "lost" else 0)
    (seen,) = proxy.requests()
    assert (seen.status, seen.fault, seen.performed) == (None, kind, kind == "lost")
    api.post(WRITE, {})


def test_a_timeout_ends_when_the_caller_leaves(proxy: Proxy) -> None:
    proxy.faults.arm(Fault("timeout", hold=30))
    connection = http.client.HTTPConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]), timeout=0.2)
    connection.request("GET", WRITE)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    end = time.monotonic() + 2
    while proxy.requests()[0].took == 0.0:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(("when", "arrived"), [("before", 1), ("after", 2)])
def test_the_process_is_killed_at_the_nth_write(proxy: Proxy, upstream: Upstream, when: str, arrived: int) -> None:
    code = (
        "from tests.sandbox.api import Api, Server\n"
        f"api = Api(Server({proxy.url!r}))\n"
        "for _ in range(3):\n"
        f"    api.get({WRITE!r}); api.post({WRITE!r}, {{}}, dryRun='All'); api.post({WRITE!r}, {{}})\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", "input()\n" + code], stdin=subprocess.PIPE, start_new_session=True
    ) as victim:
        proxy.faults.arm(Kill(2, when, ProcessKill(victim.pid, group=True)))
        assert victim.stdin is not None
        victim.stdin.write(b"\n")
        victim.stdin.close()
        assert victim.wait(20) == -9
    real = [entry for entry in upstream.log.entries() if entry.writes and "dryRun" not in entry.query]
    assert len(real) == arrived
    assert [seen.fault for seen in proxy.writes()] == [None, f"kill-{when}"]


def test_two_proxies_may_count_together(upstream: Upstream) -> None:
    faults = Faults()
    faults.arm(Fault("500", nth=2))
    with Proxy(Server(upstream.url), faults) as one, Proxy(Server(upstream.url), faults) as two:
        Api(Server(one.url)).get(WRITE)
        with pytest.raises(ApiError):
            Api(Server(two.url)).get(WRITE)


def test_a_server_that_is_gone_breaks_the_connection(api: Api, proxy: Proxy, upstream: Upstream) -> None:
    upstream.stop()
    with pytest.raises(http.client.RemoteDisconnected):
        api.post(WRITE, {})
    (seen,) = proxy.requests()
    assert not seen.performed
    assert str(seen.fault).startswith("server: ")
