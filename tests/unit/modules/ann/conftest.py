"""A model with an approximate index beside the exact one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from modules.data.vocabulary import Vocabulary
from modules.files.model_folder import ITEM_LIST
from modules.serving.recommender import export
from modules.serving.score_adjustments import SessionAdjustments
from tests.small_model import ITEMS, make_model

IDS = [b"item %d" % number for number in range(ITEMS)]


@pytest.fixture(scope="session")
def exact_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel of nine items, all of them recommendable."""
    folder = tmp_path_factory.mktemp("exact")
    vocabulary = Vocabulary(np.array([*IDS, b"rare"], object), np.arange(ITEMS + 1, 0, -1), ITEMS)
    seen = SessionAdjustments(1.5, 0.5)
    export(make_model(), vocabulary, 3, str(folder / ITEM_LIST), str(folder / "model"), seen)
    return folder / "model"


@pytest.fixture(scope="session")
def index_folder(exact_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with an approximate index that rescores the whole catalogue."""
    pytest.importorskip("faiss", reason="faiss is not installed: environment.py setup --extra ann")
    from modules.ann import export as ann_export
    from modules.ann.pq_index import CodeOptions

    folder = tmp_path_factory.mktemp("index") / "model"
    ann_export.export(
        str(exact_folder), str(folder), CodeOptions(dimensions_per_code=1, rescored=100)
    )
    return folder


@pytest.fixture(scope="session")
def exact(exact_folder: Path) -> object:
    """The exact model, loaded."""
    return tf.saved_model.load(str(exact_folder))
