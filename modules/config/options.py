"""Typed options of features, model, trainer and evaluation; neither TensorFlow nor Beam here.

The pipeline's YAML is read into these classes once (`pipeline/config.py`); TFX carries them to the
components as JSON (`custom_config`), where `from_json` builds them again.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any, TypeVar

from modules.messages.quoting import quote

LOSSES = ("sampled", "in_batch", "full")
OPTIMIZERS = ("lazy_adam", "adam", "adamw", "adagrad")
REDUCTIONS = ("mean", "sum")
TARGETS = ("all", "last")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
SPLITS = ("test", "eval")
SEVERITIES = ("ERROR", "WARNING")
_LARGEST = 10**15  # of counts and days that slices are cut at

Options = TypeVar("Options")


def from_json(options_class: type[Options], values: Mapping[str, Any]) -> Options:
    """Builds an options class from the mapping that `dataclasses.asdict` made of it.

    Raises:
      TypeError: a key is not a field of the class.
    """
    return options_class(**values)


def out_of_range(options: object, limits: Mapping[str, tuple[float, float]]) -> list[str]:
    """Returns one message per value outside its limits, which are good values both."""
    problems = []
    for name, (low, high) in limits.items():
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            problems.append(f"{name} must be between {low:g} and {high:g}, got {value!r}")
    return problems


def not_rising(options: object, *names: str) -> list[str]:
    """Returns one message per list of inclusive upper bounds that does not rise from 0 or more."""
    return [
        f"{name} must rise from 0 or more, each below {_LARGEST:.0e}, got {list(bounds)}"
        for name in names
        if (bounds := getattr(options, name)) is not None
        and any(low >= high for low, high in itertools.pairwise([-1, *bounds, _LARGEST]))
    ]


def not_among(options: object, choices: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Returns one message per value that is not one of its choices."""
    return [
        f"{name} must be one of {', '.join(allowed)}, got {quote(getattr(options, name))}"
        for name, allowed in choices.items()
        if getattr(options, name) not in allowed
    ]


@dataclasses.dataclass(frozen=True)
class FeatureOptions:
    """What Transform makes of a session.

    Attributes:
      max_context: items of a prefix that the query tower sees, the latest ones.
      min_item_count: events an item needs in the training data to enter the catalogue.
      max_catalogue: most items of the catalogue, the most frequent first; None for all.
      targets: `all` trains on every next item of a session, `last` on the last item only.
    """

    max_context: int = 20
    min_item_count: int = 1
    max_catalogue: int | None = None
    targets: str = "all"

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        limits = {
            "max_context": (1, 10_000),
            "min_item_count": (1, 10**9),
            "max_catalogue": (1, 10**8),
        }
        return out_of_range(self, limits) + not_among(self, {"targets": TARGETS})


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """Shape of the two towers.

    Attributes:
      members: GRUs, each with its own part of the item table and its own share of the windows of
        a batch, whose scores are averaged.
      embedding_dim: length of a member's query and candidate vectors.
      gru_units: units of each GRU; projected to `embedding_dim` where they differ. 0 leaves
        them out, to measure what they add to the copy term.
      shared_embedding: one item table for both towers, or one for each.
      normalize: L2-normalise query and candidate vectors and learn a temperature.
      temperature: start value of the learned temperature; used only with `normalize`.
      copy_lags: latest items whose candidate vectors are added to the query, each lag with a
        learned weight; 0 switches the copy term off.
      neighbors: items seen together with an item most, whose table vectors are mixed into its own;
        0 for none.
      embedding_dropout: share of context embedding values dropped in training.
      output_dropout: share of query values dropped in training.
    """

    members: int = 2
    embedding_dim: int = 32
    gru_units: int = 32
    shared_embedding: bool = True
    normalize: bool = True
    temperature: float = 0.1
    copy_lags: int = 10
    neighbors: int = 4
    embedding_dropout: float = 0.5
    output_dropout: float = 0.1

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        limits = {
            "members": (1, 100),
            "embedding_dim": (1, 4096),
            "gru_units": (0, 4096),
            "temperature": (1e-4, 100.0),
            "copy_lags": (0, 1000),
            "neighbors": (0, 1000),
            "embedding_dropout": (0.0, 0.99),
            "output_dropout": (0.0, 0.99),
        }
        problems = out_of_range(self, limits)
        if not self.gru_units and not self.copy_lags:
            problems.append("gru_units and copy_lags must not both be 0: no query would be left")
        return problems


