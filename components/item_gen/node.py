"""The node that reads the file of items."""

import json

import apache_beam as beam
from tfx.dsl.component.experimental.annotations import (
    BeamComponentParameter,
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.experimental import simple_artifacts

from modules.config.fields import from_json
from modules.config.options.items import ItemOptions
from modules.items.beam_items import ItemsFromFiles, read_item_report, remove_parts
from modules.items.item_files import ItemDataError, check_columns, find_item_files
from modules.items.item_report import summary


@component(use_beam=True)
def ItemGen(
    items: OutputArtifact[simple_artifacts.Dataset],
    options: Parameter[str],
    examples: InputArtifact[standard_artifacts.Examples] = None,
    features: Parameter[str] = "[]",
    file_state: Parameter[str] = "",
    source_digest: Parameter[str] = "",
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Reads the files of items and writes each item once, with all columns.

    Args:
      items: output; gets `items.parquet` and `report.json`, see README.md.
      options: `ItemOptions` as JSON.
      examples: output of SessionExampleGen, whose items are compared with those of the files.
      features: columns of `model.item_features`, which must be there, as JSON.
      file_state: names, lengths and times of the files, so that TFX's cache sees a change.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
      beam_pipeline: made by TFX.

    Raises:
      ItemDataError: the files cannot be used.
    """
    wanted = from_json(ItemOptions, json.loads(options))
    paths = find_item_files(wanted.file or "")
    for path in paths:
        check_columns(path, wanted, json.loads(features))
    if fileio.exists(items.uri):
        fileio.rmtree(items.uri)  # of an earlier attempt
    fileio.makedirs(items.uri)
    names = artifact_utils.decode_split_names(examples.split_names) if examples else []
    splits = [artifact_utils.get_split_uri([examples], name) for name in names]
    with beam_pipeline as pipeline:
        _ = pipeline | ItemsFromFiles(paths, wanted, items.uri, splits)
    remove_parts(items.uri)
    report = read_item_report(items.uri)
    if report.errors:
        raise ItemDataError("\n".join(report.errors))
    if not report.counts.get("items"):
        raise ItemDataError(
            f"items.file: {wanted.file} has no row with a usable id in column "
            f"{wanted.id_column!r}. {summary(report)}"
        )
    for name, count in report.counts.items():
        items.set_int_custom_property(name, count)
    print(summary(report), flush=True)
