"""Specification of the node that imports the curated schema."""

from __future__ import annotations

from tfx import types
from tfx.components.schema_gen.import_schema_gen import component
from tfx.dsl.components.base import base_component
from tfx.types import component_spec, standard_artifacts, standard_component_specs


class ImportSchemaGenSpec(component_spec.ComponentSpec):
    """TFX's specification, and what the schema file holds."""

    PARAMETERS = {  # noqa: RUF012 (TFX's own form)
        **standard_component_specs.ImportSchemaGenSpec.PARAMETERS,
        "schema_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = standard_component_specs.ImportSchemaGenSpec.INPUTS
    OUTPUTS = standard_component_specs.ImportSchemaGenSpec.OUTPUTS


class ImportSchemaGen(base_component.BaseComponent):
    """Imports a schema file as TFX's node of this name does.

    TFX's cache knows that one by the file's path alone, so an edited schema would not be seen.
    """

    SPEC_CLASS = ImportSchemaGenSpec
    EXECUTOR_SPEC = component.ImportSchemaGen.EXECUTOR_SPEC

    def __init__(self, schema_file: str, schema_digest: str):
        """Specifies the node.

        Args:
          schema_file: path of the schema, in text form.
          schema_digest: of its content.
        """
        super().__init__(
            ImportSchemaGenSpec(
                schema_file=schema_file,
                schema_digest=schema_digest,
                schema=types.Channel(type=standard_artifacts.Schema),
            )
        )
