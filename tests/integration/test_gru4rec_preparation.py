"""GRU4Rec's preparation of RetailRocket, against one that is slow and obvious.

A pause of more than an hour between any events of a visitor begins a session; views stay, without
immediate repeats; items with fewer than 5 of them and sessions with fewer than 2 go, in turns; the
sessions that start in the last 7 days are the test split.
"""

import random
from collections import Counter, defaultdict

import yaml

from modules.config.options.data import TailOptions
from pipeline.config import PRESETS
from tests.click_files import NOW
from tests.ingest_graph import run_graph

HOUR, DAY = 3_600_000, 86_400_000


def raw_log(draw):
    """Rows of (time, visitor, type, item), in any order: a month of a shop with a long tail."""
    rows = []
    for visitor in range(400):
        time = NOW + draw.randrange(30 * DAY)
        for _ in range(draw.randrange(1, 15)):
            item = min(draw.randrange(150), draw.randrange(150))
            for _ in range(draw.choice([1, 1, 1, 2, 3])):  # reloads
                rows.append((time, visitor, draw.choice(["view"] * 8 + ["addtocart"]), item))
                time += draw.choice([1_000, 60_000, 600_000, HOUR, HOUR + 1, 9 * HOUR])
    draw.shuffle(rows)
    return rows


def prepared(rows):
    """The train and the test sessions: the items of each, by id."""
    by_visitor = defaultdict(list)
    for time, visitor, kind, item in rows:
        by_visitor[visitor].append((time, str(item), kind))
    sessions = {}
    for visitor, events in by_visitor.items():
        events.sort()
        last = None
        for time, item, kind in events:
            if last is None or time - last > HOUR:
                session_id = f"{visitor}@{time}"
                sessions[session_id] = []
            last = time
            if kind == "view":
                sessions[session_id].append(item)
    for session_id, items in sessions.items():
        sessions[session_id] = [
            item for at, item in enumerate(items) if at == 0 or items[at - 1] != item
        ]
    before = None
    sessions = {session_id: items for session_id, items in sessions.items() if len(items) > 1}
    while sessions != before:
        before = sessions
        support = Counter(item for items in sessions.values() for item in items)
        sessions = {
            session_id: [item for item in items if support[item] >= 5]
            for session_id, items in sessions.items()
        }
        sessions = {session_id: items for session_id, items in sessions.items() if len(items) > 1}
    starts = {session_id: int(session_id.split("@")[1]) for session_id in sessions}
    border = max(starts.values()) - 7 * DAY
    test = {
        session_id: sessions[session_id] for session_id in sessions if starts[session_id] > border
    }
    train = {session_id: items for session_id, items in sessions.items() if session_id not in test}
    return train, test


def test_the_preset_prepares_a_raw_log_as_gru4rec_does(tmp_path):
    rows = raw_log(random.Random(31))
    lines = [f"{time},{visitor},{kind},{item},\n" for time, visitor, kind, item in rows]
    header = "timestamp,visitorid,event,itemid,transactionid\n"
    (tmp_path / "events.csv").write_text(header + "".join(lines))
    preset = yaml.safe_load((PRESETS / "retailrocket-events.yaml").read_text("utf-8"))
    options = {**preset["sessions"], "min_item_support": 5}
    options["event_types"] = tuple(options["event_types"])
    tail = TailOptions(preset["data"]["test_days"])
    found, counted, _ = run_graph(tmp_path, {"train": "events.csv"}, tail=tail, **options)
    train, test = prepared(rows)

    def items_of(*splits):
        return {
            session_id.decode(): [item.decode() for item in items]
            for split in splits
            for session_id, _, items, _ in found[split]
        }

    assert items_of("test") == test and len(test) > 20
    assert items_of("train", "eval") == train and len(train) > 100
    assert counted.counts["train.rare_items"] > 5
    assert counted.counts["train.rows_repeated"] > 100
    dropped = ("repeated", "too_short", "of_rare_items", "of_other_types", "doubled")
    lost = sum(counted.counts.get(f"train.rows_{name}", 0) for name in dropped)
    kept = sum(counted.counts[f"{split}.rows_kept"] for split in found)
    assert counted.counts["train.rows_read"] == len(rows) == lost + kept
