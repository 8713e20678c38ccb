"""From an empty API server to the platform: everything is accepted, nothing is written twice, nothing secret shows.

In: a sandbox of its own without any kind but Kubernetes', a Git server, a mirror folder. Out: what a user would see of
the playbook bootstrap. Never here: a part by itself; those have tests of their own.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.platform import kept_modules
from tests.integration.mirroring import Online, published
from tests.sandbox import mirror
from tests.sandbox.demo_bootstrap import EMPTY, PLATFORM, environment
from tests.sandbox.sandbox import CHECKOUT, Sandbox, join
from tests.sandbox.stack import TREE
from tests.sandbox.state import User

BOTH = {"platform_write_to": ["git", "cluster"], "platform_tree_wait": False}
_WITHIN = 600
# What a Secret holds beside secrets: where the tree lies, and who reads it.
_NO_SECRETS = {"tls.crt", "ca.crt", "url", "username", "type", "name", "project"}
_WORKLOADS = ("deployments", "statefulsets", "daemonsets")


@dataclass
class Played:
    """One run of a playbook: its result by task, and what it wrote."""

    code: int
    text: str
    changed: int
    writes: list[str]


@dataclass
class Bed:
    """The sandbox, and the folder of the platform on this machine."""

    sandbox: Sandbox
    folder: Path

    @property
    def repository(self) -> Path:
        return Path(self.sandbox.env["APHEX_SANDBOX_GIT_FOLDER"]) / f"{TREE}.git"

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.repository), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def heads(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(objectname)", "refs/heads/main").split()

    def play(self, playbook: str, *more: str, **extra: Any) -> Played:
        mark = self.sandbox.audit.mark()
        env = {
            **os.environ,
            **self.sandbox.env,
            **environment(self.sandbox, mirror.make(mirror.cache()), self.folder),
            **kept_modules(),
            "ANSIBLE_FORCE_COLOR": "false",
        }
        command = ["ansible-playbook", "-i", PLATFORM, f"aphex.platform.{playbook}", *more]
        command += ["-e", json.dumps({**BOTH, **extra})]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=_WITHIN, check=False
        )
        text = done.stdout + done.stderr
        changed = sum(int(word.split("=")[1]) for word in text.split() if word.startswith("changed="))
        writes = [str(request) for request in self.sandbox.audit.product_writes(mark)]
        return Played(done.returncode, text, changed, writes)


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    sandbox = join(f"bootstrap-{os.getpid()}", EMPTY, user=User.this_process("bootstrap"))
    try:
        yield Bed(sandbox, tmp_path_factory.mktemp("platform"))
    finally:
        sandbox.leave()


@pytest.fixture(scope="module")
def checked(bed: Bed) -> Played:
    """What check mode says before anything is there."""
    return bed.play("bootstrap", "--check", "--diff")


@pytest.fixture(scope="module")
def first(bed: Bed, checked: Played) -> Played:
    return bed.play("bootstrap", "--diff", "-vv")


def test_check_mode_writes_nothing(bed: Bed, checked: Played) -> None:
    assert checked.writes == []
    assert "changed=" in checked.text


def test_everything_is_accepted(bed: Bed, first: Played) -> None:
    assert first.code == 0, first.text[-3000:]
    assert len(bed.heads()) == 1


def test_a_second_run_writes_nothing(bed: Bed, first: Played) -> None:
    heads = bed.heads()
    again = bed.play("bootstrap")
    assert (again.code, again.changed, again.writes) == (0, 0, []), again.text[-3000:]
    assert bed.heads() == heads


def test_the_same_inputs_give_the_same_bytes(bed: Bed, first: Played) -> None:
    """Another machine, which knows nothing of the first, finds nothing to change in the tree."""
    tree = bed.git("rev-parse", "main^{tree}")
    elsewhere = Bed(bed.sandbox, bed.folder.parent / "elsewhere")
    assert elsewhere.play("bootstrap", platform_write_to=["git"]).code == 0
    assert bed.git("rev-parse", "main^{tree}") == tree


@pytest.mark.parametrize(
    ("wrong", "sentences"),
    [
        ({"dex_replicas": "many"}, ["dex_replicas"]),
        (
            {"crds_zone": "nowhere", "catalog_image_git": "alpine/git"},
            [
                "crds_zone is 'nowhere', which is no DNS zone",
                "catalog_image_git is 'alpine/git', which names no version",
            ],
        ),
    ],
    ids=["types", "values"],
)
def test_wrong_inputs_of_all_parts_are_told_before_the_first_one_acts(
    bed: Bed, first: Played, wrong: dict[str, Any], sentences: list[str]
) -> None:
    heads = bed.heads()
    played = bed.play("bootstrap", **wrong)
    assert played.code != 0
    assert [sentence for sentence in sentences if sentence not in played.text] == []
    assert "platform_secrets" not in played.text.partition("Check the inputs of all parts")[2]
    assert (played.writes, bed.heads()) == ([], heads)


def test_no_secret_is_in_the_tree_or_in_what_was_said(bed: Bed, first: Played) -> None:
    values = list(_secrets(bed.sandbox))
    assert len(values) > 10
    history = bed.git("log", "-p", "--all")
    for where, value in values:
        assert value not in history, where
        assert value not in first.text, where


def test_P33_every_image_of_the_platform_has_a_digest(bed: Bed, first: Played) -> None:
    images = set(_images(bed.sandbox))
    assert len(images) > 10
    assert [image for image in images if "@sha256:" not in image] == []


def test_B17_every_application_has_its_wave_and_the_health_that_waves_wait_for(bed: Bed, first: Played) -> None:
    rows = yaml.safe_load((CHECKOUT / "roles/platform_tree/vars/main/waves.yml").read_text(encoding="utf-8"))
    waves = {row["part"].replace("_", "-"): str(row["wave"]) for row in rows["platform_tree_waves"]}
    names = bed.git("ls-tree", "--name-only", "main", "applications/").split()
    assert len(names) > 10
    for name in names:
        application = yaml.safe_load(bed.git("show", f"main:{name}"))
        part = application["metadata"]["name"].removeprefix("home-")
        assert application["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] == waves[part]
    settings = bed.sandbox.api.get("/api/v1/namespaces/argocd/configmaps/argocd-cm")
    assert "resource.customizations.health.argoproj.io_Application" in settings["data"]


def test_D14_every_application_names_a_folder_of_the_tree_and_its_one_branch(bed: Bed, first: Played) -> None:
    for name in ["root.yaml", *bed.git("ls-tree", "--name-only", "main", "applications/").split()]:
        source = yaml.safe_load(bed.git("show", f"main:{name}"))["spec"]["source"]
        assert source["targetRevision"] == "main"
        assert source["repoURL"] == bed.sandbox.env["APHEX_SANDBOX_TREE"]
        assert bed.git("ls-tree", "--name-only", "main", f"{source['path']}/").split(), source["path"]


def test_B24_every_service_of_the_platform_selects_pods_that_are_there(bed: Bed, first: Played) -> None:
    """A Service whose labels no pod carries answers nobody, and what asks through it counts as broken."""
    pods = [
        (item["metadata"]["namespace"], item["spec"]["template"]["metadata"]["labels"])
        for plural in _WORKLOADS
        for item in bed.sandbox.api.list(f"/apis/apps/v1/{plural}")
    ]
    services = [item for item in bed.sandbox.api.list("/api/v1/services") if item["spec"].get("selector")]
    assert len(services) > 5
    for service in services:
        namespace, selector = service["metadata"]["namespace"], service["spec"]["selector"]
        chosen = [labels for where, labels in pods if where == namespace and selector.items() <= labels.items()]
        assert chosen, f"{namespace}/{service['metadata']['name']} selects {selector}"


def test_a_folder_that_the_playbook_mirror_has_filled_gives_the_same_lock(
    bed: Bed, first: Played, tmp_path: Path
) -> None:
    """Read anew, below another path of the tree: there is no lock yet that could say what it is to be."""
    with published(tmp_path / "internet") as releases:
        online = Online(releases, tmp_path)
        filled = online.play()
        assert filled.code == 0, filled.text[-3000:]
    looked = bed.play(
        "bootstrap", "--check", "--diff", platform_mirror=str(online.folder), platform_tree_path="offline"
    )
    assert (looked.code, looked.writes) == (0, []), looked.text[-3000:]
    _before, _mark, after = looked.text.partition("+++ after: offline/versions.lock.yaml\n")
    lock = bed.git("show", "main:versions.lock.yaml").splitlines()
    assert len(lock) > 30
    _range, *added = after.splitlines()[: len(lock) + 1]
    assert added == [f"+{line}" for line in lock]


def test_an_edit_of_people_is_kept_and_never_overwritten_silently(bed: Bed, first: Played, tmp_path: Path) -> None:
    _edit(bed, tmp_path, "parts/ingress_controller/traefik.yaml", "replicas: 2", "replicas: 3")
    kept = bed.play("bootstrap", platform_write_to=["git"])
    assert (kept.code, kept.changed) == (0, 0), kept.text[-2000:]
    refused = bed.play("bootstrap", platform_write_to=["git"], ingress_replicas=4)
    assert refused.code != 0
    assert "parts/ingress_controller/traefik.yaml" in refused.text
    told = bed.play("bootstrap", platform_write_to=["git"], ingress_replicas=4, platform_tree_on_edited="overwrite")
    assert told.code == 0, told.text[-2000:]
    assert "replicas: 4" in bed.git("show", "main:parts/ingress_controller/traefik.yaml")


def test_an_upgrade_shows_its_difference_and_can_be_taken_back(bed: Bed, first: Played) -> None:
    before, tree = bed.git("rev-parse", "main"), bed.git("rev-parse", "main^{tree}")
    looked = bed.play("bootstrap", "--check", "--diff", platform_write_to=["git"], ingress_replicas=5)
    assert "replicas: 5" in looked.text
    assert bed.git("rev-parse", "main") == before
    assert bed.play("bootstrap", platform_write_to=["git"], ingress_replicas=5).changed
    back = bed.play("revert", platform_write_to=["git"], platform_tree_revert_to=before)
    assert back.code == 0, back.text[-2000:]
    assert bed.git("rev-parse", "main^{tree}") == tree
    assert bed.git("rev-list", "--count", f"{before}..main") == "2"


def test_a_tenant_keeps_the_platform_from_being_taken_away(bed: Bed, first: Played) -> None:
    unconfirmed = bed.play("teardown")
    assert unconfirmed.code != 0
    assert "teardown_confirm=home" in unconfirmed.text
    assert unconfirmed.writes == []
    organization = {
        "apiVersion": "aphex.io/v1alpha1",
        "kind": "Organization",
        "metadata": {"name": "stays", "namespace": "platform-system"},
        "spec": {"displayName": "Stays", "adminUsers": ["ann@acme.example"]},
    }
    bed.sandbox.api.create(organization)
    refused = bed.play("teardown", teardown_confirm="home")
    bed.sandbox.api.remove(organization)
    assert refused.code != 0
    assert "stays" in refused.text
    assert refused.writes == []


def _secrets(sandbox: Sandbox) -> Iterator[tuple[str, str]]:
    for secret in sandbox.api.list("/api/v1/secrets"):
        for key, value in (secret.get("data") or {}).items():
            text = base64.b64decode(value).decode("utf-8", "replace").strip()
            if key not in _NO_SECRETS and len(text) >= 16:
                yield f"{secret['metadata']['namespace']}/{secret['metadata']['name']}.{key}", text


def _images(sandbox: Sandbox) -> Iterator[str]:
    for plural in _WORKLOADS:
        for item in sandbox.api.list(f"/apis/apps/v1/{plural}"):
            pod = item["spec"]["template"]["spec"]
            yield from (container["image"] for container in [*pod["containers"], *(pod.get("initContainers") or [])])
    for task in sandbox.api.list("/apis/tekton.dev/v1/tasks"):
        yield from (step["image"] for step in task["spec"]["steps"])


def _edit(bed: Bed, folder: Path, path: str, old: str, new: str) -> None:
    """Change a file of the tree as people do: clone, edit, commit, push."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "-q", str(bed.repository), str(clone)], check=True)
    text = (clone / path).read_text(encoding="utf-8")
    assert old in text
    (clone / path).write_text(text.replace(old, new), encoding="utf-8")
    person = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", "-C", str(clone), *person, "commit", "-qam", "More of them"], check=True)
    subprocess.run(["git", "-C", str(clone), "push", "-q", "origin", "HEAD:main"], check=True)
