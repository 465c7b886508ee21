"""Ask the newest pushed model, or a server: item ids of a session in, recommended items out."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from modules.files.characters import BLANKS
from modules.files.folders import local_folder
from pipeline.config import PROJECT
from serving.client import Client, ServerError
from serving.pushed_models import (
    NoModelError,
    Recommendation,
    load_model,
    newest_model,
    recommend,
    unknown_items,
)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--items", required=True, help="item ids of the session in time order: a,b,c"
    )
    parser.add_argument("-k", type=int, default=10, help="how many items to recommend (10)")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--model", type=local_folder, help="folder of a SavedModel")
    place.add_argument("--out", type=local_folder, help="the run's OUT folder (default: output/*)")
    place.add_argument(
        "--server", help="URL of a server: TensorFlow Serving's REST API, or demo.py's"
    )
    options = parser.parse_args(arguments)
    if not 1 <= options.k <= 100:
        parser.error(f"-k must be between 1 and 100, got {options.k}")
    return options


@contextlib.contextmanager
def held_back_stderr() -> Iterator[None]:
    """Shows what is written to stderr only if the context fails otherwise than by a NoModelError.

    TensorFlow 2.21 reports there, before any setting could stop it, that it found no GPU.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except NoModelError:
            raise
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _find_model(options: argparse.Namespace) -> Path:
    if options.model:
        return Path(options.model)
    outs = [options.out] if options.out else sorted((PROJECT / "output").glob("*"))
    return newest_model(out / "pushed" for out in outs)


def _ask_model(options: argparse.Namespace, items: Sequence[str]) -> list[Recommendation]:
    folder = _find_model(options)
    with held_back_stderr():
        answer = recommend(load_model(folder), [items], options.k)[0]
    print(f"Model: {folder}")
    unknown = unknown_items(folder, items)
    if unknown:
        print(f"Unknown to it and ignored: {', '.join(unknown)}")
    if len(unknown) == len(items):
        print("No item is known: the most popular ones are recommended.")
    return answer


def _ask_server(options: argparse.Namespace, items: Sequence[str]) -> list[Recommendation]:
    client = Client(options.server)
    answer = client.recommend([items], options.k)[0]
    print(f"Server: {client.url}")
    return answer


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints one line per recommended item; returns the exit status."""
    options = parse_arguments(arguments)
    items = [item for text in options.items.split(",") if (item := text.strip(BLANKS))]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    try:
        answer = (_ask_server if options.server else _ask_model)(options, items)
    except (NoModelError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1
    for position, (item_id, score) in enumerate(answer, start=1):
        print(f"{position:>3}  {item_id:<20} {score + 0.0:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
