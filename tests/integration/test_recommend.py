"""`session-retrieval recommend` and a SavedModel with its signature, whatever model made it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from serving import pushed_models
from tests.integration.programs import run_program

PROJECT = Path(__file__).resolve().parents[2]
CATALOGUE = ["a", "b", "ö", "d"]


class Neighbours(tf.Module):
    """Recommends the catalogue in order, scored by the number of items in the session."""

    def __init__(self, item_ids: Path) -> None:
        super().__init__()
        self.asset = tf.saved_model.Asset(str(item_ids))

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string, "item_ids")])
    def recommend(self, item_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        lengths = tf.reduce_sum(tf.cast(item_ids != "", tf.float32), axis=1, keepdims=True)
        scores = lengths - tf.range(len(CATALOGUE), dtype=tf.float32)
        return {"item_ids": tf.tile([CATALOGUE], [tf.shape(item_ids)[0], 1]), "scores": scores}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    (folder / "item_ids.txt").write_text("\n".join(CATALOGUE) + "\n", encoding="utf-8")
    module = Neighbours(folder / "item_ids.txt")
    for version in (9, 10):
        path = str(folder / "pushed" / str(version))
        tf.saved_model.save(module, path, signatures={"recommend": module.recommend})
    (folder / "pushed" / "11").mkdir()  # a push that was interrupted
    tf.saved_model.save(tf.Module(), str(folder / "mute"))
    return folder


def _recommend(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "recommend", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )


def test_a_path_that_tensorflow_takes_for_a_pattern_is_refused(out: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model [1]"
    shutil.copytree(out / "pushed" / "10", folder)
    with pytest.raises(
        pushed_models.NoModelError, match=r"got .*model \[1\]: rename the folder, or"
    ):
        pushed_models.load_model(folder)
    (tmp_path / "link").symlink_to(folder)
    model = pushed_models.load_model(tmp_path / "link")
    assert [found.item_id for found in pushed_models.recommend(model, [["a"]], 2)[0]] == ["a", "b"]


def test_asks_the_newest_model_quietly(out: Path) -> None:
    done = _recommend("--items", "a,b", "-k", "3", "--out", str(out))
    assert done.stdout.splitlines() == [
        f"Model: {out}/pushed/10",
        "  1  a                    2.0000",
        "  2  b                    1.0000",
        "  3  ö                    0.0000",
    ]
    assert done.stderr == ""
    assert done.returncode == 0


def test_says_which_items_the_model_does_not_know(out: Path) -> None:
    model = str(out / "pushed" / "9")
    some = _recommend("--items", "x,a", "-k", "1", "--model", model).stdout.splitlines()
    assert some[:2] == [f"Model: {model}", "Unknown to the model: x"]
    none = _recommend("--items", "x,y", "-k", "1", "--model", model).stdout.splitlines()
    assert none[2] == "No item is known: the most popular ones are recommended."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "empty"], "/empty/pushed. `make run` trains one"),
        (["--model", "empty"], "empty contains no SavedModel"),
        (["-k", "0", "--model", "empty"], "'-k': must be between 1 and 100, got '0'"),
        (["-k", "101", "--model", "empty"], "'-k': must be between 1 and 100, got '101'"),
    ],
)
def test_a_friendly_error(arguments: list[str], words: str) -> None:
    done = _recommend("--items", "a", *arguments)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode != 0


def test_a_model_that_cannot_recommend(out: Path) -> None:
    with pytest.raises(pushed_models.NoModelError, match="has no signature 'recommend', but none"):
        pushed_models.load_model(out / "mute")


def test_many_sessions_at_once_are_padded(out: Path) -> None:
    model = pushed_models.load_model(out / "pushed" / "10")
    answers = pushed_models.recommend(model, [["a"], ["a", "b", "d"], []], count=2)
    assert [[tuple(item) for item in answer] for answer in answers] == [
        [("a", 1.0), ("b", 0.0)],
        [("a", 3.0), ("b", 2.0)],
        [("a", 0.0), ("b", -1.0)],
    ]


def test_loads_nothing_but_tensorflow(out: Path) -> None:
    program = (
        "import sys; from pipeline.cli.main import main\n"
        f"assert not main(['recommend', '--items', 'a', '--out', {str(out)!r}])\n"
        "heavy = {'tfx', 'apache_beam', 'tensorflow_transform', 'tensorflow_recommenders'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    run_program(program)
