"""What does the role protection_gate render, and what does it refuse?

In: variables. Out: manifests, the gate's own configuration, its unit. Never here: a cluster; molecule has one.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.gate import config
from tests.sandbox.sandbox import CHECKOUT

ROLE = CHECKOUT / "roles" / "protection_gate"
SECRETS = ["the new secret", "the former secret"]
APPS = {"acme": {"app_id": 12345, "private_key": "PEM\nof a key\n", "webhook_secrets": SECRETS}}
GIVEN: dict[str, Any] = {
    "protection_gate_host": "gate.example.com",
    "protection_gate_image": "registry.example.org/gate:1",
    "protection_gate_wheel": "aphex-gate==0.1.0",
    "protection_gate_policy": [str(CHECKOUT / "docs" / "examples" / "gate" / "policy")],
    "protection_gate_apps": APPS,
    "protection_gate_tunnel": "none",
    "protection_gate_dns": "none",
}
PLAY = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: aphex.platform.protection_gate, tasks_from: preflight, public: true}
    - ansible.builtin.copy:
        dest: "{{ kept_in }}"
        mode: "0600"
        content: "{{ {'manifests': lookup('aphex.platform.manifests', folder), 'text': __protection_gate_text,
          'unit': lookup('ansible.builtin.template', 'host/aphex-gate.service.j2')} | to_json }}"
"""


def _play(folder: Path, **given: Any) -> subprocess.CompletedProcess[str]:
    for name in ("templates", "files"):
        (folder / name).symlink_to(ROLE / name)
    (folder / "play.yml").write_text(PLAY, encoding="utf-8")
    more = {"kept_in": str(folder / "kept.json"), "folder": str(ROLE / "templates" / "kubernetes")}
    variables = {"ansible_python_interpreter": sys.executable, **more, **GIVEN, **given}
    (folder / "variables.json").write_text(json.dumps(variables), encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("K8S_AUTH_", "KUBECONFIG"))}
    env |= {"ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache" / "collections"), "ANSIBLE_NOCOLOR": "1"}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), str(folder / "play.yml"), "-i", "localhost,"]
    command += ["-c", "local", "-e", f"@{folder / 'variables.json'}"]
    return subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)


class Rendered:
    """What the role has rendered."""

    def __init__(self, folder: Path, **given: Any) -> None:
        ended = _play(folder, **given)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        found = json.loads((folder / "kept.json").read_text(encoding="utf-8"))
        self.objects = {name: yaml.safe_load(text) for name, text in found["manifests"].items()}
        self.text: str = found["text"]
        self.unit: str = found["unit"]

    @property
    def pod(self) -> dict[str, Any]:
        pod: dict[str, Any] = self.objects["deployment.yaml"]["spec"]["template"]
        return pod

    def config(self, folder: Path, secrets: dict[str, str]) -> config.Config:
        """Have the gate read it, its paths below a folder that holds these secrets."""
        (folder / "secrets").mkdir()
        for name, text in secrets.items():
            (folder / "secrets" / name).write_text(text, encoding="utf-8")
        moved = self.text.replace("/etc/aphex-gate/secrets", str(folder / "secrets"))
        (folder / "gate.yaml").write_text(moved, encoding="utf-8")
        return config.read(folder / "gate.yaml")


def test_one_replica_keeps_its_store_on_a_volume(tmp_path: Path) -> None:
    rendered = Rendered(tmp_path, protection_gate_config={"recover_every": "5m"})
    deployment, secret = rendered.objects["deployment.yaml"], rendered.objects["secret.yaml"]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert rendered.objects["volume.yaml"]["spec"]["resources"]["requests"]["storage"] == "5Gi"
    assert {"service_monitor.yaml", "dashboard.yaml"}.isdisjoint(rendered.objects)
    given = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    assert given == {"acme.pem": "PEM\nof a key\n", "acme.secret-1": SECRETS[0], "acme.secret-2": SECRETS[1]}
    read = rendered.config(tmp_path, given)
    assert [len(app.secrets) for app in read.apps.values()] == [2]
    assert read.recover_every.total_seconds() == 300
    assert [path.name for path in (*read.policy_files, *read.holiday_files)] == ["policy.yml", "italy.ics"]
    assert list(rendered.pod["metadata"]["annotations"]) == ["aphex.platform/config"]


