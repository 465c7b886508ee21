"""The gate with real SavedModels of a few kilobytes: whom it refuses, and why."""

from __future__ import annotations

import dataclasses
import json
import shutil
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
from modules.daily.days import DAYS
from modules.daily.model_day import write_day
from modules.evaluation.rank_table import from_parquet
from modules.evaluation.ranks import UNRANKED
from modules.files.learned_data import LearnedData, write_learned
from modules.gate.agreement_checks import STEPS_AGREE
from tests.matrix_model import MatrixModel, save_model, write_evaluation

ITEMS = 60
DAY = 86_400_000


class World:
    """Sessions, models and what other nodes leave on disk; the gate reads it all."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made = folder, 0
        random = np.random.default_rng(5)
        self.popularity = 1 / np.arange(1, ITEMS + 1)
        self.popularity /= self.popularity.sum()
        self.follower = random.permutation(ITEMS)
        train = [self._session(random, follows=0.0) for _ in range(400)]
        test = [self._session(random, follows=0.6) for _ in range(400)]
        test.append(["new1", "i3", "new2"])
        ids = [item for session in train for item in session]
        self.counts = np.array([ids.count(f"i{index}") for index in range(ITEMS)])
        self.examples = self.artifact(standard_artifacts.Examples, "examples")
        self.examples.split_names = '["train", "test", "eval"]'
        for split, sessions in (("train", train), ("test", test), ("eval", [])):
            self._write_sessions(split, sessions)
        self.baselines = {split: self._judge_baselines(split) for split in ("test", "eval")}

    def _session(self, random: np.random.Generator, follows: float) -> list[str]:
        items = [int(random.choice(ITEMS, p=self.popularity))]
        for _ in range(random.integers(1, 9)):
            follow = random.random() < follows
            drawn = int(random.choice(ITEMS, p=self.popularity))
            items.append(int(self.follower[items[-1]]) if follow else drawn)
        return [f"i{item}" for item in items]

    def artifact(self, kind: type[types.Artifact], name: str) -> Any:
        self.made += 1
        artifact = kind()
        artifact.id, artifact.uri = self.made, str(self.folder / f"{name}-{self.made}")
        Path(artifact.uri).mkdir(parents=True)
        return artifact

    def _write_sessions(self, split: str, sessions: list[list[str]]) -> None:
        folder = Path(self.examples.uri) / f"Split-{split}"
        folder.mkdir()
        with tf.io.TFRecordWriter(str(folder / "data.gz"), "GZIP") as writer:
            for number, items in enumerate(sessions):
                start = number * DAY // 50
                times = [start + 1000 * step for step in range(len(items))]
                feature = {
                    "session_id": _bytes([f"s{(number * 7919) % 1000:03}"]),
                    "item_ids": _bytes(items),
                    "event_times": _ints(times),
                    "start_time": _ints([start]),
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())

    def _judge_baselines(self, split: str) -> types.Artifact:
        output = self.artifact(simple_artifacts.Metrics, "baselines")
        options = BaselineOptions(names=("popularity", "sequential_rules"))
        BaselineEvaluator.test_call(
            examples=self.examples,
            baseline_ranks=output,
            fit_splits='["train"]',
            split=split,
            options=json.dumps(dataclasses.asdict(options)),
        )
        return output

    def scores(self, good: float = 30.0, items: int = ITEMS) -> np.ndarray:
        """Popularity's scores; what really follows an item gets `good` more."""
        scores = np.tile(self.counts[:items].astype(np.float32), (items + 1, 1))
        for item in range(items):
            if self.follower[item] < items:
                scores[item + 1, self.follower[item]] += good
        return scores

    def save(
        self,
        scores: np.ndarray,
        unranked: int = UNRANKED,
        learned_days: tuple[float, float] | None = None,
    ) -> types.Artifact:
        """Saves a model, with a record of the days it learned if they are given."""
        artifact = self.artifact(standard_artifacts.Model, "model")
        save_model(MatrixModel(scores, self.counts, unranked), artifact.uri)
        if learned_days:
            first, last = (int(day * DAY) for day in learned_days)
            record = LearnedData(("train",), 400, 1_600, ITEMS, first, last, last, "digest")
            write_learned(f"{artifact.uri}/Format-Serving", record)
        return artifact

    def evaluation(self, model: types.Artifact, split: str, off_by: float = 0.0) -> types.Artifact:
        """Writes the metrics of a model as TFMA does, one of them wrong by `off_by`."""
        artifact = self.artifact(standard_artifacts.ModelEvaluation, "evaluation")
        write_evaluation(model.uri, self.examples.uri, split, artifact.uri, off_by)
        return artifact

    def judge(
        self,
        model: types.Artifact,
        last_blessed: types.Artifact | None = None,
        split: str = "test",
        off_by: float = 0.0,
        baselines: types.Artifact | None = None,
        evaluated: types.Artifact | None = None,
        **options: Any,
    ) -> Outcome:
        """Runs the gate; the Evaluator evaluated `evaluated`, if not the candidate."""
        blessing = self.artifact(standard_artifacts.ModelBlessing, "blessing")
        verdict = self.artifact(simple_artifacts.Metrics, "verdict")
        gate = ModelGateOptions(**{"resamples": 400, **options})
        ModelGate.test_call(
            examples=self.examples,
            evaluation=self.evaluation(evaluated or model, split, off_by),
            model=model,
            blessing=blessing,
            verdict=verdict,
            fit_splits='["train"]',
            evaluation_options=json.dumps(dataclasses.asdict(EvaluationOptions(split=split))),
            options=json.dumps(dataclasses.asdict(gate)),
            baseline_ranks=baselines or self.baselines[split],
            last_blessed_model=last_blessed,
        )
        return Outcome(blessing, Path(verdict.uri), model, last_blessed)


