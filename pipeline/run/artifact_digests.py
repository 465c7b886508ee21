"""Digests of nodes' outputs, so that damage is found before TFX's cache reuses them.

TFX's cache reuses the outputs of an earlier execution as long as their folders exist; it never
reads them. The reader of a damaged one would fail in every later run, or read wrong values. Digests
are taken when a node has finished, and compared before the next run; the folder of a damaged
artifact is removed, so that its node runs again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from modules.files import file_digests

# How many of an output's newest artifacts are compared by content.
_COMPARED_WHOLE = 5


class Damage(NamedTuple):
    """An artifact that differs from what its node wrote.

    Attributes:
      node: id of the node that wrote it.
      folder: folder of the artifact.
      what: first file that differs, and how.
    """

    node: str
    folder: Path
    what: str


class ArtifactDigests:
    """Records of all artifacts below a pipeline root, in a folder of their own.

    They are not in the artifacts' folders: some of TFX's readers take every file there for data.
    """

    def __init__(self, pipeline_root: Path, records: Path) -> None:
        """Keeps the folders.

        Args:
          pipeline_root: folder of the folders `NODE/OUTPUT/EXECUTION`.
          records: folder of the records; created with the first one.
        """
        self._root, self._records = pipeline_root, records

    def record(self, node: str) -> None:
        """Records the outputs of a node that have no record yet."""
        for folder in self._artifacts(node):
            record = self._record_of(folder)
            if not record.exists():
                self._write(record, file_digests.folder_digests(str(folder)))

    def record_changed(self, file: Path) -> None:
        """Records a file of an artifact again, which was changed on purpose; its other files stay.

        A file that has no record, and one outside the pipeline root, is left out.
        """
        if not file.is_relative_to(self._root):
            return
        folder = self._root.joinpath(*file.relative_to(self._root).parts[:3])
        record, name = self._record_of(folder), str(file.relative_to(folder))
        if not record.exists():
            return
        written = _read(record)
        if name in written:
            written[name] = file_digests.file_digest(str(file))
            self._write(record, written)

    def remove_damaged(self) -> list[Damage]:
        """Removes the artifacts that differ from what was written, and returns them.

        An output's newest artifacts are compared by content, older ones by the names and lengths
        of their files: otherwise every run would start more slowly than the one before.
        """
        found = [damage for damage in map(self._damage, self._recorded()) if damage]
        for damage in found:
            _remove(damage.folder)
            _remove(self._record_of(damage.folder))
        return found

    def record_file(self, file: Path) -> None:
        """Records a single file, if it exists."""
        if file.is_file():
            digest = file_digests.file_digest(str(file))
            self._write(self.record_of_file(file), {file.name: digest})

    def file_damage(self, file: Path) -> str | None:
        """Returns how a single file differs from its record; None if it does not or has none."""
        record = self.record_of_file(file)
        if not record.exists() or not file.exists():
            return None
        try:
            written = _read(record)
        except (ValueError, OSError):
            _remove(record)
            return None
        return file_digests.damage(str(file.parent), written)

    def record_of_file(self, file: Path) -> Path:
        """Returns the path of a single file's record."""
        return self._records / f"{file.name}.json"

    def _artifacts(self, node: str) -> Iterator[Path]:
        """Yields the folders of a node's artifacts; TFX's own have hidden names."""
        for output in sorted(self._root.glob(f"{node}/[!.]*")):
            yield from (folder for folder in sorted(output.glob("[!.]*")) if folder.is_dir())

    def _record_of(self, folder: Path) -> Path:
        return self._records / folder.relative_to(self._root).with_suffix(".json")

    def _recorded(self) -> Iterator[Path]:
        """Yields the recorded artifacts that exist; forgets the others."""
        for record in sorted(self._records.glob("*/*/*.json")):
            folder = self._root / record.relative_to(self._records).with_suffix("")
            # Also a file in the folder's place: TFX's cache only checks that something exists.
            if os.path.lexists(folder):
                yield folder
            else:
                _remove(record)

    def _damage(self, folder: Path) -> Damage | None:
        record = self._record_of(folder)
        if not folder.is_dir():
            return Damage(folder.parts[-3], folder, "it is not a folder")
        try:
            written = _read(record)
        except (ValueError, OSError):
            what: str | None = f"its record {record} is damaged"
        else:
            added = sorted(set(file_digests.file_names(str(folder))) - set(written))
            what = file_digests.damage(str(folder), written, self._is_recent(folder))
            what = what or (f"{added[0]} was added later" if added else None)
        return Damage(folder.parts[-3], folder, what) if what else None

    def _is_recent(self, folder: Path) -> bool:
        names = (other.name for other in folder.parent.iterdir())
        newest = sorted((name for name in names if name.isdecimal()), key=int)[-_COMPARED_WHOLE:]
        return not folder.name.isdecimal() or folder.name in newest

    @staticmethod
    def _write(record: Path, digests: dict[str, file_digests.FileDigest]) -> None:
        record.parent.mkdir(parents=True, exist_ok=True)
        scratch = record.with_suffix(".new")
        scratch.write_text(json.dumps(file_digests.as_json(digests), indent=1), encoding="utf-8")
        scratch.replace(record)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _read(record: Path) -> dict[str, file_digests.FileDigest]:
    return file_digests.from_json(json.loads(record.read_text("utf-8")))
