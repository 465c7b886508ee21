"""Removes sessions and visitors from an output folder, and says what else must be deleted.

Examples come last, since they alone say what the sessions hold: after an interruption the same
command does the rest. What it has learned of models is kept in a record without ids.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from modules.files.model_folder import MANIFEST
from modules.messages.text_table import aligned
from pipeline.forget.derived import changed_artifacts
from pipeline.forget.models import CHANGED, changed_models, learned_models, update_manifest
from pipeline.forget.plan import Change, holder, is_made_again, replace_file
from pipeline.forget.record import DELETE, POSSIBLE, RECORD, UNFINISHED, read_record, still_there
from pipeline.forget.search import holders_of
from pipeline.forget.sessions import changed_examples, find_forgotten
from pipeline.forget.texts import (
    busy_requests,
    changed_logs,
    changed_pages,
    changed_requests,
    changed_summaries,
)
from pipeline.paths import Paths
from pipeline.run.artifact_digests import ArtifactDigests
from pipeline.run.summary_file import SUMMARY_FILE

LEARNED = "models and vocabularies that the next run makes again"


class Done(NamedTuple):
    """What was forgotten, or would be.

    Attributes:
      counts: by kind, how many sessions, rows, lines or folders, and in how many files.
      delete: what holds or has learned something that cannot be removed from it, the record of
        former calls included.
      possible: models that learned sessions before those of any Examples, and so may have learned
        some whose content is unknown.
      busy: request logs that a server still writes.
      missing: given ids that no Examples hold.
    """

    counts: dict[str, tuple[int, int]]
    delete: list[Path]
    possible: list[Path]
    busy: list[Path]
    missing: int

    def lines(self, is_dry: bool) -> list[str]:
        """Says it, with what to do."""
        table = [["would remove" if is_dry else "removed", "", "files"]]
        table += [[kind, f"{n:,}", f"{files:,}"] for kind, (n, files) in self.counts.items()]
        found = aligned(table) if self.counts else ["Nothing to remove."]
        if self.missing:
            found.append(f"{self.missing:,} of the ids are in no examples that are kept.")
        if self.delete:
            found += [
                "Not removable in place, since it is part of weights and vocabularies, or in files "
                "of an unknown form. Run the pipeline again, which trains without it, then delete:",
                *(f"  {path}" for path in self.delete),
            ]
        if self.possible:
            found += [
                "These learned earlier sessions than any examples that are kept, and may have "
                "learned some of the ids that were not found:",
                *(f"  {path}" for path in self.possible),
            ]
        if self.busy:
            found += ["A server writes these, so repeat this command when their hour is over:"]
            found += [f"  {path}" for path in self.busy]
        return found


def forget(
    out: Path, ids: Collection[bytes], is_dry: bool = False, requests: Path | None = None
) -> Done:
    """Removes sessions and visitors from all files below an output folder that no run uses.

    Args:
      out: output folder.
      ids: ids of sessions or visitors.
      is_dry: whether nothing is changed.
      requests: folder of a request log that is not below the output folder.
    """
    elsewhere = requests if requests and not requests.is_relative_to(out) else None
    work = _Work(out, is_dry)
    forgotten = find_forgotten(out, ids)
    learned = learned_models(out, forgotten)
    work.keep(DELETE, (place for place in learned.certain if not is_made_again(place, out)))
    work.keep(POSSIBLE, learned.possible - {*work.kept(DELETE)})
    made_again = {place for place in learned.certain if is_made_again(place, out)}
    others = chain(
        changed_pages(out, forgotten),
        changed_summaries(out, forgotten),
        changed_logs(out, forgotten),
        changed_requests(out, forgotten),
        changed_requests(elsewhere, forgotten) if elsewhere else (),
        (
            change
            for change in changed_models(out, forgotten)
            if holder(change.path, out) not in made_again
        ),
        changed_artifacts(out, forgotten),
    )
    work.apply(others)
    examples = changed_examples(out, forgotten)
    planned = {change.path for change in changed_examples(out, forgotten)} | work.changed
    busy = [path for folder in (out, elsewhere) if folder for path in busy_requests(folder)]
    delete = work.kept(DELETE)
    searched = {*planned, *delete, *made_again, *busy, out / RECORD}
    left = holders_of(out, forgotten.names, searched)
    work.keep(DELETE, (place for place in left if not is_made_again(place, out)))
    made_again |= {place for place in left if is_made_again(place, out)}
    work.apply(Change(LEARNED, place, 1, None) for place in sorted(made_again) if place.exists())
    work.apply(examples)
    work.finish()
    return Done(
        work.counts,
        work.kept(DELETE),
        work.kept(POSSIBLE),
        busy,
        len(forgotten.ids - forgotten.found()),
    )


class _Work:
    """Applies changes, and keeps the record of them."""

    def __init__(self, out: Path, is_dry: bool) -> None:
        """Finishes what an interrupted call has begun."""
        self._out, self._is_dry = out, is_dry
        paths = Paths.under(out)
        self._digests = ArtifactDigests(Path(paths.pipeline_root), Path(paths.digests))
        self._record = read_record(out)
        self.counts: dict[str, tuple[int, int]] = {}
        self.changed: set[Path] = set()
        if not is_dry:
            for name in self._record.get(UNFINISHED, []):
                self._refresh(out / name)

    def keep(self, key: str, paths: Iterable[Path]) -> None:
        """Adds paths to the record."""
        names = {str(path.relative_to(self._out)) for path in paths}
        before = self._record.get(key, [])
        self._record[key] = sorted({*before, *names})
        if names - {*before}:
            self._save()

    def kept(self, key: str) -> list[Path]:
        """Returns the paths of the record that are still there."""
        places = (still_there(self._out / name) for name in self._record[key])
        return [path for path in places if path]

    def apply(self, changes: Iterator[Change]) -> None:
        """Writes or removes files, and counts what was removed from them."""
        for change in changes:
            if not self._is_dry:
                self._apply(change)
            count, files = self.counts.get(change.kind, (0, 0))
            self.counts[change.kind] = (count + change.removed, files + 1)
            self.changed.add(change.path)

    def _apply(self, change: Change) -> None:
        if change.content is None:
            shutil.rmtree(change.path)
            return
        path, out = change.path, self._out
        name = str(path.relative_to(out) if path.is_relative_to(out) else path)
        self._record[UNFINISHED] = [*self._record.get(UNFINISHED, []), name]
        self._save()
        replace_file(change.path, change.content)
        self._refresh(change.path)

    def _refresh(self, path: Path) -> None:
        """Updates the digests of a changed file, which later runs compare."""
        if not path.exists():
            return
        for name in CHANGED:
            if str(path).endswith(name):
                folder = Path(str(path).removesuffix(name))
                update_manifest(folder)
                self._digests.record_changed(folder / MANIFEST)
        self._digests.record_changed(path)
        if path == self._out / SUMMARY_FILE:
            self._digests.record_file(path)

    def finish(self) -> None:
        """Notes that nothing is left to do."""
        self._record[UNFINISHED] = []
        for key in (DELETE, POSSIBLE):
            self._record[key] = [str(path.relative_to(self._out)) for path in self.kept(key)]
        if self._is_dry:
            return
        if any(self._record.values()):
            self._save()
        else:
            (self._out / RECORD).unlink(missing_ok=True)

    def _save(self) -> None:
        if not self._is_dry:
            replace_file(self._out / RECORD, (json.dumps(self._record, indent=1) + "\n").encode())