def _bytes(values: list[str]) -> tf.train.Feature:
    encoded = [value.encode() for value in values]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))


def _ints(values: list[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the gate wrote; blessing and verdict say the same."""

    blessing: types.Artifact
    verdict: Path
    model: types.Artifact
    last_blessed: types.Artifact | None

    @property
    def content(self) -> dict[str, Any]:
        """The verdict, of strict JSON."""

        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is not valid JSON")

        text = (self.verdict / "verdict.json").read_text("utf-8")
        return json.loads(text, parse_constant=refuse)

    @property
    def reasons(self) -> str:
        """Why; checks on the way that all outputs agree and everything is there."""
        content = self.content
        name = "BLESSED" if content["blessed"] else "NOT_BLESSED"
        assert [file.name for file in Path(self.blessing.uri).iterdir()] == [name]
        assert self.blessing.get_int_custom_property("blessed") == int(content["blessed"])
        assert self.blessing.get_int_custom_property("current_model_id") == self.model.id
        assert self.blessing.get_string_custom_property("current_model") == self.model.uri
        if self.last_blessed:
            baseline = self.blessing.get_int_custom_property("baseline_model_id")
            assert baseline == self.last_blessed.id
        assert (self.verdict / "ranks.parquet").is_file()
        return "\n".join(content["reasons"])

    @property
    def blessed(self) -> bool:
        """Whether the model may be pushed."""
        return bool(self.content["blessed"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="module")
def good(world: World) -> types.Artifact:
    return world.save(world.scores())


def test_a_good_model_is_blessed_and_all_is_written(world, good, capsys) -> None:
    outcome = world.judge(good, thresholds={"known/all/recall@20": 0.5}, min_coverage=0.5)
    assert outcome.blessed, outcome.reasons
    assert "honest/all/mrr@20: beats sequential_rules by +" in outcome.reasons
    printed = capsys.readouterr().out
    head = "metric candidate best baseline last blessed must be n"
    assert head in " ".join(printed.split())
    assert "> popularity" in printed and "Blessed: yes" in printed
    content = outcome.content
    assert content["last_blessed"] == {"status": "none"}
    table = from_parquet((outcome.verdict / "ranks.parquet").read_bytes())
    assert set(table.ranks) == {"candidate", "popularity", "sequential_rules"}
    assert len(table.known) == content["judged"]["steps"] > 1000
    # Slices by age: items were first seen in training, on the first days; and new ones.
    assert content["slices"]["item_age=new"]["n"] == 1
    assert content["slices"]["item_age=0..1"]["n"] > 100
    assert "## Limits" in (outcome.verdict / "model_card.md").read_text("utf-8")
    for figure in content["headlines"]["candidate"].values():
        low, high = figure["interval"]
        assert low < figure["value"] < high


def test_a_model_worse_than_popularity(world) -> None:
    outcome = world.judge(world.save(-world.scores()))
    assert not outcome.blessed
    assert "honest/all/recall@20: is worse than popularity, by -" in outcome.reasons


def test_a_model_equal_to_the_baseline_within_noise(world) -> None:
    scores = world.scores(good=0)
    scores += np.random.default_rng(1).normal(0, 3, scores.shape)
    rarest = int(np.argsort(world.counts)[0])
    scores[rarest + 1, world.follower[rarest]] += 100
    model = world.save(scores)
    outcome = world.judge(model, beat_baselines=("popularity",))
    assert not outcome.blessed
    # Its recall is higher, as it happens: by less than chance alone explains.
    (reason,) = outcome.content["reasons"]
    assert reason.startswith("honest/all/recall@20: does not beat popularity beyond noise, by +0.0")


def test_a_margin_must_be_exceeded_too(world, good) -> None:
    assert world.judge(good, beat_margin=0.02).blessed
    outcome = world.judge(good, beat_margin=0.6)
    assert "margin 0.6" in outcome.reasons and not outcome.blessed


def test_an_absolute_threshold(world, good) -> None:
    outcome = world.judge(good, thresholds={"known/last/mrr@20": 0.99})
    assert not outcome.blessed
    assert outcome.reasons.endswith("is below the threshold 0.9900")


def test_an_empty_push_folder_gives_no_model_to_compare_with(world, good) -> None:
    """A local run passes an artifact that says so; with Kubeflow the input is left out."""
    none = world.artifact(standard_artifacts.Model, "none")
    LatestPushedModel.test_call(model=none, push_folder=str(world.folder / "pushed"))
    outcome = world.judge(good, last_blessed=none)
    assert outcome.content["blessed"]
    assert outcome.content["last_blessed"] == {"status": "none"}
    assert not outcome.blessing.has_custom_property("baseline_model_id")


def test_the_same_model_again_is_blessed_without_a_second_evaluation(world, good) -> None:
    outcome = world.judge(good, last_blessed=good)
    assert outcome.blessed
    assert outcome.content["last_blessed"]["status"] == "identical"
    changes = [row for row in outcome.content["rows"] if row["kind"] == "change"]
    assert len(changes) == 2
    for row in changes:
        assert (row["value"], row["interval"]) == (0.0, [0.0, 0.0])


def test_an_equally_good_model_is_compared_and_blessed(world, good) -> None:
    outcome = world.judge(world.save(world.scores() + 1.0), last_blessed=good)
    assert outcome.blessed
    assert outcome.content["last_blessed"]["status"] == "compared"
    assert outcome.content["metrics"]["last_blessed"] == outcome.content["metrics"]["candidate"]


def test_a_model_worse_than_the_last_blessed_one(world, good) -> None:
    outcome = world.judge(world.save(world.scores(good=8)), last_blessed=good)
    assert not outcome.blessed
    assert "honest/all/mrr@20: change from the last blessed model -" in outcome.reasons
    assert "is below the limit -0.01, beyond noise" in outcome.reasons


def test_a_model_worse_than_the_last_blessed_one_in_one_slice(world, good) -> None:
    scores = world.scores()
    never_shown = np.flatnonzero(world.counts >= 11)[-5:]
    scores[:, never_shown] -= 1000
    options = {
        "change_thresholds": {"honest/all/recall@20": -0.2},
        "slice_change_threshold": -0.05,
    }
    outcome = world.judge(world.save(scores), last_blessed=good, **options)
    assert not outcome.blessed
    assert "honest/all/recall@20/target_count=11..50: change from the last" in outcome.reasons
    assert "honest/all/recall@20: change" not in outcome.reasons
    named = {"change_thresholds": {"honest/all/recall@20/target_count=11..50": -0.05}}
    outcome = world.judge(
        world.save(scores), last_blessed=good, slice_change_threshold=None, **named
    )
    assert len(outcome.content["reasons"]) == 1


def test_a_last_blessed_model_with_another_vocabulary_is_compared_on_raw_ids(world, good) -> None:
    old = world.save(world.scores(items=ITEMS // 2))
    outcome = world.judge(good, last_blessed=old)
    assert outcome.blessed and outcome.content["last_blessed"]["status"] == "compared"
    metrics_of = outcome.content["metrics"]
    assert metrics_of["last_blessed"]["honest/all/n"] == metrics_of["candidate"]["honest/all/n"]
    assert metrics_of["last_blessed"]["known/all/n"] < metrics_of["candidate"]["known/all/n"]
    back = world.judge(old, last_blessed=good, beat_baselines=())
    assert not back.blessed and "honest/all/recall@20: change from" in back.reasons


@pytest.mark.parametrize("items", [1, 2, 19])
def test_a_last_blessed_model_of_an_earlier_version_gets_no_hit_for_unknown_items(
    world, good, items: int
) -> None:
    """Its rank of an unknown item is items + 1, which looked like a hit at 20."""
    scores = world.scores(items=items)
    old, new = (world.save(scores, unranked) for unranked in (items + 1, UNRANKED))
    of_old, of_new = (world.judge(good, last_blessed=model).content for model in (old, new))
    assert of_old["metrics"]["last_blessed"] == of_new["metrics"]["last_blessed"]
    assert of_old["metrics"]["last_blessed"]["honest/all/recall@20"] < 0.9
    candidate = world.judge(old, beat_baselines=(), evaluated=new)
    assert candidate.content["rows"][0]["reason"].startswith("the ranks give the Evaluator's")


def test_a_model_that_finds_what_it_does_not_know_is_refused(world, good) -> None:
    outcome = world.judge(world.save(world.scores(), unranked=1), evaluated=good)
    assert not outcome.blessed
    expected = "the candidate must rank an item that it does not know behind all others, got rank 1"
    assert expected in outcome.reasons


@pytest.mark.parametrize("damage", ["graph", "variables", "gone", "signature"])
def test_a_last_blessed_model_that_cannot_be_used_does_not_block(world, good, damage) -> None:
    broken = world.artifact(standard_artifacts.Model, "broken")
    folder = Path(broken.uri) / "Format-Serving"
    shutil.copytree(Path(good.uri) / "Format-Serving", folder)
    if damage == "graph":
        (folder / "saved_model.pb").write_bytes(b"\x08garbage")
    elif damage == "variables":
        (data,) = (folder / "variables").glob("*.data-*")
        data.write_bytes(data.read_bytes()[:10])
    elif damage == "gone":
        shutil.rmtree(folder)
    else:
        shutil.rmtree(folder)
        tf.saved_model.save(tf.Module(), str(folder))
    outcome = world.judge(good, last_blessed=broken)
    assert outcome.blessed
    assert outcome.content["last_blessed"]["status"] == "unusable"
    assert f"the last blessed model (id {broken.id}, {broken.uri}) cannot be loaded" in (
        outcome.reasons
    )
    assert "does not block" in outcome.reasons
    if damage == "graph":
        strict = world.judge(good, last_blessed=broken, require_last_blessed=True)
        assert not strict.blessed
        assert f"(id {broken.id}, {broken.uri}) cannot be loaded" in strict.reasons


@pytest.mark.parametrize("required", [False, True])
def test_a_last_blessed_model_that_learned_the_evaluated_sessions_is_left_out(
    world, required: bool
) -> None:
    """It knows the targets by heart: no candidate could keep up with it."""
    candidate = world.save(world.scores(good=8), learned_days=(-8, -1))
    later = world.save(world.scores(), learned_days=(-2, 9))  # the sessions are of days 0 to 8
    outcome = world.judge(candidate, last_blessed=later, require_last_blessed=required)
    assert outcome.blessed, outcome.reasons
    last = outcome.content["last_blessed"]
    assert (last["status"], last["learned"]["last_start"]) == ("left out", 9 * DAY)
    assert outcome.content["candidate"]["learned"]["first_start"] == -8 * DAY
    assert "in which 401 of the 401 evaluated sessions start" in outcome.reasons
    assert "it is no baseline, and the model is evaluated without it" in outcome.reasons
    assert "last_blessed" not in outcome.content["metrics"]
    card = (outcome.verdict / "model_card.md").read_text("utf-8")
    assert "The last blessed model learned sessions from 1969-12-30 00:00 to" in card
    # A version of the same day learned the days before it, whatever a wrong clock says.
    world.examples.set_string_custom_property(DAYS, '{"2015-09-10": 1, "2015-09-11": 1}')
    for day, status in (("2015-09-12", "left out"), ("2015-09-11", "compared")):
        write_day(f"{later.uri}/Format-Serving", day)
        outcome = world.judge(candidate, last_blessed=later, require_last_blessed=required)
        assert outcome.content["last_blessed"]["status"] == status
    world.examples.set_string_custom_property(DAYS, "")
    # With a random split both overlap, and are compared.
    mixed = world.save(world.scores(good=8), learned_days=(-8, 9))
    assert not world.judge(mixed, last_blessed=later).blessed


def test_a_damaged_record_of_what_a_model_learned_is_named(world, good) -> None:
    damaged = world.save(world.scores() + 1.0, learned_days=(0, 1))
    (Path(damaged.uri) / "Format-Serving" / "assets.extra" / "learned.json").write_text("{")
    outcome = world.judge(good, last_blessed=damaged)
    assert outcome.blessed and outcome.content["last_blessed"]["status"] == "unusable"
    assert "learned.json has an unexpected form" in outcome.reasons


def test_a_broken_candidate_is_refused(world, good) -> None:
    broken = world.artifact(standard_artifacts.Model, "broken")
    tf.saved_model.save(tf.Module(), f"{broken.uri}/Format-Serving")
    outcome = world.judge(broken, last_blessed=good, evaluated=good)
    assert not outcome.blessed
    assert outcome.reasons.startswith("the candidate cannot be loaded: KeyError")


def test_a_nan_model_is_refused(world, good) -> None:
    outcome = world.judge(world.save(np.full((ITEMS + 1, ITEMS), np.nan)), last_blessed=good)
    assert not outcome.blessed
    assert "scores of recommended items are NaN or infinite for" in outcome.reasons
    assert "is worse than popularity" in outcome.reasons


def test_an_empty_split_is_refused(world, good) -> None:
    outcome = world.judge(good, last_blessed=good, split="eval")
    assert not outcome.blessed
    assert "honest/all/n: 0 is below the threshold 1" in outcome.reasons
    assert outcome.content["judged"] == {
        "sessions": 0,
        "steps": 0,
        "first_start": None,
        "last_start": None,
    }


def test_ranks_that_disagree_with_the_evaluator(world, good) -> None:
    assert world.judge(good, off_by=9e-7).blessed
    outcome = world.judge(good, off_by=2e-6)
    assert not outcome.blessed
    assert outcome.reasons.startswith(
        "the ranks disagree with the Evaluator's metrics in 1 metrics: known/last/mrr@20 is"
    )


def test_baseline_ranks_of_other_steps(world, good) -> None:
    outcome = world.judge(good, baselines=world.baselines["eval"])
    assert not outcome.blessed
    assert "do not hold the same steps, such as session " in outcome.reasons
    assert "popularity was not evaluated, the baselines are: none" in outcome.reasons


def test_model_and_baselines_count_the_same_known_steps(world, good) -> None:
    (row,) = [row for row in world.judge(good).content["rows"] if row["metric"] == STEPS_AGREE]
    assert row["passed"] and "the baselines have the same" in row["reason"]
    # A vocabulary that lost the rarer half of the items.
    lost = world.save(world.scores(items=ITEMS // 2))
    outcome = world.judge(lost, beat_baselines=())
    assert not outcome.blessed
    assert "model and baselines do not know the same items" in outcome.reasons


def test_limits_beyond_accuracy(world, good) -> None:
    content = world.judge(good).content
    found = content["beyond_accuracy"]
    assert found["prefixes"] == content["judged"]["steps"]  # all, so few
    steps = {name: part["n"] for name, part in content["slices"].items()}
    assert {name: part["prefixes"] for name, part in found["slices"].items()} == steps
    lengths = {name for name in steps if name.startswith("session_length=")}
    assert sum(steps[name] for name in lengths) == found["prefixes"] and len(lengths) > 1
    high = world.judge(good, min_coverage=1.0, max_popularity_ratio=1.0)
    assert not high.blessed
    ratio = found["popularity_ratio@20"]["value"]
    assert f"popularity_ratio@20: {ratio:.4f} is above the limit 1 (mean" in high.reasons
    popular = world.judge(world.save(world.scores(good=0)), min_coverage=0.9, beat_baselines=())
    assert popular.reasons.startswith("coverage@20/1000: 0.3333 is below the limit 0.9")
    assert popular.content["beyond_accuracy"]["coverage@20"]["value"] == pytest.approx(20 / ITEMS)


def test_a_sample_of_prefixes_is_the_same_in_every_run(world, good) -> None:
    first, second = (world.judge(good, max_prefixes=300).content for _ in range(2))
    assert first["beyond_accuracy"] == second["beyond_accuracy"]
    assert 150 < first["beyond_accuracy"]["prefixes"] < 450
    assert first["headlines"] == second["headlines"]
