"""The executor: checks the input, runs the Beam graph, keeps its counts on the artifact."""

from __future__ import annotations

import json
from typing import Any

import apache_beam as beam
from google.protobuf import wrappers_pb2
from tfx import types
from tfx.components.example_gen import base_example_gen_executor, write_split
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from components.session_example_gen import file_copies
from modules.config.data import TailOptions
from modules.config.sessions import SessionOptions
from modules.ingest import beam_sessions, input_files, output_files
from modules.ingest import counts as ingest_counts
from modules.sessions.sessions import SessionDataError


class SessionExampleGenExecutor(base_example_gen_executor.BaseExampleGenExecutor):
    """Writes one tf.Example per session, the rows that cannot be used, and the counts."""

    def GetInputSourceToExamplePTransform(self) -> beam.PTransform:
        """Refuses: the eval cut needs all splits in one graph, see `GenerateExamplesByBeam`."""
        raise NotImplementedError("SessionExampleGen reads all splits in one transform.")

    def GenerateExamplesByBeam(
        self, pipeline: beam.Pipeline, exec_properties: dict[str, Any]
    ) -> dict[str, beam.PCollection]:
        """Returns serialized tf.Examples by output split."""
        options, tail = sessions_options(exec_properties), tail_options(exec_properties)
        inputs = find_input(exec_properties, options)
        sessions: beam_sessions.SessionBatches = pipeline | beam_sessions.SessionsFromFiles(
            inputs, options, tail=tail
        )
        return {
            name: sessions.batches | f"Split[{name}]" >> beam.FlatMap(_examples_of, name)
            for name in beam_sessions.output_splits([split.name for split in inputs], tail)
        }

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the component.

        The stock executor names the output splits after the input's, so the eval cut needs this
        method of its own; files and formats are the stock's.

        Raises:
          SessionDataError: the input is not fit for use.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.EXAMPLES_KEY]
        )
        options, tail = sessions_options(exec_properties), tail_options(exec_properties)
        inputs = find_input(exec_properties, options)
        file_copies.check_copies(inputs)
        outputs = beam_sessions.output_splits([split.name for split in inputs], tail)
        examples.split_names = artifact_utils.encode_split_names(outputs)
        output_files.prepare(examples.uri, outputs)
        with self._make_beam_pipeline() as pipeline:
            result = pipeline | beam_sessions.SessionsFromFiles(inputs, options, tail=tail)
            _ = result.batches | beam.ParDo(output_files.WriteBatch(examples.uri))
            _ = result.rejects | beam.ParDo(output_files.WriteRejects(examples.uri))
            _ = result.report | "WriteReport" >> beam.Map(output_files.write_report, examples.uri)
        counted = output_files.read_report(examples.uri)
        try:
            ingest_counts.check_report(counted, inputs, outputs, options, tail)
        except SessionDataError as error:
            kept = output_files.keep_rejects(examples.uri, kept_rejects(exec_properties))
            raise SessionDataError(f"{error}{kept}") from error
        output_files.finish(examples.uri)
        for name, count in ingest_counts.artifact_properties(
            counted.counts, inputs, outputs
        ).items():
            examples.set_int_custom_property(name, count)
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(
            examples, write_split.to_file_format_str(example_gen_pb2.FORMAT_TFRECORDS_GZIP)
        )


def find_input(
    exec_properties: dict[str, Any], options: SessionOptions
) -> list[input_files.InputSplit]:
    """Finds the input files that the execution's properties name."""
    input_config = example_gen_pb2.Input()
    proto_utils.json_to_proto(
        exec_properties[standard_component_specs.INPUT_CONFIG_KEY], input_config
    )
    input_base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
    return input_files.find_input(input_base, input_config, options)


def sessions_options(exec_properties: dict[str, Any]) -> SessionOptions:
    """Reads the options that the component packed into its custom config."""
    return SessionOptions(**_custom_values(exec_properties)["sessions"])


def tail_options(exec_properties: dict[str, Any]) -> TailOptions:
    """Reads how much of train becomes split test."""
    return TailOptions(**_custom_values(exec_properties)["tail"])


def kept_rejects(exec_properties: dict[str, Any]) -> str:
    """Reads where bad rows go when the input stops the run, "" for nowhere."""
    return str(_custom_values(exec_properties).get("kept_rejects", ""))


def _custom_values(exec_properties: dict[str, Any]) -> dict[str, Any]:
    config = example_gen_pb2.CustomConfig()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY], config)
    packed = wrappers_pb2.StringValue()
    config.custom_config.Unpack(packed)
    values: dict[str, Any] = json.loads(packed.value)
    return values


def _examples_of(batch: beam_sessions.Batch, split: str) -> list[bytes]:
    return batch.examples if batch.split == split else []
