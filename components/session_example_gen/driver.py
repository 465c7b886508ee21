"""The driver: resolves span and version, and fingerprints the files that are read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

from tfx.components.example_gen import driver, utils
from tfx.dsl.io import fileio
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from components.session_example_gen import spans
from modules.files.file_systems import FilePatternError
from modules.files.patterns import find_files, is_uri, join
from modules.sessions.sessions import SessionDataError


class SessionFilesDriver(driver.FileBasedDriver):
    """TFX's driver for files, with other patterns and another fingerprint.

    TFX's fingerprint has modification times in whole seconds only: it misses a file that changed
    within a second of the last run but kept its length, and two files whose names were swapped
    (names order events of equal time). This one digests name, length and time of exactly the files
    that are read, in nanoseconds for local files.
    """

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

        Raises:
          SessionDataError: no span or version fits all patterns.
        """
        input_base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        try:
            resolved: dict[str, Any] = super().resolve_exec_properties(
                exec_properties, pipeline_info, component_info
            )
        except ValueError as error:
            raise SessionDataError(
                f"The input patterns under {input_base} match no set of files: {error}"
            ) from error
        input_config = example_gen_pb2.Input()
        proto_utils.json_to_proto(resolved[standard_component_specs.INPUT_CONFIG_KEY], input_config)
        patterns = {split.name: join(input_base, split.pattern) for split in input_config.splits}
        resolved[utils.FINGERPRINT_PROPERTY_NAME] = f"files:{files_digest(patterns)}"
        return resolved


def files_digest(patterns: Mapping[str, str]) -> str:
    """Returns a digest of name, length and modification time of all files, split by split.

    Raises:
      SessionDataError: files cannot be accessed.
    """
    digest = hashlib.sha256()
    for split, pattern in patterns.items():
        digest.update(f"split {split}\n".encode())
        try:
            for path in find_files(pattern):
                digest.update(f"{path}\n{_length_and_time(path)}\n".encode())
        except FilePatternError as error:
            raise SessionDataError(f"Split {split!r}: {error}") from error
        except OSError as error:  # removed meanwhile
            raise SessionDataError(f"Split {split!r}: {path} cannot be read: {error}") from error
    return digest.hexdigest()[:16]


def _length_and_time(path: str) -> str:
    if not is_uri(path):
        of_file = os.stat(path)
        return f"{of_file.st_size} {of_file.st_mtime_ns}"
    remote = fileio.stat(path)  # TensorFlow's, in seconds for local files
    return f"{remote.length} {remote.mtime_nsec}"
