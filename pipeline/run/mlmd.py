"""Runs in ML Metadata: their nodes, which of them were cached, and their outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modules.files.mlmd_file import open_store
from modules.push_origin import A_REFRESH, AN_EARLIER_RUN, NOT_PUSHED, PUSHED_BY, THIS_RUN

_RESOLVER = ".Resolver"


@dataclasses.dataclass(frozen=True)
class OutputArtifact:
    """An output of a node.

    Attributes:
      artifact_id: id in ML Metadata; a cached output keeps it.
      uri: folder of the artifact.
      properties: properties of the artifact, such as the counts of SessionExampleGen.
    """

    artifact_id: int
    uri: str
    properties: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class NodeRecord:
    """A node's execution in the run.

    Attributes:
      state: state of the execution: `COMPLETE`, `CACHED`, `FAILED`, ...
      is_resolver: whether it is a Resolver, which runs every time.
      outputs: one artifact per output, by name.
    """

    state: str
    is_resolver: bool
    outputs: Mapping[str, OutputArtifact]


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A run of a pipeline.

    Attributes:
      run_id: id of TFX, the run's start in ISO format.
      nodes: records by node id.
      recorded: time of the record in ms since 1970.
    """

    run_id: str
    nodes: Mapping[str, NodeRecord]
    recorded: int = 0

    def cached(self) -> list[str]:
        """Returns the nodes whose outputs came from the cache."""
        return sorted(name for name, node in self.nodes.items() if node.state == "CACHED")

    def ran(self, resolvers: bool = False) -> list[str]:
        """Returns the nodes that ran; resolvers, which always do, only if asked for."""
        return sorted(
            name
            for name, node in self.nodes.items()
            if node.state == "COMPLETE" and (resolvers or not node.is_resolver)
        )

    def folders(self) -> list[str]:
        """Returns the folders of all outputs."""
        return [found.uri for node in self.nodes.values() for found in node.outputs.values()]

    def output(self, name: str) -> OutputArtifact | None:
        """Returns the artifact of an output that only one node has, None if it has none."""
        found = [node.outputs[name] for node in self.nodes.values() if name in node.outputs]
        return found[0] if found else None

    def output_of(self, node: str, name: str) -> OutputArtifact | None:
        """Returns the artifact of a node's output, None if the node or the output is missing."""
        record = self.nodes.get(node)
        return record.outputs.get(name) if record else None

    def pushed_folder(self, pusher: str = "Pusher") -> str | None:
        """Returns the folder of a Pusher's model, None if it pushed none."""
        pushed = self._pushed(pusher)
        if pushed is None:
            return None
        return str(pushed.properties.get("pushed_destination") or pushed.uri)

    def pushed_by(self) -> str | None:
        """Returns by what the pushed version came to be (`push_origin`), None without one."""
        pushed = self._pushed("Pusher")
        if pushed is None:
            return None
        origin = str(pushed.properties.get(PUSHED_BY, THIS_RUN))
        is_new = origin == THIS_RUN and self.nodes["Pusher"].state != "CACHED"
        return THIS_RUN if is_new else A_REFRESH if origin == A_REFRESH else AN_EARLIER_RUN

    def not_pushed(self) -> str | None:
        """Returns why a blessed model was not pushed; None unless Pusher found a reason."""
        pushed = self.output_of("Pusher", "pushed_model")
        reason = pushed.properties.get(NOT_PUSHED) if pushed else None
        return str(reason) if reason else None

    def _pushed(self, pusher: str) -> OutputArtifact | None:
        pushed = self.output_of(pusher, "pushed_model")
        return pushed if pushed and int(pushed.properties.get("pushed", 0)) else None


def read_runs(metadata: Path | str, pipeline_name: str | None = None) -> Iterator[RunRecord]:
    """Yields the runs of a pipeline, or of all for None, the newest first.

    Raises:
      MetadataFileError: the file cannot be used.
    """
    store = open_store(metadata)
    runs = store.get_contexts_by_type("pipeline_run")
    for run in sorted(runs, key=lambda run: run.create_time_since_epoch, reverse=True):
        nodes = _read_nodes(store, run.id, pipeline_name)
        if nodes:
            yield RunRecord(run.name, nodes, run.create_time_since_epoch)


def read_run(metadata: Path | str, pipeline_name: str) -> RunRecord:
    """Returns the newest run of a pipeline in a SQLite file of ML Metadata.

    Raises:
      LookupError: the pipeline has no run there.
      MetadataFileError: the file cannot be used.
    """
    for run in read_runs(metadata, pipeline_name):
        return run
    raise LookupError(f"{metadata} knows no run of pipeline {pipeline_name!r}")


def last_execution(metadata: Path | str) -> int:
    """Returns the highest id of an execution, 0 if there is none."""
    from ml_metadata.metadata_store import ListOptions, OrderByField

    newest = ListOptions(limit=1, order_by=OrderByField.ID, is_asc=False)
    return max((found.id for found in open_store(metadata).get_executions(newest)), default=0)


class PushedModel(NamedTuple):
    """The record of a push.

    Attributes:
      uri: folder of the Pusher's artifact.
      destination: folder of the pushed version.
    """

    uri: str
    destination: str


def pushed_models(metadata: Path | str) -> list[PushedModel]:
    """Returns all pushes in a SQLite file of ML Metadata."""
    pushes = []
    for artifact in open_store(metadata).get_artifacts_by_type("PushedModel"):
        properties = _properties(artifact)
        if properties.get("pushed") and properties.get("pushed_destination"):
            pushes.append(PushedModel(artifact.uri, properties["pushed_destination"]))
    return pushes


def _read_nodes(store: Any, run: int, pipeline_name: str | None) -> dict[str, NodeRecord]:
    from ml_metadata.proto import metadata_store_pb2

    nodes = {}
    for execution in store.get_executions_by_context(run):
        contexts = store.get_contexts_by_execution(execution.id)
        names = [context.name for context in contexts if context.type == "node"]
        pipeline, _, node = names[0].partition(".") if names else ("", "", "")
        if pipeline_name not in (None, pipeline):
            continue
        state = metadata_store_pb2.Execution.State.Name(execution.last_known_state)
        is_resolver = execution.type.endswith(_RESOLVER)
        nodes[node] = NodeRecord(state, is_resolver, _read_outputs(store, execution.id))
    return nodes


def _read_outputs(store: Any, execution: int) -> dict[str, OutputArtifact]:
    from ml_metadata.proto import metadata_store_pb2

    event_type = metadata_store_pb2.Event.OUTPUT
    keys = {
        event.artifact_id: event.path.steps[0].key
        for event in store.get_events_by_execution_ids([execution])
        if event.type == event_type and event.path.steps
    }
    return {
        keys[artifact.id]: OutputArtifact(artifact.id, artifact.uri, _properties(artifact))
        for artifact in store.get_artifacts_by_id(list(keys))
    }


def _properties(artifact: Any) -> dict[str, Any]:
    """Returns an artifact's properties as plain values."""
    values = [*artifact.properties.items(), *artifact.custom_properties.items()]
    return {name: getattr(value, value.WhichOneof("value")) for name, value in values}
