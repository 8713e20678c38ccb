"""Releases and digests come from a mirror, a cache or where they are published, and are what the lock says."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._upstream.client import INDEX, Client
from ansible_collections.aphex.platform.plugins.module_utils._upstream.lock import Lock
from ansible_collections.aphex.platform.plugins.module_utils._upstream.product import Part, Upstream, kustomize_images
from ansible_collections.aphex.platform.plugins.module_utils._upstream.published import _reference

TEXT = "kind: Deployment\nspec:\n  image: quay.io/shop/web:v1\n"
SHA = hashlib.sha256(TEXT.encode()).hexdigest()
DIGEST = f"sha256:{'cd' * 32}"


class Published:
    """A small web site with releases and a registry; `answers` are used up first."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: list[int] = []
        self.text = TEXT
        site = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *unused: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                site.answer(self)

            do_HEAD = do_GET

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}/releases/web.yaml"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(f"{request.command} {request.path}")
        status, headers, body = self._answer(request)
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body)

    def _answer(self, request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        if self.answers:
            return self.answers.pop(0), {"Retry-After": "0"}, b""
        if request.path.startswith("/moved"):
            return 302, {"Location": "/releases/web.yaml"}, b""
        if request.path.startswith("/releases/web.yaml"):
            return 200, {}, self.text.encode()
        if request.path.startswith("/token"):
            return 200, {}, b'{"token": "anonymous"}'
        if request.path == "/v2/shop/web/manifests/v1":
            if request.headers.get("Authorization") != "Bearer anonymous":
                challenge = f'Bearer realm="http://{self.host}/token",service="shop",scope="repository:shop/web:pull"'
                return 401, {"WWW-Authenticate": challenge}, b""
            return 200, {"Docker-Content-Digest": DIGEST}, b""
        return 404, {}, b""


@pytest.fixture
def published() -> Iterator[Published]:
    site = Published()
    with contextlib.closing(site.server.socket):
        yield site
        site.server.shutdown()


def _client(folder: Path, **more: Any) -> Client:
    return Client(cache=str(folder / "cache"), read_timeout=30.0, sleep=lambda seconds: None, **more)


def test_a_release_is_downloaded_once(published: Published, tmp_path: Path) -> None:
    client = _client(tmp_path)
    path, sha256 = client.manifest(published.url, SHA)
    assert (Path(path).read_text(encoding="utf-8"), sha256) == (TEXT, SHA)
    assert client.manifest(published.url, SHA) == (path, sha256)
    assert len(published.asked) == 1
    client.close()


def test_a_redirect_is_followed(published: Published, tmp_path: Path) -> None:
    assert _client(tmp_path).manifest(f"http://{published.host}/moved", SHA)[1] == SHA


def test_a_release_that_was_changed_is_refused(published: Published, tmp_path: Path) -> None:
    published.text = "kind: Other\n"
    with pytest.raises(Failure) as raised:
        _client(tmp_path).manifest(published.url, SHA)
    assert raised.value.kind is Kind.REFUSED
    assert SHA in raised.value.sentence()


def test_a_changed_cache_is_read_anew(published: Published, tmp_path: Path) -> None:
    path, _sha256 = _client(tmp_path).manifest(published.url, SHA)
    Path(path).write_text("half", encoding="utf-8")
    assert _client(tmp_path).manifest(published.url, SHA)[1] == SHA


def test_a_busy_server_is_asked_again(published: Published, tmp_path: Path) -> None:
    published.answers = [503, 429]
    assert _client(tmp_path).manifest(published.url, "")[1] == SHA
    assert len(published.asked) == 3


@pytest.mark.parametrize(("path", "words"), [("nothing", "HTTP 404"), ("", "HTTP 404")])
def test_a_release_that_is_not_there_is_told(published: Published, tmp_path: Path, path: str, words: str) -> None:
    with pytest.raises(Failure) as raised:
        _client(tmp_path).manifest(f"http://{published.host}/{path}", "")
    assert raised.value.kind is Kind.MISSING
    assert words in raised.value.sentence()


def test_no_url_is_asked_for_nothing(tmp_path: Path) -> None:
    with pytest.raises(Failure) as raised:
        _client(tmp_path).manifest("file:///etc/passwd", "")
    assert raised.value.kind is Kind.INVALID


def test_no_answer_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Failure) as raised:
        _client(tmp_path).manifest("http://127.0.0.1:1/web.yaml", "")
    assert "upstream_mirror" in raised.value.sentence()


def test_a_digest_is_asked_of_the_registry_with_a_token_of_its_own(published: Published, tmp_path: Path) -> None:
    assert _client(tmp_path).digest(f"{published.host}/shop/web:v1") == DIGEST
    assert [line.split("?")[0] for line in published.asked] == [
        "HEAD /v2/shop/web/manifests/v1",
        "GET /token",
        "HEAD /v2/shop/web/manifests/v1",
    ]


def test_an_image_that_is_not_there_or_has_no_tag_is_told(published: Published, tmp_path: Path) -> None:
    for name, kind in (("shop/other:v1", Kind.MISSING), ("shop/web", Kind.INVALID)):
        with pytest.raises(Failure) as raised:
            _client(tmp_path).digest(f"{published.host}/{name}")
        assert raised.value.kind is kind


