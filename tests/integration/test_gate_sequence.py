"""A model a day for weeks: a pause, a refusal, a past day, a smaller catalogue; and no lock-in."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx import types
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.baseline_evaluator.node import BaselineEvaluator
from components.model_gate.node import ModelGate
from components.previous_run.node import LatestPushedModel
from modules.config.options.baselines import BaselineOptions
from modules.config.options.evaluation import EvaluationOptions
from modules.config.options.model_gate import ModelGateOptions
from modules.files.learned_data import LearnedData, write_learned
from modules.sessions.examples import ExampleEncoder
from tests.matrix_model import MatrixModel, save_model, write_evaluation

DAY = 86_400_000
WINDOW, SESSIONS, RARE = 7, 150, 1_000
NEW = "honest/all/recall@20/item_age=new"
OPTIONS = ModelGateOptions(
    beat_baselines=("popularity",),
    # A day has 700 steps, and which items are just popular enough changes from day to day.
    change_thresholds={"honest/all/recall@20": -0.03, "honest/all/mrr@20": -0.03},
    max_prefixes=1_000,
    pooled_days=4,
)


class Shop:
    """A shop whose offer changes every day, and the models that are pushed for it.

    Of its common items two are replaced a day. Rare ones are seen now and then: a window lacks some
    that an older one has.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.made = folder, 0
        self.pushed = folder / "pushed"
        self.verdict: types.Artifact | None = None
        self.small_from = 1_000  # the day from which on the shop has fewer items

    def evaluate(self, day: int, is_broken: bool = False, push: bool = True) -> dict[str, Any]:
        """Trains on the days before, evaluates on a day, and pushes what is blessed."""
        examples, window = self._examples(day)
        model = self._train(day, window, -1 if is_broken else 1)
        serving = self._artifact(standard_artifacts.Model)
        LatestPushedModel.test_call(model=serving, push_folder=str(self.pushed))
        content = self._judge(examples, model, serving)
        if content["blessed"] and push:
            version = self.pushed / str(len(list(self.pushed.glob("*"))) + 1)
            shutil.copytree(Path(model.uri) / "Format-Serving", version)
        return content

    def _judge(
        self, examples: types.Artifact, model: types.Artifact, serving: types.Artifact
    ) -> dict[str, Any]:
        baselines = self._artifact(simple_artifacts.Metrics)
        common = {"examples": examples, "fit_splits": '["train"]'}
        BaselineEvaluator.test_call(
            baseline_ranks=baselines,
            split="test",
            options=json.dumps(dataclasses.asdict(BaselineOptions(names=("popularity",)))),
            **common,
        )
        evaluation = self._artifact(standard_artifacts.ModelEvaluation)
        write_evaluation(model.uri, examples.uri, "test", evaluation.uri)
        verdict = self._artifact(simple_artifacts.Metrics)
        ModelGate.test_call(
            evaluation=evaluation,
            model=model,
            blessing=self._artifact(standard_artifacts.ModelBlessing),
            verdict=verdict,
            evaluation_options=json.dumps(dataclasses.asdict(EvaluationOptions())),
            options=json.dumps(dataclasses.asdict(OPTIONS)),
            baseline_ranks=baselines,
            last_blessed_model=serving,
            previous_verdict=self.verdict,
            **common,
        )
        self.verdict = verdict
        return json.loads((Path(verdict.uri) / "verdict.json").read_text("utf-8"))

    def _artifact(self, kind: type[types.Artifact]) -> Any:
        self.made += 1
        artifact = kind()
        artifact.id, artifact.uri = self.made, str(self.folder / str(self.made))
        Path(artifact.uri).mkdir()
        return artifact

    def _sessions(self, day: int) -> list[list[str]]:
        random = np.random.default_rng(day)
        common_items, rare_share = (40, 0.05) if day >= self.small_from else (80, 0.2)
        offer = range(2 * day, 2 * day + common_items)
        popularity = 1 / (10 + np.array(offer) * 37 % 80)
        popularity /= popularity.sum()

        def drawn() -> str:
            is_rare = random.random() < rare_share
            common = random.choice(offer, p=popularity)
            return f"r{random.integers(RARE)}" if is_rare else f"c{common}"

        def session() -> list[str]:
            items = [drawn()]
            for _ in range(random.integers(2, 8)):
                follower = _follower(items[-1])
                is_on = follower[0] == "r" or int(follower[1:]) in offer
                items.append(follower if is_on and random.random() < 0.6 else drawn())
            return items

        return [session() for _ in range(SESSIONS)]

    def _examples(self, day: int) -> tuple[types.Artifact, list[list[str]]]:
        examples = self._artifact(standard_artifacts.Examples)
        examples.split_names = '["train", "test"]'
        days = {"train": range(day - WINDOW, day), "test": range(day, day + 1)}
        for split, numbers in days.items():
            place = Path(examples.uri) / f"Split-{split}"
            place.mkdir()
            with tf.io.TFRecordWriter(str(place / "data.gz"), "GZIP") as writer:
                for number in numbers:
                    for index, items in enumerate(self._sessions(number)):
                        start = number * DAY + index * DAY // SESSIONS
                        times = [start + 1_000 * step for step in range(len(items))]
                        session_id = f"{number}-{index:03}".encode()
                        encoded = [item.encode() for item in items]
                        writer.write(ExampleEncoder().encode(session_id, start, encoded, times))
        return examples, [items for number in days["train"] for items in self._sessions(number)]

    def _train(self, day: int, window: list[list[str]], sign: int) -> types.Artifact:
        counts = Counter(item for items in window for item in items)
        ids = sorted(counts, key=lambda item: (-counts[item], item))
        place = {item: index for index, item in enumerate(ids)}
        frequency = np.array([counts[item] for item in ids])
        scores = np.tile(frequency.astype(np.float32), (len(ids) + 1, 1))
        for item, index in place.items():
            if (follower := place.get(_follower(item))) is not None:
                scores[index + 1, follower] += 1_000
        model = self._artifact(standard_artifacts.Model)
        save_model(MatrixModel(sign * scores, frequency, ids=ids), model.uri)
        first, last = (day - WINDOW) * DAY, day * DAY - DAY // SESSIONS
        events = int(frequency.sum())
        record = LearnedData(("train",), len(window), events, len(ids), first, last, last, "digest")
        write_learned(f"{model.uri}/Format-Serving", record)
        return model


