"""What a run is made from, as one digest: two runs with equal ones give the same."""

from __future__ import annotations

import hashlib
import json

from modules.daily.days import day_number
from modules.daily.spans import find_window
from modules.files.fingerprint import files_fingerprint
from modules.files.patterns import join
from modules.sessions.splits import SPLITS
from modules.training.library_versions import versions
from pipeline.code_fingerprint import source_digest
from pipeline.config import Config, result_options


def input_files(config: Config) -> list[tuple[str, str]]:
    """Returns the splits' patterns, with the days of a window filled in.

    Raises:
      ValueError: the window has no files.
    """
    data = config.data
    base = data.folder or "/"
    if not data.daily:
        named = ((split, getattr(data, split)) for split in SPLITS)
        return [(split, join(base, pattern)) for split, pattern in named if pattern]
    day = None if data.date is None else day_number(data.date)
    window = find_window(base, data.daily, data.window, day)
    return [(name, join(base, filled)) for name, filled in window.patterns.items() if filled]


def identity(config: Config) -> str:
    """Returns a digest of configuration, input files, code and versions of the packages.

    Raises:
      ValueError: input files cannot be found or accessed.
    """
    content = {
        "config": result_options(config),
        "files": files_fingerprint(input_files(config)),
        "code": source_digest("pipeline.pipeline"),
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
