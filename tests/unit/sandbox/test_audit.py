"""N13: a write is a request that changes state; the fixed list of those that do not is kept here."""

from __future__ import annotations

import pytest

from tests.sandbox.audit import Request, is_write

WRITES = [
    ("POST", "/api/v1/namespaces"),
    ("PATCH", "/api/v1/namespaces/a/secrets/s?fieldManager=m&force=true"),
    ("PUT", "/apis/tekton.dev/v1/namespaces/a/pipelines/p/status"),
    ("DELETE", "/api/v1/namespaces/a?propagationPolicy=Foreground"),
    ("POST", "/api/v1/namespaces/a/serviceaccounts"),
    # A name that only looks like one of the list.
    ("POST", "/apis/aphex.io/v1alpha1/namespaces/a/selfsubjectaccessreviews"),
    ("PATCH", "/api/v1/namespaces/a/configmaps/dryRun=All"),
    ("POST", "/api/v1/namespaces/a/configmaps?dryRun="),
]
NO_WRITES = [
    ("GET", "/api/v1/namespaces"),
    ("HEAD", "/healthz"),
    ("PATCH", "/api/v1/namespaces/a/secrets/s?dryRun=All&fieldManager=m"),
    ("DELETE", "/api/v1/namespaces/a?dryRun=All"),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"),
    ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews"),
    ("POST", "/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews"),
    ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews"),
    ("POST", "/apis/authentication.k8s.io/v1/tokenreviews"),
    ("POST", "/api/v1/namespaces/a/serviceaccounts/eventlistener/token"),
]


@pytest.mark.parametrize(("method", "uri"), WRITES)
def test_n13_these_change_state(method: str, uri: str) -> None:
    assert is_write(method, uri)


@pytest.mark.parametrize(("method", "uri"), NO_WRITES)
def test_n13_these_do_not(method: str, uri: str) -> None:
    assert not is_write(method, uri)


def test_an_event_of_the_log_is_read_whole() -> None:
    request = Request.from_event(
        {
            "verb": "patch",
            "requestURI": "/api/v1/namespaces/a",
            "user": {"username": "kubernetes-admin"},
            "impersonatedUser": {"username": "oidc:a@b.c"},
            "userAgent": "aphex.platform/0.1.0",
            "responseStatus": {"code": 409},
            "requestReceivedTimestamp": "2026-01-01T00:00:00Z",
        }
    )
    assert request.is_write
    assert request.by_product
    assert not request.succeeded
    assert str(request) == "patch /api/v1/namespaces/a -> 409 (oidc:a@b.c, aphex.platform/0.1.0)"
