"""Python, the SavedModel in a fresh process, a batch job, a server and its page answer alike."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from modules.config.options.releases import STABLE
from modules.data.item_indices import FIRST_ITEM, NO_ITEM
from modules.serving.contexts import latest_right_padded
from modules.serving.score_adjustments import adjust_scores
from pipeline.cli.main import main
from serving.client import Client
from serving.server import run
from serving.server.model_store import ModelStore
from tests.integration.browser import Browser
from tests.own_items import own_scores

COUNT = 20
ALONE = """
import json, sys
import tensorflow as tf
model, sessions = sys.argv[1], json.loads(sys.argv[2])
ask = tf.saved_model.load(model).signatures["recommend"]
found = [ask(item_ids=tf.constant([s]))["item_ids"].numpy()[0, :20].tolist() for s in sessions]
print(json.dumps([[item.decode() for item in row] for row in found]))
assert "modules" not in sys.modules and "tensorflow_recommenders" not in sys.modules
"""

Sessions = Mapping[str, list[str]]


@pytest.fixture(scope="module")
def sessions(sample: Any) -> Sessions:
    """Sessions of 1 item, of more than the model sees, with repeats, and with unknown items."""
    found = sorted(sample.sessions["test"], key=len)
    chosen = [found[0], found[len(found) // 2], found[-1], [*found[3], *found[3]]]
    chosen += [["never seen", *found[5]], ["never seen"], [*found[1], *found[2], *found[8]]]
    chosen += [["new", *found[6][:2], "never seen"], ["new", "never seen", "new"]]
    return {f"s{number}": list(map(str, ids)) for number, ids in enumerate(chosen)}


def in_python(trained: Any, sample: Any, sessions: Sessions) -> list[list[str]]:
    """Ranks the catalogue by the training model's own towers."""
    vocabulary = sample.vocabulary()
    size = vocabulary.catalogue_size
    place = {item.decode(): at for at, item in enumerate(vocabulary.item_ids[:size])}
    window = sample.features.max_context
    known = [[place[item] for item in ids if item in place] for ids in sessions.values()]
    contexts = latest_right_padded(
        tf.ragged.constant([ids[-window:] for ids in known], tf.int64), window
    )
    last = [max(min(len(ids), window), 1) - 1 for ids in known]
    indices = tf.where(contexts != NO_ITEM, contexts + FIRST_ITEM, 0)
    queries = tf.gather(trained.model.query_tower(indices), last, axis=1, batch_dims=1)
    plain = queries @ tf.transpose(trained.model.candidate_tower.catalogue())
    is_over = tf.constant([ids[-1] not in place for ids in sessions.values()])
    scores = adjust_scores(plain, contexts, trained.seen, is_over).numpy()
    scores = np.where(contexts[:, :1] >= 0, scores, -np.arange(size))  # no known item: popularity
    best = np.argsort(-scores, axis=1, kind="stable")[:, :COUNT]
    found = []
    for row, ids in enumerate(sessions.values()):
        scored = {vocabulary.item_ids[at].decode(): scores[row, at] for at in best[row]}
        scored |= own_scores(ids[-window:], place, plain.numpy()[row], trained.seen)
        found.append(sorted(scored, key=lambda item: -scored[item])[:COUNT])
    return found


def in_a_fresh_process(model: Path, sessions: Sessions) -> list[list[str]]:
    """Loads the SavedModel with nothing but TensorFlow."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(model), json.dumps(list(sessions.values()))],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=model,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_a_batch_job(model: Path, sessions: Sessions, folder: Path) -> list[list[str]]:
    """Writes a log of the sessions and runs the command."""
    log = folder / "log.tsv"
    rows = [
        f"{session}\t{item}\t{1_700_000_000_000 + step}"
        for session, ids in sessions.items()
        for step, item in enumerate(ids)
    ]
    log.write_text("\n".join(["SessionId\tItemId\tTime", *rows]) + "\n", encoding="utf-8")
    to = folder / "answers"
    where = ["--sessions", str(log), "--to", str(to), "--model", str(model)]
    assert main(["batch", *where, "--format", "parquet"]) == 0
    (file,) = to.glob("*.parquet")
    table = pq.read_table(file).to_pydict()
    found = dict(zip(table["session_id"], table["item_ids"], strict=True))
    return [found[session] for session in sessions]


def on_the_page(url: str, sessions: Sessions, profile: Path) -> list[list[str]]:
    """Types each session into the page and reads what it shows."""
    browser, found = Browser(profile), []
    shown = "[...document.querySelectorAll('#answer .item')].map(e => e.dataset.item)"
    try:
        for ids in sessions.values():
            browser.open(url)
            browser.wait(f"{shown}.length === {COUNT}")
            browser.run("document.getElementById('answer').replaceChildren()")
            browser.click("#item")
            browser.type(f"{','.join(ids)}\n")
            browser.wait(f"{shown}.length === {COUNT}")
            found.append(browser.run(shown))
    finally:
        browser.close()
    return found


def test_all_ways_to_ask_give_the_same_items(
    trained: Any, sample: Any, sessions: Sessions, tmp_path: Path
) -> None:
    model = trained.folder / "model"
    expected = in_python(trained, sample, sessions)
    assert all(len(row) == COUNT for row in expected)
    assert len({tuple(row) for row in expected}) > len(sessions) // 2

    assert in_a_fresh_process(model, sessions) == expected
    assert in_a_batch_job(model, sessions, tmp_path) == expected
    server = run.start(ModelStore(lambda: {STABLE: model}))
    try:
        url = f"http://localhost:{server.server_port}"
        answers = Client(url).recommend(list(sessions.values()), COUNT)
        assert [[item.item_id for item in row] for row in answers] == expected
        assert on_the_page(url, sessions, tmp_path / "profile") == expected
    finally:
        server.shutdown()
