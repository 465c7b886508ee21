"""Push a new version of the newest model that recommends only the items of a list; no training.

python renew_index.py --items on_offer.txt        # one item id a line: all that is on offer
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modules.files.folders import local_folder
from modules.files.metadata_file import MetadataFileError, check_metadata_file, holds_runs
from pipeline.config import PROJECT, Paths
from serving.pushed_models import NoModelError, newest_model


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--items", type=local_folder, required=True, help="file of item ids, one a line"
    )
    parser.add_argument("--out", type=local_folder, help="the run's OUT folder (default: output/*)")
    parser.add_argument(
        "--least-share", type=float, default=0.5, help="of the catalogue that must stay (0.5)"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Renews the index and says what changed; returns the exit status."""
    options = parse_arguments(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    outs = [options.out] if options.out else sorted((PROJECT / "output").glob("*"))
    try:
        base = newest_model(out / "pushed" for out in outs).absolute()
        metadata = Path(Paths.under(base.parents[1]).metadata)
        check_metadata_file(metadata)
        from serving.catalog_refresh import RenewalError, renew

        try:
            done = renew(base, options.items, base.parent, options.least_share)
        except RenewalError as error:
            print(error, file=sys.stderr)
            return 1
    except (NoModelError, MetadataFileError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Pushed   {done.folder}\nmade of  {done.base}")
    print(f"offered  {done.offered:,} of {done.catalogue:,} items of the catalogue")
    print(f"changed  {done.gone:,} gone, {done.back:,} back, in {done.seconds:.1f} s")
    if done.unknown:
        print(f"left out {done.unknown:,} items of the list that the model was not trained on")
    return _record_lineage(metadata, done, options.items)


def _record_lineage(metadata: Path, done: Any, items: Path) -> int:
    """Writes the renewal into the run's metadata, if there are any; returns the exit status."""
    try:
        if holds_runs(metadata):
            from serving.lineage import record

            print(f"lineage  execution {record(metadata, done, items)} in {metadata}")
    except MetadataFileError as error:
        print(f"The version is pushed, its lineage is not recorded. {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
