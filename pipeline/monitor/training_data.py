"""Finds the data that a served version was trained with, through ML Metadata."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tensorflow_data_validation import load_stats_binary
from tensorflow_metadata.proto.v0 import statistics_pb2

from modules.array_types import IntArray
from modules.copies.restricted_model import trained_version
from modules.files.learned_data import LearnedData, read_learned
from modules.files.mlmd_file import MetadataFileError
from modules.files.model_folder import known_items
from modules.releases.versions import withdrawn_folder
from modules.sessions.examples import read_batches
from pipeline.paths import Paths
from pipeline.run.mlmd import RunRecord, read_runs
from serving.lineage import read_refreshes

MOST_SESSIONS = 200_000
"""Training sessions that are read at most; files hold them in the order of a hash of their ids."""
_STATISTICS_FILE = "FeatureStats.pb"


@dataclasses.dataclass(frozen=True)
class Sessions:
    """Sessions of raw item ids, one after another.

    Attributes:
      items: bytes `[events]`, as objects.
      offsets: int64 `[sessions + 1]`: session i has the items `offsets[i]:offsets[i + 1]`.
    """

    items: npt.NDArray[np.object_]
    offsets: IntArray

    def __len__(self) -> int:
        """Returns the number of sessions."""
        return len(self.offsets) - 1

    def lengths(self) -> IntArray:
        """Returns the number of items of each session, int64 `[sessions]`."""
        return np.diff(self.offsets)

    def take(self, rows: IntArray) -> Sessions:
        """Returns the numbered sessions, in that order."""
        lengths = self.lengths()[rows]
        ends = np.cumsum(lengths)
        places = np.repeat(self.offsets[rows] - ends + lengths, lengths)
        items = self.items[places + np.arange(len(places))]
        return Sessions(items, np.concatenate([[0], ends]).astype(np.int64))


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """What is known of a version that answered, and of its training.

    Attributes:
      version: name of the version.
      folder: its folder; None if it is no longer there.
      known: ids of the items that it knows, the most frequent first; None if they are unknown.
      learned: its record of the training data; None without one.
      run_id: run that trained it; None if no metadata say so.
      sessions: sessions that it learned, the first ones of many; None if they are gone.
      statistics: TFDV's statistics of split train; None if they are gone.
      missing: what cannot be compared, a sentence each.
    """

    version: str
    folder: str | None
    known: tuple[bytes, ...] | None
    learned: LearnedData | None
    run_id: str | None
    sessions: Sessions | None
    statistics: statistics_pb2.DatasetFeatureStatisticsList | None
    missing: tuple[str, ...]


class Models:
    """The versions of an output folder, or of another folder, and the runs that made them."""

    def __init__(self, out: Path | None, models: Path | None) -> None:
        """Keeps where to look.

        Args:
          out: output folder of the runs that made the versions; None if it is not on this machine.
          models: a further folder of versions, which comes first; None for none.
        """
        paths = [Paths.under(out)] if out else []
        pushed = [folder for each in paths for folder in (each.push_folder, each.index_push_folder)]
        found = [*([str(models)] if models else []), *pushed]
        self._folders = [place for folder in found for place in (folder, withdrawn_folder(folder))]
        self._metadata = Path(paths[0].metadata) if paths else None

    def find(self, version: str) -> ServedModel:
        """Returns what is known of a version and of its training; what is not there is named."""
        places = self._places(version)
        folder = next((place for place in places if os.path.isdir(place)), None)
        missing = []
        if folder is None:
            where = f"the version is no longer in {', '.join(self._folders)}"
            missing.append(
                f"unknown items, since {where if self._folders else 'no folder of it was named'}"
            )
        known = known_items(folder) if folder else None
        if folder and known is None:
            missing.append("unknown items, since the model has no list of its items")
        learned = _learned(folder) if folder else None
        run, reason = self._run_of(version)
        sessions, statistics = None, None
        if run is None:
            missing.append(f"session lengths, items and popularity, since {reason}")
        else:
            splits = learned.splits if learned else ("train",)
            sessions, statistics = _sessions(run, splits), _statistics(run)
            if sessions is None:
                what = "session lengths and popularity" + ("" if statistics else ", nor items")
                missing.append(f"{what}, since the Examples of run {run.run_id} were removed")
        run_id = run.run_id if run else None
        return ServedModel(
            version, folder, known, learned, run_id, sessions, statistics, tuple(missing)
        )

    def _places(self, version: str) -> list[str]:
        return [os.path.join(folder, version) for folder in self._folders]

    def _run_of(self, version: str) -> tuple[RunRecord | None, str]:
        """Returns the first run that pushed a version, or its base; else None, and why not."""
        if self._metadata is None:
            return None, "no output folder was named"
        if not self._metadata.is_file():
            return None, f"{self._metadata} is missing"
        try:
            names = {version, *_bases(version, self._base_of)}
            names |= {os.path.basename(trained_version(place)) for place in self._places(version)}
            found = [run for run in self._runs if names & _pushed_by(run)]
        except MetadataFileError as error:
            return None, str(error).splitlines()[0]
        if not found:
            return None, f"{self._metadata} knows no run that pushed version {version}"
        return found[-1], ""

    @functools.cached_property
    def _runs(self) -> list[RunRecord]:
        """All runs, the newest first."""
        assert self._metadata
        return list(read_runs(self._metadata))

    @functools.cached_property
    def _base_of(self) -> dict[str, str]:
        """What each refreshed version was made from."""
        assert self._metadata
        return {record.version: record.base for record in read_refreshes(self._metadata)}


def _learned(folder: str) -> LearnedData | None:
    try:
        return read_learned(folder)
    except ValueError:
        return None


def _pushed_by(run: RunRecord) -> set[str]:
    folders = (run.pushed_folder(node) for node in run.nodes if node.endswith("Pusher"))
    return {os.path.basename(folder.rstrip("/")) for folder in folders if folder}


def _bases(version: str, base_of: Mapping[str, str]) -> Iterator[str]:
    """Yields the versions that a refreshed one was made from, one from another."""
    seen = {version}
    while (version := base_of.get(version, "")) and version not in seen:
        seen.add(version)
        yield version


def _sessions(run: RunRecord, splits: tuple[str, ...]) -> Sessions | None:
    examples = run.output_of("SessionExampleGen", "examples")
    folders = [os.path.join(examples.uri, f"Split-{split}") for split in splits if examples]
    if not folders or not all(os.path.isdir(folder) for folder in folders):
        return None
    return read_sessions(folders)


def read_sessions(folders: list[str], most: int = MOST_SESSIONS) -> Sessions:
    """Reads the first sessions of splits, as many of each as of their total."""
    items, lengths = [], []
    for folder in folders:
        read = 0
        for batch in read_batches(folder):
            items.append(batch.items)
            lengths.append(np.diff(batch.offsets))
            read += len(batch.session_ids)
            if read >= most // len(folders):
                break
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]) if lengths else [0]
    return Sessions(
        np.concatenate(items) if items else np.zeros(0, object), np.asarray(offsets, np.int64)
    )


def _statistics(run: RunRecord) -> statistics_pb2.DatasetFeatureStatisticsList | None:
    found = run.output_of("StatisticsGen", "statistics")
    file = os.path.join(found.uri, "Split-train", _STATISTICS_FILE) if found else ""
    return load_stats_binary(file) if os.path.isfile(file) else None
