"""One regression test, at least, for each fault of the reference notebook.

The notebook ("Retrieval using a sequential model") trains a GRU two-tower on RetailRocket; the
preset `notebook` is its configuration with these faults mended.
"""

from __future__ import annotations

import glob
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml

from modules.config.options.model import ModelOptions
from modules.config.options.sessions import SessionOptions
from modules.config.options.trainer import TrainerOptions
from modules.data import batching
from modules.data.vocabulary import FIRST_ITEM, Vocabulary
from modules.data.windowing import last_step_window
from modules.evaluation.ranks import UNRANKED
from modules.evaluation.selection_metric import MRR, RECALL
from modules.model.two_tower import TwoTower
from modules.serving import recommender
from modules.sessions.examples import ExampleEncoder
from modules.sessions.sessions import is_sampled

PRESET = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "pipeline" / "presets" / "notebook.yaml").read_text()
)
ITEMS = 8
COUNTS = tf.constant([0, 0, *range(ITEMS, 0, -1)], tf.int64)
# Sessions 2 3 4, then 5 6, then 7 8 4; the last item is the only target, as in the notebook.
CONTEXT = tf.constant([[2, 3], [5, 0], [7, 8]])
TARGET = tf.constant([[0, 4], [6, 0], [0, 9]])


@pytest.fixture
def notebook_model() -> TwoTower:
    """The notebook's model, over eight items."""
    tf.keras.utils.set_random_seed(1)
    model = TwoTower(COUNTS, ModelOptions(**PRESET["model"]), TrainerOptions(**PRESET["trainer"]))
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1), run_eagerly=True)
    model.compute_loss((CONTEXT, TARGET))
    for weight in model.trainable_weights:
        weight.assign(tf.random.normal(weight.shape, stddev=0.7, seed=3))
    return model


def _scores(model: TwoTower) -> np.ndarray:
    """Scores of each session against each session's target, `[sessions, targets]`."""
    (steps,) = model.scored_steps([(CONTEXT, TARGET)])
    found: np.ndarray = steps.scores[:, steps.target]
    return found


class TestFault1LabelsWithAnAxisTooMany:
    """Labels `[batch, 1]` made candidates `[batch, 1, 32]`: `evaluate()` died."""

    def test_evaluate_works_after_fit(self, notebook_model: TwoTower) -> None:
        batches = tf.data.Dataset.from_tensors((CONTEXT, TARGET))
        notebook_model.fit(batches, epochs=1, verbose=0)
        figures = notebook_model.evaluate(batches, verbose=0, return_dict=True)
        assert set(figures) == {RECALL, MRR}
        assert figures[RECALL] == 1.0  # 20 are more than there are items
        assert 1 / ITEMS <= figures[MRR] <= 1.0

    def test_such_labels_are_refused(self, notebook_model: TwoTower) -> None:
        with pytest.raises(ValueError, match="target must have context's shape"):
            notebook_model.compute_loss((CONTEXT, tf.constant([[4], [6], [9]])))


class TestFault2SoftmaxOverQueries:
    """The same axis made training normalise over queries, not candidates, by broadcasting."""

    def test_the_loss_is_a_softmax_over_candidates(self, notebook_model: TwoTower) -> None:
        scores = _scores(notebook_model)
        own = np.diag(scores)

        def summed_loss(axis: int) -> float:
            return float(np.sum(np.log(np.exp(scores).sum(axis)) - own))

        loss = float(notebook_model.compute_loss((CONTEXT, TARGET)))
        assert loss == pytest.approx(summed_loss(axis=1), rel=1e-5)
        assert abs(summed_loss(axis=1) - summed_loss(axis=0)) > 0.01

    def test_an_item_that_all_queries_like_costs_all_of_them(
        self, notebook_model: TwoTower
    ) -> None:
        """Over queries, an item's popularity would cancel out."""
        table = notebook_model.candidate_tower.table.embedding
        queries = notebook_model.query_tower(CONTEXT).numpy()[TARGET.numpy() > 0]
        learned = queries[:, :-1]  # without that of popularity
        values = table.get_weights()[0]
        values[[4, 6, 9]] = 0.0
        table.set_weights([values])
        assert float(notebook_model.compute_loss((CONTEXT, TARGET))) == pytest.approx(
            3 * np.log(3), rel=1e-5
        )
        values[4] = 10 * np.linalg.pinv(learned) @ np.ones(3)  # scores 10 with everyone
        table.set_weights([values])
        assert float(notebook_model.compute_loss((CONTEXT, TARGET))) == pytest.approx(20, rel=1e-2)


