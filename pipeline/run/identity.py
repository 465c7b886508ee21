"""What a run is made from, as one digest: two runs with equal ones give the same."""

from __future__ import annotations

import hashlib
import json

from modules.copies.offered_items import list_state
from modules.daily.days import day_number
from modules.daily.spans import find_window
from modules.files.fingerprint import files_fingerprint
from modules.files.patterns import join
from modules.ingest.forgotten import forgotten_digest
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
    around = window.around if config.sessions.visitor_column is not None else ()
    days = [*window.patterns.items(), *(("around", pattern) for pattern in around)]
    return [(name, join(base, filled)) for name, filled in days if filled]


def identity(config: Config) -> str:
    """Returns a digest of configuration, input files, code and versions of the packages.

    Raises:
      ValueError: input files, those of items, or the list of what is left out, cannot be found or
        accessed.
    """
    offers, forgotten = config.serving.offer_file, config.sessions.forget_file
    items = config.items.file
    content = {
        **({"offers": list_state(offers)} if offers else {}),
        **({"forgotten": forgotten_digest(forgotten)} if forgotten else {}),
        **({"items": files_fingerprint([("items", items)])} if items else {}),
        "config": result_options(config),
        "files": files_fingerprint(input_files(config)),
        "code": source_digest("pipeline.pipeline"),
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
