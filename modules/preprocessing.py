"""Transform's preprocessing_fn: builds the item vocabulary and windows of item indices."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from modules.config.fields import from_json
from modules.config.options.features import FeatureOptions
from modules.data import session_spans, windowing
from modules.data.item_indices import OUT_OF_VOCABULARY
from modules.data.vocabulary import VOCABULARY_NAME
from modules.sessions.feature_names import EVENT_TIMES, EVENT_WEIGHTS, ITEM_IDS, WEIGHTED
from modules.sessions.item_ids import RESERVED_TOKENS


def preprocessing_fn(
    inputs: dict[str, tf.SparseTensor], custom_config: dict[str, Any]
) -> dict[str, tf.SparseTensor]:
    """Maps raw sessions to windows of item indices.

    Args:
      inputs: `item_ids`, sparse bytes `[batch, length]`, in time order, and `event_times`, sparse
        int64 of the same shape; `event_weights`, sparse float32 of the same shape, if events have
        weights; others are unused.
      custom_config: fields of `FeatureOptions` under `features`, and `weighted` if events have
        weights.

    Returns:
      `window_item_index`, sparse int64 `[batch, windows * (max_context + 1)]`, including padding,
      so that a session's values reshape to `[windows, max_context + 1]`. Items outside the
      catalogue are dropped, as in serving. And `session_span`, int64 `[batch, 3]`: start and end of
      the session, ms, and its events. With weights also `window_weight`, sparse float32, the weight
      of each item in the windows.
    """
    options = from_json(FeatureOptions, custom_config["features"])
    item_index, in_catalogue = _item_index(inputs[ITEM_IDS], options)
    windows = windowing.step_windows if options.targets == "all" else windowing.last_step_window

    def windows_of(values: tf.RaggedTensor) -> tf.SparseTensor:
        kept = windowing.keep_values(values, in_catalogue)
        return windows(kept, options.max_context).to_sparse()

    outputs = {
        windowing.FEATURE: windows_of(item_index),
        session_spans.FEATURE: session_spans.session_spans(inputs[EVENT_TIMES]),
    }
    if custom_config.get(WEIGHTED):
        outputs[windowing.WEIGHT_FEATURE] = windows_of(windowing.rows_of(inputs[EVENT_WEIGHTS]))
    return outputs


def _item_index(
    item_ids: tf.SparseTensor, options: FeatureOptions
) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """Returns the indices of items, int64 `[batch, (length)]`, and which are of the catalogue."""
    item_index = _vocabulary_index(item_ids, VOCABULARY_NAME)
    in_catalogue = item_index.values > OUT_OF_VOCABULARY
    if options.min_item_count > 1 or options.max_catalogue:
        # Both vocabularies have the same order, so the second is a prefix of the first.
        cut = _vocabulary_index(
            item_ids,
            f"{VOCABULARY_NAME}_catalogue",
            frequency_threshold=options.min_item_count,
            top_k=options.max_catalogue,
        )
        in_catalogue = cut.values > OUT_OF_VOCABULARY
    return item_index, in_catalogue


def _vocabulary_index(item_ids: tf.SparseTensor, name: str, **cut: Any) -> tf.RaggedTensor:
    indices = tft.compute_and_apply_vocabulary(
        item_ids,
        default_value=OUT_OF_VOCABULARY,
        reserved_tokens=list(RESERVED_TOKENS),
        store_frequency=True,
        vocab_filename=name,
        **cut,
    )
    return windowing.rows_of(indices)
