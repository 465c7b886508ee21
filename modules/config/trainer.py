"""Options of the training."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class TrainerOptions(Section):
    """How the model is fitted."""

    loss: str = option(
        "sampled",
        "`sampled`: softmax over the target and `num_negatives` draws that a member's targets "
        "share; `in_batch`: over the member's targets of the batch; `full`: over the whole "
        "catalogue",
        choices=("sampled", "in_batch", "full"),
    )
    num_negatives: int = option(
        1024,
        "draws for each batch and member, for `sampled`",
        limits=(1, 10**7),
        was="negatives",
        unit="items",
    )
    negatives_power: float = option(
        0.5, "draws are proportional to item frequency to this power", limits=(0.0, 2.0)
    )
    logq_correction: bool = option(
        True, "subtract log sampling probabilities from the logits (Bengio & Senecal 2008)"
    )
    remove_accidental_hits: bool = option(
        True, "negatives equal to a row's own target do not count"
    )
    reduction: str = option(
        "mean",
        "`mean` of the loss over targets, or their `sum` (TFRS's default; the learning rate then "
        "depends on the batch size)",
        choices=("mean", "sum"),
    )
    reversed_sessions: bool = option(False, "each session is also trained in reverse order")
    optimizer: str = option(
        "lazy_adam",
        "`lazy_adam` (Adam that leaves table rows alone which a batch did not touch), `adam`, "
        "`adamw` or `adagrad`",
        choices=("lazy_adam", "adam", "adamw", "adagrad"),
    )
    learning_rate: float = option(0.003, "step size of the optimizer", limits=(1e-7, 10.0))
    weight_averaging: float = option(
        0.98,
        "decay, per training step, of the average of all weights that is evaluated and exported "
        "(Polyak and Juditsky, 1992); 0 takes the last weights",
        limits=(0.0, 0.99999),
    )
    batch_targets: int = option(
        2048,
        "about how many targets one training step holds, of all members together",
        limits=(1, 10**7),
        unit="targets",
    )
    max_epochs: int = option(
        30, "most passes over the training data", limits=(1, 10_000), was="epochs"
    )
    early_stopping_patience: int | None = option(
        3,
        "epochs without a better geometric mean of `eval` Recall@20 and MRR@20, with the session "
        "items' serving scalars roughly chosen, before training ends; null trains all epochs and "
        "keeps the last",
        limits=(1, 10_000),
        unit="epochs",
    )
    refit: bool = option(
        True, "after the number of epochs is chosen on `eval`, train again on train and eval"
    )
    current_item_penalty: float | None = option(
        None,
        "subtracted from the score of the session's latest item, below 0 a boost; null chooses it "
        "on `eval`",
        limits=(-1e6, 1e6),
    )
    earlier_item_boost: float | None = option(
        None,
        "added to the scores of the session's other items; null chooses it on `eval`",
        limits=(0.0, 1e6),
    )
    popularity_weight: float | None = option(
        None,
        "times the logarithm of its training events is added to each item's score; null chooses "
        "it on `eval`",
        limits=(-1e6, 1e6),
    )
    precision: str = option(
        "float32",
        "Keras mixed precision policy",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
    )
    seed: int = option(
        42, "seed of initial weights, shuffling, dropout and negatives", limits=(0, 2**31 - 1)
    )
    memory_limit_mb: int = option(
        1024,
        "training windows up to this size are kept in memory, else streamed",
        limits=(0, 10**7),
        unit="MiB",
    )

    @property
    def needs_model_selection(self) -> bool:
        """Whether anything is chosen on split `eval`, so that a fit on train alone is needed."""
        scalars = (self.current_item_penalty, self.earlier_item_boost, self.popularity_weight)
        return self.early_stopping_patience is not None or None in scalars
