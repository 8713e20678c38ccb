"""No secret in clear goes into a tree, however it is written; what is encrypted, or none, does."""

from __future__ import annotations

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._git.clear_secrets import refuse_secrets
from ansible_collections.aphex.platform.plugins.module_utils._git.tree import GitTree

CANARY = "CANARY-4711"
HIDDEN = "ENC[AES256_GCM,data:Cocugg==,iv:L9aA/+0=,tag:I2ex,type:str]"
SOPS = f"sops:\n  mac: {HIDDEN}\n  version: 3.9.0\n"

CLEAR = [
    f"kind: Secret\nstringData:\n  a: {CANARY}\n",
    f"apiVersion: v1\nkind: 'Secret'\ndata: {{a: {CANARY}}}\n",
    f'{{"kind": "Secret", "data": {{"a": "{CANARY}"}}}}',
    f'kind: "Secr\\u0065t"\ndata: {{a: {CANARY}}}\n',
    f"a: &a Secret\nkind: *a\ndata: {{a: {CANARY}}}\n",
    f"kind: ConfigMap\ndata: {{a: b}}\n---\nkind: Secret\ndata: {{a: {CANARY}}}\n",
    f"kind: List\nitems:\n  - kind: Secret\n    data: {{a: {CANARY}}}\n",
    f"- kind: Secret\n  data: {{a: {CANARY}}}\n",
    f"kind: Secret\nstringData:\n  a: {CANARY}\n{SOPS}",
    f"kind: Secret\nstringData:\n  a: {CANARY}\nsops: {{version: 1}}\n",
    # Almost what SOPS writes: one value in clear, no seal or none of SOPS, more beside the value, a level below it.
    f"kind: Secret\ndata:\n  a: {HIDDEN}\n  b: {CANARY}\n{SOPS}",
    f"kind: Secret\ndata:\n  a: {HIDDEN}\nstringData:\n  b: {CANARY}\n{SOPS}",
    f"kind: Secret\ndata:\n  a: {HIDDEN}\n",
    f"kind: Secret\ndata:\n  a: {HIDDEN}\nsops: {{version: 3.9.0}}\n",
    f"kind: Secret\ndata:\n  a: {HIDDEN}\nsops: {{mac: ''}}\n",
    f"kind: Secret\ndata:\n  a: {HIDDEN}\nsops: {{mac: {CANARY}}}\n",
    f"kind: Secret\ndata:\n  a: {HIDDEN}\nsops: mac\n",
    f"kind: Secret\ndata:\n  a: {HIDDEN} {CANARY}\n{SOPS}",
    f"kind: Secret\ndata:\n  a: ENC[{CANARY}]\n{SOPS}",
    f"kind: Secret\ndata:\n  a: {{b: {CANARY}}}\n{SOPS}",
    f"kind: Secret\ndata:\n  a: [{HIDDEN}, {CANARY}]\n{SOPS}",
    f"kind: Secret\ndata: {{a: 4711}}\n{SOPS}",
    f"kind: Secret\nstringData:\n  a: {{{{ value }}}} {CANARY}\n{SOPS}",
    f"kind: Secret\ndata:\n  a: {HIDDEN}\n{SOPS}---\nkind: Secret\ndata:\n  a: {CANARY}\n",
    f"kind: Secret\nstringData:\n  a: {{{{ value }}}} {CANARY}\n  b: !vault {CANARY}\n",
    f"kind: Secret\ndata: {CANARY}\n",
    # What looks like a definition of kinds at its left margin, and is none.
    f' kind: Secret\n data: {{a: {CANARY}}}\n note: "\nkind: CustomResourceDefinition\n"\n',
    f"metadata:\n  a: b\x85kind: Secret\x85data: {{a: {CANARY}}}\nspec: |\n kind: CustomResourceDefinition\n",
    f"kind: CustomResourceDefinition\nitems:\n  - kind: Secret\n    data: {{a: {CANARY}}}\n",
    f"kind: CustomResourceDefinition\nkind: Secret\ndata: {{a: {CANARY}}}\n",
]
FINE = [
    "kind: Secret\nmetadata: {name: made-elsewhere}\n",
    "kind: Secret\ndata: {}\n",
    f"kind: Secret\nstringData:\n  a: {HIDDEN}\n{SOPS}",
    f"kind: Secret\ndata:\n  a: {HIDDEN}\nstringData:\n  b: {HIDDEN}\n{SOPS}",
    "kind: ExternalSecret\nspec: {data: [{secretKey: a}]}\n",
    "kind: SecretStore\ndata: {a: b}\n",
    "kind: ConfigMap\ndata:\n  doc: |\n    kind: Secret\n    data: {a: b}\n",
    "kind: ConfigMap\ndata: {kind: Secret}\n",
    "spec:\n  names:\n    kind: Secret\n",
    "# A note.\n\nkind: CustomResourceDefinition\nmetadata:\n  name: a\nspec:\n  kind: Secret\n  data: {a: b}\n",
    "a: !Find [authentik, Secret]\n",
    "not: [yaml, Secret\n",
    "",
]


@pytest.mark.parametrize("text", CLEAR)
def test_P29_a_secret_in_clear_is_refused_and_its_file_named(text: str) -> None:
    with pytest.raises(Failure, match=r"parts/a\.yaml") as found:
        GitTree("/srv/tree.git", "main", "", {"parts/a.yaml": text.encode(), "parts/b.yaml": b"a: 1\n"})
    assert found.value.kind is Kind.REFUSED
    assert "ExternalSecret" in str(found.value)
    assert CANARY not in str(found.value)
    assert "parts/b.yaml" not in str(found.value)


@pytest.mark.parametrize("text", FINE)
def test_what_is_no_secret_or_encrypted_is_taken(text: str) -> None:
    refuse_secrets({"a.yaml": text.encode()})


@pytest.mark.parametrize("name", ["a.yaml", "a.YML", "deep/a.json"])
def test_it_is_looked_for_in_files_of_yaml(name: str) -> None:
    with pytest.raises(Failure, match=name):
        refuse_secrets({name: CLEAR[1].encode()})


def test_other_files_are_not_parsed() -> None:
    refuse_secrets({"notes.md": CLEAR[0].encode(), "logo.png": b"\x89PNG\0 Secret", "binary.yaml": b"\xff\xfe Secret"})


def test_a_document_beyond_the_limits_of_the_parser_is_judged_by_its_lines() -> None:
    filler = "".join(f"  k{number}: {'x' * 90}\n" for number in range(12000))
    with pytest.raises(Failure, match=r"a\.yaml"):
        refuse_secrets({"a.yaml": f"kind: Secret\nstringData:\n{filler}".encode()})
    refuse_secrets({"a.yaml": f"kind: ConfigMap\ndata:\n{filler}  b: Secret\n".encode()})
