"""Does the tree keep the secrets of a platform, so that nobody reads them there, and bring them back with one key?

The role runs as its users run it, with the real sops, on an API server and a Git server of its own. What Argo CD does
with the files is done by the program that role argocd gives it.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.installed import CHECKOUT, Run, sandbox_for
from tests.integration.rendering import parts_of
from tests.integration.test_platform_secrets import CANARY, Secrets
from tests.sandbox import build
from tests.sandbox.git_server import GitServer

PROGRAM = CHECKOUT / "roles" / "argocd" / "files" / "sops" / "generate.sh"
FOLDER = "parts/platform_secrets"
ROTATED = "auth-system/dex-secrets.argocd-client-secret"
DEX, OIDC = "secrets/auth-system/dex-secrets.enc.yaml", "secrets/argocd/argocd-oidc.enc.yaml"
AGE = ("argocd", "platform-sops-age")
HARDENED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
HANDED = "{{ __platform_parts | aphex.platform.tree_files({'platform_secrets': {}}) }}"


class Tree:
    """A machine with the role, a cluster, and a Git server that has the tree."""

    def __init__(self, machine: Secrets, git: GitServer) -> None:
        self.machine = machine
        self.git = git

    def elsewhere(self, folder: Path) -> Tree:
        """The same cluster and tree, as another machine has them."""
        return Tree(Secrets(self.machine.sandbox, folder, **self.machine.env), self.git)

    def play(self, *arguments: str, tasks: str = "main", **inputs: Any) -> Run:
        """Run the role, and push what it hands over."""
        repository = self.git.url_of("platform")
        files = {"repository": repository, "files": HANDED, "prune": True}
        after = [{"aphex.platform.git_tree": files}] if tasks == "main" else []
        given = {"source": "sops", "sops_repository": repository, "tls": "acme", **inputs}
        return self.machine.play(*arguments, tasks=tasks, after=after, **given)

    def commit(self) -> str | None:
        """The commit that the tree is at."""
        return self.git.head("platform")

    def files(self) -> dict[str, str]:
        """The files of the part."""
        found = self.git.files("platform").items()
        return {name.removeprefix(f"{FOLDER}/"): text for name, text in found if name.startswith(FOLDER)}

    def objects(self) -> bytes:
        """All that Git has, of every commit."""
        command = ["git", "-C", str(self.git.path("platform")), "cat-file", "--batch-all-objects", "--batch"]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def values(self) -> dict[str, bytes]:
        """Every value in the cluster but the age key."""
        return {name: value for name, value in self.machine.values().items() if not name.startswith("/".join(AGE))}

    def empty_cluster(self) -> None:
        """Take every Secret away."""
        for name in {name.partition(".")[0] for name in self.machine.values()}:
            namespace, _slash, secret = name.partition("/")
            self.machine.sandbox.api.delete(f"/api/v1/namespaces/{namespace}/secrets/{secret}")

    def generated(self, folder: Path, project: str = "platform", key: Path | None = None) -> tuple[int, str]:
        """What Argo CD gets of the tree, and how its program ended."""
        for name, text in self.files().items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        env = {
            "PATH": f"{build.built('sops')}{os.pathsep}/usr/bin:/bin",
            "HOME": str(folder),
            "SOPS_AGE_KEY_FILE": str(key or self.machine.folder / "age.key"),
            "ARGOCD_APP_PROJECT_NAME": project,
        }
        done = subprocess.run(["/bin/sh", str(PROGRAM)], cwd=folder, env=env, capture_output=True, check=False)
        return done.returncode, done.stdout.decode()


def in_clear(values: dict[str, bytes], text: bytes) -> list[str]:
    """The values that a text shows, as they are or in base64."""
    return [name for name, value in values.items() if value in text or base64.b64encode(value) in text]


def given_out(text: str) -> dict[str, bytes]:
    """The values of the Secrets in a stream, by namespace/name.key."""
    return {
        f"{item['metadata']['namespace']}/{item['metadata']['name']}.{key}": base64.b64decode(value)
        for item in yaml.safe_load_all(text)
        for key, value in item["data"].items()
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    build.built("sops")
    with sandbox_for("platform-sops") as sandbox, GitServer(tmp_path_factory.mktemp("git")) as git:
        git.make("platform")
        machine = Secrets(sandbox, tmp_path_factory.mktemp("machine"), GIT_TOKEN=git.token)
        made = Tree(machine, git)
        first = made.play("--diff", "-vvv")
        assert first.code == 0, first.output
        hidden = machine.values()
        assert in_clear(hidden, first.output.encode()) == []
        assert (machine.folder / "age.key").read_text(encoding="utf-8").splitlines()[-1] not in first.output
        yield made


def test_the_tree_has_every_secret_and_nobody_reads_it_there(tree: Tree) -> None:
    values = tree.values()
    assert values["platform-system/cloudflare-api-token.token"] == CANARY.encode()
    assert in_clear(tree.machine.values(), tree.objects()) == []
    files = tree.files()
    assert {yaml.safe_load(text)["kind"] for text in files.values()} == {"Secret"}
    assert len(files) == len({name.partition(".")[0] for name in values})
    assert oct((tree.machine.folder / "age.key").stat().st_mode & 0o777) == "0o600"
    assert [path.name for path in tree.machine.folder.rglob("*")] == ["age.key"]


def test_a_second_run_changes_nothing_and_keeps_every_byte(tree: Tree) -> None:
    before = tree.commit(), tree.files(), tree.values()
    mark = tree.machine.sandbox.audit.mark()
    again = tree.play()
    assert (again.code, again.changed) == (0, 0), again.output
    assert (tree.commit(), tree.files(), tree.values()) == before
    assert tree.machine.sandbox.audit.product_writes(mark) == []


def test_what_argo_cd_brings_is_what_the_cluster_has(tree: Tree, tmp_path: Path) -> None:
    code, text = tree.generated(tmp_path)
    assert code == 0
    assert given_out(text) == tree.values()
    code, text = tree.generated(tmp_path, project="shop")
    assert (code, text) == (1, "")


def test_B27_a_rotation_rewrites_two_files_and_argo_cd_brings_the_value(tree: Tree, tmp_path: Path) -> None:
    files, values = tree.files(), tree.values()
    rotated = tree.play("--diff", "-vvv", rotate={ROTATED: 2})
    assert rotated.code == 0, rotated.output
    after = tree.files()
    assert {name for name in files if files[name] != after[name]} == {DEX, OIDC}
    assert tree.values() == values, "what is in the cluster is changed by Argo CD"
    brought = given_out(tree.generated(tmp_path)[1])
    assert brought[ROTATED] == brought["argocd/argocd-oidc.clientSecret"]
    assert {name for name in brought if brought[name] != values[name]} == {ROTATED, "argocd/argocd-oidc.clientSecret"}
    assert in_clear(brought, rotated.output.encode() + tree.objects()) == []
    commit = tree.commit()
    direct = tree.play(rotate={ROTATED: 2}, sops_bring="all")
    assert direct.code == 0, direct.output
    assert (tree.commit(), tree.values()) == (commit, brought)
    well = tree.play(tasks="verify")
    assert (well.code, well.changed) == (0, 0), well.output


def test_what_a_person_changes_with_sops_stays_and_is_brought(tree: Tree, tmp_path: Path) -> None:
    path, new = "secrets/argocd/argocd-redis.enc.yaml", base64.b64encode(b"CANARY-of-a-person-4711").decode()
    file = tmp_path / "a.yaml"
    file.write_text(tree.files()[path], encoding="utf-8")
    env = {"SOPS_AGE_KEY_FILE": str(tree.machine.folder / "age.key"), "HOME": str(tmp_path)}
    command = [str(build.built("sops") / "sops"), "set", str(file), '["data"]["auth"]', f'"{new}"']
    subprocess.run(command, env=env, capture_output=True, check=True)
    tree.git.commit("platform", {f"{FOLDER}/{path}": file.read_text(encoding="utf-8")})
    ended = tree.play("--diff", "-vvv", sops_bring="all")
    assert ended.code == 0, ended.output
    assert tree.files()[path] == file.read_text(encoding="utf-8")
    assert tree.values()["argocd/argocd-redis.auth"] == b"CANARY-of-a-person-4711"
    assert in_clear(tree.machine.values(), ended.output.encode() + tree.objects()) == []


def test_on_another_machine_the_key_comes_from_the_cluster(tree: Tree, tmp_path: Path) -> None:
    before = tree.commit()
    other = tree.elsewhere(tmp_path / "other")
    ended = other.play()
    assert ended.code == 0, ended.output
    assert (other.machine.folder / "age.key").read_bytes() == (tree.machine.folder / "age.key").read_bytes()
    assert tree.commit() == before


def test_an_empty_cluster_gets_the_same_values_from_the_tree_and_the_key(tree: Tree) -> None:
    before, values = tree.commit(), tree.values()
    tree.empty_cluster()
    assert tree.values() == {}
    ended = tree.play()
    assert ended.code == 0, ended.output
    assert (tree.commit(), tree.values()) == (before, values)


def test_a_wrong_key_is_one_sentence_and_nothing_is_lost(tree: Tree, tmp_path: Path) -> None:
    before, values = tree.commit(), tree.values()
    wrong = subprocess.run([build.built("sops") / "age-keygen"], capture_output=True, check=True).stdout
    other = tree.elsewhere(tmp_path / "other")
    other.machine.folder.mkdir()
    (other.machine.folder / "age.key").write_bytes(wrong)
    refused = " ".join(other.play().output.split())
    assert "it is another one than that of Secret argocd/platform-sops-age" in refused
    tree.empty_cluster()
    for folder in (other.machine.folder, tmp_path / "none"):
        refused = " ".join(tree.elsewhere(folder).play().output.split())
        assert "no age key that is here opens it. Bring the platform's age.key back" in refused
        assert (tree.commit(), tree.machine.values()) == (before, {})
    assert not (tmp_path / "none").exists()
    assert tree.play().code == 0
    assert tree.values() == values


def test_who_becomes_a_recipient_reads_every_file_with_a_key_of_their_own(tree: Tree, tmp_path: Path) -> None:
    key = tmp_path / "ann.key"
    key.write_bytes(subprocess.run([build.built("sops") / "age-keygen"], capture_output=True, check=True).stdout)
    [public] = [line.split()[-1] for line in key.read_text("utf-8").splitlines() if "public key" in line]
    files, values = tree.files(), tree.values()
    ended = tree.play(sops_recipients=[public])
    assert ended.code == 0, ended.output
    assert {name for name, text in tree.files().items() if text != files[name]} == set(files)
    assert given_out(tree.generated(tmp_path, key=key)[1]) == values
    again = tree.play(sops_recipients=[public])
    assert (again.code, again.changed) == (0, 0), again.output
    assert in_clear(tree.machine.values(), tree.objects()) == []


def test_P29_the_age_key_is_where_secrets_are_decrypted_and_nowhere_else(tree: Tree, tmp_path: Path) -> None:
    inputs = {"argocd_domain": "home.example", "argocd_repository": "https://git.example.org/platform/tree.git"}
    part = parts_of("argocd", argocd_sops=True, **inputs)["argocd"]
    assert [path for path in parts_of("argocd", **inputs)["argocd"].files if "sops" in path] == []
    assert part.one("ConfigMap", "platform-sops")["data"]["generate.sh"].strip() == PROGRAM.read_text("utf-8").strip()
    assert "buildOptions" not in str(part.objects(patches=True)), "no repository runs a program by kustomize"
    labels = {"app": "repo-server"}
    main = {"name": "argocd-repo-server", "image": "argocd:1", "securityContext": HARDENED}
    pod = {"containers": [main], "volumes": [{"name": name, "emptyDir": {}} for name in ("plugins", "var-files")]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    # As in the release, without a namespace: the part's kustomization names it.
    released = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "argocd-repo-server"}, "spec": spec}
    (tmp_path / "released.yaml").write_text(yaml.safe_dump(released), encoding="utf-8")
    (tmp_path / "patch.yaml").write_text(part.files["patches/sops.yaml"], encoding="utf-8")
    kustomization = {"namespace": "argocd", "resources": ["released.yaml"], "patches": [{"path": "patch.yaml"}]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    command = [str(tree.machine.sandbox.kubectl), "kustomize", str(tmp_path)]
    built = yaml.safe_load(subprocess.run(command, capture_output=True, check=True).stdout)
    found = built["spec"]["template"]["spec"]
    assert [item["name"] for item in found["containers"]] == ["argocd-repo-server", "platform-sops"]
    [age] = [item["name"] for item in found["volumes"] if item.get("secret", {}).get("secretName") == "/".join(AGE[1:])]
    holders = [
        item["name"] for item in found["containers"] if age in [mount["name"] for mount in item.get("volumeMounts", [])]
    ]
    assert holders == ["platform-sops"]
    # The namespace is `restricted`; the API server judges a pod as it is made.
    one = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "repo-server", "namespace": "argocd"}, "spec": found}
    tree.machine.sandbox.api.apply(one)
    tree.machine.sandbox.api.delete("/api/v1/namespaces/argocd/pods/repo-server")
