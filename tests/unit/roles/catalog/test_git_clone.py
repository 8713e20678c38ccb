"""git-clone against real bare repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.roles.catalog.task import Bench, Ended, git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A bare repository with two commits on main and a tag on the first."""
    work, bare = tmp_path / "work", tmp_path / "repository.git"
    work.mkdir()
    git("init", "--quiet", "--initial-branch=main", cwd=work)
    for number in (1, 2):
        (work / "file").write_text(str(number), encoding="utf-8")
        git("add", "file", cwd=work)
        git("commit", "--quiet", "--message", f"Number {number}", cwd=work)
        if number == 1:
            git("tag", "first", cwd=work)
    git("clone", "--quiet", "--bare", str(work), str(bare), cwd=tmp_path)
    git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=bare)
    return bare


def clone(bench: Bench, repository: Path, revision: str = "main", **params: str) -> Ended:
    wanted = {"url": f"file://{repository}", "revision": revision, **params}
    return bench.run("git-clone", wanted, {"output": bench.source})


def test_a_branch_is_cloned_and_told_of(bench: Bench, repository: Path) -> None:
    ended = clone(bench, repository, "main")
    assert ended.code == 0, ended.output
    commit = git("rev-parse", "main", cwd=repository)
    assert ended.results == {"commit": commit, "url": f"file://{repository}", "committer-date": "1763729938"}
    assert (bench.source / "file").read_text(encoding="utf-8") == "2"
    assert git("rev-list", "--count", "HEAD", cwd=bench.source) == "1"


@pytest.mark.parametrize("by", ["first", "commit"])
def test_a_tag_and_a_commit_are_revisions_as_well(bench: Bench, repository: Path, by: str) -> None:
    first = git("rev-parse", "first", cwd=repository)
    ended = clone(bench, repository, first if by == "commit" else by)
    assert ended.code == 0, ended.output
    assert ended.results["commit"] == first
    assert (bench.source / "file").read_text(encoding="utf-8") == "1"


def test_a_second_clone_replaces_the_first(bench: Bench, repository: Path) -> None:
    assert clone(bench, repository, "main").code == 0
    (bench.source / "left").touch()
    ended = clone(bench, repository, "first", depth="0", subdirectory="")
    assert ended.code == 0, ended.output
    assert not (bench.source / "left").exists()


def test_a_clone_that_is_kept_gets_the_new_revision(bench: Bench, repository: Path) -> None:
    assert clone(bench, repository, "first", deleteExisting="false").code == 0
    (bench.source / "left").touch()
    assert clone(bench, repository, "main", deleteExisting="false").code == 0
    assert (bench.source / "left").exists()
    assert (bench.source / "file").read_text(encoding="utf-8") == "2"


def test_a_folder_of_the_workspace_may_be_the_target(bench: Bench, repository: Path) -> None:
    assert clone(bench, repository, "main", subdirectory="below/it").code == 0
    assert (bench.source / "below" / "it" / "file").is_file()


def test_a_refspec_is_fetched_before_the_checkout(bench: Bench, repository: Path) -> None:
    refspec = "+refs/heads/*:refs/remotes/origin/* +refs/tags/*:refs/tags/*"
    ended = clone(bench, repository, "first", refspec=refspec, depth="0")
    assert ended.code == 0, ended.output
    assert git("rev-parse", "refs/remotes/origin/main", cwd=bench.source)
    assert ended.results["commit"] == git("rev-parse", "first", cwd=repository)


def test_credentials_come_from_a_workspace(bench: Bench, repository: Path) -> None:
    auth = bench.write(
        {".git-credentials": "https://canary@example.com\n", ".gitconfig": "[user]\n  name = x\n"}, "auth"
    )
    wanted = {"url": f"file://{repository}", "revision": "main"}
    ended = bench.run("git-clone", wanted, {"output": bench.source, "basic-auth": auth})
    assert ended.code == 0, ended.output
    kept = bench.shared / "home" / ".git-credentials"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "canary" not in ended.output


def test_ssh_without_known_hosts_is_refused(bench: Bench, repository: Path) -> None:
    keys = bench.write({"id_ed25519": "a key"}, "keys")
    workspaces = {"output": bench.source, "ssh-directory": keys}
    ended = bench.run("git-clone", {"url": "git@example.com:a/b.git", "revision": "main"}, workspaces)
    assert ended.code == 1
    assert "known_hosts" in ended.output
    bench.write({"known_hosts": "example.com a key"}, "keys")
    bench.run("git-clone", {"url": f"file://{repository}", "revision": "main"}, workspaces)
    config = (bench.shared / "home" / ".ssh" / "config").read_text(encoding="utf-8")
    assert "StrictHostKeyChecking yes" in config
    assert f"IdentityFile {bench.shared}/home/.ssh/id_ed25519" in config


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("url", "--upload-pack=touch hacked"),
        ("url", "https://name:word@example.com/a/b.git"),
        ("url", "ext::sh -c 'touch hacked'"),
        ("revision", "--upload-pack=touch hacked"),
        ("revision", "there-is-none"),
        ("refspec", "main --upload-pack=touch"),
        ("subdirectory", "../elsewhere"),
        ("subdirectory", "/elsewhere"),
        ("depth", "-1"),
        ("submodules", "perhaps"),
    ],
)
def test_what_cannot_be_cloned_leaves_no_result(bench: Bench, repository: Path, param: str, value: str) -> None:
    ended = clone(bench, repository, **{param: value})
    assert ended.code != 0
    assert ended.results == {}
    assert list(bench.folder.rglob("hacked")) == []