def test_several_replicas_share_a_postgresql_and_a_secret_restarts_them(tmp_path: Path) -> None:
    several = {"protection_gate_replicas": 3, "protection_gate_postgresql": "host=db user=gate password=secret"}
    rendered = Rendered(tmp_path, **several, protection_gate_former_secrets=False)
    assert rendered.objects["deployment.yaml"]["spec"]["replicas"] == 3
    assert rendered.objects["deployment.yaml"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "volume.yaml" not in rendered.objects
    assert set(rendered.pod["metadata"]["annotations"]) == {"aphex.platform/config", "aphex.platform/files"}
    assert set(rendered.objects["secret.yaml"]["data"]) == {"acme.pem", "acme.secret-1", "postgresql"}
    ports = [item["port"] for item in rendered.objects["network_policy.yaml"]["spec"]["egress"][1]["ports"]]
    assert ports == [443, 5432]
    given = {name: base64.b64decode(text).decode() for name, text in rendered.objects["secret.yaml"]["data"].items()}
    assert rendered.config(tmp_path, given).postgres is not None


def test_external_secrets_brings_every_file_that_the_configuration_names(tmp_path: Path) -> None:
    external = {"store": "vault", "key": "gate"}
    apps = {"acme": {"app_id": "1", "api_url": "https://ghe.example.com/api/v3"}}
    more = {"protection_gate_prove": False, "protection_gate_webhooks": False}
    rendered = Rendered(tmp_path, protection_gate_external_secret=external, protection_gate_apps=apps, **more)
    secret = rendered.objects["secret.yaml"]
    assert secret["kind"] == "ExternalSecret"
    named = {item["secretKey"] for item in secret["spec"]["data"]}
    assert named == {"acme.pem", "acme.secret-1"}
    read = rendered.config(tmp_path, dict.fromkeys(named, "a text that is long enough"))
    assert read.apps["acme"].api_url == "https://ghe.example.com/api/v3"


def test_the_pod_has_no_rights_and_every_volume_that_it_mounts(tmp_path: Path) -> None:
    rendered = Rendered(tmp_path, protection_gate_monitoring=True)
    pod = rendered.pod["spec"]
    [container] = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert (
        rendered.objects["namespace.yaml"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    )
    service = rendered.objects["service.yaml"]
    [endpoint] = rendered.objects["service_monitor.yaml"]["spec"]["endpoints"]
    assert json.loads(rendered.objects["dashboard.yaml"]["data"]["gate.json"])["uid"] == "aphex-gate"
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert service["spec"]["selector"] == rendered.pod["metadata"]["labels"]


def test_the_unit_hands_over_every_secret_and_holds_none(tmp_path: Path) -> None:
    rendered = Rendered(tmp_path, protection_gate_where="host")
    handed = [
        line.partition("=")[2].split(":")[0] for line in rendered.unit.splitlines() if line.startswith("LoadCred")
    ]
    assert handed == ["acme.pem", "acme.secret-1", "acme.secret-2"]
    named = yaml.safe_load(rendered.text)["apps"]["acme"]
    folder = "/run/credentials/aphex-gate.service/"
    assert {named["key_file"], *named["secret_files"]} == {folder + name for name in handed}
    assert "DynamicUser=yes" in rendered.unit
    assert "ProtectSystem=strict" in rendered.unit
    assert all(secret not in rendered.unit + rendered.text for secret in (*SECRETS, "of a key"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"protection_gate_host": "gate"}, "is no host name"),
        ({"protection_gate_image": ""}, "protection_gate_image"),
        ({"protection_gate_policy": []}, "protection_gate_policy"),
        ({"protection_gate_replicas": 2}, "protection_gate_postgresql"),
        ({"protection_gate_apps": {"Acme Corp": APPS["acme"]}}, "small letters"),
        ({"protection_gate_apps": {"acme": {"app_id": "1"}}}, "no delivery can be signed"),
        ({"protection_gate_apps": {"acme": {**APPS["acme"], "webhook_secrets": ["short"]}}}, "has fewer than 8"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(tmp_path: Path, given: dict[str, Any], says: str) -> None:
    ended = _play(tmp_path, **given)
    assert ended.returncode != 0
    assert says in " ".join((ended.stdout + ended.stderr).split())
