"""The node that imports the curated schema."""

import os

from tfx.components.schema_gen.executor import DEFAULT_FILE_NAME
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts
from tfx.utils import io_utils


@component
def ImportSchemaGen(
    schema: OutputArtifact[standard_artifacts.Schema],
    schema_file: Parameter[str],
    schema_digest: Parameter[str],
    source_digest: Parameter[str] = "",
) -> None:
    """Imports a schema file as TFX's node of this name, whose cache ignores edits of the file.

    Args:
      schema: output; a copy of the file.
      schema_file: path of the schema, in text form.
      schema_digest: digest of its content.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    io_utils.SchemaReader().read(schema_file)  # fails if it is not a schema
    io_utils.copy_file(schema_file, os.path.join(schema.uri, DEFAULT_FILE_NAME))
