"""Is every version of the platform's parts written down once?

In: the roles as they stand. Out: sentences about a version that could disagree with itself, none when all is well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).parents[2] / "roles"

_VERSION = re.compile(r"v?\d+\.\d+\.\d+([-+][\w.]+)?$")
# A release or an image that is named with its version, where an input should stand.
_LITERAL = re.compile(r"(/(download|previous)/v?\d\S*|^\s*-?\s*[\"']?image[\"']?:\s*[\"']?[^\s{\"']+:v?\d\S*)", re.M)


def _load(path: Path) -> dict[str, Any]:
    # Ansible's tags say nothing here.
    text = path.read_text(encoding="utf-8").replace("!unsafe ", "")
    found: dict[str, Any] = yaml.safe_load(text) or {}
    return found


def pinned(roles: Path) -> dict[str, list[tuple[str, Path]]]:
    """Every version that a role gives a variable, with the files that do."""
    found: dict[str, list[tuple[str, Path]]] = {}
    for path in sorted([*roles.glob("*/defaults/main.yml"), *roles.glob("*/vars/**/*.yml")]):
        for name, value in _load(path).items():
            if isinstance(value, str) and _VERSION.match(value):
                found.setdefault(name, []).append((value, path))
    return found


def problems(roles: Path) -> Iterator[str]:
    """What could make two places speak of two versions."""
    versions = pinned(roles)
    for name, places in versions.items():
        if len(places) > 1:
            yield f"{name} stands in {' and '.join(str(path.relative_to(roles)) for _value, path in places)}"
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        options = _load(path)["argument_specs"]["main"].get("options") or {}
        for name, option in options.items():
            for value, _path in versions.get(name, []):
                if option.get("default", value) != value:
                    yield f"{name} is {value}, and {option['default']} in {path.relative_to(roles)}"
    for path in sorted(
        [*roles.glob("*/templates/**/*.j2"), *roles.glob("*/vars/**/*.yml"), *roles.glob("*/tasks/*.yml")]
    ):
        for match in _LITERAL.finditer(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(roles)} names a version by itself: {match[0].strip()}"


def test_D16_every_version_stands_in_one_place() -> None:
    assert len(pinned(ROLES)) > 5
    assert list(problems(ROLES)) == []


def test_a_version_that_stands_twice_is_found(tmp_path: Path) -> None:
    role = tmp_path / "shop"
    for folder in ("defaults", "vars", "meta", "templates"):
        (role / folder).mkdir(parents=True)
    (role / "defaults/main.yml").write_text("shop_version: v1.2.3\n", encoding="utf-8")
    (role / "vars/main.yml").write_text("shop_version: v1.2.4\n", encoding="utf-8")
    specs = "argument_specs: {main: {options: {shop_version: {default: v1.2.3}}}}\n"
    (role / "meta/argument_specs.yml").write_text(specs, encoding="utf-8")
    (role / "templates/shop.yaml.j2").write_text("image: registry.example.org/shop:1.2.3\n", encoding="utf-8")
    assert list(problems(tmp_path)) == [
        "shop_version stands in shop/defaults/main.yml and shop/vars/main.yml",
        "shop_version is v1.2.4, and v1.2.3 in shop/meta/argument_specs.yml",
        "shop/templates/shop.yaml.j2 names a version by itself: image: registry.example.org/shop:1.2.3",
    ]