@pytest.mark.parametrize(
    ("image", "asked"),
    [
        ("busybox:1", ("https://registry-1.docker.io", "library/busybox", "1")),
        ("docker.io/alpine/git:v2", ("https://registry-1.docker.io", "alpine/git", "v2")),
        ("alpine/git:v2", ("https://registry-1.docker.io", "alpine/git", "v2")),
        ("quay.io/a/b/c:v1", ("https://quay.io", "a/b/c", "v1")),
        ("localhost:5000/a:1", ("http://localhost:5000", "a", "1")),
    ],
)
def test_a_reference_is_read_as_container_tools_read_it(image: str, asked: tuple[str, str, str]) -> None:
    assert _reference(image) == asked


# the mirror


def _mirror(folder: Path, sha256: str = SHA) -> Path:
    mirror = folder / "mirror"
    mirror.mkdir()
    (mirror / "web.yaml").write_text(TEXT, encoding="utf-8")
    index = {
        "manifests": {"https://shop.example.org/web.yaml": {"file": "web.yaml", "sha256": sha256}},
        "images": {"quay.io/shop/web:v1": DIGEST},
    }
    (mirror / INDEX).write_text(yaml.safe_dump(index), encoding="utf-8")
    return mirror


def _upstream(folder: Path, **more: Any) -> Upstream:
    params = {
        "upstream_cache": str(folder / "cache"),
        "upstream_mirror": None,
        "upstream_ca_cert": None,
        "upstream_timeout": 5,
        **more,
    }
    return Upstream.connect(params, Runtime(now=lambda: 0.0))


def _part(url: str = "https://shop.example.org/web.yaml", **more: Any) -> Part:
    return Part.from_data("shop", {"manifests": [{"name": "web", "url": url}], **more})


def test_a_mirror_gives_everything_without_a_request(tmp_path: Path) -> None:
    read = _upstream(tmp_path, upstream_mirror=str(_mirror(tmp_path))).read([_part()], Lock(), trust=False)
    row = read["parts"]["shop"]["manifests"][0]
    assert (row["sha256"], row["images"]) == (SHA, ["quay.io/shop/web:v1"])
    assert read["parts"]["shop"]["images"] == [{"name": "quay.io/shop/web", "digest": DIGEST}]
    assert Lock.from_data(read["lock"], "lock").images == {"quay.io/shop/web:v1": DIGEST}


def test_every_image_is_told_with_its_digest(tmp_path: Path) -> None:
    pinned = f"quay.io/shop/other:v2@{DIGEST}"
    part = _part(texts=[f"image: {pinned}"])
    read = _upstream(tmp_path, upstream_mirror=str(_mirror(tmp_path))).read([part], Lock(), trust=False)
    assert read["images"] == [pinned, f"quay.io/shop/web:v1@{DIGEST}"]
    assert list(read["lock"]["images"]) == ["quay.io/shop/web:v1"]


def test_a_mirror_is_held_to_its_own_sums_and_to_the_lock(tmp_path: Path) -> None:
    upstream = _upstream(tmp_path, upstream_mirror=str(_mirror(tmp_path, "0" * 64)))
    with pytest.raises(Failure) as raised:
        upstream.read([_part()], Lock(), trust=True)
    assert raised.value.kind is Kind.REFUSED


@pytest.mark.parametrize("part", [_part("https://shop.example.org/other.yaml"), _part(texts=["image: unknown:1"])])
def test_what_a_mirror_does_not_hold_is_named(tmp_path: Path, part: Part) -> None:
    with pytest.raises(Failure) as raised:
        _upstream(tmp_path, upstream_mirror=str(_mirror(tmp_path))).read([part], Lock(), trust=True)
    assert "mirror" in raised.value.sentence()


def test_a_folder_without_index_is_no_mirror(tmp_path: Path) -> None:
    with pytest.raises(Failure) as raised:
        _upstream(tmp_path, upstream_mirror=str(tmp_path))
    assert INDEX in raised.value.sentence()


# the lock decides


def test_first_use_is_trusted_only_when_told(published: Published, tmp_path: Path) -> None:
    part = _part(published.url.replace("web.yaml", "web.yaml?first"))
    with pytest.raises(Failure) as raised:
        _upstream(tmp_path).read([part], Lock(), trust=False)
    assert (raised.value.kind, published.asked) == (Kind.REFUSED, [])


def test_the_lock_keeps_a_digest_although_the_tag_moves(published: Published, tmp_path: Path) -> None:
    published.text = TEXT.replace("quay.io", published.host)
    image = f"{published.host}/shop/web:v1"
    other = f"sha256:{'ef' * 32}"
    read = _upstream(tmp_path).read([_part(published.url)], Lock(images={image: other}), trust=True)
    assert read["lock"]["images"] == {image: other}


def test_two_versions_of_an_image_in_a_part_are_refused() -> None:
    with pytest.raises(Failure) as raised:
        kustomize_images({"a:1": DIGEST, "a:2": f"sha256:{'00' * 32}"})
    assert "one version" in raised.value.sentence()


@pytest.mark.parametrize("data", [[], {"other": 1}, {"manifests": [{"name": "x"}]}])
def test_what_is_no_part_is_refused(data: Any) -> None:
    with pytest.raises(Failure) as raised:
        Part.from_data("shop", data)
    assert raised.value.kind is Kind.INVALID
