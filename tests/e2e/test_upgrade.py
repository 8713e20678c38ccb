"""Does an upgrade by Git keep the order of the waves, stop where a wave breaks, and go back?

The role `platform_tree` writes small parts, with a table of waves of its own, into a real repository; the real Argo CD
brings them. What is new or old in a part is a word in its ConfigMap.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
import yaml

from tests.e2e.argo import Argo, eventually
from tests.e2e.tree import NAMESPACE, Object, Tree, config, deployment

CONFIG_MAPS, DEPLOYMENTS = (
    f"/api/v1/namespaces/{NAMESPACE}/configmaps",
    f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments",
)
LATER = {"sandbox.example/later": "true"}
WAVES = {"base": 0, "extra": 5, "web": 10, "last": 20}
OLD = {"base": "old", "web": "old", "last": "old"}
Parts = dict[str, list[Object]]


@dataclass
class Platform:
    """The platform of a test: its parts as people would change them, its tree, and what is in the cluster."""

    argo: Argo
    tree: Tree

    def objects(self, part: str, word: str, **changes: Any) -> list[Object]:
        """A ConfigMap with a word, and a Deployment."""
        name = f"{self.tree.name}-{part}"
        return [config(name, word=word), deployment(name, **changes)]

    def parts(self, words: dict[str, str]) -> Parts:
        return {part: self.objects(part, word) for part, word in words.items()}

    def run(self, parts: Parts, *words: str, **variables: Any) -> tuple[int, str]:
        """Hand these parts over, and run the role; answers how that ended, and what was printed in one line."""
        hand_over = [_handed_over(part, objects) for part, objects in parts.items()]
        include: Object = {"ansible.builtin.include_role": {"name": "aphex.platform.platform_tree"}}
        given = {
            "platform_tree_name": self.tree.name,
            "platform_tree_path": self.tree.name,
            "platform_tree_repository": self.argo.repository.url,
            "platform_tree_waves": [_row(part, wave) for part, wave in WAVES.items()],
            "platform_tree_mirror": str(self._mirror(parts)),
            "platform_tree_by_wave": True,
            "platform_tree_wait_timeout": 120,
        }
        code, output = self.argo.run([*hand_over, include], *words, **given | variables)
        return code, " ".join(output.split())

    def done(self, parts: Parts, **variables: Any) -> str:
        """The same, where it must not fail."""
        code, output = self.run(parts, **variables)
        assert code == 0, output[-4000:]
        return output

    def _mirror(self, parts: Parts) -> Any:
        folder = self.argo.folder / "nothing-of-others"
        folder.mkdir(exist_ok=True)
        images = {item["spec"]["template"]["spec"]["containers"][0]["image"] for item in _deployments(parts)}
        lock = {"manifests": {}, "images": dict.fromkeys(images, f"sha256:{'ab' * 32}")}
        (folder / "versions.lock.yaml").write_text(yaml.safe_dump(lock), encoding="utf-8")
        return folder

    # --- Git

    def git(self, *words: str) -> str:
        folder = self.argo.repository.folder / "tree.git"
        return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()

    def head(self) -> str:
        return self.git("rev-parse", "main")

    def content(self, commit: str = "main") -> str:
        return self.git("rev-parse", f"{commit}:{self.tree.name}")

    def since(self, commit: str) -> list[str]:
        """The waves of the commits since, as their messages name them, the oldest first."""
        subjects = self.git("log", "--reverse", "--format=%s", f"{commit}..main", "--", self.tree.name).splitlines()
        return [re.sub(r"^.*?(?:, (wave .*|what is left))?$", r"\1", subject) for subject in subjects]

    def word_in_git(self, part: str) -> str:
        return str(yaml.safe_load(self.git("show", f"main:{self.tree.name}/parts/{part}/0.yaml"))["data"]["word"])

    # --- the cluster

    def word(self, part: str) -> str:
        return str(self.argo.api.get(f"{CONFIG_MAPS}/{self.tree.name}-{part}")["data"]["word"])

    def changed_at(self, part: str) -> datetime:
        """When the ConfigMap of a part was last changed."""
        found = self.argo.api.get(f"{CONFIG_MAPS}/{self.tree.name}-{part}")
        return max(datetime.fromisoformat(entry["time"]) for entry in found["metadata"]["managedFields"])

    def ready_at(self, part: str) -> datetime:
        """When the Deployment of a part had rolled out what is in it now."""
        found = self.argo.api.get(f"{DEPLOYMENTS}/{self.tree.name}-{part}")
        [progress] = [item for item in found["status"]["conditions"] if item["type"] == "Progressing"]
        assert progress["reason"] == "NewReplicaSetAvailable"
        return datetime.fromisoformat(progress["lastUpdateTime"])

    def state(self, part: str) -> tuple[str, str]:
        return self.argo.state(self.tree.application_name(part))

    def told(self, part: str) -> str:
        """What Argo CD says of a part and at which commit, where the branch is, and what is in the cluster."""
        name = self.tree.application_name(part)
        sync = (self.argo.application(name) or {}).get("status", {}).get("sync", {})
        selector = self.argo.api.get(f"{DEPLOYMENTS}/{self.tree.name}-{part}")["spec"]["selector"]
        place = f"at {sync.get('revision')}, branch at {self.head()}, word {self.word(part)}"
        return f"{self.argo.state(name)} {place} {self.argo.complaint(name)} {selector}"


def _handed_over(part: str, objects: list[Object]) -> Object:
    files = {f"{number}.yaml": yaml.safe_dump(item) for number, item in enumerate(objects)}
    given = {"write_out_part": part, "write_out_files": files, "write_out_to": "tree"}
    return {"ansible.builtin.include_role": {"name": "aphex.platform.write_out"}, "vars": given}


def _row(part: str, wave: int) -> Object:
    return {"part": part, "wave": wave, "namespace": NAMESPACE, "why": "this test wants it there"}


def _deployments(parts: Parts) -> Iterator[Object]:
    return (item for objects in parts.values() for item in objects if item["kind"] == "Deployment")


@pytest.fixture
def platform(argo: Argo, tree: Tree) -> Platform:
    """The old parts, healthy."""
    made = Platform(argo, tree)
    made.done(made.parts(OLD))
    assert {made.word(part) for part in OLD} == {"old"}
    return made


@contextmanager
def labelled(argo: Argo) -> Iterator[None]:
    node = argo.api.list("/api/v1/nodes")[0]["metadata"]["name"]
    argo.api.patch(f"/api/v1/nodes/{node}", {"metadata": {"labels": LATER}})
    try:
        yield
    finally:
        argo.api.patch(f"/api/v1/nodes/{node}", {"metadata": {"labels": dict.fromkeys(LATER)}})


def slow(platform: Platform) -> Parts:
    """New parts in the first wave and the third; the first rolls out only when a node gets a label."""
    parts = platform.parts({**OLD, "base": "new", "web": "new"})
    [workload] = _deployments({"base": parts["base"]})
    workload["spec"]["template"]["spec"]["nodeSelector"] = LATER
    return parts


def broken(platform: Platform) -> Parts:
    """The same, but the API server refuses the first: the selector of a Deployment is immutable."""
    parts = platform.parts({**OLD, "base": "new", "web": "new"})
    [workload] = _deployments({"base": parts["base"]})
    workload["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    workload["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    return parts


def test_an_upgrade_changes_a_wave_when_the_one_before_is_healthy(
    platform: Platform, say: Callable[[str], None]
) -> None:
    begin = platform.head()
    with ThreadPoolExecutor() as pool:
        upgrade = pool.submit(platform.done, slow(platform))
        eventually("the first wave is under way", lambda: platform.state("base") == ("Synced", "Progressing"))
        assert (platform.word("base"), platform.word("web"), platform.word_in_git("web")) == ("new", "old", "old")
        with labelled(platform.argo):
            upgrade.result()
    assert platform.since(begin) == ["wave 0: base", "wave 10: web"]
    assert (platform.word("base"), platform.word("web"), platform.word("last")) == ("new", "new", "old")
    begun, ready, after = platform.changed_at("base"), platform.ready_at("base"), platform.changed_at("web")
    say(f"\nwave 0: changed {begun:%H:%M:%S}, rolled out {ready:%H:%M:%S}; wave 10: changed {after:%H:%M:%S}")
    assert begun <= ready <= after
    head = platform.head()
    assert "changed=0" in platform.done(slow(platform))
    assert platform.head() == head


def test_check_mode_shows_the_whole_upgrade_and_writes_nothing(platform: Platform) -> None:
    head = platform.head()
    code, output = platform.run(slow(platform), "--check", "--diff")
    assert code == 0, output
    assert output.count("+ word: new") == 2
    assert platform.head() == head


def test_a_broken_wave_stops_the_upgrade_and_revert_brings_all_back(platform: Platform) -> None:
    begin, content = platform.head(), platform.content()
    code, output = platform.run(broken(platform), platform_tree_wait_timeout=20)
    assert code != 0, f"{platform.told('base')} {output[-4000:]}"
    assert f"{platform.tree.name}-base: OutOfSync" in output
    assert "field is immutable" in output
    assert "Not committed is wave 10: web, with all that comes after it." in output
    assert f"platform_tree_revert_to={begin}" in output
    assert platform.since(begin) == ["wave 0: base"]
    code, _output = platform.run(broken(platform), platform_tree_wait_timeout=5)
    assert code != 0, "the order is kept although the first wave does not differ any more"
    assert platform.since(begin) == ["wave 0: base"]
    assert (platform.word_in_git("web"), platform.word("web")) == ("old", "old")
    platform.done({}, platform_tree_revert_to=begin)
    assert platform.content() == content
    assert {platform.word(part) for part in OLD} == {"old"}


def test_what_stopped_between_two_waves_is_finished_by_the_next_run_and_goes_back_from_the_end(
    platform: Platform, say: Callable[[str], None]
) -> None:
    begin, content = platform.head(), platform.content()
    code, output = platform.run(slow(platform), platform_tree_wait_timeout=5)
    assert code != 0, output[-4000:]
    assert platform.since(begin) == ["wave 0: base"]
    with labelled(platform.argo):
        platform.done(slow(platform))
        assert platform.since(begin) == ["wave 0: base", "wave 10: web"]
        there = platform.head()
        platform.done({}, platform_tree_revert_to=begin)
    assert platform.since(there) == ["wave 10: web", "wave 0: base"]
    assert platform.content() == content
    say(f"\nback: wave 10 {platform.changed_at('web'):%H:%M:%S}, wave 0 {platform.changed_at('base'):%H:%M:%S}")
    assert platform.changed_at("web") <= platform.changed_at("base")


def test_a_new_part_comes_in_its_wave_and_what_is_taken_away_goes_last(platform: Platform) -> None:
    begin = platform.head()
    platform.done(platform.parts({"base": "old", "extra": "new", "web": "new"}))
    assert platform.since(begin) == ["wave 5: extra", "wave 10: web", "wave 20: last"]
    gone = f"{CONFIG_MAPS}/{platform.tree.name}-last"
    eventually("what was taken away is gone", lambda: not platform.argo.api.exists(gone))
    assert (platform.word("extra"), platform.word("web")) == ("new", "new")
    there = platform.head()
    platform.done({}, platform_tree_revert_to=begin)
    assert platform.since(there) == ["wave 20: last", "wave 10: web", "wave 5: extra"]
    assert platform.word("last") == "old"
