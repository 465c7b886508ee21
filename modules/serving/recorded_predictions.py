"""The answers that Trainer left beside a SavedModel, as whoever checks the model reads them.

Apart from `modules.serving.reference_predictions`, which works them out: a reader needs neither the
towers nor TensorFlow Recommenders.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from modules.files.model_metadata import read_json

FILE = os.path.join("assets.extra", "trainer_answers.json")


def read_reference_predictions(folder: str) -> Mapping[str, Any] | None:
    """Returns what `modules.serving.reference_predictions` wrote, None where there is nothing.

    Ids are str; those that are not valid UTF-8 hold surrogates, as `os.fsdecode` makes them.
    """
    return read_json(folder, FILE)
