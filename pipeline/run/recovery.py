"""Recovery before a run's nodes: checks that the outputs of earlier runs are intact.

Outputs that a later node would read or TFX's cache would reuse, and that are damaged or missing,
are reported and moved out of reach, so that their nodes run again.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from modules.files.folders import FolderError
from modules.files.mlmd_file import digest_after_changes, holds_runs
from modules.releases.versions import is_removed_on_purpose, push_damage
from pipeline.paths import Paths
from pipeline.run.artifact_digests import ArtifactDigests
from pipeline.run.mlmd import last_execution, pushed_models
from pipeline.run.progress import DAMAGED
from pipeline.run.run_folders import RUNS


@contextlib.contextmanager
def recovered_outputs(paths: Paths, summary: Path) -> Iterator[ArtifactDigests]:
    """Makes the outputs of earlier runs usable, and prints what was damaged.

    The outputs of this run are recorded at its end, also if it fails.

    Args:
      paths: paths of the run; its metadata were checked.
      summary: file of the previous run's summary, which this run reads.

    Yields:
      The digests, which record what the nodes of this run write.

    Raises:
      FolderError: a file or folder is in the way that no run wrote.
    """
    digests = ArtifactDigests(Path(paths.pipeline_root), Path(paths.digests))
    try:
        _check_kinds(paths, summary)
        _recover(paths, summary, digests)
    except OSError as error:
        raise FolderError(
            f"The outputs of earlier runs in {summary.parent} cannot be used: {error}. Remove "
            "that path, or name another folder with OUT=folder."
        ) from error
    with digest_after_changes(paths.metadata):
        yield digests
    digests.record_file(summary)


def _check_kinds(paths: Paths, summary: Path) -> None:
    """Checks that files are files and folders are folders.

    Raises:
      OSError: one is not.
    """
    runs = summary.parent / RUNS
    for folder in (*map(Path, (paths.pipeline_root, paths.digests, paths.push_folder)), runs):
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"{folder} is not a folder")
    for file in (summary, Path(f"{paths.metadata}.sha256")):
        if file.is_dir():
            raise IsADirectoryError(f"{file} is a folder")


def _recover(paths: Paths, summary: Path, digests: ArtifactDigests) -> None:
    if holds_runs(paths.metadata):
        _set_aside_newer(paths)
        _remove_damaged(paths, digests)
    else:
        _set_aside(paths)
    if damage := digests.file_damage(summary):
        summary.unlink()
        print(f"{DAMAGED}{damage}. It is written again.", flush=True)


def _remove_damaged(paths: Paths, digests: ArtifactDigests) -> None:
    for artifact in digests.remove_damaged():
        place = artifact.folder.relative_to(Path(paths.pipeline_root).parent)
        print(f"{DAMAGED}{place}: {artifact.what}. {artifact.node} runs again.", flush=True)
    for pushed in pushed_models(paths.metadata):
        if Path(pushed.uri).is_dir() and (lost := push_damage(pushed.destination)):
            shutil.rmtree(pushed.uri)
            if not is_removed_on_purpose(pushed.destination):
                node = Path(pushed.uri).parts[-3]
                print(f"{DAMAGED}{pushed.destination}: {lost}. {node} runs again.", flush=True)


def _set_aside(paths: Paths) -> None:
    """Moves artifacts without metadata away: new ones would get the same numbers and mix."""
    root = Path(paths.pipeline_root)
    shutil.rmtree(paths.digests, ignore_errors=True)
    if not root.is_dir() or not any(root.iterdir()):
        return
    place = _place_aside(root)
    root.rename(place)
    print(
        f"{DAMAGED}{paths.metadata} is missing: the outputs of earlier runs cannot be reused. They "
        f"are in {place} now; remove that folder if it is not needed.",
        flush=True,
    )


def _set_aside_newer(paths: Paths) -> None:
    """Moves artifacts away whose executions an older copy of the metadata does not contain.

    New executions would get their numbers, and find their files.
    """
    root, last = Path(paths.pipeline_root), last_execution(paths.metadata)
    newer = [
        folder
        for folder in sorted(root.glob("*/[!.]*/*"))
        if folder.name.isdecimal() and int(folder.name) > last
    ]
    place = _place_aside(root)
    for folder in newer:
        (place / folder.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
        folder.rename(place / folder.relative_to(root))
    if newer:
        print(
            f"{DAMAGED}{paths.metadata} is older than {len(newer)} artifacts, which are in {place} "
            "now; remove that folder if it is not needed.",
            flush=True,
        )


def _place_aside(root: Path) -> Path:
    return root.with_name(f"{root.name}-without-metadata-{int(time.time())}")
