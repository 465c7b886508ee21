"""Properties of items for a training run, from the table that ItemGen wrote."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from tfx.components.trainer.fn_args_utils import FnArgs

from modules.config.options.model import ModelOptions
from modules.items.known_names import ITEMS, values_by_column
from modules.model.item_features import ItemFeatures, describe, encode

ID_COLUMN = "item_id_column"


def read_item_features(
    fn_args: FnArgs, options: ModelOptions, item_ids: npt.NDArray[np.object_]
) -> ItemFeatures | None:
    """Returns the properties of the model's items, and prints what they are; None for none.

    Args:
      fn_args: arguments of Trainer or Tuner; `custom_config` has the folder of ItemGen's output
        under `ITEMS`, and under `ID_COLUMN` the name of the column of ids in the files.
      options: columns of the properties.
      item_ids: ids of the model's items, bytes `[items]`.
    """
    if not options.item_features:
        return None
    config = fn_args.custom_config
    columns = values_by_column(
        config[ITEMS], options.item_features, config[ID_COLUMN], item_ids.tolist()
    )
    features = encode(columns)
    for line in describe(columns, features):
        print(f"    item feature {line}", flush=True)
    return features
