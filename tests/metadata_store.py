"""Runs in a real file of ML Metadata, as TFX writes them."""

from __future__ import annotations

from pathlib import Path

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

COMPLETE = metadata_store_pb2.Execution.COMPLETE
CACHED = metadata_store_pb2.Execution.CACHED
FAILED = metadata_store_pb2.Execution.FAILED


class Store:
    """Writes runs into a real metadata file, as TFX does."""

    def __init__(self, file: Path) -> None:
        config = metadata_store_pb2.ConnectionConfig()
        config.sqlite.filename_uri = str(file)
        config.sqlite.connection_mode = (
            metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        )
        self.store = metadata_store.MetadataStore(config)

    def _context(self, type_name: str, name: str) -> int:
        found = self.store.get_context_by_type_and_name(type_name, name)
        if found:
            return found.id
        type_id = self.store.put_context_type(metadata_store_pb2.ContextType(name=type_name))
        context = metadata_store_pb2.Context(type_id=type_id, name=name)
        return self.store.put_contexts([context])[0]

    def node(
        self, run: str, node: str, state: int, kind: str = "x.Trainer", **outputs: dict
    ) -> None:
        """Adds a node's execution with an artifact per output; `uri` among its properties is it."""
        execution = metadata_store_pb2.Execution(
            type_id=self.store.put_execution_type(metadata_store_pb2.ExecutionType(name=kind)),
            last_known_state=state,
        )
        contexts = [self._context("pipeline_run", run), self._context("node", node)]
        execution_id = self.store.put_executions([execution])[0]
        self.store.put_attributions_and_associations(
            [],
            [
                metadata_store_pb2.Association(context_id=context, execution_id=execution_id)
                for context in contexts
            ],
        )
        for name, properties in outputs.items():
            self._output(execution_id, name, properties)

    def _output(self, execution_id: int, name: str, properties: dict) -> None:
        kind = self.store.put_artifact_type(metadata_store_pb2.ArtifactType(name=f"T{name}"))
        uri = properties.pop("uri", f"/root/{name}/{execution_id}")
        artifact = metadata_store_pb2.Artifact(type_id=kind, uri=uri)
        for key, value in properties.items():
            field = "int_value" if isinstance(value, int) else "string_value"
            setattr(artifact.custom_properties[key], field, value)
        event = metadata_store_pb2.Event(
            artifact_id=self.store.put_artifacts([artifact])[0],
            execution_id=execution_id,
            type=metadata_store_pb2.Event.OUTPUT,
        )
        event.path.steps.add().key = name
        self.store.put_events([event])
