"""Brings a pushed model up to the clicks since its training, in seconds and without training.

Items are added, and the vectors of trained ones move: `modules/copies` makes the copy. Here it is
compared with its base, and becomes a version. The base is always the model as it was trained, so
that refreshes do not add up.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.array_types import BoolArray, IntArray
from modules.copies.grown_model import Additions, find_additions, grow, write_grown
from modules.copies.model_variables import OWN_ITEMS, OldModelError, Variables
from modules.copies.new_vectors import OwnFeatures
from modules.copies.offered_items import OfferError, read_offer
from modules.copies.recent_clicks import RecentClicks, to_array
from modules.copies.restricted_model import CLICKS, EVENTS, STANDING, TRAINED, UNTIL, check_answers
from modules.files.model_folder import (
    RENEWAL_RECORD,
    known_items,
    learned_from,
    write_json,
    write_manifest,
)
from modules.model.feature_vectors import read_feature_vectors
from modules.serving.isolated_probe import timed
from modules.serving.latency import Latency
from modules.serving.warmup_requests import replay_warmup_requests
from modules.sessions.event_times import utc_text
from modules.training.selection_record import parse_selection, read_selection
from serving.catalog_refresh import RefreshError
from serving.new_version import new_version
from serving.pushed_models import NoModelError, load_model

HELD_BACK = 0.2
"""Share of the clicks, the latest, that a copy made of the others is compared with its base on."""
FEWEST_STEPS = 100
"""Next clicks held back, below which there is no comparison: chance would decide."""
MOST_LOSS = 0.002
"""Loss of Recall@20 on the clicks held back, up to which a copy is as good as its base."""
MOST_SLOWDOWN = 1.5
"""Largest ratio of the copy's median latency to its base's, in calls that take turns."""
_K = 20
_EVALUATE, _EXAMPLES = "evaluate", "serving_default"
_MOST_SESSIONS = 2_000
_SESSIONS_AT_ONCE = 256
_P50, _TIMED_CALLS = "p50_ms", 60
_SLACK_MS = 1.0  # beyond that ratio, for calls of a millisecond


ItemValues: TypeAlias = Callable[
    [Sequence[str], Sequence[bytes]], Mapping[str, Sequence[Sequence[str]]]
]
"""Returns the values of items in columns, by column, from columns and ids of items."""


class Limits(NamedTuple):
    """What a refresh must stay within.

    Attributes:
      new_share: most new items, as a share of the catalogue; those with the most clicks are taken.
      least_offered: share of the catalogue that a list of offered items must have.
    """

    new_share: float = 1.0
    least_offered: float = 0.5


class Copy(NamedTuple):
    """A copy that was written.

    Attributes:
      new: items that have a vector in the copy alone.
      unplaced: items without a vector that were clicked beside none that has one.
      left_out: new items beyond the limit.
      ids: ids of its catalogue, bytes.
      offered: which of them are recommendable, bool.
      own_items: whether it recommends items of the session that it does not know.
    """

    new: int
    unplaced: int
    left_out: int
    ids: npt.NDArray[np.object_]
    offered: BoolArray
    own_items: bool


class Comparison(NamedTuple):
    """A copy without the latest clicks and its base, both called with these.

    Attributes:
      steps: next clicks that both should have found.
      recall: Recall@20 of the copy.
      base_recall: Recall@20 of the base.
    """

    steps: int
    recall: float
    base_recall: float


class ClickRefresh(NamedTuple):
    """The result of a refresh.

    Attributes:
      folder: folder of the new version.
      base: folder of the model from which it was made.
      clicks: clicks that were read.
      sessions: sessions of these.
      rejected: what `RecentClicks.rejected_text` says of bad rows.
      until: time of the newest click, ms.
      catalogue: items in the catalogue of the new version.
      offered: recommendable items.
      new: items that have a vector in the new version alone.
      unplaced: items without a vector that were clicked beside none that has one.
      left_out: new items beyond the limit.
      comparison: None if too few clicks were held back.
      p50_ms: median latency of one session.
      base_p50_ms: that of the base, in calls that took turns.
      seconds: wall time.
    """

    folder: Path
    base: Path
    clicks: int
    sessions: int
    rejected: str
    until: int
    catalogue: int
    offered: int
    new: int
    unplaced: int
    left_out: int
    comparison: Comparison | None
    p50_ms: float
    base_p50_ms: float
    seconds: float


class ClickRefresher:
    """Refreshes a trained model, whose base stays loaded for the next refresh."""

    def __init__(self, base: Path, limits: Limits, values_of: ItemValues | None = None) -> None:
        """Loads the model.

        Args:
          base: folder of a pushed model as it was trained.
          limits: what refreshes must stay within.
          values_of: returns features of new items, if the model learned any; None for none.

        Raises:
          NoModelError: the base is not a model that can be refreshed.
        """
        self.base, self._limits = base, limits
        self.model = load_model(base)
        ids, selection = known_items(str(base)), read_selection(str(base))
        if ids is None or selection is None:
            raise NoModelError(f"{base} does not say what it knows: train and push a new one.")
        self._known = to_array(list(ids))
        self._values_of = values_of
        try:
            self._features = read_feature_vectors(str(base)) if values_of else None
        except ValueError as error:
            raise NoModelError(str(error)) from error
        self._popularity_weight = parse_selection(selection)[0].adjustments.popularity_weight

    def refresh(
        self,
        clicks: RecentClicks,
        push_folder: Path,
        offers: Mapping[str, Any],
        check: Callable[[], None] = lambda: None,
    ) -> ClickRefresh:
        """Pushes a version with the items of clicks.

        Args:
          clicks: clicks since the training, at least one.
          push_folder: folder of the new version, which is written atomically.
          offers: `items`, a list of the recommendable items, if not all of them are: what that has
            now counts; and whether it is a `STANDING` one.
          check: raises an error if the version must not be pushed; called last.

        Raises:
          NoModelError: the base is not a model that can be refreshed.
          RefreshError: the list cannot be used, or the new version is worse or slower than its
            base.
        """
        began = time.monotonic()
        try:
            comparison = self._compare(clicks)
            with new_version(push_folder, check) as version:
                made = self.write_copy(clicks, version.unfinished, offers)
                model = load_model(version.unfinished)
                replay_warmup_requests(str(version.unfinished), model.signatures)
                check_answers(model, made.ids[made.offered], made.own_items)
                p50, base_p50 = self._latencies(model, clicks)
        except OldModelError as error:
            raise NoModelError(str(error)) from error
        except OfferError as error:
            raise RefreshError(str(error)) from error
        return ClickRefresh(
            folder=version.pushed,
            base=self.base,
            clicks=len(clicks.time),
            sessions=clicks.sessions,
            rejected=clicks.rejected_text(),
            until=int(clicks.time.max()),
            catalogue=len(made.ids),
            offered=int(made.offered.sum()),
            new=made.new,
            unplaced=made.unplaced,
            left_out=made.left_out,
            comparison=comparison,
            p50_ms=p50,
            base_p50_ms=base_p50,
            seconds=time.monotonic() - began,
        )

    def write_copy(
        self, clicks: RecentClicks, folder: Path, offers: Mapping[str, Any] | None = None
    ) -> Copy:
        """Writes the copy of the base that clicks, and a list, make.

        Args:
          clicks: clicks since the training.
          folder: folder of the copy, without files.
          offers: as for `refresh`; None for no list.

        Raises:
          OfferError: the list cannot be used.
          OldModelError: the base was exported by another version of this package.
        """
        offers = offers or {}
        base = str(self.base)
        variables = Variables(base)
        trained, size = variables.ids, len(variables.ids)
        most = int(size * self._limits.new_share)
        additions = find_additions(self._known, size, clicks, most)
        weight, own = self._popularity_weight, self._own_features(additions)
        ids = grow(variables, self._known, additions, weight, own)
        items, digest = offers.get("items"), None
        if items is not None:
            # Its share is one of the items that were trained: few lists name new ones at once.
            read_offer(items, trained, self._limits.least_offered, "--least-share")
            offer = read_offer(items, variables.ids, 0.0, "--least-share")
            variables.restrict(offer.offered)
            digest = offer.digest
        write_grown(base, str(folder), variables, ids)
        offered = variables.recommendable()
        content = {
            "base": base,
            TRAINED: self.base.name,
            "items": items,
            "items_sha256": digest,
            "catalogue": len(offered),
            "offered": int(offered.sum()),
            "new": len(additions.items),
            CLICKS: len(clicks.time),
            EVENTS: clicks.events,
            UNTIL: int(clicks.time.max()),
            STANDING: bool(offers.get(STANDING)),
        }
        write_json(str(folder), RENEWAL_RECORD, content)
        write_manifest(str(folder), learned_from(base))
        own_items = OWN_ITEMS in variables and bool(variables[OWN_ITEMS])
        numbers = len(additions.items), additions.unplaced, additions.left_out
        return Copy(*numbers, variables.ids, offered, own_items)

    def _own_features(self, additions: Additions) -> OwnFeatures | None:
        if self._features is None or self._values_of is None:
            return None
        ids = np.concatenate([self._known, additions.ids])[additions.items]
        return OwnFeatures(self._features, self._values_of(self._features.columns, ids.tolist()))

    def _compare(self, clicks: RecentClicks) -> Comparison | None:
        """Compares a copy made of the earlier clicks with the base, on the later ones.

        Both without a list of offered items, so that the items of the clicks alone differ.

        Raises:
          RefreshError: the copy finds fewer of them.
        """
        cut = int(np.quantile(clicks.time, 1 - HELD_BACK))
        before = clicks.before(cut)
        sessions = deque(clicks.examples(cut), maxlen=_MOST_SESSIONS)
        steps = sum(int(np.count_nonzero(times[1:] >= cut)) for _, times in sessions)
        if steps < FEWEST_STEPS or not len(before.time):
            return None
        with tempfile.TemporaryDirectory() as scratch:
            self.write_copy(before, Path(scratch, "copy"))
            copy = load_model(Path(scratch, "copy"))
        recall, base_recall = (
            _found(model, [*sessions], cut) / steps for model in (copy, self.model)
        )
        if recall < base_recall - MOST_LOSS:
            raise RefreshError(
                f"A copy refreshed from the earlier clicks finds {recall:.4f} of the "
                f"{steps:,} next clicks since {utc_text(cut)} (recall@{_K}), its base "
                f"{self.base.name} {base_recall:.4f}. Nothing was pushed."
            )
        return Comparison(steps, recall, base_recall)

    def _latencies(self, model: Any, clicks: RecentClicks) -> tuple[float, float]:
        """Returns the median latencies of a copy and the base in calls that take turns, in ms.

        Raises:
          RefreshError: the copy is slower.
        """
        sessions = [example for example, _ in islice(clicks.examples(0), _TIMED_CALLS)]
        if not sessions:
            return 0.0, 0.0
        calls = {
            name: lambda of, one=one: one.signatures[_EXAMPLES](examples=of)["scores"].numpy()
            for name, one in (("copy", model), ("base", self.model))
        }
        requests = [tf.constant([session]) for session in islice(cycle(sessions), _TIMED_CALLS)]
        times = timed(calls, requests)
        copy, base = (Latency.of(times, name) for name in calls)
        if not copy.keeps_up(_P50, base, MOST_SLOWDOWN, _SLACK_MS):
            raise RefreshError(
                f"The refreshed model takes {copy.text(_P50)}, its base {self.base.name} "
                f"{base.text(_P50)}. Nothing was pushed."
            )
        return copy.wall[_P50], base.wall[_P50]


def _found(model: Any, sessions: Sequence[tuple[bytes, IntArray]], cut: int) -> int:
    """Returns how many of the next clicks from a time on, in ms, a model ranks in its first 20."""
    found = 0

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def ranks(examples: tf.Tensor) -> tf.Tensor:
        # In a function, what the other outputs alone need is not computed.
        return model.signatures[_EVALUATE](examples=examples)["rank"]

    sessions = sorted(sessions, key=lambda session: len(session[1]))  # little padding
    for start in range(0, len(sessions), _SESSIONS_AT_ONCE):
        part = sessions[start : start + _SESSIONS_AT_ONCE]
        examples = tf.constant([example for example, _ in part])
        for of_session, (_, times) in zip(ranks(examples).numpy(), part, strict=True):
            found += int(np.count_nonzero(of_session[: len(times) - 1][times[1:] >= cut] <= _K))
    return found
