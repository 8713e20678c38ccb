"""What cloudflared accepts and refuses: credentials, tokens, configuration files, tunnel rules."""

from __future__ import annotations

import base64
import json

import pytest

from tests.sandbox.standins.cloudflared import BadConfig, Credentials, find_rule, read_config, read_rules

SECRET = base64.b64encode(bytes(range(32))).decode()
GOOD = """
tunnel: 11111111-2222-4333-8444-555555555555
credentials-file: /etc/cloudflared/credentials/credentials.json
metrics: 0.0.0.0:2000
originRequest: {connectTimeout: 30s}
ingress:
  - hostname: acme.example.com
    path: ^/hook/
    service: http://el-github-listener:8080
    originRequest: {httpHostHeader: listener}
  - {hostname: "*.example.com", service: "http://wild.web.svc.cluster.local"}
  - {service: "http_status:404"}
"""


def rules_of(*ingress: dict[str, object], from_file: bool = False) -> object:
    return read_rules({"ingress": list(ingress)}, from_file)


def test_credentials_and_token_are_the_same_facts() -> None:
    credentials = Credentials("account", "tunnel", SECRET)
    assert Credentials.from_json(credentials.to_json()) == credentials
    assert Credentials.from_token(credentials.to_token() + "\n") == credentials
    assert json.loads(base64.b64decode(credentials.to_token())) == {"a": "account", "t": "tunnel", "s": SECRET}


@pytest.mark.parametrize("token", ["***", "AAAA", base64.b64encode(b'{"a": "x"}').decode()])
def test_bad_tokens_are_refused(token: str) -> None:
    with pytest.raises(BadConfig):
        Credentials.from_token(token)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"AccountTag": "a", "TunnelID": "t", "TunnelSecret": "?"}'])
def test_bad_credentials_are_refused(text: str) -> None:
    with pytest.raises(BadConfig, match="AccountTag"):
        Credentials.from_json(text)


def test_first_match_wins_and_the_path_is_not_anchored() -> None:
    config = read_config(GOOD)
    assert config.tunnel == "11111111-2222-4333-8444-555555555555"
    assert config.credentials_file == "/etc/cloudflared/credentials/credentials.json"
    assert config.warnings == ()

    def service(host: str, path: str) -> str:
        return find_rule(config.rules, host, path).service

    assert service("acme.example.com", "/hook/1") == "http://el-github-listener:8080"
    assert service("acme.example.com", "/other") == "http://wild.web.svc.cluster.local"
    assert service("a.b.example.com", "/") == "http://wild.web.svc.cluster.local"
    assert service("example.com", "/") == "http_status:404"
    assert config.rules[0].origin == {"connectTimeout": "30s", "httpHostHeader": "listener"}
    loose, _unused = read_rules(
        {"ingress": [{"path": "hook", "service": "http://x"}, {"service": "http_status:404"}]}, True
    )
    assert find_rule(loose, "any", "/some/hook/here").service == "http://x"


def test_unknown_keys_only_warn() -> None:
    text = "ingress: [{service: 'http_status:404', host: x, originRequest: {timeout: 3}}]\noriginRequest: {nope: 1}"
    assert read_config(text).warnings == (
        "unknown key 'nope' in originRequest",
        "unknown key 'host' in rule #1",
        "unknown key 'timeout' in originRequest",
    )


def test_no_rules_are_allowed() -> None:
    assert read_config("tunnel: x").rules == ()
    assert read_config("").rules == ()


@pytest.mark.parametrize(
    ("ingress", "text"),
    [
        ([{"hostname": "a.b", "service": "http://x"}], "last ingress rule must match all URLs"),
        ([{"path": "/x", "service": "http://x"}], "last ingress rule must match all URLs"),
        ([{"service": "http://x"}, {"service": "http://y"}], "will match every hostname"),
        ([{"hostname": "*", "service": "http://x"}, {"service": "http://y"}], "will match every hostname"),
        ([{"hostname": "a.*.b", "service": "http://x"}, {"service": "http://y"}], "at most one wildcard"),
        ([{"hostname": "a.b:80", "service": "http://x"}, {"service": "http://y"}], "cannot contain a port"),
        ([{"path": "(", "service": "http://x"}, {"service": "http://y"}], "Rule #1 has an invalid regex"),
        ([{"service": "http://x/path"}], "different path on the origin service"),
        ([{"service": "localhost:80"}], "make sure it has a scheme and a hostname"),
        ([{"service": ""}], "make sure it has a scheme and a hostname"),
        ([{"service": "http_status:42"}], "invalid HTTP status code"),
        ([{"service": "http_status:abc"}], "invalid HTTP status code"),
        (["http://x"], "must be a list of rules"),
        ("http://x", "must be a list of rules"),
    ],
)
def test_bad_rules_are_refused(ingress: object, text: str) -> None:
    with pytest.raises(BadConfig, match=text):
        read_rules({"ingress": ingress}, from_file=True)


@pytest.mark.parametrize("service", ["unix:/run/x", "hello_world", "bastion", "socks-proxy", "ssh://x:22", "wss://x"])
def test_other_services_are_accepted(service: str) -> None:
    assert rules_of({"service": service})


def test_durations_are_texts_in_a_file_and_seconds_in_the_api() -> None:
    rule = {"service": "http://x"}
    assert rules_of({**rule, "originRequest": {"connectTimeout": "1m30s"}}, from_file=True)
    assert rules_of({**rule, "originRequest": {"connectTimeout": 90}})
    with pytest.raises(BadConfig, match="into a duration"):
        rules_of({**rule, "originRequest": {"connectTimeout": 90}}, from_file=True)
    for value in ("90s", True):
        with pytest.raises(BadConfig, match="into whole seconds"):
            rules_of({**rule, "originRequest": {"tlsTimeout": value}})


@pytest.mark.parametrize("text", ["ingress: [", "- a\n- b", "originRequest: 3"])
def test_bad_files_are_refused(text: str) -> None:
    with pytest.raises(BadConfig):
        read_config(text)
