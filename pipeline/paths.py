"""Where a run reads code and writes results."""

from __future__ import annotations

import dataclasses
import runpy
from pathlib import Path
from typing import Any

METADATA_FILE = "metadata.sqlite"
PUSHED = "pushed"
PROJECT = Path(__file__).resolve().parents[1]


def package_metadata() -> dict[str, Any]:
    """Returns the constants of `setup.py`, which is in no package and so on no installed path."""
    return runpy.run_path(str(PROJECT / "setup.py"), run_name="setup")


@dataclasses.dataclass(frozen=True)
class Paths:
    """Files and folders of a run, as absolute paths.

    Attributes:
      pipeline_root: artifacts of all runs.
      metadata: SQLite file of ML Metadata.
      push_folder: one numbered folder per pushed model.
      checkpoint_folder: checkpoints of interrupted trainings, by digest of data, config and code.
      digests: folder of the artifacts' digests, "" for none.
      schema: folder of the curated schema.
      modules: folder of the modules that TFX loads.
      rejects: file of all rejected rows when they stop a run, "" for none.
    """

    pipeline_root: str
    metadata: str
    push_folder: str
    checkpoint_folder: str
    schema: str
    modules: str
    rejects: str = ""
    digests: str = ""

    @property
    def index_push_folder(self) -> str:
        """One numbered folder per pushed approximate index."""
        return f"{self.push_folder}_index"

    @classmethod
    def under(cls, out: Path | str) -> Paths:
        """Returns the paths of a run whose outputs go to the folder `out`."""
        folder = Path(out).absolute()
        return cls(
            pipeline_root=str(folder / "artifacts"),
            metadata=str(folder / METADATA_FILE),
            push_folder=str(folder / PUSHED),
            checkpoint_folder=str(folder / "checkpoints"),
            schema=str(PROJECT / "pipeline" / "schema"),
            modules=str(PROJECT / "modules"),
            rejects=str(folder / "rejects.jsonl"),
            digests=str(folder / "digests"),
        )
