"""A template of a role becomes its text, with includes from its own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.aphex.platform.plugins.lookup.rendered import LookupModule


def _run(*terms: Path, **variables: Any) -> list[str]:
    loader = DataLoader()
    return LookupModule(loader=loader, templar=Templar(loader=loader, variables=variables)).run(
        [str(term) for term in terms], variables
    )


def test_each_template_is_rendered_with_the_variables_of_the_task(tmp_path: Path) -> None:
    (tmp_path / "a.yaml.j2").write_text(
        "name: {{ name | to_json }}\n{% if name %}\nx: 1\n{% endif %}\n", encoding="utf-8"
    )
    (tmp_path / "b.txt").write_text("{{ name }}", encoding="utf-8")
    assert _run(tmp_path / "a.yaml.j2", tmp_path / "b.txt", name="shop") == ['name: "shop"\nx: 1\n', "shop"]


def test_a_template_includes_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "whole.j2").write_text("<{% include 'part.j2' %}>", encoding="utf-8")
    (tmp_path / "part.j2").write_text("{{ name }}", encoding="utf-8")
    assert _run(tmp_path / "whole.j2", name="shop") == ["<shop>"]


def test_a_template_of_which_nothing_is_left_is_an_empty_text(tmp_path: Path) -> None:
    (tmp_path / "none.j2").write_text("{% if wanted %}x{% endif %}", encoding="utf-8")
    assert _run(tmp_path / "none.j2", wanted=False) == [""]


def test_a_template_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AnsibleLookupError, match=r"There is no template .*gone\.j2"):
        _run(tmp_path / "gone.j2")
