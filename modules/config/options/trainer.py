"""Options of the training."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class TrainerOptions(Section):
    """How the model is trained."""

    loss: str = option(
        "sampled",
        "softmax over the target and `num_negatives` draws (`sampled`), the batch's targets "
        "(`in_batch`) or the catalogue (`full`)",
        choices=("sampled", "in_batch", "full"),
    )
    num_negatives: int = option(
        1024,
        "items sampled for each batch and member",
        limits=(1, 10**7),
        was="negatives",
        unit="items",
    )
    negatives_power: float = option(
        0.5, "items are sampled by their frequency to this power", limits=(0.0, 2.0)
    )
    logq_correction: bool = option(
        True, "subtract log sampling probabilities from the logits (Bengio & Senecal 2008)"
    )
    remove_accidental_hits: bool = option(True, "ignore negatives equal to a row's own target")
    reduction: str = option(
        "mean",
        "`mean` of the loss over targets, or `sum` (the learning rate then depends on the batch)",
        choices=("mean", "sum"),
    )
    reversed_sessions: bool = option(False, "also train on each session in reverse order")
    optimizer: str = option(
        "lazy_adam",
        "`lazy_adam` is Adam that updates only the embeddings in a batch",
        choices=("lazy_adam", "adam", "adamw", "adagrad"),
    )
    learning_rate: float = option(0.003, "learning rate", limits=(1e-7, 10.0))
    learning_rate_decay: float = option(
        1.0, "factor of the learning rate after each epoch", limits=(0.01, 1.0)
    )
    weight_averaging: float = option(
        0.98,
        "decay of the moving average of weights that is evaluated and exported (Polyak and "
        "Juditsky, 1992); 0 takes the last weights",
        limits=(0.0, 0.99999),
    )
    batch_targets: int = option(
        2048, "targets (about) in a batch of all members", limits=(1, 10**7), unit="targets"
    )
    max_epochs: int = option(30, "maximum number of epochs", limits=(1, 10_000), was="epochs")
    early_stopping_patience: int | None = option(
        3,
        "epochs without a better geometric mean of `eval` Recall@20 and MRR@20, with score "
        "adjustments, before training ends; null trains all epochs and keeps the last",
        limits=(1, 10_000),
        unit="epochs",
    )
    refit: bool = option(True, "train again on train and eval once the epochs are selected")
    current_item_penalty: float | None = option(
        None,
        "subtracted from the score of the session's latest item; null selects it on `eval`",
        limits=(-1e6, 1e6),
    )
    earlier_item_boost: float | None = option(
        None, "added to its other items' scores; null selects it on `eval`", limits=(0.0, 1e6)
    )
    popularity_weight: float | None = option(
        None,
        "weight of the log of an item's training events in its score; null selects it on `eval`",
        limits=(-1e6, 1e6),
    )
    own_session_items: bool = option(
        True,
        "the model also recommends items of the session that it does not know, as it does known "
        "ones: shoppers return to new items too",
    )
    selection_days: int = option(
        1,
        "days of data for which selected epochs and score adjustments serve: runs in between take "
        "those of an earlier pushed model with equal options, and train once; 1 selects in every "
        "run",
        limits=(1, 10_000),
        unit="days",
    )
    warm_start: bool = option(
        False,
        "start from the weights of the last pushed model that learned earlier sessions only; "
        "items keep their vectors, new ones begin with their neighbors' mean",
    )
    precision: str = option(
        "float32", "Keras precision policy", choices=("float32", "mixed_bfloat16", "mixed_float16")
    )
    workers: int = option(
        1,
        "processes of this machine that train one model in step, each on its share of every batch; "
        "workers on several machines are named by `TF_CONFIG` instead",
        limits=(1, 64),
        unit="processes",
    )
    seed: int = option(42, "random seed of the training", limits=(0, 2**31 - 1))
    memory_limit_mb: int = option(
        1024,
        "training windows kept in memory; more are written to the temporary folder once, and "
        "streamed from there",
        limits=(0, 10**7),
        unit="MiB",
    )

    @property
    def needs_model_selection(self) -> bool:
        """Whether anything is selected on `eval`, which takes a training run on train alone."""
        scalars = (self.current_item_penalty, self.earlier_item_boost, self.popularity_weight)
        return self.early_stopping_patience is not None or None in scalars
