"""What a run does before its nodes: looks whether what earlier runs left is as they left it.

Whatever a later node would read, or TFX's cache would offer, and that is damaged or gone, is named
and put out of reach, so that the nodes that make it run again.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from modules.files.folders import FolderError
from modules.files.metadata_file import digest_after_changes, holds_runs
from modules.files.model_metadata import model_damage, newest_version
from pipeline.paths import Paths
from pipeline.run.artifact_digests import ArtifactDigests
from pipeline.run.mlmd import PushedModel, last_execution, pushed_models
from pipeline.run.progress import DAMAGED


@contextlib.contextmanager
def recovered_outputs(paths: Paths, summary: Path) -> Iterator[ArtifactDigests]:
    """Makes the outputs of earlier runs fit to go on from; prints what had to be done.

    What this run leaves is recorded at its end, also if it fails.

    Args:
      paths: of the run; its metadata were checked.
      summary: file that the last run wrote, and that this one reads.

    Yields:
      The digests, which record what the nodes of this run write.

    Raises:
      FolderError: something is in the way that no run left there.
    """
    digests = ArtifactDigests(Path(paths.pipeline_root), Path(paths.digests))
    try:
        _check_kinds(paths, summary)
        _recover(paths, summary, digests)
    except OSError as error:
        raise FolderError(
            f"What earlier runs left in {summary.parent} cannot be used: {error}. Remove what is "
            "named there, or name another folder with OUT=folder."
        ) from error
    with digest_after_changes(paths.metadata):
        yield digests
    digests.record_file(summary)


def _check_kinds(paths: Paths, summary: Path) -> None:
    """Looks whether files are files and folders are folders.

    Raises:
      OSError: one is not.
    """
    for folder in map(Path, (paths.pipeline_root, paths.digests, paths.push_folder)):
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
        if Path(pushed.uri).is_dir() and (lost := _push_damage(pushed)):
            shutil.rmtree(pushed.uri)
            # Who removes old versions knows it: their push is forgotten silently.
            if Path(pushed.destination).exists() or not _has_newer(pushed.destination):
                node = Path(pushed.uri).parts[-3]
                print(f"{DAMAGED}{pushed.destination}: {lost}. {node} runs again.", flush=True)


def _push_damage(pushed: PushedModel) -> str | None:
    if not Path(pushed.destination).exists():
        return "the folder is missing"
    return model_damage(pushed.destination)


def _has_newer(version: str) -> bool:
    newest = newest_version(str(Path(version).parent))
    return newest is not None and int(Path(newest).name) > int(Path(version).name)


def _set_aside(paths: Paths) -> None:
    """Moves artifacts away that no metadata knows: new ones would get the same numbers, and mix."""
    root = Path(paths.pipeline_root)
    shutil.rmtree(paths.digests, ignore_errors=True)
    if not root.is_dir() or not any(root.iterdir()):
        return
    place = _place_aside(root)
    root.rename(place)
    print(
        f"{DAMAGED}{paths.metadata} is missing: nothing of earlier runs can be used again. Their "
        f"artifacts are in {place} now; remove that folder if it is not needed.",
        flush=True,
    )


def _set_aside_newer(paths: Paths) -> None:
    """Moves artifacts away of executions that an older copy of the metadata does not know.

    The executions to come get their numbers, and would find their files.
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
