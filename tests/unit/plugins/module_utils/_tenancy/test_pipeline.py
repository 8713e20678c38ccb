"""One Pipeline out of YAML, or a sentence why not; nothing but the text is looked at."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.pipeline import (
    LARGEST,
    declared_params,
    declared_workspaces,
    parse,
    problem,
    to_text,
)
from tests.tools.steps import ROOT

HEAD = "apiVersion: tekton.dev/v1\nkind: Pipeline\n"
GOOD = HEAD + "metadata: {name: web}\nspec:\n  tasks:\n    - name: build\n      taskRef: {name: build}\n"
FLOW = '{"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "spec": {"tasks": [{"name": "build"}]}}'


def _refused(text: str) -> str:
    with pytest.raises(Failure) as caught:
        parse(text)
    assert caught.value.kind is Kind.INVALID
    assert caught.value.remedy, "a refusal says what to do"
    assert "pipeline_spec" in caught.value.sentence()
    assert problem(text) == caught.value.said
    return caught.value.sentence()


def test_a_pipeline_is_read() -> None:
    found = parse(GOOD)
    assert found["metadata"] == {"name": "web"}
    assert [task["name"] for task in found["spec"]["tasks"]] == ["build"]
    assert problem(GOOD) == ""


@pytest.mark.parametrize("text", [FLOW, GOOD + "---\n", "---\n" + GOOD + "...\n", "# a remark\n" + GOOD])
def test_P18_how_the_yaml_is_written_does_not_matter(text: str) -> None:
    assert parse(text)["kind"] == "Pipeline"


def test_P18_a_kind_and_decoys_do_not_make_a_pipeline() -> None:
    decoy = (
        GOOD.replace("kind: Pipeline", "kind: Pod\n# kind: Pipeline")
        + "x: 'kind: Pipeline apiVersion: tekton.dev/v1'\n"
    )
    assert "its kind is 'Pod', not Pipeline" in _refused(decoy)


@pytest.mark.parametrize("kind", ["Task", "PipelineRun", "pipeline", "~", "[Pipeline]"])
def test_another_kind_is_refused(kind: str) -> None:
    assert "its kind is" in _refused(GOOD.replace("kind: Pipeline", f"kind: {kind}"))


def test_v1beta1_is_refused_and_not_converted() -> None:
    said = _refused(GOOD.replace("tekton.dev/v1", "tekton.dev/v1beta1"))
    assert "its apiVersion is 'tekton.dev/v1beta1', not tekton.dev/v1" in said
    assert "v1beta1 is not converted silently" in said


def test_a_kind_is_not_repeated_at_length() -> None:
    assert len(_refused(GOOD.replace("kind: Pipeline", f"kind: {'x' * 10_000}"))) < 300


@pytest.mark.parametrize("version", ["v1", "tekton.dev/v2", "TEKTON.dev/v1", "1"])
def test_another_version_is_refused(version: str) -> None:
    assert "its apiVersion is" in _refused(GOOD.replace("tekton.dev/v1", version))


def test_two_documents_are_refused() -> None:
    assert "it holds 2 documents, one is wanted" in _refused(GOOD + "---\n" + GOOD)


@pytest.mark.parametrize("text", ["", "---\n---\n", "# nothing\n"])
def test_no_document_is_refused(text: str) -> None:
    assert "it holds 0 documents, one is wanted" in _refused(text)


@pytest.mark.parametrize("text", ["just text", "- a\n- b\n", "7"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    assert "it is no mapping" in _refused(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "line 2, column 1"),
        (GOOD + "kind: Pipeline\n", "line 8, column 1: the key 'kind' stands twice"),
        (GOOD.replace("{name: web}", "&m {name: web}"), "line 3, column 11: anchors and aliases are not allowed here"),
        (GOOD.replace("{name: build}", "*x"), "anchors and aliases are not allowed here"),
        (GOOD.replace("name: web", "name: !!python/name:os.system x"), "line 3"),
    ],
)
def test_P18_yaml_that_is_wrong_or_too_clever_is_refused_with_its_line(text: str, said: str) -> None:
    assert said in _refused(text)


def test_P18_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert "anchors and aliases are not allowed here" in _refused(f"l0: &l0 [x]\n{levels}")


def test_P18_nesting_that_would_end_the_process_is_refused() -> None:
    assert "it has more than 200 levels" in _refused("[" * 45_000 + "]" * 45_000)


def _padded(size: int) -> str:
    return GOOD + "#" * (size - len(GOOD) - 1) + "\n"


def test_P18_text_up_to_96_KiB_is_taken_and_no_more() -> None:
    assert parse(_padded(LARGEST))["kind"] == "Pipeline"
    assert f"it has {LARGEST + 1} bytes, {LARGEST} are allowed" in _refused(_padded(LARGEST + 1))
    assert "are allowed" in _refused("#" + "ä" * (LARGEST // 2)), "bytes count, not characters"


def test_one_MiB_is_refused_without_being_read() -> None:
    assert "it has 1048576 bytes, 98304 are allowed" in _refused("[" * 1024 * 1024)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "its spec has no tasks"),
        ("spec:\n", "its spec has no tasks"),
        ("spec: text\n", "its spec has no tasks"),
        ("spec: {tasks: []}\n", "its spec has no tasks"),
        ("spec: {tasks: {name: build}}\n", "its spec has no tasks"),
        ("spec: {tasks: [{name: a}], params: {name: x}}\n", "spec.params is no list"),
        ("spec: {tasks: [{name: a}], params: [x]}\n", "a param has no legal name"),
        ("spec: {tasks: [{name: a}], params: [{default: x}]}\n", "a param has no legal name"),
        ("spec: {tasks: [{name: a}], params: [{name: 'a b'}]}\n", "a param has no legal name"),
        ("spec: {tasks: [{name: a}], params: [{name: '$(x)'}]}\n", "a param has no legal name"),
        ("spec: {tasks: [{name: a}], workspaces: {name: x}}\n", "spec.workspaces is no list"),
        ("spec: {tasks: [{name: a}], workspaces: [source]}\n", "a workspace has no legal name"),
        ("spec: {tasks: [{name: a}], workspaces: [{optional: true}]}\n", "a workspace has no legal name"),
        ("spec: {tasks: [{name: a}]}\nmetadata: [x]\n", "its metadata is no mapping"),
        ("spec: {tasks: [{name: a}]}\nmetadata: {labels: [x]}\n", "its metadata.labels are no mapping"),
        ("spec: {tasks: [{name: a}]}\nmetadata: {annotations: x}\n", "its metadata.annotations are no mapping"),
    ],
)
def test_a_pipeline_that_cannot_be_used_is_refused(spec: str, said: str) -> None:
    assert said in _refused(HEAD + spec)


def test_a_mapping_becomes_text_and_text_stays_as_it_is() -> None:
    assert to_text(GOOD) == GOOD
    assert parse(to_text(parse(GOOD))) == parse(GOOD)
    assert to_text(parse(GOOD)) == to_text(parse(GOOD)), "equal data gives equal bytes"


@pytest.mark.parametrize("value", [None, 7, True, ["a"], 1.5])
def test_N16_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(Failure, match="text or a mapping is wanted, not"):
        to_text(value)


def test_N16_a_mapping_that_is_too_large_is_refused() -> None:
    with pytest.raises(Failure, match="98304 are allowed"):
        to_text({"kind": "Pipeline", "description": "x" * LARGEST})


def test_B16_the_types_of_params_are_those_that_are_declared() -> None:
    params = (
        "{name: plain}, {name: typed, type: array}, {name: list, default: [a]}, {name: map, default: {a: b}}, "
        "{name: text, default: x}"
    )
    found = parse(HEAD + f"spec: {{tasks: [{{name: a}}], params: [{params}], workspaces: [{{name: source}}]}}\n")
    assert declared_params(found) == {
        "plain": "string",
        "typed": "array",
        "list": "array",
        "map": "object",
        "text": "string",
    }
    assert declared_workspaces(found) == ["source"]
    assert (declared_params(parse(GOOD)), declared_workspaces(parse(GOOD))) == ({}, [])


@given(st.text(max_size=200))
def test_whatever_comes_in_a_pipeline_or_a_sentence_comes_out(text: str) -> None:
    with contextlib.suppress(Failure):
        assert parse(text)["kind"] == "Pipeline"


@pytest.mark.parametrize("path", sorted((ROOT / "inventory" / "pipelines").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_pipelines_of_the_sample_inventories_are_pipelines(path: Path) -> None:
    found = parse(path.read_text(encoding="utf-8"))
    assert found["metadata"]["name"] == path.stem


@pytest.mark.parametrize("path", sorted((ROOT / "inventory" / "pipelines").glob("*.yaml")), ids=lambda path: path.stem)
def test_S16_no_script_of_theirs_holds_a_parameter(path: Path) -> None:
    tasks = parse(path.read_text(encoding="utf-8"))["spec"]["tasks"]
    scripts = [step["script"] for task in tasks for step in task["taskSpec"]["steps"]]
    assert scripts
    assert all("$(params" not in script and "$(tasks" not in script for script in scripts)
