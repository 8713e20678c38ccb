"""upstream_manifest_info: one release and one image, of a mirror folder.

In: the folder. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml

from tests.contract.case import Bad, Case
from tests.contract.world import World

URL = "https://shop.example.org/releases/web.yaml"
_TEXT = "spec:\n  containers:\n    - image: quay.io/shop/web:v1\n"
_SHA = hashlib.sha256(_TEXT.encode()).hexdigest()


def _mirror(world: World) -> Path:
    return world.side.kubeconfig.parent / f"mirror-{world.name}"


def _prepare(world: World) -> None:
    folder = _mirror(world)
    folder.mkdir()
    (folder / "web.yaml").write_text(_TEXT, encoding="utf-8")
    index = {
        "manifests": {URL: {"file": "web.yaml", "sha256": _SHA}},
        "images": {"quay.io/shop/web:v1": f"sha256:{'ab' * 32}"},
    }
    (folder / "versions.lock.yaml").write_text(yaml.safe_dump(index), encoding="utf-8")


def _parts(**more: Any) -> dict[str, Any]:
    return {"shop": {"manifests": [{"name": "web", "url": URL, **more}]}}


CASE = Case(
    module="upstream_manifest_info",
    key="upstream",
    prepare=_prepare,
    good=lambda world: {"upstream_mirror": str(_mirror(world)), "parts": _parts()},
    bad=(
        Bad("a folder that is no mirror", lambda world: {"upstream_mirror": "/nowhere"}, ("versions.lock.yaml",)),
        Bad("a release without URL", lambda world: {"parts": {"shop": {"manifests": [{"name": "web"}]}}}, ("no url",)),
        Bad("another text than the one wanted", lambda world: {"parts": _parts(sha256="0" * 64)}, ("sha256",)),
        Bad("a lock that is none", lambda world: {"lock": {"images": {"a:1": "b"}}}, ("digest",)),
    ),
    found=lambda world: (_SHA, "quay.io/shop/web"),
    files=lambda world: sorted(path.name for path in _mirror(world).iterdir()),
)
