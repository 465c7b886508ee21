"""Writes a made-up shop's raw log, to run the pipeline on: events of visitors, without sessions.

    python benchmarks/raw_log.py events.parquet             # a million events; also .jsonl
    make run TRAIN=events.parquet SET="sessions.visitor_column=visitor sessions.item_column=item.id
      sessions.time_column=time sessions.event_column=event sessions.event_types=[view]
      sessions.gap_minutes=60 sessions.max_events_per_minute=60 data.test_days=4"

The visits are those of the bundled sample, in a shop of 21,000 items. Of each 1,000 views 60 put
the item into the cart, and 5 rows are there twice; there are a bot with 3,000 views and a clock
of 1970, and rows are in no order.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from pipeline.sample.generate import Session, generate_sessions  # noqa: E402

_EVENTS = 1_000_000
_EVENTS_PER_SESSION = 3.83  # of the sample, with carts and doubled rows
_SHOP_SIZE = 20_000
_SESSIONS_PER_VISITOR = 3
_CARTS, _DOUBLED = 0.06, 0.005
_BOT_EVENTS, _BOT_PAUSE_MS = 3_000, 500


class Event(NamedTuple):
    """A row of the log; its time is in ms since 1970."""

    visitor: str
    event: str
    item: str
    time: int


def raw_events(sessions: Sequence[Session], draw: random.Random) -> list[Event]:
    """Returns the rows that a shop would have logged of some sessions."""
    visitors = max(1, len(sessions) // _SESSIONS_PER_VISITOR)
    rows = []
    for session in sessions:
        visitor = f"v{draw.randrange(visitors)}"
        for item, time in zip(session.item_ids, session.event_times, strict=True):
            rows.append(Event(visitor, "view", item, time))
            if draw.random() < _CARTS:
                rows.append(Event(visitor, "cart", item, time + 2_000))
    rows += draw.sample(rows, int(len(rows) * _DOUBLED))
    begin, items = sessions[0].event_times[0], [row.item for row in rows[:_BOT_EVENTS]]
    rows += [
        Event("bot", "view", item, begin + number * _BOT_PAUSE_MS)
        for number, item in enumerate(items)
    ]
    rows.append(Event("v0", "view", items[0], 7))
    draw.shuffle(rows)
    return rows


def write(path: Path, rows: Sequence[Event]) -> None:
    """Writes the rows as Parquet or as JSON lines, by the name's ending."""
    if path.suffix == ".jsonl":
        with path.open("w", encoding="utf-8") as file:
            for visitor, event, item, time in rows:
                row = {"visitor": visitor, "event": event, "item": {"id": item}, "time": time}
                file.write(json.dumps(row) + "\n")
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    visitors, events, items, times = zip(*rows, strict=True)
    columns = {
        "visitor": pa.array(visitors),
        "event": pa.array(events).dictionary_encode(),
        "item": pa.StructArray.from_arrays([pa.array(items)], ["id"]),
        "time": pa.array(times, pa.timestamp("ms", "UTC")),
    }
    pq.write_table(pa.table(columns), path, row_group_size=100_000)


def main() -> None:
    """Writes the log."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("path", type=Path, help="file to write, .parquet or .jsonl")
    parser.add_argument("--events", type=int, default=_EVENTS, help="about this many")
    arguments = parser.parse_args()
    number = int(arguments.events / _EVENTS_PER_SESSION)
    train, test = generate_sessions(number, shop_size=min(number, _SHOP_SIZE))
    rows = raw_events([*train, *test], random.Random(0))
    write(arguments.path, rows)
    print(f"{len(rows):,} rows in {arguments.path}")


if __name__ == "__main__":
    main()
