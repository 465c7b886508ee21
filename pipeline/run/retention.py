"""Removes what an output folder need not keep of earlier runs.

Versions that serve or are on trial stay, whatever their number. Refreshed versions take no place of
trained ones: those of what serves are counted by themselves, and others go. TFX's cache takes an
artifact whose folder is gone for one that has to be made again, so that metadata need no change.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from modules.config.options.releases import CANARY, STABLE, KeepOptions
from modules.copies.restricted_model import TRAINED, read_restriction, trained_version
from modules.messages.counting import counted
from modules.releases.record import read_releases
from modules.releases.versions import version_numbers, withdrawn_folder
from pipeline.monitor.records import MONITOR
from pipeline.paths import Paths
from pipeline.run.output_state import disk_bytes
from pipeline.run.run_folders import REPORT_FILE, recorded_folders

Kind = TypeVar("Kind")
# Outputs that runs of later days are compared with, by node.
COMPARED = (
    "StatisticsGen/statistics",
    "DataGate/report",
    "ModelGate/verdict",
    "ModelGate/blessing",
)


class Removed(NamedTuple):
    """What was removed, or would be.

    Attributes:
      paths: files and folders.
      bytes: by how much the output folder shrinks.
    """

    paths: list[Path]
    bytes: int

    def text(self) -> str:
        """Says it in a line."""
        what = counted(len(self.paths), "file or folder", "files and folders")
        return f"Removed {what} of earlier runs, {self.bytes / 1e6:,.1f} MB (section keep)"


def outdated(out: Path, options: KeepOptions, in_use: Collection[str] = ()) -> list[Path]:
    """Returns the files and folders that need not be kept.

    Args:
      out: output folder, in which no other run is in progress.
      options: how much is kept.
      in_use: folders that stay in any case: a run may have taken old artifacts from TFX's cache.
    """
    paths = Paths.under(out)
    found = [
        *_outdated_outputs(Path(paths.pipeline_root), options, frozenset(in_use)),
        *_outdated_versions(paths.push_folder, options.versions),
        *_outdated_versions(paths.index_push_folder, options.versions),
        *_older(sorted((out / "logs").glob("*.log"), key=_written), options.logs),
        *_older(sorted(Path(paths.checkpoint_folder).glob("*"), key=_written), options.checkpoints),
    ]
    found += _older(sorted((out / MONITOR).glob("[0-9]*")), options.reports)
    runs = sorted(recorded_folders(out), key=lambda run: _written(run.path))
    reports = [run.path / REPORT_FILE for run in runs]
    return found + _older([path for path in reports if path.is_file()], options.reports)


def remove_outdated(
    out: Path, options: KeepOptions, in_use: Collection[str] = (), dry_run: bool = False
) -> Removed:
    """Removes the files and folders that need not be kept; arguments are those of `outdated`.

    Args:
      out: output folder.
      options: how much is kept.
      in_use: folders that stay in any case.
      dry_run: whether to remove nothing.
    """
    before, found = disk_bytes(out), outdated(out, options, in_use)
    if dry_run:
        return Removed(found, before - disk_bytes(out, without=found))
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return Removed(found, before - disk_bytes(out))


def _outdated_outputs(root: Path, options: KeepOptions, in_use: frozenset[str]) -> Iterator[Path]:
    for output in sorted(root.glob("[!.]*/[!.]*")):
        made = [path for path in output.glob("*") if path.name.isdecimal()]
        is_compared = str(output.relative_to(root)) in COMPARED
        kept = options.compared if is_compared else options.outputs
        old = _older(sorted(made, key=lambda path: int(path.name)), kept)
        yield from (path for path in old if str(path) not in in_use)


def _outdated_versions(push_folder: str, most: int | None) -> Iterable[Path]:
    aside = withdrawn_folder(push_folder)
    places = {
        str(number): Path(folder, str(number))
        for folder in (aside, push_folder)
        for number in version_numbers(folder)
    }
    labels = read_releases(push_folder).labels(places)
    served = [name for name, label in labels.items() if label in (STABLE, CANARY)]
    training = {name: _training(place, places) for name, place in places.items()}
    # What refreshes start from, and a rollback of them leads to.
    kept = {*served, *(training[name] for name in served)}
    names = sorted(places, key=int)
    trained = [name for name in names if training[name] == name]
    of_served = [name for name in names if training[name] in kept - {name}]
    rest = [name for name in names if name not in {*trained, *of_served}]
    for name in (name for name, label in labels.items() if label == STABLE):
        # What a rollback of the training leads to.
        kept.update([each for each in names if int(each) < int(training[name])][-1:])
    old = [*_older(trained, most), *_older(of_served, most), *_older(rest, most and 0)]
    return [places[name] for name in sorted(old, key=int) if name not in kept]


def _training(version: Path, places: Mapping[str, Path]) -> str:
    """Returns the name of the version that one was refreshed from, its own if it was trained."""
    found = os.path.basename(trained_version(str(version)))
    if found != version.name:
        return found
    # A withdrawn version lies elsewhere.
    trained = str((read_restriction(str(version)) or {}).get(TRAINED))
    return trained if trained in places else version.name


def _older(ordered: Sequence[Kind], most: int | None) -> list[Kind]:
    """Returns all but the last so many."""
    return list(ordered[: max(len(ordered) - most, 0)]) if most is not None else []


def _written(path: Path) -> float:
    return os.stat(path).st_mtime
