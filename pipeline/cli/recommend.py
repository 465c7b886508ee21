"""`session-retrieval recommend`: item ids of one session in, recommended items out."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from modules.files.characters import BLANKS
from pipeline.cli.options import (
    between,
    check_one,
    example,
    find_model,
    model_option,
    out_option,
    quieten,
)
from serving.client import Client, ServerError
from serving.pushed_models import (
    NoModelError,
    Recommendation,
    load_model,
    recommend,
    unknown_items,
)


@contextlib.contextmanager
def held_back_stderr() -> Iterator[None]:
    """Shows what is written to stderr only if the context fails, except by a NoModelError.

    TensorFlow 2.21 reports there that it found no GPU, before any setting could prevent it.
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


def _query_model(folder: Path, items: Sequence[str], count: int) -> list[Recommendation]:
    with held_back_stderr():
        answer = recommend(load_model(folder), [items], count)[0]
    print(f"Model: {folder}")
    unknown = unknown_items(folder, items)
    if unknown:
        print(f"Ignored, since the model does not know them: {', '.join(unknown)}")
    if len(unknown) == len(items):
        print("No item is known: the most popular ones are recommended.")
    return answer


def _query_server(url: str, items: Sequence[str], count: int) -> list[Recommendation]:
    client = Client(url)
    answer = client.recommend([items], count)[0]
    print(f"Server: {client.url}")
    return answer


@click.command(**example("recommend --items 133278,119698 -k 5"))
@click.option("--items", required=True, help="item ids of the session in time order: a,b,c")
@click.option("-k", "count", type=between(1, 100), default=10, help="number of items to recommend")
@model_option
@out_option
@click.option("--server", help="URL of TensorFlow Serving's REST API, or of `serve`")
def command(
    items: str, count: int, model: Path | None, out: Path | None, server: str | None
) -> int:
    """Recommend items for one session, by a model or a server."""
    check_one(model=model, out=out, server=server)
    session = [item for text in items.split(",") if (item := text.strip(BLANKS))]
    quieten()
    try:
        if server:
            answer = _query_server(server, session, count)
        else:
            answer = _query_model(find_model(model, out), session, count)
    except (NoModelError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1
    for position, (item_id, score) in enumerate(answer, start=1):
        print(f"{position:>3}  {item_id:<20} {score + 0.0:.4f}")
    return 0
