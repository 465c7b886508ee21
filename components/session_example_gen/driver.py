"""The driver: resolves spans and versions as TFX does, and fingerprints the files more finely."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import Any

from tfx.components.example_gen import driver, utils
from tfx.dsl.io import fileio
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from modules.sessions import SessionDataError


class SessionFilesDriver(driver.FileBasedDriver):
    """TFX's driver for files, whose fingerprint has modification times in whole seconds only.

    A file changed within a second of the last run, its length unchanged, would be taken for the old
    one, and so would two files whose names were swapped (names order events of equal time). A
    digest of every file's name, length and time is added to the fingerprint; the time of a file on
    this machine to the nanosecond, that of a remote one as its file system tells it.
    """

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """Fills spans and versions into the patterns and adds the fingerprint.

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
        patterns = [os.path.join(input_base, split.pattern) for split in input_config.splits]
        resolved[utils.FINGERPRINT_PROPERTY_NAME] += f"\nfiles:{files_digest(patterns)}"
        return resolved


def files_digest(patterns: Iterable[str]) -> str:
    """Digests name, length and modification time of all files that match, pattern by pattern."""
    digest = hashlib.sha256()
    for pattern in patterns:
        digest.update(b"pattern\n")
        for path in sorted(fileio.glob(pattern)):
            digest.update(f"{path}\n{_length_and_time(path)}\n".encode())
    return digest.hexdigest()[:16]


def _length_and_time(path: str) -> str:
    if os.path.exists(path):
        of_file = os.stat(path)
        return f"{of_file.st_size} {of_file.st_mtime_ns}"
    remote = fileio.stat(path)  # TensorFlow's, which tells local files' time in seconds
    return f"{remote.length} {remote.mtime_nsec}"
