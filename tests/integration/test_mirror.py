"""Does a machine with internet fill a folder from which a platform can be built where there is none?

The playbook, its downloads through a proxy and its files are real; the hosts behind the proxy are a stand-in, with the
texts and digests of the sandbox's own mirror. That a bootstrap from such a folder writes the very same tree is asked in
test_bootstrap.py, where a bootstrap runs anyway.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.mirroring import Online, Played, published
from tests.sandbox.mirror import INDEX

LIST = "images.txt"


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Online]:
    folder = tmp_path_factory.mktemp("internet")
    with published(folder) as releases:
        yield Online(releases, folder)


@pytest.fixture(scope="module")
def checked(online: Online) -> Played:
    return online.play("--check", "--diff")


@pytest.fixture(scope="module")
def first(online: Online, checked: Played) -> Played:
    assert not online.folder.exists()
    return online.play()


def test_check_mode_says_what_would_come_and_writes_nothing(checked: Played) -> None:
    assert checked.code == 0, checked.text[-3000:]
    assert checked.changed > 0
    assert "https://github.com/cert-manager/cert-manager/releases/download/" in checked.text


def test_the_folder_holds_every_release_by_its_sum(online: Online, first: Played) -> None:
    assert first.code == 0, first.text[-3000:]
    index = yaml.safe_load((online.folder / INDEX).read_text(encoding="utf-8"))
    assert len(index["manifests"]) > 10
    for url, row in index["manifests"].items():
        text = (online.folder / row["file"]).read_bytes()
        assert hashlib.sha256(text).hexdigest() == row["sha256"]
        assert text.decode() == online.releases.texts[url]
    kept = {row["file"] for row in index["manifests"].values()}
    assert kept | {INDEX, LIST} == set(online.files())


def test_the_list_names_every_image_with_its_digest(online: Online, first: Played) -> None:
    index = yaml.safe_load((online.folder / INDEX).read_text(encoding="utf-8"))
    listed = (online.folder / LIST).read_text(encoding="utf-8").splitlines()
    assert listed == sorted(set(listed))
    assert {f"{image}@{digest}" for image, digest in index["images"].items()} <= set(listed)
    # What tenants run is in no part: the settings name it, and with its digest.
    assert any(image.startswith("docker.io/cloudflare/cloudflared:") for image in listed)
    assert all("@sha256:" in image for image in listed)


def test_a_second_run_asks_nobody_and_writes_nothing(online: Online, first: Played) -> None:
    before, asked = online.files(), len(online.releases.asked)
    again = online.play()
    assert (again.code, again.changed) == (0, 0), again.text[-3000:]
    assert online.files() == before
    assert len(online.releases.asked) == asked


def test_a_release_that_was_changed_is_refused_and_the_folder_stays(online: Online, first: Played) -> None:
    before = online.files()
    [url] = [url for url in online.releases.texts if url.endswith("external-secrets.yaml")]
    whole = online.releases.texts[url]
    online.releases.texts[url] = whole + "# another\n"
    for kept in (online.home / ".cache").rglob("*.yaml"):
        kept.unlink()
    refused = online.play()
    online.releases.texts[url] = whole
    assert refused.code != 0
    assert "Somebody changed a published release" in refused.text
    assert online.files() == before


def test_another_version_joins_and_goes_again_when_told(online: Online, first: Played) -> None:
    before = set(online.files())
    [url] = [url for url in online.releases.texts if url.endswith("external-secrets.yaml")]
    other = url.replace("v2.5.0", "v2.6.0")
    online.releases.texts[other] = online.releases.texts[url]
    joined = online.play(external_secrets_version="v2.6.0")
    assert joined.code == 0, joined.text[-3000:]
    assert before < set(online.files())
    # As a word of the command line, which is no boolean yet.
    told = online.play("-e", "mirror_prune=true", external_secrets_version="v2.6.0")
    assert told.code == 0, told.text[-3000:]
    assert len(online.files()) == len(before)
    assert other in (online.folder / INDEX).read_text(encoding="utf-8")
    assert url not in (online.folder / INDEX).read_text(encoding="utf-8")


def test_a_folder_that_is_none_is_refused_before_anything_is_asked(online: Online, tmp_path: Path) -> None:
    asked = len(online.releases.asked)
    refused = online.play(platform_mirror="mirror")
    assert refused.code != 0
    assert "no absolute path" in " ".join(json.loads(json.dumps(refused.text)).split())
    assert len(online.releases.asked) == asked