class TestFault3SampledEvents:
    """It trained on 30 % of the *events*, which tore sessions apart."""

    def test_whether_an_event_stays_depends_on_its_session_alone(self) -> None:
        fraction = 0.3
        kept = [is_sampled(str(number).encode(), fraction) for number in range(10_000)]
        assert 0.28 < np.mean(kept) < 0.32
        assert kept == [is_sampled(str(number).encode(), fraction) for number in range(10_000)]

    def test_the_preset_does_not_sample_at_all(self) -> None:
        options = SessionOptions(**PRESET.get("sessions", {}))
        assert options.sample_fraction == 1.0


class TestFault4VocabularyOfTheTestSet:
    """Train, validation and test were joined for the vocabulary: nothing was ever unknown."""

    def test_items_of_test_alone_are_unknown(self, sample) -> None:
        known = set(sample.vocabulary().item_ids)
        fitted = {
            item.encode()
            for split in ("train", "eval")
            for session in sample.sessions[split]
            for item in session
        }
        tested = {item.encode() for session in sample.sessions["test"] for item in session}
        assert known == fitted
        assert tested - fitted

    def test_an_unknown_target_counts_against_the_model(self, saved_model, sample) -> None:
        known = {item.decode() for item in sample.vocabulary().item_ids}
        first = next(item for item in known)
        judged = saved_model.signatures["evaluate"](examples=tf.constant([_example([first, "?"])]))
        assert judged["rank"].numpy().tolist() == [[UNRANKED]]
        assert judged["known"].numpy().tolist() == [[0]]


class TestFault5PositionsForItems:
    """Token "1" was out of vocabulary; answers were positions, padding and OOV among them."""

    def test_answers_are_item_ids_of_the_training_data_and_of_the_session(
        self, saved_model, sample
    ) -> None:
        sessions = tf.ragged.constant(sample.sessions["test"]).to_tensor("")
        answers = saved_model.signatures["recommend"](item_ids=sessions)["item_ids"].numpy()
        known = set(sample.vocabulary().item_ids)
        for session, answer in zip(sessions.numpy(), answers, strict=True):
            assert set(answer) <= known | set(session)
            assert len(set(answer)) == len(answer)

    def test_items_named_like_positions_are_items(self, tmp_path: Path) -> None:
        ids = np.array([b"1", b"0", b"2", b"[UNK]x", b"-1", b"3", b"4", b"5"], object)
        vocabulary = Vocabulary(ids, np.arange(ITEMS, 0, -1), ITEMS)
        options = ModelOptions(embedding_dim=4, gru_units=4)
        model = TwoTower(COUNTS, options, TrainerOptions())
        module = recommender.Recommender(model, vocabulary, 3, str(tmp_path / "item_ids"))
        answers = module.recommend(tf.constant([["1", "0"], ["0", "1"], ["", ""]]))
        one, other, popular = answers["scores"].numpy()
        assert popular.tolist() == [-position for position in range(ITEMS)]
        assert set(one) != set(other) and set(one) != set(popular)
        for items in answers["item_ids"].numpy().tolist():
            assert sorted(items) == sorted(ids)