@dataclasses.dataclass(frozen=True)
class TrainerOptions:
    """How the model is fitted.

    Attributes:
      loss: `sampled`: softmax over the target and `negatives` draws that a member's targets share;
        `in_batch`: over the member's targets of the batch; `full`: over the whole catalogue.
      negatives: draws for each batch and member, for `sampled`.
      negatives_power: draws are proportional to item frequency to this power.
      logq_correction: subtract log sampling probabilities from the logits (Bengio & Senecal 2008).
      remove_accidental_hits: negatives equal to a row's own target do not count.
      reduction: `mean` of the loss over targets, or their `sum` (TFRS's default; the learning
        rate then depends on the batch size).
      reversed_sessions: each session is also trained in reverse order.
      optimizer: `lazy_adam` (Adam that leaves table rows alone which a batch did not touch),
        `adam`, `adamw` or `adagrad`.
      learning_rate: of the optimizer.
      weight_averaging: decay, per training step, of the average of all weights that is judged and
        exported (Polyak and Juditsky, 1992); 0 takes the last weights.
      batch_targets: about how many targets one training step holds, of all members together.
      epochs: most passes over the training data.
      early_stopping_patience: epochs without a better geometric mean of `eval` Recall@20 and
        MRR@20, with the session items' serving scalars roughly chosen, before training ends;
        None trains all epochs and keeps the last.
      refit: after the number of epochs is chosen on `eval`, train anew on train and eval.
      current_item_penalty: subtracted from the score of the session's latest item, below 0 a boost;
        None chooses it on `eval`.
      earlier_item_boost: added to the scores of the session's other items; None chooses it on
        `eval`.
      popularity_weight: times the logarithm of its training events is added to each item's score;
        None chooses it on `eval`.
      precision: Keras mixed precision policy.
      seed: of initial weights, shuffling, dropout and negatives.
      memory_limit_mb: training windows up to this size are kept in memory, else streamed.
    """

    loss: str = "sampled"
    negatives: int = 1024
    negatives_power: float = 0.5
    logq_correction: bool = True
    remove_accidental_hits: bool = True
    reduction: str = "mean"
    reversed_sessions: bool = False
    optimizer: str = "lazy_adam"
    learning_rate: float = 0.003
    weight_averaging: float = 0.98
    batch_targets: int = 2048
    epochs: int = 30
    early_stopping_patience: int | None = 3
    refit: bool = True
    current_item_penalty: float | None = None
    earlier_item_boost: float | None = None
    popularity_weight: float | None = None
    precision: str = "float32"
    seed: int = 42
    memory_limit_mb: int = 1024

    @property
    def needs_model_selection(self) -> bool:
        """Whether anything is chosen on split `eval`, so that a fit on train alone is needed."""
        scalars = (self.current_item_penalty, self.earlier_item_boost, self.popularity_weight)
        return self.early_stopping_patience is not None or None in scalars

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        limits = {
            "negatives": (1, 10**7),
            "negatives_power": (0.0, 2.0),
            "weight_averaging": (0.0, 0.99999),
            "learning_rate": (1e-7, 10.0),
            "batch_targets": (1, 10**7),
            "epochs": (1, 10_000),
            "early_stopping_patience": (1, 10_000),
            "memory_limit_mb": (0, 10**7),
            "current_item_penalty": (-1e6, 1e6),
            "earlier_item_boost": (0.0, 1e6),
            "popularity_weight": (-1e6, 1e6),
            "seed": (0, 2**31 - 1),
        }
        choices = {
            "loss": LOSSES,
            "optimizer": OPTIMIZERS,
            "reduction": REDUCTIONS,
            "precision": PRECISIONS,
        }
        return out_of_range(self, limits) + not_among(self, choices)


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """What the Evaluator judges; what a model must reach is `GateOptions`.

    Attributes:
      split: `test`, or `eval` while a model is developed.
      context_length_buckets: upper bounds of the context length slices.
      target_count_buckets: upper bounds of the target popularity slices (training events).
    """

    split: str = "test"
    context_length_buckets: tuple[int, ...] = (1, 2, 5, 10)
    target_count_buckets: tuple[int, ...] = (0, 2, 10, 50)

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        return not_among(self, {"split": SPLITS}) + not_rising(
            self, "context_length_buckets", "target_count_buckets"
        )


@dataclasses.dataclass(frozen=True)
class CheckOptions:
    """What the data gate stops a run for, before anything is trained.

    Comparisons are with the data that last passed the gate in the same metadata store; they are
    skipped while there is none. None switches a limit off. What may be a leak or a wrong clock is
    warned of, with counts, whatever its limit.

    Attributes:
      stop_severities: severities of ExampleValidator's anomalies that stop the run.
      min_sessions: sessions that each split needs.
      max_item_drift: largest change of any item's share of the train events (L-infinity distance).
      max_item_divergence: largest Jensen-Shannon divergence of the items' shares in train, 0 to 1.
      max_session_count_change: largest relative change of the number of train sessions; 0.5
        accepts half to one and a half times as many.
      max_session_length_change: largest relative change of the mean length of train sessions.
      max_copied_sessions: largest share of sessions that two input splits have in common, with the
        same id, items and seconds, of the split that has fewer.
      max_shared_sessions: largest share of a later input split's sessions whose id occurs in an
        earlier one too.
      max_time_overlap: largest share of a later split's sessions that start before the last
        session of an earlier one.
      max_time_gap: longest time between the end of train and the start of eval or test, as a
        multiple of the time that train spans (at least one day, at most 365 days).
      max_implausible_times: largest share of a split's sessions that start before 1990 or later
        than tomorrow.
      max_tied_sessions: largest share of a split that is cut from train beyond its fraction, since
        its sessions start in the same millisecond.
    """

    stop_severities: tuple[str, ...] = ("ERROR",)
    min_sessions: int = 1
    max_item_drift: float | None = None
    max_item_divergence: float | None = None
    max_session_count_change: float | None = None
    max_session_length_change: float | None = None
    max_copied_sessions: float | None = 0.5
    max_shared_sessions: float | None = None
    max_time_overlap: float | None = None
    max_time_gap: float | None = 10.0
    max_implausible_times: float | None = None
    max_tied_sessions: float | None = None

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        limits = {
            "min_sessions": (0, 10**12),
            "max_item_drift": (0.0, 1.0),
            "max_item_divergence": (0.0, 1.0),
            "max_session_count_change": (0.0, 10**6),
            "max_session_length_change": (0.0, 10**6),
            "max_copied_sessions": (0.0, 1.0),
            "max_shared_sessions": (0.0, 1.0),
            "max_time_overlap": (0.0, 1.0),
            "max_time_gap": (0.0, 10**6),
            "max_implausible_times": (0.0, 1.0),
            "max_tied_sessions": (0.0, 1.0),
        }
        problems = [
            f"stop_severities must be of {', '.join(SEVERITIES)}, got {quote(severity)}"
            for severity in self.stop_severities
            if severity not in SEVERITIES
        ]
        return problems + out_of_range(self, limits)
