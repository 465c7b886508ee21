"""The curated schema as an artifact."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from components.schema_import.node import ImportSchemaGen
from pipeline.paths import PROJECT
from pipeline.stages import SCHEMA_FILE

CURATED = PROJECT / "pipeline" / "schema" / SCHEMA_FILE


def _import(file: Path, folder: Path) -> Path:
    schema = standard_artifacts.Schema()
    schema.uri = str(folder)
    ImportSchemaGen.test_call(schema=schema, schema_file=str(file), schema_digest="digest")
    return folder / "schema.pbtxt"


def test_the_artifact_is_what_tfx_reads_as_the_file(tmp_path: Path) -> None:
    imported = _import(CURATED, tmp_path)
    schema = io_utils.SchemaReader().read(str(imported))
    assert {feature.name for feature in schema.feature} >= {"session_id", "item_ids"}
    assert imported.read_bytes() == CURATED.read_bytes()


def test_a_file_that_is_not_a_schema_gives_no_artifact(tmp_path: Path) -> None:
    (tmp_path / "odd.pbtxt").write_text("feature { nam: 'item_ids' }")
    with pytest.raises(Exception, match='has no field named "nam"'):
        _import(tmp_path / "odd.pbtxt", tmp_path / "artifact")
    assert not (tmp_path / "artifact").exists()
