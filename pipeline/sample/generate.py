"""Generates the bundled sample: click sessions of RetailRocket's shape, the same on every machine.

How the sessions are made
-------------------------
`shop.py` makes the shop: families of like items, a dozen families to a category; few families,
and few items of each, draw most clicks (Zipf). Every item has a short list of *links*, the items
visitors tend to open next: most in its family, some in its category, few anywhere, the first far
likelier than the last. Families gain or lose popularity from day to day, and two of five items
enter the shop while the sample runs, so the test days have items that training never saw.

A visitor opens an item by popularity. Each step then returns to an item of the session (mostly the
one before the current one, and less readily just after a return), or opens another: by a link of
the current item, by a link of the item before it, from the current family, from the category, or
anywhere. A visitor is *focused* or *wandering* for the whole session; long sessions wander. Session
lengths, pauses, hours and the ages of returns follow rounded measurements of two RetailRocket
weeks. No item, session or time was copied.

Why it is fair
--------------
Nothing in it takes a recurrent network to see. Links of the current item are what sequential rules
count, returns are what recency finds, links of the item before and shared families are what session
neighbours find. Behaviour that depends on more than the last item exists, and is the minor part.
The mixture was set against counts and simple baselines alone, before any model saw the sample:
popularity, sequential rules and session neighbours (STAN) score here about what they score on
RetailRocket (Recall@20 on known items .043, .296, .432 here, .036, .321, .431 there). A digest in
the tests freezes it.

Why it is the same everywhere
-----------------------------
All randomness is the raw 64-bit stream of PCG64, which NumPy keeps across versions, and all draws
are integers; the few numbers that need fractions use `* /` and `sqrt` alone, which IEEE 754
defines to the last bit. NumPy's `choice`, `shuffle` and distributions promise no fixed stream;
`exp`, `log` and `pow` differ between processors.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from modules.daily.days import day_name
from pipeline.sample.shop import (
    LINK_TOTALS,
    TEST_DAYS,
    TRAIN_DAYS,
    Draws,
    Shop,
    build_shop,
    running_totals,
)

DEFAULT_SESSIONS = 10_000
DEFAULT_SEED = 20_150_904

_FEWEST_SESSIONS = 50
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_FIRST_MS = 1_441_324_800_000  # 2015-09-04T00:00Z, a Friday
_TEST_MS = _FIRST_MS + TRAIN_DAYS * _DAY_MS

# Sessions per day of the week, from the first day on, and per hour (UTC).
_DAY_TOTALS = running_totals((12, 10, 10, 14, 15, 15, 16) * ((TRAIN_DAYS + TEST_DAYS) // 7))
_HOUR_TOTALS = running_totals(
    (5, 5, 5, 6, 5, 4, 2, 1, 1, 1, 1, 1, 1, 2, 3, 5, 6, 6, 6, 6, 7, 7, 8, 6)
)

# Lengths: weights (per 1,000) of 2 to 10 events, then of a tail P(length > n) ~ n ** -2.
_LENGTH_TOTALS = running_totals((525, 214, 91, 55, 33, 19, 14, 10, 7, 32))
_LONGEST_SESSION = 200

# Pauses: 5 % are below 8.5 s, 10 % below 17 s, and so on; uniform between two bounds.
_PAUSE_TOTALS = running_totals((50, 50, 150, 250, 250, 150, 50, 40, 10))
_PAUSE_SECONDS = (1, 8.5, 17, 40, 92, 247, 740, 1_400, 3_000, 3_600)  # longer: another session
_PAUSE_BOUNDS = [int(1000 * seconds) for seconds in _PAUSE_SECONDS]

# Returns, of 1,000: at the second event, at a later one, at one after a return. Then the weights of
# going back to the current item, to the one before it, and so on, among those the session has.
_FIRST_RETURN, _RETURN, _RETURN_AGAIN = 13, 300, 160
_RETURN_AGE_TOTALS = running_totals((10, 200, 28, 20, 9, 8, 4, 3, 2, 2))

# Other events: by a link of the current item, by one of the item before it, from the current
# item's family, its category, or anywhere.
_LINK, _LINK_BEFORE, _FAMILY, _CATEGORY, _ANYWHERE = range(5)
_FOCUSED_TOTALS = running_totals((320, 110, 300, 110, 160))
_WANDERING_TOTALS = running_totals((140, 50, 180, 200, 430))
_WANDERERS_PER_EVENT = 85  # of 1,000: a session of n events wanders with chance 0.085 n
_TRIES = 3  # to find an item new to the session


@dataclass(frozen=True)
class Session:
    """One session: its id, its item ids in time order, and their times in ms since 1970."""

    session_id: str
    item_ids: list[str]
    event_times: list[int]


def generate_sessions(
    sessions: int = DEFAULT_SESSIONS, seed: int = DEFAULT_SEED, shop_size: int | None = None
) -> tuple[list[Session], list[Session]]:
    """Generates the training and the test sessions, in the order of their ids (not of time).

    The last training event lies before the first test event.

    Args:
        sessions: number of sessions, at least 50; about 67 % of them are for training.
        seed: seed of the random stream; another seed makes another shop.
        shop_size: number of sessions that the shop is made for, about 1.05 items each; None for
            `sessions`.

    Returns:
        (training sessions, test sessions); every session has 2 to 200 events.

    Raises:
        ValueError: if `sessions` is below 50.
    """
    if sessions < _FEWEST_SESSIONS:
        raise ValueError(
            f"sessions must be at least {_FEWEST_SESSIONS}, got {sessions}: fewer do not fill both "
            "the training and the test days."
        )
    draws = Draws(seed)
    shop = build_shop(draws, sessions if shop_size is None else shop_size)
    train: list[Session] = []
    test: list[Session] = []
    for number in draws.permutation(sessions):
        day = draws.position(_DAY_TOTALS)
        item_ids = [shop.item_ids[item] for item in _visit(draws, shop, day)]
        times = _event_times(draws, day, len(item_ids))
        (train if times[0] < _TEST_MS else test).append(Session(str(number), item_ids, times))
    return sorted(train, key=_number), sorted(test, key=_number)


def write_sample(folder: Path, sessions: int = DEFAULT_SESSIONS, seed: int = DEFAULT_SEED) -> None:
    """Writes `train.tsv` and `test.tsv` (SessionId, ItemId, Time in ms) into a folder.

    The same arguments give the same bytes on every machine and with every NumPy version.

    Args:
        folder: created if needed; files of these names are replaced atomically.
        sessions: number of sessions, at least 50.
        seed: seed of the random stream.

    Raises:
        ValueError: if `sessions` is below 50.
    """
    train, test = generate_sessions(sessions, seed)
    for name, part in (("train.tsv", train), ("test.tsv", test)):
        _write(folder / name, part)


def write_days(folder: Path, sessions: int = DEFAULT_SESSIONS, seed: int = DEFAULT_SEED) -> None:
    """Writes the same sessions as one file per day of their start, `clicks-2015-09-04.tsv` etc.

    Args:
        folder: created if needed; files of these names are replaced atomically.
        sessions: number of sessions, at least 50.
        seed: seed of the random stream.

    Raises:
        ValueError: if `sessions` is below 50.
    """
    days: dict[int, list[Session]] = {}
    for part in generate_sessions(sessions, seed):
        for session in part:
            days.setdefault(session.event_times[0] // _DAY_MS, []).append(session)
    for day, of_day in sorted(days.items()):
        _write(folder / f"clicks-{day_name(day, is_dated=True)}.tsv", of_day)


def _write(file: Path, sessions: Sequence[Session]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.part")
    unfinished.write_bytes(_to_tsv(sessions).encode("ascii"))
    unfinished.replace(file)


def _number(session: Session) -> int:
    return int(session.session_id)


def _to_tsv(sessions: Sequence[Session]) -> str:
    rows = ["SessionId\tItemId\tTime"]
    for session in sessions:
        for item_id, time in zip(session.item_ids, session.event_times, strict=True):
            rows.append(f"{session.session_id}\t{item_id}\t{time}")
    return "\n".join(rows) + "\n"


def _visit(draws: Draws, shop: Shop, day: int) -> list[int]:
    length = _length(draws)
    wanders = draws.chance(_WANDERERS_PER_EVENT * length)
    habits = _WANDERING_TOTALS if wanders else _FOCUSED_TOTALS
    items = [draws.position(shop.popularity[day])]
    returns = _FIRST_RETURN
    while len(items) < length:
        if draws.chance(returns):
            oldest = min(len(items), len(_RETURN_AGE_TOTALS))
            items.append(items[-1 - draws.position(_RETURN_AGE_TOTALS, 0, oldest)])
            returns = _RETURN_AGAIN
        else:
            items.append(_another(draws, shop, day, habits, items))
            returns = _RETURN
    return items


def _length(draws: Draws) -> int:
    row = draws.position(_LENGTH_TOTALS)
    if row < len(_LENGTH_TOTALS) - 1:
        return 2 + row
    return min(_LONGEST_SESSION, int(11 / sqrt(draws.fraction())))


def _another(
    draws: Draws, shop: Shop, day: int, habits: Sequence[int], items: Sequence[int]
) -> int:
    habit = draws.position(habits)
    for _ in range(_TRIES):
        item = _open(draws, shop, day, habit, items)
        if item not in items:
            return item
    return draws.position(shop.popularity[day])


def _open(draws: Draws, shop: Shop, day: int, habit: int, items: Sequence[int]) -> int:
    current = items[-1]
    if habit in (_LINK, _LINK_BEFORE):
        source = items[-2] if habit == _LINK_BEFORE and len(items) > 1 else current
        item = shop.links[source][draws.position(LINK_TOTALS)]
        if shop.entry_day[item] <= day:
            return item
    totals = shop.popularity[day]
    if habit == _ANYWHERE:
        return draws.position(totals)
    return draws.position(totals, *(shop.category if habit == _CATEGORY else shop.family)[current])


def _event_times(draws: Draws, day: int, length: int) -> list[int]:
    start = _FIRST_MS + day * _DAY_MS
    times = [start + draws.position(_HOUR_TOTALS) * _HOUR_MS + draws.below(_HOUR_MS)]
    while len(times) < length:
        row = draws.position(_PAUSE_TOTALS)
        low, high = _PAUSE_BOUNDS[row], _PAUSE_BOUNDS[row + 1]
        times.append(times[-1] + low + draws.below(high - low))
    if times[0] < _TEST_MS <= times[-1]:  # no session lies across the border: it starts later
        return [time + _TEST_MS - times[0] for time in times]
    return times


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the sample into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Write the bundled sample sessions as TSV files.")
    parser.add_argument("folder", type=Path, help="folder for train.tsv and test.tsv")
    parser.add_argument("--sessions", type=int, default=DEFAULT_SESSIONS)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    options = parser.parse_args(arguments)
    write_sample(options.folder, options.sessions, options.seed)


if __name__ == "__main__":
    main()
