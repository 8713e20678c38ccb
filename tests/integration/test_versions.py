"""Does another version of a part change that part and the lock, and nothing else of the tree?

Every input of a role that names a version or an image is found in its defaults and taken one version back, with a
mirror folder that holds the releases of both. One playbook run without a cluster sees what `git_tree` would write.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.installed import CHECKOUT, FILES
from tests.sandbox import mirror

ROLES = ("argocd", "cert_manager", "tekton", "external_secrets", "ingress", "authentik", "dex", "oidc", "catalog")
"""All that hand parts over and need no cluster for it."""
LOCK = "versions.lock.yaml"
PARTS = {
    "argocd": "argocd",
    "authentik": "authentik",
    "catalog": "catalog",
    "cert_manager": "cert_manager",
    "dex": "dex",
    "external_secrets": "external_secrets",
    "ingress": "ingress_controller",
    "tekton": "tekton",
    "tekton_dashboard": "tekton_dashboard",
    "tekton_image_oauth2_proxy": "tekton_dashboard",
}
"""The part that an input changes, by the longest beginning of its name."""
OF_A_TUNNEL = {"ingress_cloudflared_image"}
"""The connector of public hosts is part of the tree once a tunnel has been made, which takes Cloudflare."""
_INPUT = re.compile(r"\w+_version|\w+_image|\w+_image_\w+")
_NUMBER = re.compile(r"(\d+)(?!.*\d)")
_VALUE = re.compile(r"v?\d+\.\d+\.\d+|[\w.-]+/[\w./-]+:[\w.-]+")


@dataclass(frozen=True)
class Input:
    """An input of a role that names a version or an image: as it is, and one version back."""

    role: str
    name: str
    now: str
    other: str

    @property
    def part(self) -> str:
        return PARTS[max((start for start in PARTS if self.name.startswith(start)), key=len)]


def inputs() -> Iterator[Input]:
    """Those of all roles of parts. What is made of another input, or counts rotations, names no version by itself."""
    for role in ROLES:
        path = CHECKOUT / "roles" / role / "defaults" / "main.yml"
        for name, value in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            if name not in OF_A_TUNNEL and _INPUT.fullmatch(name) and _VALUE.fullmatch(str(value)):
                yield Input(role, name, value, one_back(value))


def one_back(value: str) -> str:
    """The version before, or at least another one: its last number of the version differs by one."""
    name, colon, tag = value.rpartition(":")
    found = re.fullmatch(r"(v?\d+\.\d+(?:\.\d+)?)(.*)", tag)
    assert found, f"{value} ends with no version"
    number, rest = found.groups()
    before = _NUMBER.sub(lambda last: str(int(last[1]) + 1 if last[1] == "0" else int(last[1]) - 1), number)
    return f"{name}{colon}{before}{rest}"


def releases_of_both(folder: Path, listed: list[Input]) -> Path:
    """A mirror that holds every release and image a second time, as it was one version before."""
    made = mirror.make(mirror.cache())
    index = yaml.safe_load((made / mirror.INDEX).read_text(encoding="utf-8"))
    folder.mkdir()
    manifests: dict[str, Any] = {}
    for url, row in index["manifests"].items():
        text = (made / row["file"]).read_text(encoding="utf-8")
        manifests[url] = _kept(folder, text)
        for each in listed:
            if f"/{each.now}/" in url:
                manifests[url.replace(each.now, each.other)] = _kept(
                    folder, text.replace(each.now, each.other) + "\n# 1\n"
                )
    images = {**index["images"], **{each.now: _digest(each.now) for each in listed if ":" in each.now}}
    for image in list(images):
        for each in listed:
            if image == each.now or image.endswith(f":{each.now}"):
                other = image.replace(each.now, each.other)
                images[other] = _digest(other)
    (folder / mirror.INDEX).write_text(yaml.safe_dump({"manifests": manifests, "images": images}), encoding="utf-8")
    return folder


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _kept(folder: Path, text: str) -> dict[str, str]:
    digest = hashlib.sha256(text.encode()).hexdigest()
    (folder / digest).write_text(text, encoding="utf-8")
    return {"file": digest, "sha256": digest}


def _inventory(folder: Path, releases: Path, listed: list[Input]) -> Path:
    """The platform `home`, and one beside it for each input, all with the variables that the playbooks have for it."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder / "tree.git")], check=True)
    (folder / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", encoding="utf-8")
    shared = {
        "ansible_python_interpreter": sys.executable,
        "platform_name": "home",
        "platform_domain": "home.example",
        "argocd_sops": True,
        "platform_folder": str(folder),
        "platform_mirror": str(releases),
        "platform_repository": f"file://{folder}/tree.git",
        "platform_git": {"working_copy": f"{folder}/copies/{{{{ inventory_hostname }}}}"},
    }
    hosts = {each.name: {"role_of_the_input": each.role, each.name: each.other} for each in listed}
    made = folder / "inventory"
    (made / "group_vars").mkdir(parents=True)
    (made / "group_vars" / "platforms.yml").symlink_to(CHECKOUT / "playbooks" / "group_vars" / "platforms.yml")
    everything = {name: {**shared, **variables} for name, variables in {"home": {}, **hosts}.items()}
    (made / "hosts.json").write_text(json.dumps({"platforms": {"hosts": everything}}), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What of the tree each input changes."""
    folder, listed = tmp_path_factory.mktemp("versions"), list(inputs())
    inventory = _inventory(folder, releases_of_both(folder / "releases", listed), listed)
    answers = folder / "seen"
    answers.mkdir()
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        str(FILES / "versions.yml"),
        "-i",
        str(inventory),
    ]
    command += ["-e", json.dumps({"roles_of_parts": ROLES, "seen_in": str(answers)})]
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("K8S_AUTH_", "KUBECONFIG"))},
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache" / "collections"),
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in answers.iterdir()}


def test_every_role_with_a_version_is_among_them() -> None:
    assert {each.role for each in inputs()} == set(ROLES) - {"oidc"}
    assert len(list(inputs())) >= 15


@pytest.mark.parametrize("each", list(inputs()), ids=lambda each: each.name)
def test_another_version_changes_its_part_and_the_lock(each: Input, seen: dict[str, list[str]]) -> None:
    changed = seen[each.name]
    assert LOCK in changed
    rest = [path for path in changed if path != LOCK]
    assert rest
    assert [path for path in rest if not path.startswith(f"parts/{each.part}/")] == []
