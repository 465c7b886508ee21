from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from modules import serving
from modules.configuration import ModelOptions, TrainerOptions
from modules.model import TwoTower
from modules.vocabulary import Vocabulary

ITEMS = 130
WINDOW = 4
# The last five items are known, but too rare for the catalogue.
VOCABULARY = Vocabulary(
    np.array([b"item %d" % i for i in range(ITEMS + 5)], object),
    np.arange(ITEMS + 5, 0, -1),
    ITEMS,
)
RARE = f"item {ITEMS + 2}"


@pytest.fixture(scope="module")
def model() -> TwoTower:
    tf.keras.utils.set_random_seed(3)
    counts = tf.constant([0, 0, *VOCABULARY.counts[:ITEMS]], tf.int64)
    options = ModelOptions(embedding_dim=8, gru_units=6, copy_lags=2)
    model = TwoTower(counts, options, TrainerOptions())
    model.query_tower(tf.constant([[2, 3]]))
    model.query_tower.copy_weights.assign([0.3, -0.2])
    return model


@pytest.fixture(scope="module")
def saved(model: TwoTower, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    scratch = str(folder / "item_ids.txt")
    serving.export(model, VOCABULARY, WINDOW, scratch, str(folder / "model"))
    return folder / "model"


@pytest.fixture(scope="module")
def signatures(saved: Path) -> dict:
    loaded = tf.saved_model.load(str(saved))
    return {"loaded": loaded, **loaded.signatures}


def _recommend(signatures: dict, *sessions: list[str]) -> list[list[bytes]]:
    batch = tf.ragged.constant(sessions, tf.string, ragged_rank=1).to_tensor("")
    return signatures["recommend"](item_ids=batch)["item_ids"].numpy().tolist()


def _example(session: list[str]) -> bytes:
    values = tf.train.BytesList(value=[item.encode() for item in session])
    feature = {"item_ids": tf.train.Feature(bytes_list=values)}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def test_recommends_what_numpy_ranks_first(model: TwoTower, signatures: dict) -> None:
    query = model.query_tower(tf.constant([[2 + 7, 2 + 50]])).numpy()[0, -1]
    scores = model.candidate_tower.catalogue().numpy() @ query
    best = [b"item %d" % i for i in np.argsort(-scores, kind="stable")[:100]]
    assert _recommend(signatures, ["item 7", "item 50"]) == [best]


def test_unknown_rare_and_padded_items_are_ignored(signatures: dict) -> None:
    plain, noisy, padded = _recommend(
        signatures,
        ["item 7", "item 50"],
        ["never seen", "item 7", RARE, "", "item 50", "[PAD]", "[UNK]"],
        ["", "", "item 7", "item 50"],
    )
    assert plain == noisy == padded


def test_sessions_without_a_known_item_get_the_most_popular(signatures: dict) -> None:
    popular = [b"item %d" % i for i in range(100)]
    assert _recommend(signatures, [""], ["never seen"], [RARE]) == [popular] * 3


def test_only_the_latest_items_of_a_long_session_count(signatures: dict) -> None:
    long = [f"item {i % ITEMS}" for i in range(10_000)]
    assert _recommend(signatures, long) == _recommend(signatures, long[-WINDOW:])


def test_examples_are_answered_like_raw_ids(signatures: dict) -> None:
    session = ["item 1", "item 99"]
    answer = signatures["serving_default"](examples=tf.constant([_example(session)]))
    assert answer["item_ids"].numpy().tolist() == _recommend(signatures, session)


def test_every_step_is_judged_as_recommend_answers_its_prefix(signatures: dict) -> None:
    random = np.random.default_rng(5)
    pool = [f"item {i}" for i in range(ITEMS)] + [RARE, "never seen"] * 20
    sessions = [list(random.choice(pool, size)) for size in (2, 3, WINDOW + 1, WINDOW + 6, 12)]
    sessions.append(["item 4"])
    examples = tf.constant([_example(session) for session in sessions])
    judged = {name: v.numpy() for name, v in signatures["evaluate"](examples=examples).items()}
    for row, session in enumerate(sessions):
        for step, target in enumerate(session[1:]):
            rank = judged["rank"][row, step]
            answer = _recommend(signatures, session[: step + 1])[0]
            if target.encode() in answer:
                assert rank == answer.index(target.encode()) + 1
            else:
                assert rank > 100
        assert not judged["rank"][row, len(session) - 1 :].any()


def test_what_a_step_is_known_by(signatures: dict) -> None:
    example = _example(["never seen", "item 3", RARE, "unseen", "item 5"])
    judged = signatures["evaluate"](examples=tf.constant([example]))
    counts = VOCABULARY.counts
    assert judged["known"].numpy().tolist() == [[0, 1, 0, 1]]
    assert judged["context_length"].numpy().tolist() == [[0, 1, 2, 2]]
    assert judged["target_count"].numpy().tolist() == [[counts[3], counts[ITEMS + 2], 0, counts[5]]]
    # Known but not in the catalogue, or unknown: the model cannot score it.
    assert judged["rank"].numpy()[0, 1:3].tolist() == [ITEMS + 1, ITEMS + 1]


def test_more_padding_and_later_items_never_change_a_query(model: TwoTower) -> None:
    short = model.query_tower(tf.constant([[5, 6]]))[:, :2].numpy()
    padded = model.query_tower(tf.constant([[5, 6, 0, 0, 0]]))[:, :2].numpy()
    longer = model.query_tower(tf.constant([[5, 6, 9, 8]]))[:, :2].numpy()
    np.testing.assert_allclose(short, padded, atol=1e-6)
    np.testing.assert_allclose(short, longer, atol=1e-6)


def test_the_gru_meets_the_conditions_of_cudnn(model: TwoTower) -> None:
    gru = model.query_tower.gru
    assert gru.activation is tf.keras.activations.tanh
    assert gru.recurrent_activation is tf.keras.activations.sigmoid
    assert (gru.recurrent_dropout, gru.unroll, gru.use_bias, gru.reset_after) == (
        0,
        False,
        True,
        True,
    )
    assert not model.query_tower.embedding.mask_zero


def test_serves_in_a_fresh_process_with_tensorflow_alone(saved: Path, signatures: dict) -> None:
    code = (
        "import sys, tensorflow as tf\n"
        f"model = tf.saved_model.load({str(saved)!r})\n"
        "answer = model.signatures['recommend'](item_ids=tf.constant([['item 7', 'item 50']]))\n"
        "assert not {'modules', 'tensorflow_recommenders'} & set(sys.modules)\n"
        "print(*(item.decode() for item in answer['item_ids'].numpy()[0]), sep=',')\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    output = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=saved,
        env=environment,
    )
    answer = [item.encode() for item in output.stdout.strip().split(",")]
    assert [answer] == _recommend(signatures, ["item 7", "item 50"])
