"""HTTP clients: proxies come from the environment's variables alone, in every common spelling; requests are repeated
only while that may help, and never when they may have taken effect.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import httpx
import pytest

from ansible_collections.aphex.platform.plugins.module_utils import _http
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.retry import Backoff
from ansible_collections.aphex.platform.plugins.module_utils._http import RequestFailure, persist

DIRECT = "localhost, 127.0.0.1,::1,[fd00::1],10.0.0.0/8,fd00::/8,.svc,*.internal,example.net,example.org:8443,"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def _is_direct(url: str) -> bool:
    client = _http.make_client()
    return client._transport_for_url(httpx.URL(url)) is client._transport


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("https://localhost", True),
        ("https://127.0.0.1:6443", True),
        ("https://[::1]:6443", True),
        ("https://[fd00::1]", True),
        ("https://web.svc", True),
        ("https://web.internal", True),
        ("https://www.example.net", True),
        ("https://example.org:8443", True),
        ("https://example.org", False),
        ("https://127.0.0.2", False),
        ("http://api.example.org", True),
    ],
)
def test_no_proxy_is_read_in_all_its_forms(monkeypatch: pytest.MonkeyPatch, name: str, url: str, direct: bool) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv(name, DIRECT)
    assert _is_direct(url) is direct


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("value", ["http://127.0.0.1:3128", "127.0.0.1:3128"])
def test_a_proxy_is_taken_with_and_without_its_scheme(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert not _is_direct("https://example.org")


def test_no_proxy_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:3128")
    monkeypatch.setenv("no_proxy", "*")
    assert _is_direct("https://example.org")


def test_without_variables_everything_is_direct() -> None:
    assert _is_direct("https://example.org")


def test_a_client_follows_no_redirect_and_says_who_it_is() -> None:
    client = _http.make_client(read_timeout=7)
    assert not client.follow_redirects
    assert client.headers["user-agent"].startswith("aphex.platform/")
    assert client.timeout.read == 7


def test_n1_all_clients_share_one_tls_context() -> None:
    assert _http.tls_context() is _http.tls_context()
    assert _http.tls_context(verify=False) is False


def test_an_unreadable_ca_file_is_one_sentence(tmp_path: object) -> None:
    with pytest.raises(Failure) as caught:
        _http.make_client(ca_file=f"{tmp_path}/none.pem")
    assert caught.value.kind is Kind.INVALID


# --- persist


def failing(kind: Kind = Kind.BROKEN, again: bool = True, unclear: bool = False) -> RequestFailure:
    failure = RequestFailure(kind, tried="asking")
    failure.again, failure.unclear = again, unclear
    return failure


def sender(*answers: str | RequestFailure) -> Callable[[], str]:
    left = iter(answers)

    def send() -> str:
        answer = next(left)
        if isinstance(answer, RequestFailure):
            raise answer
        return answer

    return send


def test_a_request_is_sent_again_while_that_may_help_and_the_budget_lasts() -> None:
    waits: list[float] = []
    backoff = Backoff(attempts=3, first=1.0)
    assert persist(sender(failing(), failing(), "done"), backoff=backoff, sleep=waits.append) == "done"
    assert len(waits) == 2
    with pytest.raises(RequestFailure):
        persist(sender(failing(), failing(), failing(), "late"), backoff=backoff, sleep=waits.append)
    with pytest.raises(RequestFailure):
        persist(sender(failing(again=False), "never"), backoff=backoff, sleep=waits.append)


@pytest.mark.parametrize("failure", [failing(unclear=True), failing(Kind.CONFLICT, again=False)])
def test_what_may_have_been_heard_is_looked_for_before_it_is_sent_again(failure: RequestFailure) -> None:
    found = persist(sender(failure, "twice"), backoff=Backoff(), sleep=lambda _seconds: None, look=lambda: "once")
    assert found == "once"


def test_what_was_not_heard_is_sent_again() -> None:
    send = sender(failing(unclear=True), "done")
    assert persist(send, backoff=Backoff(), sleep=lambda _seconds: None, look=lambda: None) == "done"
