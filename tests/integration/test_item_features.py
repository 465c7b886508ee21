"""Properties of items, from a table of items to a trained model and to new items of a refresh."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

from modules import trainer
from modules.files.learned_data import read_learned
from modules.files.model_folder import MANIFEST, learned_from, read_json
from modules.items.known_names import ITEMS, ITEMS_FILE
from modules.model.feature_vectors import FILE, read_feature_vectors
from modules.training.training_run import ID_COLUMN
from pipeline.cli.main import main
from pipeline.config import load_config, write_config
from pipeline.run.run_folders import CONFIG_FILE
from serving import pushed_models

KINDS = 4


def _kind(item: str) -> str:
    """Kinds have nothing to do with which items are clicked together."""
    return f"kind {sum(item.encode()) % KINDS}"


@pytest.fixture(scope="module")
def train(sample: Any, fn_args: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """Trains with kinds of the sample's items, and returns the model's folder."""

    def train(kind_of: Callable[[str], str]) -> Path:
        folder = tmp_path_factory.mktemp("with_kinds")
        ids = [item.decode() for item in sample.vocabulary().item_ids]
        table = {"item_id": ids, "kind": [kind_of(item) for item in ids]}
        pq.write_table(pa.table(table), folder / ITEMS_FILE)
        arguments = fn_args(sample, folder / "run", model={"item_features": ("kind",)})
        arguments["custom_config"] |= {ITEMS: str(folder), ID_COLUMN: "item_id"}
        trainer.run_fn(FnArgs(**arguments))
        return folder / "run" / "model"

    return train


@pytest.fixture(scope="module")
def model(train: Callable) -> Path:
    return train(_kind)


def _vectors(folder: Path, items: list[str]) -> np.ndarray:
    """Returns candidate vectors, without popularity."""
    loaded = tf.saved_model.load(str(folder))
    found = loaded.signatures["embed_items"](item_ids=tf.constant(items))
    assert found["in_catalogue"].numpy().all()
    return found["embedding"].numpy()[:, :-1]


def test_items_of_a_kind_have_a_vector_in_common(model: Path, trained: Any, sample: Any) -> None:
    items = sorted({item for session in sample.sessions["train"] for item in session})
    kinds = np.array([_kind(item) for item in items])
    is_same = kinds[:, None] == kinds

    def nearness(folder: Path) -> float:
        vectors = _vectors(folder, items)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        products = vectors @ vectors.T
        np.fill_diagonal(products, np.nan)
        return float(np.nanmean(products[is_same]) - np.nanmean(products[~is_same]))

    assert nearness(model) > 0.05 > abs(nearness(trained.folder / "model"))


def test_what_was_learned_lies_beside_the_model(model: Path, trained: Any) -> None:
    found = read_feature_vectors(str(model))
    assert found is not None and found.columns == ("kind",)
    assert len(found.features.values) == KINDS and np.abs(found.tables[0][1:]).min() > 0
    assert FILE in read_json(str(model), MANIFEST)["files"]
    assert read_feature_vectors(str(trained.folder / "model")) is None


def test_other_values_are_another_training(train: Callable, model: Path) -> None:
    """Pusher and checkpoints must see that."""
    assert learned_from(str(train(lambda item: "one"))) != learned_from(str(model))


def test_a_new_item_gets_the_vector_of_its_kind(
    model: Path, sample: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two items were clicked alike, but only one is in the file of items."""
    out, file = tmp_path / "out", tmp_path / "items.csv"
    shutil.copytree(model, out / "pushed" / "7")
    first = sample.sessions["train"][0][0]
    others = {f"kind {number}" for number in range(KINDS)} - {_kind(first)}
    file.write_text(f"item_id,kind\nnew,{min(others)}\n{first},{_kind(first)}\n")
    options = [f"items.file={file}", "model.item_features=[kind]"]
    write_config(load_config("custom", options, data=None), out / CONFIG_FILE)
    learned = read_learned(str(model))
    assert learned
    time = learned.last_event / 1000 + 60
    log = tmp_path / "clicks.tsv"
    rows = [f"{new}\t{item}\t{time}" for new in ("new", "plain") for item in (first, new)]
    log.write_text("\n".join(["SessionId\tItemId\tTime", *rows, ""]))

    assert main(["refresh", "--out", str(out), "--sessions", str(log)]) == 0, capsys.readouterr()
    newest = pushed_models.newest_model([out / "pushed"])
    new, plain, neighbor = _vectors(newest, ["new", "plain", first])
    np.testing.assert_allclose(plain, neighbor, atol=1e-6)
    assert np.linalg.norm(new) == pytest.approx(np.linalg.norm(plain), rel=1e-5)
    same_kind = [item for item in _items(newest, sample) if _kind(item) == min(others)]
    of_kind = _vectors(newest, same_kind).mean(axis=0)
    assert new @ of_kind > plain @ of_kind
    assert not (newest / FILE).exists()  # its rows are in another order

    file.unlink()
    log.write_text(log.read_text() + f"more\tnew\t{time + 1}\n")
    assert main(["refresh", "--out", str(out), "--sessions", str(log)]) == 1
    assert "items.file: no file matches" in capsys.readouterr().err


def _items(folder: Path, sample: Any) -> list[str]:
    known = set(pushed_models.known_items(folder))
    clicked = {item for session in sample.sessions["train"] for item in session}
    return sorted(clicked & known)
