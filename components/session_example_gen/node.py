"""SessionExampleGen: its interface, cache key and executor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
from absl import logging
from tfx import types
from tfx.components.example_gen import component as example_gen
from tfx.components.example_gen import write_split
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor, executor_spec
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from components.session_example_gen import driver, file_copies
from components.session_example_gen.settings import Settings, pack, read_settings
from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.daily.days import DAYS
from modules.files import patterns
from modules.ingest import beam_sessions, input_files, output_files
from modules.ingest import counts as ingest_counts
from modules.ingest.item_support import UNSTABLE
from modules.ingest.report import Report, read_report
from modules.sessions.sessions import SessionDataError
from modules.sessions.splits import SPLITS
from modules.sessions.time_splits import CutRules

_MINUTES_PER_DAY = 24 * 60


class SessionExampleGenExecutor(base_beam_executor.BaseBeamExecutor):
    """Writes one tf.Example per session, the bad rows, and the counts.

    TFX's base class for ExampleGens reads every split separately and keeps its name; the cuts need
    all splits in one graph. Files and formats are TFX's.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Checks the input, runs the Beam graph, and stores its counts with the artifact.

        Raises:
          SessionDataError: the input is not usable.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.EXAMPLES_KEY]
        )
        settings = read_settings(exec_properties)
        rules = CutRules(settings.sessions, settings.tail, settings.period)
        inputs = _find_input(exec_properties, rules.options)
        file_copies.check_copies(inputs)
        for warning in input_files.large_packed(inputs):
            logging.warning(warning)
        outputs = beam_sessions.output_splits([split.name for split in inputs], rules)
        examples.split_names = artifact_utils.encode_split_names(outputs)
        counted = self._run(inputs, rules, outputs, examples.uri)
        try:
            ingest_counts.check_report(counted, inputs, outputs, rules)
        except SessionDataError as error:
            kept = output_files.keep_rejects(examples.uri, settings.kept_rejects)
            raise SessionDataError(f"{error}{kept}") from error
        output_files.finish(examples.uri)
        counts = ingest_counts.artifact_properties(counted.counts, inputs, outputs, rules.options)
        for name, count in counts.items():
            examples.set_int_custom_property(name, count)
        if settings.days:
            base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
            days = _bytes_by_day(inputs, base, settings.days)
            examples.set_string_custom_property(DAYS, json.dumps(days))
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(
            examples, write_split.to_file_format_str(example_gen_pb2.FORMAT_TFRECORDS_GZIP)
        )

    def _run(
        self, inputs: list[input_files.InputSplit], rules: CutRules, outputs: list[str], uri: str
    ) -> Report:
        """Runs the graph, again from the rare items found so far as long as others become rare."""
        known_rare = b""
        while True:
            output_files.prepare(uri, outputs)
            with self._make_beam_pipeline() as pipeline:
                graph = beam_sessions.SessionsFromFiles(inputs, rules, known_rare=known_rare)
                result = pipeline | graph
                _ = result.batches | beam.ParDo(output_files.WriteBatch(uri))
                _ = result.rejects | beam.ParDo(output_files.WriteRejects(uri))
                _ = result.report | "WriteReport" >> beam.Map(output_files.write_report, uri)
                if result.rare is not None:
                    _ = result.rare | "WriteRare" >> beam.Map(output_files.write_rare_items, uri)
            report = read_report(uri)
            if not report.counts.get(UNSTABLE):
                return report
            known_rare = output_files.read_rare_items(uri)


def _find_input(
    exec_properties: dict[str, Any], options: SessionOptions
) -> list[input_files.InputSplit]:
    input_config = example_gen_pb2.Input()
    proto_utils.json_to_proto(
        exec_properties[standard_component_specs.INPUT_CONFIG_KEY], input_config
    )
    input_base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
    entries = [(split.name, split.pattern) for split in input_config.splits]
    return input_files.find_input(input_base, entries, options)


