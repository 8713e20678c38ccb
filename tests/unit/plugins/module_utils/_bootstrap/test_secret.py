"""What a Secret of the platform is made of: what is made, kept, told, mirrored, rotated, and copied."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap import secret_objects as objects
from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.secret import Observed, PlatformSecret, Wishes
from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.secret_spec import from_params
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import UNKNOWN
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Generated, Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._crypto import PairPart
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.objects import Object, Objects

VALUE, OTHER, NEW = (Sensitive(text).base64() for text in ("value", "other", "new"))


def use_case(*keys: dict[str, Any], check: bool = False, **given: Any) -> PlatformSecret:
    params = {
        "namespace": "auth-system",
        "name": "login",
        "state": "present",
        "type": "Opaque",
        "labels": {},
        "keys": list(keys),
        "rotate": {},
        "copies": [],
        "authority": None,
        **given,
    }
    nothing: Any = None
    return PlatformSecret(from_params(params), Wishes(), nothing, Runtime(now=lambda: 0.0, check=check))


def live(name: str = "login", versions: str = "", copies: str = "", **data: Sensitive) -> Object:
    """A Secret as it is read from a cluster, with these annotations."""
    annotations = {objects.VERSIONS: versions, objects.COPIES: copies}
    metadata = {
        "namespace": "auth-system",
        "name": name,
        "resourceVersion": "7",
        "uid": "1",
        "labels": objects.owner_of(use_case({"name": "a"}).spec).labels(),
        "annotations": {key: text for key, text in annotations.items() if text},
    }
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def declared(case: PlatformSecret, **observed: Any) -> list[tuple[str, bool, bool, Object]]:
    """What is declared: name, present, made once, and the object."""
    found = []
    for item in case.desired(Observed(**observed)):
        assert isinstance(item, Objects)
        found += [(obj["metadata"]["name"], item.present, item.create, obj) for obj in item.objects]
    return found


def test_a_new_secret_is_made_once_with_all_its_values() -> None:
    case = use_case({"name": "made"}, {"name": "told", "value": Sensitive("value")})
    ((name, present, once, obj),) = declared(case)
    assert (name, present, once) == ("login", True, True)
    assert isinstance(obj["data"]["made"], Generated)
    assert obj["data"]["told"] == VALUE


def test_a_copy_of_what_is_still_to_be_made_waits() -> None:
    copies = [{"namespace": "argocd", "name": "copy", "keys": {"made": "a"}, "labels": {}, "type": "Opaque"}]
    _first, (_name, _present, once, obj) = declared(use_case({"name": "made"}, copies=copies))
    assert not once
    assert obj["data"] == {"a": UNKNOWN}


def test_B27_a_value_that_is_there_is_kept_and_one_that_is_rotated_comes_from_a_secret_made_once() -> None:
    case = use_case({"name": "a"}, {"name": "b"}, rotate={"a": 2})
    coming, main = declared(case, main=live(a=VALUE, b=OTHER))
    assert coming[:3] == ("login-coming", True, True)
    assert isinstance(coming[3]["data"]["a"], Generated)
    assert main[3]["data"] == {"a": UNKNOWN, "b": OTHER}
    assert main[3]["metadata"]["resourceVersion"] == "7"
    main, gone = declared(case, main=live(a=VALUE, b=OTHER), coming=live("login-coming", '{"a": 2}', a=NEW))
    assert main[3]["data"] == {"a": NEW, "b": OTHER}
    assert main[3]["metadata"]["annotations"][objects.VERSIONS] == '{"a": 2}'
    assert gone[:2] == ("login-coming", False)


def test_a_rotation_that_is_done_is_done_and_a_lower_number_changes_nothing() -> None:
    for number in (1, 2):
        (main,) = declared(use_case({"name": "a"}, rotate={"a": number}), main=live(versions='{"a": 2}', a=VALUE))
        assert main[3]["data"] == {"a": VALUE}
        assert main[3]["metadata"]["annotations"][objects.VERSIONS] == '{"a": 2}'


def test_coming_values_of_other_wishes_are_not_used() -> None:
    case = use_case({"name": "a"}, rotate={"a": 3})
    first, main, *_rest = declared(case, main=live(a=VALUE), coming=live("login-coming", '{"a": 2}', a=NEW))
    assert first[:2] == ("login-coming", False)
    assert main[3]["data"] == {"a": UNKNOWN}


def test_a_key_that_is_empty_counts_as_missing() -> None:
    coming, _main = declared(use_case({"name": "a"}), main=live(a=Sensitive("")))
    assert list(coming[3]["data"]) == ["a"]


def test_a_copy_that_is_not_wanted_goes_before_its_record() -> None:
    first, main = declared(use_case({"name": "a"}), main=live(copies='["argocd/copy"]', a=VALUE))
    assert first[:2] == ("copy", False)
    assert objects.COPIES not in main[3]["metadata"].get("annotations", {})


def test_a_mirrored_value_is_that_of_its_source_and_a_source_must_be_there() -> None:
    case = use_case({"name": "a", "from_secret": {"namespace": "argocd", "name": "source", "key": "b"}})
    ((_name, _present, _once, obj),) = declared(case, sources={"a": live("source", b=OTHER)})
    assert obj["data"] == {"a": OTHER}
    for source in (None, live("source")):
        with pytest.raises(Failure) as caught:
            declared(case, sources={"a": source})
        assert caught.value.kind is Kind.MISSING
    foreseen = use_case({"name": "a", "from_secret": {"namespace": "argocd", "name": "source", "key": "b"}}, check=True)
    assert declared(foreseen, sources={"a": None})[0][3]["data"] == {"a": UNKNOWN}


def test_an_authority_is_a_pair_and_files_count_only_for_a_new_one() -> None:
    given = {
        "common_name": "Aphex",
        "days": 30,
        "permitted_domains": [],
        "certificate_file": None,
        "private_key_file": None,
    }
    case = use_case(authority=given)
    ((_name, _present, _once, obj),) = declared(case)
    assert obj["type"] == "kubernetes.io/tls"
    assert {isinstance(value, PairPart) for value in obj["data"].values()} == {True}
    files = {"tls.crt": VALUE, "tls.key": OTHER}
    assert declared(case, files=files)[0][3]["data"] == files
    there = {**live(), "type": "kubernetes.io/tls", "data": {"tls.crt": NEW, "tls.key": NEW}}
    assert declared(case, main=there)[0][3]["data"] == {"tls.crt": NEW, "tls.key": NEW}


def test_a_broken_record_is_said() -> None:
    for text in ("no json", "[]", '{"a": "two"}'):
        with pytest.raises(Failure, match=r"not readable"):
            declared(use_case({"name": "a"}), main=live(versions=text, a=VALUE))


def test_another_type_is_refused() -> None:
    with pytest.raises(Failure, match=r"can never become"):
        declared(use_case({"name": "a"}, type="example.org/a"), main=live(a=VALUE))
