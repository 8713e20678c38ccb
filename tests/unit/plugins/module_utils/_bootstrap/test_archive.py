"""What a backup keeps of an object, whose each field was, and that it opens as it was closed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.archive import (
    Archive,
    Item,
    Locked,
    item_of,
    opened,
    parts_of,
)
from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.restore import _lacking
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._crypto import lock_document

PASSWORD = Sensitive("correct horse battery staple")
LAST = "kubectl.kubernetes.io/last-applied-configuration"


def fields(**groups: Any) -> dict[str, Any]:
    return {f"f:{name}": below for name, below in groups.items()}


def secret(**more: Any) -> dict[str, Any]:
    """A Secret of ours to which somebody has added a key, a label and an annotation."""
    ours = fields(metadata=fields(labels=fields(ours={})), data=fields(password={}))
    theirs = fields(metadata=fields(labels=fields(theirs={})), data=fields(added={}))
    metadata = {
        "name": "login",
        "namespace": "web",
        "uid": "1",
        "resourceVersion": "7",
        "labels": {"ours": "a", "theirs": "b"},
        "annotations": {LAST: "CANARY", "note": "c"},
        "managedFields": [
            {"manager": "aphex.platform/secrets", "operation": "Apply", "fieldsV1": ours},
            {"manager": "kubectl", "operation": "Update", "fieldsV1": theirs},
        ],
    }
    data = {"password": Sensitive("c2VjcmV0"), "added": Sensitive("YWRkZWQ=")}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data, **more}


def test_an_object_is_kept_as_it_says_and_not_as_a_server_keeps_it() -> None:
    item = item_of(secret())
    assert item.manager == "aphex.platform/secrets"
    metadata = item.object["metadata"]
    assert metadata["annotations"] == {"note": "c"}
    assert metadata.keys() == {"name", "namespace", "uid", "labels", "annotations"}


def test_each_field_goes_back_to_who_had_set_it() -> None:
    own, rest = parts_of(item_of(secret()))
    assert own is not None
    assert (list(own["data"]), own["metadata"]["labels"]) == (["password"], {"ours": "a"})
    assert (list(rest["data"]), rest["metadata"]["labels"]) == (["added"], {"theirs": "b"})
    assert rest["metadata"]["annotations"] == {"note": "c"}
    assert "uid" not in own["metadata"]


def test_what_was_never_ours_goes_back_whole() -> None:
    live = secret()
    live["metadata"]["managedFields"] = []
    own, rest = parts_of(item_of(live))
    assert own is None
    assert sorted(rest["data"]) == ["added", "password"]


def test_what_is_there_stays_and_only_what_lacks_is_added() -> None:
    _own, rest = parts_of(item_of(secret()))
    there = secret()
    assert _lacking(rest, there, whole=False) is None
    there["data"]["added"] = Sensitive("b3RoZXI=")
    assert _lacking(rest, there, whole=False) is None
    del there["metadata"]["labels"]["theirs"]
    part = _lacking(rest, there, whole=False)
    assert part is not None
    assert part["data"] == {"added": Sensitive("b3RoZXI=")}, "a value that is there is not overwritten"
    assert part["metadata"]["labels"] == {"theirs": "b"}


def archive(time: str = "2026-11-21T20:15:00Z", **more: Any) -> Archive:
    return Archive(time, (item_of(secret()),), {"authentik": Sensitive("select 1;")}, {"commit": "0"}, **more)


def test_a_backup_opens_as_it_was_closed_and_tells_two_states_apart() -> None:
    made = archive()
    locked = Locked(archive=made, password=PASSWORD).make()
    assert b"c2VjcmV0" not in locked.reveal().encode()
    found = opened(locked, PASSWORD, "a file")
    assert found == made
    assert found.manifest["counts"] == {"Secret": 1, "databases": 1}
    assert archive("2026-11-22T20:15:00Z").digest == made.digest
    assert Archive(made.time, made.items, {"authentik": Sensitive("select 2;")}, made.tree).digest != made.digest


def test_nothing_of_a_backup_shows() -> None:
    assert "c2VjcmV0" not in repr(archive()) + repr(Item(secret())) + repr(Locked(archive=archive(), password=PASSWORD))


@pytest.mark.parametrize(
    ("change", "said"),
    [({"format": "theirs/1"}, "format"), ({"sha256": "0" * 64}, "not that of its manifest")],
)
def test_another_format_and_another_content_are_refused(change: dict[str, str], said: str) -> None:
    document = archive().document()
    document["manifest"] = {**document["manifest"], **change}
    assert json.dumps(document["manifest"])
    with pytest.raises(Failure) as caught:
        opened(Sensitive(lock_document(document, PASSWORD)), PASSWORD, "a file")
    assert caught.value.kind is Kind.INVALID
    assert said in caught.value.sentence()
