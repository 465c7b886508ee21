"""Models: the real sessions in their assets, and which of them have learned from what is forgotten.

Weights cannot be changed, and the ids of items are part of the graph: such models must be deleted.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from modules.copies.restricted_model import UNTIL, read_restriction
from modules.files.file_digests import file_digest
from modules.files.learned_data import FILE as LEARNED
from modules.files.learned_data import LearnedData, read_learned
from modules.files.model_folder import (
    ITEM_LIST,
    MANIFEST,
    REFERENCE_PREDICTIONS,
    learned_from,
)
from modules.serving.warmup_requests import FILE as WARM_UP
from modules.serving.warmup_requests import write_warmup_requests
from pipeline.forget.plan import Change, Forgotten, holder, is_part_of

ANSWERS, WARM_UPS = "sessions in trainers' answers", "warm-up requests of models"
CHANGED = (REFERENCE_PREDICTIONS, WARM_UP)
"""Files of a model that may be written again; its manifest has their digests."""
_PLACES = ("artifacts*/*/*/*/**", "pushed*/*")
_WEIGHTS = "pushed_warm_start/*"
_DIGITS = 16


class Learned(NamedTuple):
    """Models that have learned from what is forgotten, or may have.

    Attributes:
      certain: folders that can be deleted as a whole.
      possible: those that learned earlier sessions than any Examples hold.
    """

    certain: frozenset[Path]
    possible: frozenset[Path]


def model_folders(out: Path) -> list[Path]:
    """Returns the folders of all models, and of weights that later ones start from."""
    marks = (MANIFEST, LEARNED)
    found = (path for place in _PLACES for mark in marks for path in out.glob(f"{place}/{mark}"))
    return sorted({path.parents[1] for path in found})


def changed_models(out: Path, forgotten: Forgotten) -> Iterator[Change]:
    """Yields the assets of models that hold parts of such sessions, without them."""
    for folder in model_folders(out) if forgotten.visits else ():
        path = folder / REFERENCE_PREDICTIONS
        if not path.is_file():
            continue
        content = json.loads(path.read_text("utf-8"))
        known = _items(folder)
        # A model sees the items of its catalogue alone.
        seen = {tuple(item for item in visit.items if item in known) for visit in forgotten.visits}
        sessions = [
            [item.encode("utf-8", "surrogateescape") for item in items]
            for items in content["sessions"]
        ]
        is_kept = [not any(is_part_of(items, whole) for whole in seen) for items in sessions]
        if all(is_kept):
            continue
        # Warm-up requests first: they are made from the sessions of the other file.
        kept = [items for items, keep in zip(sessions, is_kept, strict=True) if keep]
        if (folder / WARM_UP).is_file():
            yield Change(WARM_UPS, folder / WARM_UP, 1, _warm_up(kept))
        changed = {
            name: [row for row, keep in zip(rows, is_kept, strict=True) if keep]
            if len(rows) == len(is_kept)
            else rows
            for name, rows in content.items()
        }
        yield Change(ANSWERS, path, is_kept.count(False), json.dumps(changed).encode())


def _warm_up(sessions: list[list[bytes]]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_warmup_requests(folder, sessions)
        return Path(folder, WARM_UP).read_bytes()


def _items(folder: Path) -> frozenset[bytes]:
    path = folder / "assets" / ITEM_LIST
    return frozenset(path.read_bytes().splitlines()) if path.is_file() else frozenset()


def update_manifest(folder: Path) -> None:
    """Writes the digests of the files that were changed into a model's manifest, if it has one."""
    path = folder / MANIFEST
    if not path.is_file():
        return
    manifest = json.loads(path.read_text("utf-8"))
    for name in CHANGED:
        if name in manifest["files"] and (folder / name).is_file():
            manifest["files"][name] = file_digest(str(folder / name))._asdict()
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(manifest), encoding="utf-8")
    scratch.replace(path)


def learned_models(out: Path, forgotten: Forgotten) -> Learned:
    """Finds models, and what else has their vocabulary, by what they learned and by item ids."""
    certain, possible, trainings = set(), set(), set()
    starts = [visit.times[0] for visit in forgotten.visits]
    is_complete = forgotten.ids <= forgotten.found()
    for folder in model_folders(out):
        try:
            learned = read_learned(str(folder))
        except ValueError:
            learned = None
        place = holder(folder, out)
        until = (read_restriction(str(folder)) or {}).get(UNTIL, 0)  # of a refresh by clicks
        if learned and any(
            learned.first_start <= at <= max(learned.last_start, until) for at in starts
        ):
            certain.add(place)
            trainings.add(learned_from(str(folder))[:_DIGITS])
        elif not is_complete and _is_older(learned, forgotten):
            possible.add(place)
    weights = (path for path in out.glob(_WEIGHTS) if path.name.rpartition("-")[2] in trainings)
    return Learned(frozenset({*certain, *weights}), frozenset(possible - certain))


def _is_older(learned: LearnedData | None, forgotten: Forgotten) -> bool:
    """Returns whether a model may have learned sessions that no Examples hold any more."""
    kept = forgotten.kept_since
    return learned is None or kept is None or learned.first_start < kept
