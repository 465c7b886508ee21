"""`session-retrieval recommend`: item ids of one session in, recommended items out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from modules.config.options.releases import STABLE
from modules.files.characters import BLANKS
from modules.items.item_names import ItemNames, ItemNamesError, read_item_names
from pipeline.cli.options import (
    between,
    check_one,
    example,
    find_model,
    model_option,
    out_option,
)
from pipeline.cli.quiet import held_back_stderr, quieten
from serving.client import Client, ServerError
from serving.pushed_models import (
    NoModelError,
    Recommendation,
    load_model,
    recommend,
    unknown_items,
)


class Found(NamedTuple):
    """Recommended items with what is known of them.

    Attributes:
      items: best first.
      names: names and categories of the items, of the session's too.
      about: what is printed above them.
      values: the same for JSON.
    """

    items: list[Recommendation]
    names: ItemNames
    about: list[str]
    values: dict[str, Any]


def _query_model(folder: Path, items: Sequence[str], count: int) -> Found:
    with held_back_stderr():
        answer = recommend(load_model(folder), [items], count)[0]
    unknown = unknown_items(folder, items)
    about = [f"Model: {folder}", *_unknown(unknown, items, answer)]
    try:
        names = read_item_names(folder)
    except ItemNamesError as error:
        names = ItemNames()
        print(error, file=sys.stderr)
    return Found(answer, names, about, {"model": str(folder), "unknown": unknown})


def _unknown(
    unknown: Sequence[str], items: Sequence[str], answer: Sequence[Recommendation]
) -> Iterator[str]:
    """Says which items of the session the model does not know, and which it recommends anyway."""
    recommended = {item.item_id for item in answer}
    again = [item for item in unknown if item in recommended]
    if unknown:
        anyway = f" (recommended as items of the session: {', '.join(again)})" if again else ""
        yield f"Unknown to the model: {', '.join(unknown)}{anyway}"
    if len(unknown) == len(items):
        others = " beside them" if again else ""
        yield f"No item is known: the most popular ones are recommended{others}."


def _query_server(url: str, label: str | None, items: Sequence[str], count: int) -> Found:
    client = Client(url, label=label)
    answer = client.answer(items, count)
    about = [f"Server: {client.url}"]
    if label is not None:
        missing = "" if answer.label == label else f", since the server has no {label}"
        about.append(f"Label: {answer.label}{missing}")
    names = client.describe([*items, *(item.item_id for item in answer.items)])
    values: dict[str, Any] = {
        "server": client.url,
        "label": answer.label,
        "version": answer.version,
    }
    # The stable model may not be the one that answered.
    unknown = client.unknown_items(items) if label in (None, STABLE) else None
    if unknown is not None:
        about += _unknown(unknown, items, answer.items)
        values["unknown"] = unknown
    return Found(answer.items, names, about, values)


def _as_json(session: Sequence[str], found: Found) -> str:
    """Returns an answer as JSON; names and categories only of items that have them."""
    names = found.names

    def known(item_id: str) -> dict[str, Any]:
        name, categories = names.name(item_id), list(names.category(item_id))
        return {
            "item_id": item_id,
            **({"name": name} if name else {}),
            **({"categories": categories} if categories else {}),
        }

    rows = [{**known(item_id), "score": score} for item_id, score in found.items]
    content = {**found.values, "session": [*map(known, session)], "items": rows}
    return json.dumps(content, indent=2, ensure_ascii=False)


def _table(found: Found) -> Iterator[str]:
    for position, (item_id, score) in enumerate(found.items, start=1):
        name, categories = found.names.name(item_id), found.names.category(item_id)
        about = "  ".join(filter(None, [name, ", ".join(categories)]))
        yield f"{position:>3}  {item_id:<20} {score + 0.0:.4f}" + (f"  {about}" if about else "")


@click.command(**example("recommend --items 133278,119698 -k 5"))
@click.option("--items", required=True, help="item ids of the session in time order: a,b,c")
@click.option("-k", "count", type=between(1, 100), default=10, help="number of items to recommend")
@model_option
@out_option
@click.option("--server", help="URL of TensorFlow Serving or `serve`: http://... or grpc://...")
@click.option("--json", "as_json", is_flag=True, help="print the answer as JSON")
@click.option("--label", help="with --server: label of the version that answers, such as canary")
def command(
    items: str,
    count: int,
    model: Path | None,
    out: Path | None,
    server: str | None,
    as_json: bool,
    label: str | None,
) -> int:
    """Recommend items for one session, by a model or a server."""
    check_one(model=model, out=out, server=server)
    if label is not None and server is None:
        raise click.UsageError("--label is a server's: give --server too")
    session = [item for text in items.split(",") if (item := text.strip(BLANKS))]
    quieten()
    try:
        if server:
            found = _query_server(server, label, session, count)
        else:
            found = _query_model(find_model(model, out), session, count)
    except (NoModelError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1
    print(_as_json(session, found) if as_json else "\n".join([*found.about, *_table(found)]))
    return 0
