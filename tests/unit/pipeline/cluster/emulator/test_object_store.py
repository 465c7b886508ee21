"""Objects and metadata come back as KFP's stores return them."""

from __future__ import annotations

from pathlib import Path

from pipeline.cluster.emulator.object_store import (
    Store,
    merge_output,
    metadata_after_a_round_trip,
)

TYPE = {"artifactType": {"instanceSchema": "title: tfx.Examples\n"}}


def test_metadata_come_back_as_kfp_stores_them() -> None:
    before = {"text": "a", "number": 3, "yes": True, "list": [1], "mapping": {"a": 1}}
    assert metadata_after_a_round_trip(before) == {
        "text": "a",
        "number": 3.0,
        "yes": 1.0,
        "list": {"list": [1]},
        "mapping": {"struct": {"a": 1}},
    }


def test_a_written_artifact_adds_to_the_provisioned_one() -> None:
    provisioned = {"uri": "s3://b/a", "type": TYPE, "metadata": {"a": 1}}
    written = {"artifacts": [{"uri": "", "metadata": {"b": 2}}]}
    assert merge_output(written, provisioned)["metadata"] == {"a": 1, "b": 2}
    assert merge_output(written, provisioned)["uri"] == "s3://b/a"
    assert merge_output(None, provisioned) == provisioned


def test_a_prefix_that_holds_nothing_is_copied_without_an_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.download("minio://bucket/nothing", tmp_path / "pod")
    store.upload("minio://bucket/nothing", tmp_path / "pod")
    assert not (tmp_path / "pod").exists()
