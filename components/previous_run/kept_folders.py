"""Copies of artifacts that outlive a run, in one numbered folder each."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from tfx import types
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from modules.daily.artifacts import SPAN, evaluated_span
from modules.daily.order import NO_SPAN, nearest_first
from modules.files import file_digests
from modules.releases.versions import next_version, version_numbers

PROPERTIES = "artifact.json"
"""Written last into a folder, so that a folder with it is complete."""
KEPT = 30  # days: a day that is run again is compared with the one before it
_FILES = "files"


class KeptFolder(NamedTuple):
    """An intact copy of an artifact.

    Attributes:
      path: its folder.
      number: its number, which rises with time.
      properties: what `keep` was given.
      span: the evaluated span of its run, `NO_SPAN` without a window of days.
    """

    path: str
    number: int
    properties: Mapping[str, Any]
    span: int


def keep(
    artifact: types.Artifact,
    folder: str,
    examples: types.Artifact | None,
    properties: Mapping[str, Any],
) -> str:
    """Copies an artifact's files into a new numbered folder; only the newest few folders stay.

    Args:
      artifact: what is copied.
      folder: parent of the numbered folders.
      examples: the run's examples, which say the evaluated day.
      properties: plain values for JSON that are kept beside the files.

    Returns:
      The new folder.
    """
    place = next_version(folder)
    io_utils.copy_dir(artifact.uri, place)
    files = file_digests.as_json(file_digests.folder_digests(place))
    span = evaluated_span(examples)
    content = {**properties, _FILES: files, **({} if span is None else {SPAN: span})}
    with fileio.open(os.path.join(place, PROPERTIES), "w") as file:
        file.write(json.dumps(content))
    _remove_old(folder)
    return place


def _remove_old(folder: str) -> None:
    """Keeps the newest few folders, and those of the latest few days, which a backfill is not."""
    numbers = sorted(version_numbers(folder))
    if len(numbers) <= KEPT:
        return
    spans = {kept.number: kept.span for kept in _intact(folder, [], check_files=False)}
    latest = sorted(spans, key=lambda number: (spans[number], number))
    for number in {*numbers[:-KEPT]} - {*latest[-KEPT:]}:
        fileio.rmtree(os.path.join(folder, str(number)))


def find(
    folder: str, examples: types.Artifact | None, required: Collection[str] = ()
) -> KeptFolder | None:
    """Returns the copy to compare a run with, see `nearest_first`; None if there is none.

    Args:
      folder: parent of the numbered folders.
      examples: the run's examples, which say the evaluated day.
      required: properties without which a copy is damaged.
    """
    span = evaluated_span(examples)
    found = nearest_first(
        _intact(folder, required), span, lambda kept: kept.span, lambda kept: kept.number
    )
    return next(iter(found), None)


def _intact(
    folder: str, required: Collection[str], check_files: bool = True
) -> Iterator[KeptFolder]:
    for number in sorted(version_numbers(folder), reverse=True):
        path = os.path.join(folder, str(number))
        try:
            yield _read(path, number, required, check_files)
        except ValueError as error:
            print(f"{path} is skipped: {error}", flush=True)


def _read(path: str, number: int, required: Collection[str], check_files: bool) -> KeptFolder:
    """Reads a copy; raises ValueError if it is damaged."""
    if not fileio.exists(os.path.join(path, PROPERTIES)):
        raise ValueError(f"{PROPERTIES} is missing")
    try:
        with fileio.open(os.path.join(path, PROPERTIES), "r") as file:
            content = dict(json.load(file))
        # Former versions kept neither digests nor spans.
        files = file_digests.from_json(content.pop(_FILES, {}))
        span = int(content.pop(SPAN, NO_SPAN))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{PROPERTIES} is damaged: {error!r}") from error
    if missing := [name for name in required if name not in content]:
        raise ValueError(f"{PROPERTIES} has no {', '.join(missing)}")
    if check_files and (damage := file_digests.damage(path, files)):
        raise ValueError(damage)
    return KeptFolder(path, number, content, span)
