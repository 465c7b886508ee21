"""The driver: resolves span and version, and fingerprints the files that are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tfx.components.example_gen import driver, utils
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from components.session_example_gen import spans
from components.session_example_gen.settings import Settings, read_settings, with_days
from modules.daily.days import check_age
from modules.daily.spans import find_window
from modules.files.fingerprint import FingerprintError, files_fingerprint
from modules.files.patterns import join
from modules.ingest.forgotten import forgotten_digest
from modules.sessions.sessions import SessionDataError


class SessionFilesDriver(driver.FileBasedDriver):
    """TFX's driver for files, with other patterns, windows of spans, and another fingerprint."""

    def get_input_processor(
        self,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig | None = None,
        input_base_uri: str | None = None,
    ) -> spans.SpanProcessor:
        """Returns the processor that resolves spans and versions."""
        return spans.SpanProcessor(input_base_uri, list(splits), range_config)

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """Inserts spans and versions into the patterns and adds the fingerprint.

        In a window, split train gets an entry per span before the evaluated one, and split test is
        that span. In one of visitors train gets them all, and the spans around them.

        Raises:
          SessionDataError: no span or version fits all patterns, or the list of what is left out
            cannot be read.
        """
        input_base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        try:
            settings = read_settings(exec_properties)
            if settings.window:
                resolved = _resolve_window(exec_properties, settings)
            else:
                resolved = super().resolve_exec_properties(
                    exec_properties, pipeline_info, component_info
                )
        except ValueError as error:
            raise SessionDataError(
                f"The input patterns under {input_base} match no set of files: {error}"
            ) from error
        splits = [
            (split.name, join(input_base, split.pattern)) for split in _input(resolved).splits
        ]
        try:
            fingerprint = f"files:{files_fingerprint(splits)}"
        except FingerprintError as error:
            raise SessionDataError(str(error)) from error
        # By content: another list of the same length and time is another list, too.
        forget_file = read_settings(resolved).sessions.forget_file
        if forget_file is not None:
            fingerprint += f" forgotten:{forgotten_digest(forget_file)[:16]}"
        resolved[utils.FINGERPRINT_PROPERTY_NAME] = fingerprint
        return resolved


def _input(exec_properties: dict[str, Any]) -> example_gen_pb2.Input:
    input_config = example_gen_pb2.Input()
    text = exec_properties[standard_component_specs.INPUT_CONFIG_KEY]
    proto_utils.json_to_proto(text, input_config)
    return input_config


def _resolve_window(exec_properties: dict[str, Any], settings: Settings) -> dict[str, Any]:
    base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
    pattern = _input(exec_properties).splits[0].pattern
    wanted = _wanted_span(exec_properties)
    window = find_window(base, pattern, settings.window, wanted)
    if wanted is None:
        # Here, and not in the data gate, which the cache may skip.
        check_age(list(window.patterns)[-1], settings.max_age_days)
    *before, evaluated = window.patterns.values()
    named = [*(("train", filled) for filled in before), ("test", evaluated)]
    if settings.sessions.visitor_column is not None:
        # Cut into sessions first and then into splits, since a visit may cross midnight.
        named = [("train", filled) for filled in (*before, evaluated, *window.around)]
    splits = [
        example_gen_pb2.Input.Split(name=name, pattern=filled) for name, filled in named if filled
    ]
    return {
        **exec_properties,
        standard_component_specs.INPUT_CONFIG_KEY: proto_utils.proto_to_json(
            example_gen_pb2.Input(splits=splits)
        ),
        standard_component_specs.CUSTOM_CONFIG_KEY: with_days(exec_properties, window.patterns),
        utils.SPAN_PROPERTY_NAME: window.day,
        utils.VERSION_PROPERTY_NAME: window.version if window.version >= 0 else None,
    }


def _wanted_span(exec_properties: dict[str, Any]) -> int | None:
    text = exec_properties.get(standard_component_specs.RANGE_CONFIG_KEY)
    if not text:
        return None
    range_config = range_config_pb2.RangeConfig()
    proto_utils.json_to_proto(text, range_config)
    return int(range_config.static_range.end_span_number)
