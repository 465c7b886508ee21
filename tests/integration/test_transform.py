"""preprocessing_fn in tf.Transform itself: vocabulary, catalogue and windows from raw sessions."""

from __future__ import annotations

import collections
import glob
import random
from pathlib import Path

import pytest
import tensorflow_transform as tft

from modules.config.options.features import FeatureOptions
from modules.data import batching
from modules.data.item_indices import FIRST_ITEM, PADDING
from modules.data.session_spans import Spans, read_spans
from modules.data.vocabulary import VOCABULARY_NAME
from modules.sessions.item_ids import vocabulary_holds
from tests.integration.conftest import weights_of

DAY = 86_400_000
TRAIN = [
    ["red shoe", "b", "a", "red shoe", "b", "c", "d", "a"],  # longer than two windows
    ["c", "b"],
    ["rare", "a", "once"],
    ["rare", "once", "b"],
    ["a", "größe", "tab\tid", "größe"],
    ["once more", "c"],  # shrinks to one item
    ["[PAD]", "a", "[UNK]", "b"],
    # What click_log.parse_rows rejects, and what it keeps though it looks alike.
    ["carriage\rreturn", "a", "line\nfeed", "b"],
    [
        "[pad]",
        " [UNK]",
        "zero\0byte",
        "a\x0bb\x1c",
        "a\x85b",
        "\ufeff",
        '"',
        "_SPACE_",
        "-1",
        "\\n",
    ],
]
EVAL = [["only in eval", "only in eval", "a"], ["d", "c", "d"]]
TEST = [["only in test", "a", "red shoe", "only in test", "c"], ["only in test", "b"]]
SESSIONS = {"train": TRAIN, "eval": EVAL, "test": TEST}

OPTIONS = {
    "all": FeatureOptions(max_context=3),
    "cut": FeatureOptions(max_context=2, min_item_count=3, max_catalogue=4, targets="last"),
}