class TestFault6StateAfterPadding:
    """Zeros behind the context without a mask: the GRU's last state came after all of them."""

    def test_the_query_is_the_state_at_the_last_item(self, notebook_model: TwoTower) -> None:
        window = PRESET["features"]["max_context"]
        session = tf.ragged.constant([[2, 3, 4]], tf.int64)
        rows = last_step_window(session, window).to_tensor()
        context, target = batching.cut_steps(tf.cast(rows, tf.int32), "last")
        assert context.shape == [1, window]
        (steps,) = notebook_model.scored_steps([(context, target)])
        alone = notebook_model.query_tower(tf.constant([[2, 3]])).numpy()[:, -1]
        expected = alone @ notebook_model.candidate_tower.catalogue().numpy().T
        after_padding = notebook_model.query_tower(context).numpy()[:, -1]
        assert steps.target.tolist() == [4 - FIRST_ITEM]
        np.testing.assert_allclose(steps.scores, expected, atol=1e-5)
        assert np.abs(after_padding - alone).max() > 0.01

    def test_more_padding_never_changes_an_answer(self, saved_model, sample) -> None:
        session = max(sample.sessions["test"], key=len)[:3]
        recommend = saved_model.signatures["recommend"]
        short = recommend(item_ids=tf.constant([session]))
        padded = recommend(item_ids=tf.constant([[*session, *[""] * 30]]))
        np.testing.assert_allclose(padded["scores"], short["scores"], atol=1e-5)
        assert padded["item_ids"].numpy().tolist() == short["item_ids"].numpy().tolist()


class TestFault7FrozenBatches:
    """`shuffle().batch().cache()`: the same batches, and negatives, in all 100 epochs."""

    def test_every_epoch_has_the_same_windows_in_other_batches(self, sample) -> None:
        width = sample.features.max_context
        chunks = batching.window_chunks(sorted(glob.glob(sample.files("train"))), width)
        batches = batching.training_batches(
            batching.in_one_chunk(chunks, 100), 64, targets="all", reversed_sessions=False, seed=1
        )

        def epoch() -> tuple[Counter[bytes], list[tuple[bytes, ...]]]:
            made = [tuple(_rows(context, width)) for context, _ in batches]
            return Counter(row for rows in made for row in rows), [tuple(sorted(r)) for r in made]

        (windows, first), (again, second) = epoch(), epoch()
        assert windows == again
        assert len(first) > 5
        assert not set(first) & set(second)


class TestFault8EqualItemsAsNegatives:
    """Without candidate ids, another session's equal item was trained as a negative."""

    def test_sessions_with_the_same_target_do_not_push_it_away(
        self, notebook_model: TwoTower
    ) -> None:
        same = tf.constant([[0, 4], [4, 0], [0, 4]])
        with tf.GradientTape() as tape:
            loss = notebook_model.compute_loss((CONTEXT, same))
        assert float(loss) == pytest.approx(0.0, abs=1e-5)
        table = notebook_model.candidate_tower.table.embedding.trainable_weights
        (gradient,) = tape.gradient(loss, table)
        assert np.abs(tf.convert_to_tensor(gradient)).max() == pytest.approx(0.0, abs=1e-5)

    def test_different_targets_still_push_each_other_away(self, notebook_model: TwoTower) -> None:
        assert float(notebook_model.compute_loss((CONTEXT, TARGET))) > 0.1


class TestFault9NothingToServe:
    """Nothing was saved that could be served."""

    def test_the_saved_model_answers_raw_item_ids(self, saved_model, sample) -> None:
        item = sample.sessions["train"][0][0]
        by_ids = saved_model.signatures["recommend"](item_ids=tf.constant([[item]]))
        by_example = saved_model.signatures["serving_default"](
            examples=tf.constant([_example([item])])
        )
        assert by_ids["item_ids"].dtype == tf.string
        assert by_ids["item_ids"].numpy().tolist() == by_example["item_ids"].numpy().tolist()

    def test_the_saved_model_is_complete_without_the_files_of_training(
        self, trained, sample, tmp_path: Path
    ) -> None:
        moved = tmp_path / "elsewhere"
        shutil.copytree(trained.folder / "model", moved)
        assert (
            b"\n".join(sample.vocabulary().item_ids)
            in next((moved / "assets").iterdir()).read_bytes()
        )
        loaded = tf.saved_model.load(str(moved))
        assert loaded.signatures["recommend"](item_ids=tf.constant([[""]]))["item_ids"].shape == [
            1,
            100,
        ]


def _rows(context: tf.Tensor, width: int) -> list[bytes]:
    padded = np.zeros([len(context), width], np.int32)
    padded[:, : context.shape[1]] = context.numpy()
    return [row.tobytes() for row in padded]


def _example(session: list[str]) -> bytes:
    return ExampleEncoder().encode(b"", 0, [item.encode() for item in session], [])
