"""Properties of items, from ItemGen's table to a training run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tfx.components.trainer.fn_args_utils import FnArgs

from modules.config.options.model import ModelOptions
from modules.items.known_names import ITEMS, ITEMS_FILE
from modules.training.item_inputs import ID_COLUMN, read_item_features

IDS = np.array([b"b", b"a", b"without", b"c"], object)


@pytest.fixture
def fn_args(tmp_path: Path) -> FnArgs:
    table = {"item_id": ["a", "b", "c", "x"], "kind": ["hat", "shoe", "hat", "shoe"]}
    pq.write_table(pa.table(table), tmp_path / ITEMS_FILE)
    return FnArgs(custom_config={ITEMS: str(tmp_path), ID_COLUMN: "sku"})


def test_they_are_those_of_the_models_items(
    fn_args: FnArgs, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the shoes, the model knows one."""
    features = read_item_features(fn_args, ModelOptions(item_features=("kind",)), IDS)
    assert features is not None and features.values == (("kind", "hat"),)
    assert features.rows[-4:].ravel().tolist() == [0, 1, 0, 1]
    assert "item feature kind: 1 values of 2 of 4 items" in capsys.readouterr().out


def test_without_the_option_nothing_is_read() -> None:
    assert read_item_features(FnArgs(custom_config={}), ModelOptions(), IDS) is None