@pytest.fixture(scope="module")
def made(transform, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What Transform makes of the sessions with each of the options; `cut` got them shuffled."""
    shuffled = {name: random.Random(5).sample(rows, len(rows)) for name, rows in SESSIONS.items()}
    return {
        name: transform(
            tmp_path_factory.mktemp(name), shuffled if name == "cut" else SESSIONS, options
        )
        for name, options in OPTIONS.items()
    }


def _counts() -> collections.Counter[bytes]:
    ids = [item for session in TRAIN + EVAL for item in session]
    return collections.Counter(filter(vocabulary_holds, (item.encode() for item in ids)))


def _rows(made_one, split: str) -> list[tuple[list[int], list[int]]]:
    """Reads the windows that Trainer would read, and cuts their steps."""
    files, features = sorted(glob.glob(made_one.files(split))), made_one.features
    batches = (
        batching.cut_steps(
            windows.to_tensor(PADDING, shape=[None, features.max_context + 1]), features.targets
        )
        for windows in batching.window_chunks(files, features.max_context)
    )
    return sorted(
        row
        for batch in batches
        for row in zip(*(part.numpy().tolist() for part in batch), strict=True)
    )


def _expected_rows(made_one, split: str) -> list[tuple[list[int], list[int]]]:
    """The same in plain Python, from the vocabulary."""
    options, vocabulary = made_one.features, made_one.vocabulary()
    catalogue = vocabulary.item_ids[: vocabulary.catalogue_size]
    index = {item.decode(): place for place, item in enumerate(catalogue, FIRST_ITEM)}
    width, rows = options.max_context, []
    for session in made_one.sessions[split]:
        items = [index[item] for item in session if item in index]
        if len(items) < 2:
            continue
        context, target = items[:-1], items[1:]
        if options.targets == "last":
            context, target = context[-width:], target[-width:]
            target = [0] * (len(target) - 1) + target[-1:]
        for start in range(0, len(context), width):
            parts = (context[start : start + width], target[start : start + width])
            rows.append(tuple(part + [0] * (width - len(part)) for part in parts))
    return sorted(rows)


def test_the_times_of_sessions_stay_with_their_windows(made) -> None:
    files = sorted(glob.glob(made["all"].files("eval")))
    day = DAY  # of split eval
    assert read_spans(files) == Spans(2, 6, day, day, day + 2_000)
    train, cut = (read_spans(sorted(glob.glob(one.files("train")))) for one in made.values())
    assert train == cut  # also sessions that keep no window, and items outside the catalogue
    assert train.events == sum(map(len, TRAIN)) and train.sessions == len(TRAIN)


def test_the_vocabulary_holds_all_items_of_train_and_eval_with_their_counts(made) -> None:
    for one in made.values():
        vocabulary = one.vocabulary()
        assert dict(zip(vocabulary.item_ids, vocabulary.counts, strict=True)) == _counts()
        assert sorted(vocabulary.counts, reverse=True) == vocabulary.counts.tolist()


def test_nothing_of_test_leaks_into_the_vocabulary(made) -> None:
    # The reference notebook took its vocabulary from train, validation and test together.
    assert any("only in test" in session for session in TEST)
    for one in made.values():
        assert b"only in test" not in one.vocabulary().item_ids


def test_the_order_of_sessions_does_not_matter(made) -> None:
    ordered, shuffled = made["all"].vocabulary(), made["cut"].vocabulary()
    assert ordered.item_ids.tolist() == shuffled.item_ids.tolist()


def test_the_catalogue_is_a_prefix_of_the_vocabulary(made) -> None:
    output = tft.TFTransformOutput(str(made["cut"].graph))

    full, cut = (
        Path(output.vocabulary_file_by_name(vocabulary)).read_bytes().splitlines()
        for vocabulary in (VOCABULARY_NAME, f"{VOCABULARY_NAME}_catalogue")
    )

    assert 0 < len(cut) - FIRST_ITEM == made["cut"].vocabulary().catalogue_size
    assert len(cut) < len(full)
    assert full[: len(cut)] == cut


def test_catalogue_sizes(made) -> None:
    assert made["all"].vocabulary().catalogue_size == len(_counts())
    # Of the same vocabulary, either limit can be the narrower one.
    narrow = (FeatureOptions(min_item_count=3), FeatureOptions(max_catalogue=4))
    sizes = [made["all"].vocabulary(options).catalogue_size for options in narrow]
    assert sizes == [sum(count >= 3 for count in _counts().values()), 4]
    assert made["cut"].vocabulary().catalogue_size == min(sizes)


@pytest.mark.parametrize("split", ["train", "eval", "test"])
@pytest.mark.parametrize("name", OPTIONS)
def test_windows_equal_plain_python(made, name: str, split: str) -> None:
    expected = _expected_rows(made[name], split)

    assert expected
    assert _rows(made[name], split) == expected


def test_windows_by_hand(made) -> None:
    """Of a long session two or three windows; of one that the cut leaves too short, none."""
    index = {
        item.decode(): place
        for place, item in enumerate(made["all"].vocabulary().item_ids, FIRST_ITEM)
    }
    shoe, a, b, c, d = (index[item] for item in ("red shoe", "a", "b", "c", "d"))
    rows = _rows(made["all"], "train")
    assert len(rows) == 3 + 6 + 4
    assert ([shoe, b, a], [b, a, shoe]) in rows
    assert ([shoe, b, c], [b, c, d]) in rows
    assert ([d, 0, 0], [a, 0, 0]) in rows
    # Both items that only test holds are left out: c follows the shoe.
    assert _rows(made["all"], "test") == [([a, shoe, 0], [shoe, c, 0])]
    assert len(_rows(made["cut"], "train")) < len(TRAIN)


def test_weights_stay_with_their_items(sample, weighted_sample) -> None:
    vocabulary, width = weighted_sample.vocabulary(), sample.features.max_context + 1
    ids = [b"", b"", *vocabulary.item_ids.tolist()]
    for split in ("train", "eval"):
        plain, weighted = (sorted(glob.glob(one.files(split))) for one in (sample, weighted_sample))
        chunks = list(batching.window_chunks(weighted, width - 1, weighted=True))
        windows, weights = (
            [row for part in parts for row in part.to_list()] for parts in zip(*chunks, strict=True)
        )
        without = batching.window_chunks(plain, width - 1)
        assert sorted(windows) == sorted(row for part in without for row in part.to_list())
        expected = [
            (items[start : start + width], weights_of(items)[start : start + width])
            for items in weighted_sample.sessions[split]
            for start in range(0, len(items) - 1, width - 1)
        ]
        found = [
            ([ids[index].decode() for index in row], weight)
            for row, weight in zip(windows, weights, strict=True)
        ]
        assert sorted(found) == sorted((list(items), row) for items, row in expected)
