"""A folder of templates becomes texts by the names of the files that they become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.aphex.platform.plugins.lookup import manifests


class Lookup(manifests.LookupModule):
    """The lookup with its option as it was given: Ansible knows options of plugins that it has loaded itself."""

    below = ""

    def set_options(self, **unused: Any) -> None:
        """Take none."""

    def get_option(self, option: str, hostvars: Any = None) -> Any:
        return getattr(self, option)


def _run(folder: Path, variables: dict[str, Any], below: str = "") -> dict[str, str]:
    loader = DataLoader()
    lookup = Lookup(loader=loader, templar=Templar(loader=loader, variables=variables))
    lookup.below = below
    found: dict[str, str] = lookup.run([str(folder)], variables)[0]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "patches").mkdir()
    (tmp_path / "b.yaml.j2").write_text('name: "{{ name }}"\n\n\n', encoding="utf-8")
    (tmp_path / "a.yaml").write_text('plain: "{{ name }}"', encoding="utf-8")
    (tmp_path / "patches" / "none.yaml.j2").write_text("{% if wanted %}\nx: 1\n{% endif %}\n", encoding="utf-8")
    return tmp_path


def test_templates_are_rendered_and_other_files_are_not(folder: Path) -> None:
    found = _run(folder, {"name": "shop", "wanted": True})
    assert list(found.items()) == [
        ("a.yaml", 'plain: "{{ name }}"\n'),
        ("b.yaml", 'name: "shop"\n'),
        ("patches/none.yaml", "x: 1\n"),
    ]


def test_a_line_end_in_an_expression_is_one_as_in_ansibles_own_templates(tmp_path: Path) -> None:
    (tmp_path / "a.yaml.j2").write_text("owners: {{ owners | join('\\n') | to_json }}\n", encoding="utf-8")
    assert _run(tmp_path, {"owners": ["acme", "globex"]})["a.yaml"] == 'owners: "acme\\nglobex"\n'


def test_a_file_of_which_nothing_is_left_is_left_out(folder: Path) -> None:
    assert "patches/none.yaml" not in _run(folder, {"name": "shop", "wanted": False})


def test_paths_can_stand_below_a_folder(folder: Path) -> None:
    assert "parts/shop/b.yaml" in _run(folder, {"name": "shop", "wanted": False}, below="parts/shop")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AnsibleLookupError, match="no folder"):
        _run(tmp_path / "nothing", {})