class SessionExampleGen(example_gen.FileBasedExampleGen):
    """Reads click logs by file pattern and writes one tf.Example per session.

    Outputs `examples` with the splits `train`, `eval` and, if given or cut from train, `test`.
    README.md describes its features, files and counts.
    """

    DRIVER_CLASS = driver.SessionFilesDriver
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(SessionExampleGenExecutor)

    def __init__(
        self,
        input_base: str,
        input_config: example_gen_pb2.Input,
        sessions: SessionOptions,
        source_digest: str = "",
        kept_rejects: str = "",
        tail: TailOptions = TailOptions(),  # noqa: B008 (frozen)
        window: int = 0,
        span: int | None = None,
        max_age_days: int | None = None,
    ) -> None:
        """Builds the component.

        Args:
          input_base: folder that relative patterns of `input_config` start from.
          input_config: splits named train, eval (optional) and test (optional), each with a file
            pattern; `{SPAN}` and `{VERSION}` work as in every TFX ExampleGen.
          sessions: how rows are read and which sessions are kept.
          source_digest: digest of the code that the result depends on, part of the cache key.
          kept_rejects: file for all bad rows if they stop the run, as TFX then deletes the
            artifact; "" for none.
          tail: how much of the end of train becomes split test, if the input has train alone.
          window: number of spans before the evaluated one that become train, while it becomes test;
            the input has train alone, with the pattern of one span's files. 0 reads one span.
          span: span to read, or to evaluate if there is a window; None for the newest.
          max_age_days: largest age of a window's newest day; None for no limit.

        Raises:
          ValueError: the splits or options are not valid; the message names all problems.
        """
        problems = _split_problems(input_config) + sessions.problems() + tail.problems()
        problems += _tail_problems(input_config, tail)
        problems += _window_problems(input_config, tail, window, sessions)
        if problems:
            raise ValueError("SessionExampleGen cannot be built:\n" + "\n".join(problems))
        settings = Settings(sessions, tail, kept_rejects, window, max_age_days)
        super().__init__(
            input_base=input_base,
            input_config=input_config,
            # Empty: the executor names the output splits; TFX must not split by hash.
            output_config=example_gen_pb2.Output(),
            custom_config=pack(settings, source_digest),
            range_config=None if span is None else _static_range(span),
        )


def _split_problems(input_config: example_gen_pb2.Input) -> list[str]:
    names = [split.name for split in input_config.splits]
    problems = [
        f"input split {split.name!r} must have a file pattern"
        for split in input_config.splits
        if not split.pattern
    ]
    if "train" not in names or len(set(names)) < len(names) or not set(names) <= set(SPLITS):
        problems.append(
            f"input splits must be train, optionally eval and test, each once, got {names}"
        )
    return problems


def _window_problems(
    input_config: example_gen_pb2.Input, tail: TailOptions, window: int, sessions: SessionOptions
) -> list[str]:
    if not window:
        return []
    problems = []
    if len(input_config.splits) != 1 or tail:
        problems.append(
            "a window makes test of the evaluated span, so the input must have train alone, uncut"
        )
    if sessions.visitor_column is not None and sessions.gap_minutes > _MINUTES_PER_DAY:
        problems.append(
            f"gap_minutes may be up to {_MINUTES_PER_DAY} (a day) with a window of days, since "
            f"only the day before the window is read too, got {sessions.gap_minutes:g}"
        )
    is_dated = all("{YYYY" in split.pattern for split in input_config.splits)
    if sessions.visitor_column is not None and not is_dated:
        problems.append(
            "visitor_column needs a window of dates, since a session goes to the date it starts on"
        )
    return problems


def _tail_problems(input_config: example_gen_pb2.Input, tail: TailOptions) -> list[str]:
    given = [split.name for split in input_config.splits if split.name != "train"]
    if not (tail and given):
        return []
    return [f"{tail} cuts test from train, so the input must have train alone, got {given} too"]


def _static_range(span: int) -> range_config_pb2.RangeConfig:
    return range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=span, end_span_number=span)
    )


def _bytes_by_day(
    inputs: list[input_files.InputSplit], base: str, days: Mapping[str, str]
) -> dict[str, int]:
    """Returns the bytes of each day's files as they are stored, 0 for a day without any."""
    lengths = {file.path: file.length for split in inputs for file in split.files}
    return {
        day: sum(
            lengths.get(path, 0)
            for path in (patterns.find_files(patterns.join(base, pattern)) if pattern else ())
        )
        for day, pattern in days.items()
    }
