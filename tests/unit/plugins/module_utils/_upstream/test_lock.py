"""The lock is read strictly, written the same way each time, and images are found where manifests name them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._upstream.lock import (
    Lock,
    images_of,
    left_out_of,
    repository_of,
)

SHA = "ab" * 32
DATA = {"manifests": {"https://b/": {"sha256": SHA}, "https://a/": {"sha256": SHA}}, "images": {"x:1": f"sha256:{SHA}"}}


def test_a_lock_is_read_and_written_sorted() -> None:
    lock = Lock.from_data(DATA, "lock")
    assert lock.manifests["https://b/"] == SHA
    assert list(lock.data()["manifests"]) == ["https://a/", "https://b/"]
    assert Lock.from_data(lock.data(), "lock") == lock


def test_nothing_is_an_empty_lock() -> None:
    assert Lock.from_data(None, "lock") == Lock.from_data({}, "lock") == Lock()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "nothing"),
        ("text", "a mapping is wanted"),
        ({"manifests": {"https://a/": {"sha256": "short"}}}, "no sha256"),
        ({"manifests": {"https://a/": SHA}}, "no sha256"),
        ({"images": {"x:1": SHA}}, "its digest is not sha256:"),
    ],
)
def test_what_is_no_lock_is_refused(data: Any, words: str) -> None:
    if not data:
        assert Lock.from_data(data, "lock") == Lock()
        return
    with pytest.raises(Failure) as raised:
        Lock.from_data(data, "lock")
    assert words in raised.value.sentence()


MANIFEST = """
spec:
  containers:
    - name: a
      image: "quay.io/a/a:v1"
    - image: b:2 # why
      name: b
  initContainers:
  - 'image': docker.io/library/c:3@sha256:0
    imagePullPolicy: Always
  args: ["--image=not-here:1"]
  description: the image: no
  more: {image: "flow:1"}
"""


def test_images_are_found_in_containers_alone() -> None:
    assert images_of(MANIFEST) == ["quay.io/a/a:v1", "b:2", "docker.io/library/c:3@sha256:0"]


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("a:1", "a"),
        ("quay.io/a/b:1@sha256:0", "quay.io/a/b"),
        ("localhost:5000/a", "localhost:5000/a"),
        ("localhost:5000/a:1", "localhost:5000/a"),
    ],
)
def test_a_repository_is_an_image_without_its_tag(image: str, repository: str) -> None:
    assert repository_of(image) == repository


RELEASE = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  labels:
    name: other
  name: shop
spec: {template: {spec: {containers: [
  {name: shop,
  image: a:1
}]}}}
--- # the next one
apiVersion: apps/v1
kind: Deployment
metadata:
  name: login
spec:
  containers:
    - image: b:2
"""
PATCHES = """\
---
$patch: delete
apiVersion: apps/v1
kind: Deployment
metadata:
  name: "login"
---
kind: Deployment
metadata: {name: shop}
"""


def test_images_of_objects_that_a_patch_deletes_do_not_count() -> None:
    left_out = left_out_of([PATCHES, "kind: Secret"])
    assert left_out == {("Deployment", "login")}
    assert images_of(RELEASE, left_out) == ["a:1"]
    assert images_of(RELEASE) == ["a:1", "b:2"]
