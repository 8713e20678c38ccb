"""What a connector reads and how it runs: texts, the Deployment. Texts are read back as cloudflared reads them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._cloudflare import cloudflared
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import UNKNOWN
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from tests.sandbox.standins.cloudflared import Credentials, read_config

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
TUNNEL = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"
SECRET = base64.b64encode(b"c" * 32).decode()
RULE = {"hostname": "acme.example.org", "service": "http://el-github-listener:8080"}


def test_credentials_are_what_the_connector_reads() -> None:
    text = cloudflared.credentials(ACCOUNT, Sensitive(SECRET), TUNNEL)
    assert isinstance(text, Sensitive)
    assert Credentials.from_json(text.reveal()) == Credentials(ACCOUNT, TUNNEL, SECRET)


def test_a_token_is_what_the_connector_and_cloudflare_write() -> None:
    text = cloudflared.token(ACCOUNT, Sensitive(SECRET), TUNNEL)
    assert isinstance(text, Sensitive)
    assert text.reveal() == Credentials(ACCOUNT, TUNNEL, SECRET).to_token()


def test_token_and_credentials_convert_to_each_other_and_back() -> None:
    token = Credentials(ACCOUNT, TUNNEL, SECRET).to_token()
    text = cloudflared.credentials_from_token(token)
    assert list(json.loads(text)) == ["AccountTag", "TunnelSecret", "TunnelID"]
    assert cloudflared.token_from_credentials(text) == token


def test_an_endpoint_is_kept_both_ways() -> None:
    text = json.dumps({"AccountTag": ACCOUNT, "TunnelSecret": SECRET, "TunnelID": TUNNEL, "Endpoint": "eu"})
    token = cloudflared.token_from_credentials(text)
    assert json.loads(base64.b64decode(token))["e"] == "eu"
    assert json.loads(cloudflared.credentials_from_token(token))["Endpoint"] == "eu"


def test_keys_that_cloudflare_adds_are_no_hindrance() -> None:
    text = json.dumps({"AccountTag": ACCOUNT, "TunnelID": TUNNEL, "TunnelName": "x", "TunnelSecret": SECRET})
    assert cloudflared.token_from_credentials(text) == Credentials(ACCOUNT, TUNNEL, SECRET).to_token()


def test_what_is_not_known_yet_makes_no_credentials() -> None:
    assert cloudflared.credentials(ACCOUNT, UNKNOWN, TUNNEL) == UNKNOWN
    assert cloudflared.credentials(ACCOUNT, Sensitive(SECRET), UNKNOWN) == UNKNOWN
    assert cloudflared.token(ACCOUNT, Sensitive(SECRET), UNKNOWN) == UNKNOWN


@pytest.mark.parametrize(
    "text",
    ["", "CANARY!", base64.b64encode(b"CANARY").decode(), base64.b64encode(b'["CANARY"]').decode(), "Q0FOQVJZ" * 9]
    + [base64.b64encode(json.dumps(facts).encode()).decode() for facts in ({"a": "CANARY"}, {"a": 1, "s": "CANARY"})],
)
def test_a_bad_token_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(Failure) as caught:
        cloudflared.parse_token(text)
    assert caught.value.kind is Kind.INVALID
    assert "CANARY" not in caught.value.sentence()


@pytest.mark.parametrize("text", ["", "CANARY", "[]", '{"AccountTag": "CANARY"}', '{"TunnelSecret": 7}'])
def test_bad_credentials_are_refused_without_quoting_them(text: str) -> None:
    with pytest.raises(Failure) as caught:
        cloudflared.token_from_credentials(text)
    assert caught.value.kind is Kind.INVALID
    assert "CANARY" not in caught.value.sentence()


@pytest.mark.parametrize("text", ["", "x", base64.b64encode(b"c" * 31).decode(), SECRET + "\n", "*" * 44, "é" * 44])
def test_a_weak_or_unreadable_secret_is_refused(text: str) -> None:
    with pytest.raises(Failure) as caught:
        cloudflared.check_secret(Sensitive(text))
    assert caught.value.kind is Kind.INVALID


def test_the_configuration_is_read_without_a_warning() -> None:
    rules = [{**RULE, "path": "^/hook", "originRequest": {"connectTimeout": 10, "noTLSVerify": True}}]
    config = read_config(cloudflared.config_text(TUNNEL, rules))
    assert config.tunnel == TUNNEL
    assert config.credentials_file == "/etc/cloudflared/credentials/credentials.json"
    assert config.warnings == ()
    assert [rule.service for rule in config.rules] == [RULE["service"], "http_status:404"]
    assert config.rules[0].origin == {"connectTimeout": "10s", "noTLSVerify": True}


def test_equal_rules_give_equal_bytes_and_an_unknown_id_is_seen() -> None:
    text = cloudflared.config_text(TUNNEL, [RULE])
    assert text == cloudflared.config_text(TUNNEL, [dict(reversed(RULE.items()))])
    assert UNKNOWN in cloudflared.config_text(UNKNOWN, [RULE])


def _deployment(**given: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "name": "cloudflared-acme",
        "namespace": "org-acme",
        "labels": {"team": "a"},
        "image": "cloudflare/cloudflared@sha256:00",
        "replicas": 2,
        "credentials_secret": "cloudflared-credentials-acme",
        "config_map": "cloudflared-config",
        "checksum": "one",
    }
    return cloudflared.deployment(**{**settings, **given})


def test_b5_a_changed_checksum_changes_the_pod_template_and_nothing_else() -> None:
    one, two = _deployment(), _deployment(checksum="two")
    assert one["spec"]["template"] != two["spec"]["template"]
    two["spec"]["template"]["metadata"]["annotations"]["platform.aphex/checksum"] = "one"
    assert one == two


def test_the_pods_pass_pod_security_restricted() -> None:
    pod = _deployment()["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert all("hostPath" not in volume for volume in pod["volumes"])


def test_the_connectors_are_renewed_one_by_one_and_probed() -> None:
    spec = _deployment()["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert container["args"][:2] == ["tunnel", "--no-autoupdate"]
    assert container["args"][-1] == "run"
    for probe in ("livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/ready", "port": "metrics"}
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert container["resources"]["limits"]["memory"] == "256Mi"


def test_p3_only_the_deployment_carries_the_callers_labels() -> None:
    made = _deployment()
    assert made["metadata"]["labels"] == {"team": "a", "app": "cloudflared"}
    assert made["spec"]["template"]["metadata"]["labels"] == {"app": "cloudflared"}
    assert made["spec"]["selector"]["matchLabels"] == {"app": "cloudflared"}
