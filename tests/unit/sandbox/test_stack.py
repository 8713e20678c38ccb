"""Parts bring along what they need, sandboxes have plain names, and built programs are found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox import build
from tests.sandbox.build import FAMILIES, BuildFailed, Family, built
from tests.sandbox.stack import ALL, PARTS, families, with_needs
from tests.sandbox.state import Place

# A stand-in for `go build`: it notes its call, and makes the program that is named.
GO = """#!/bin/sh
echo "$GOFLAGS $CGO_ENABLED $*" >> "$CALLS"
echo "go: downloading nothing" >&2
while [ "$1" != -o ]; do shift; done
test -e "$BROKEN" && { echo "main.go:1: no" >&2; exit 1; }
echo program > "$2/hello"
"""


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    """A family `hello` in a folder of its own, with its own cache and its own `go`."""
    folder = tmp_path / "go" / "hello"
    folder.mkdir(parents=True)
    for name in ("go.mod", "go.sum", "main.go"):
        (folder / name).write_text(f"// {name}\n", encoding="utf-8")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "go").write_text(GO, encoding="utf-8")
    (tools / "go").chmod(0o700)
    monkeypatch.setattr(build, "GO", tmp_path / "go")
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("BROKEN", str(tmp_path / "broken"))
    made = Family("hello", (".",), ("hello",))
    monkeypatch.setitem(FAMILIES, "hello", made)
    return made


def calls(tmp_path: Path) -> list[str]:
    path = tmp_path / "calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_a_family_is_built_once_for_each_content(family: Family, tmp_path: Path) -> None:
    said: list[str] = []
    first = built("hello", said.append)
    assert (first / "hello").read_text() == "program\n"
    assert said[0].startswith("hello: building hello (once;")
    assert said[1].startswith("hello: built in ")
    assert built("hello", said.append) == first
    assert [call.split()[:3] for call in calls(tmp_path)] == [["-mod=readonly", "0", "build"]]
    (family.folder / "main.go").write_text("// changed\n", encoding="utf-8")
    assert built("hello", said.append) != first
    assert len(calls(tmp_path)) == 2


def test_a_failed_build_says_why_and_leaves_no_folder(family: Family, tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    with pytest.raises(BuildFailed, match=r"hello: go build ended with 1(.|\n)*main.go:1: no"):
        built("hello", lambda _unused: None)
    (tmp_path / "broken").unlink()
    assert (built("hello", lambda _unused: None) / "hello").exists()


def test_without_go_the_user_is_told_what_to_install(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BuildFailed, match=f"{family.name} has to be built, and there is no `go` on the PATH"):
        built("hello", lambda _unused: None)


def test_the_control_plane_tells_its_own_version() -> None:
    flags = FAMILIES["controlplane"].link_flags()
    assert "k8s.io/component-base/version.gitVersion=v1." in flags
    assert "gitMajor=1" in flags


def test_parts_bring_along_what_they_need() -> None:
    assert with_needs(["control_plane"]) == ["api_server", "control_plane"]
    assert with_needs(["edge", "tekton"]) == ["api_server", "crds", "control_plane", "tekton", "cloudflare", "edge"]
    assert with_needs(ALL) == list(ALL)
    with pytest.raises(ValueError, match="there is no part 'flex'; the parts are api_server, "):
        with_needs(["flex"])


def test_an_optional_part_starts_for_those_alone_who_name_it() -> None:
    assert "flux" not in ALL
    assert with_needs(["flux"]) == ["api_server", "control_plane", "flux"]
    assert with_needs([*ALL, "flux"]) == [part for part in PARTS if part in ALL or part == "flux"]


def test_every_part_stands_behind_what_it_waits_for() -> None:
    for name, part in PARTS.items():
        assert all(list(PARTS).index(other) < list(PARTS).index(name) for other in part.after)


def test_only_needed_programs_are_built(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APHEX_SANDBOX_KUBECONFIG", "KUBEBUILDER_ASSETS"):
        monkeypatch.delenv(name, raising=False)
    assert families(["cloudflare"]) == []
    assert families(["crds"]) == ["controlplane"]
    assert families(["flux"]) == ["controlplane", "flux"]
    assert families(ALL) == ["controlplane", "kwok", "tekton"]


@pytest.mark.parametrize("name", ["", "A", "a/b", "..", ".last", "a" * 33, "-a", "a_b"])
def test_a_sandbox_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for a sandbox"):
        Place(name)