def _follower(item: str) -> str:
    """Returns what often follows an item: another one of its kind."""
    kind, number = item[0], int(item[1:])
    return f"r{(number + 1) % RARE}" if kind == "r" else f"c{number + 7}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop after three ordinary days; the tests go on from there, in their order."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    for day in (7, 8, 9):
        content = shop.evaluate(day)
        assert content["blessed"], content["reasons"]
    assert content["last_blessed"]["version"] == "2"
    return shop


def test_a_pause_makes_no_comparison_that_the_candidate_must_lose(shop: Shop) -> None:
    content = shop.evaluate(14)
    assert content["last_blessed"]["version"] == "3"
    of_slice = content["slices"]["item_age=new"]["honest/all/recall@20"]
    assert of_slice["candidate"]["value"] == 0 < of_slice["last_blessed"]["value"]
    (row,) = [row for row in content["rows"] if row["metric"] == NEW]
    assert row["verdict"] == "skipped"
    assert content["reach"]["lost"] > 0 and content["reach"]["gained"] > 0
    assert content["blessed"], content["reasons"]


def test_a_refused_model_is_followed_by_a_blessed_one(shop: Shop) -> None:
    broken = shop.evaluate(15, is_broken=True)
    assert not broken["blessed"]
    assert any("is below the limit -0.03, beyond noise" in reason for reason in broken["reasons"])
    content = shop.evaluate(16)
    assert content["blessed"], content["reasons"]
    assert content["last_blessed"]["version"] == "4"  # of day 14, and two days older


def test_a_past_day_is_not_compared_with_a_model_that_learned_it(shop: Shop) -> None:
    content = shop.evaluate(12, push=False)
    assert content["last_blessed"]["status"] == "left out"
    assert content["blessed"], content["reasons"]
    starts = [day["first_start"] // DAY for day in content["days"]]
    assert starts == [12, 14, 15, 16]
    again = shop.evaluate(17)
    assert again["last_blessed"]["status"] == "compared"
    assert again["last_blessed"]["version"] == "5"  # of day 16, which serves
    assert [row["days"] for row in again["rows"] if row["days"]]
    assert again["blessed"], again["reasons"]


def test_a_smaller_catalogue_is_no_reason_to_refuse(shop: Shop) -> None:
    shop.small_from = 18
    items = []
    for day in (18, 19, 26, 27):
        content = shop.evaluate(day)
        assert content["blessed"], (day, content["reasons"])
        items.append(content["candidate"]["learned"]["items"])
    assert items[-1] < 0.6 * items[0]
