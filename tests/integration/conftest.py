"""Real Transform output, and a model that Trainer made of it, for all integration tests."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import Artifact, standard_artifacts
from tfx.utils import json_utils

from components.pusher.node import Executor as Pusher
from modules import preprocessing, trainer
from modules.config.options.features import FeatureOptions
from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.data.item_indices import FIRST_ITEM
from modules.data.vocabulary import VOCABULARY_NAME, Vocabulary, read_vocabulary
from modules.data.windowing import WEIGHT_FEATURE
from modules.model.two_tower import TwoTower
from modules.serving import recommender
from modules.serving.score_adjustments import SessionAdjustments
from modules.sessions.examples import ExampleEncoder
from modules.sessions.feature_names import WEIGHTED
from modules.sessions.splits import SPLITS
from pipeline.sample.generate import generate_sessions

DAY = 86_400_000
Sessions = Sequence[Sequence[str]]
MODEL = ModelOptions(ensemble_size=1, embedding_dim=8, gru_units=8)
TRAINER = TrainerOptions(
    num_negatives=32,
    batch_targets=64,
    max_epochs=2,
    early_stopping_patience=None,
    refit=False,
    popularity_weight=0.3,
)
SPEC = {
    "item_ids": tf.io.VarLenFeature(tf.string),
    "event_times": tf.io.VarLenFeature(tf.int64),
    "event_weights": tf.io.VarLenFeature(tf.float32),
}


@dataclasses.dataclass(frozen=True)
class Transformed:
    """Sessions by split, and the folder in which Transform left what it made of them."""

    folder: Path
    features: FeatureOptions
    sessions: Mapping[str, Sessions]
    weighted: bool = False

    @property
    def graph(self) -> Path:
        """What TFX calls transform_graph."""
        return self.folder / "graph"

    def files(self, split: str) -> str:
        """Returns the pattern of a split's files."""
        return str(self.folder / f"Split-{split}" / "*")

    def vocabulary(self, options: FeatureOptions | None = None) -> Vocabulary:
        """Reads the vocabulary as Trainer does."""
        path = tft.TFTransformOutput(str(self.graph)).vocabulary_file_by_name(VOCABULARY_NAME)
        return read_vocabulary(path, options or self.features)


def _example(row: Mapping[str, Sequence[int] | np.ndarray]) -> bytes:
    feature = {
        name: tf.train.Feature(float_list=tf.train.FloatList(value=values))
        if name == WEIGHT_FEATURE
        else tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        for name, values in row.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def _with_times(split: str, sessions: Sessions, first_day: int) -> list[dict[str, list]]:
    """Returns raw features of sessions on one day per split, an event a second."""
    day = (first_day + SPLITS.index(split)) * DAY
    return [
        {
            "item_ids": list(items),
            "event_times": [day + 1000 * step for step in range(len(items))],
            "event_weights": weights_of(items),
        }
        for items in sessions
    ]


def weights_of(items: Sequence[str]) -> list[float]:
    """Returns weights of a session's events, by their place."""
    return [0.5 + step for step in range(len(items))]


def _transform(
    folder: Path,
    sessions: Mapping[str, Sessions],
    features: FeatureOptions,
    first_day: int = 0,
    weighted: bool = False,
) -> Transformed:
    """Runs preprocessing_fn on all splits; train and eval are analysed, as in the pipeline."""
    config = {"features": dataclasses.asdict(features), **({WEIGHTED: True} if weighted else {})}
    made = Transformed(folder, features, sessions, weighted)
    metadata = tft.DatasetMetadata.from_feature_spec(SPEC)
    pipeline = beam.Pipeline(runner=FnApiRunner())
    with pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
        raw = {
            split: pipeline
            | f"Read[{split}]" >> beam.Create(_with_times(split, rows, first_day), reshuffle=False)
            for split, rows in sessions.items()
        }
        analysis = ([raw["train"], raw["eval"]] | beam.Flatten(), metadata)
        graph = analysis | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing.preprocessing_fn(inputs, config)
        )
        _ = graph | tft_beam.WriteTransformFn(str(made.graph))
        for split, rows in raw.items():
            windows, _ = ((rows, metadata), graph) | f"Map[{split}]" >> tft_beam.TransformDataset()
            path = str(folder / f"Split-{split}" / "windows")
            _ = (
                windows
                | f"Encode[{split}]" >> beam.Map(_example)
                | f"Write[{split}]" >> beam.io.WriteToTFRecord(path, file_name_suffix=".gz")
            )
    return made


@pytest.fixture(scope="session")
def transform() -> Callable[..., Transformed]:
    """The function that runs Transform's real code on sessions of raw item ids."""
    return _transform


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Transformed:
    """A few hundred generated sessions; eval is the latest part of train, as in the pipeline."""
    train, test = generate_sessions(400)
    train.sort(key=lambda session: session.event_times[0])
    cut = round(len(train) * 0.8)
    parts = {"train": train[:cut], "eval": train[cut:], "test": test}
    sessions = {name: [session.item_ids for session in part] for name, part in parts.items()}
    folder = tmp_path_factory.mktemp("sample")
    return _transform(folder, sessions, FeatureOptions(max_context=5))


@pytest.fixture(scope="session")
def weighted_sample(sample: Transformed, tmp_path_factory: pytest.TempPathFactory) -> Transformed:
    """The sessions of `sample`, with a weight per event."""
    folder = tmp_path_factory.mktemp("weighted")
    return _transform(folder, sample.sessions, sample.features, weighted=True)


def _fn_args(data: Transformed, out: Path, **options: Any) -> dict[str, Any]:
    digest = options.pop("source_digest", "digest")
    model = dataclasses.replace(MODEL, **options.pop("model", {}))
    return {
        "train_files": [data.files("train")],
        "eval_files": [data.files("eval")],
        "transform_output": str(data.graph),
        "serving_model_dir": str(out / "model"),
        "model_run_dir": str(out / "logs"),
        "custom_config": {
            "features": dataclasses.asdict(data.features),
            "model": dataclasses.asdict(model),
            "trainer": dataclasses.asdict(dataclasses.replace(TRAINER, **options)),
            "checkpoint_folder": str(out.parent / "checkpoints"),
            "source_digest": digest,
            **({WEIGHTED: True} if data.weighted else {}),
        },
    }


@pytest.fixture(scope="session")
def fn_args() -> Callable[..., dict[str, Any]]:
    """Makes run_fn's arguments for (data, folder of one execution), as TFX does.

    Options change TrainerOptions, `model` ModelOptions, `source_digest` the code's digest.
    """
    return _fn_args


@dataclasses.dataclass(frozen=True)
class Trained:
    """A run of Trainer.

    Attributes:
      folder: of the execution; `model` in it is the SavedModel, `checkpoints` lies beside it.
      model: the training model as it was when it was exported.
      seen: the adjustments of session items that it was exported with.
    """

    folder: Path
    model: TwoTower
    seen: SessionAdjustments

    def plain_scores(self, positions: Sequence[int]) -> np.ndarray:
        """`scores` without adjustments of session items."""
        context = tf.constant([positions]) + FIRST_ITEM
        query = self.model.query_tower(context).numpy()[0, -1]
        scores: np.ndarray = self.model.candidate_tower.catalogue().numpy() @ query
        return scores

    def scores(self, positions: Sequence[int], is_over: bool = False) -> np.ndarray:
        """Scores of the catalogue after a context of catalogue positions, worked out in NumPy."""
        scores = self.plain_scores(positions)
        bonus = dict.fromkeys(positions, self.seen.earlier_item_boost)
        if not is_over:
            bonus[positions[-1]] = -self.seen.current_item_penalty
        scores[list(bonus)] += np.array(list(bonus.values()), np.float32)
        return scores


@pytest.fixture(scope="session")
def trained(sample: Transformed, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trainer's run on `sample`."""
    folder, exported = tmp_path_factory.mktemp("trained") / "run", []
    export = recommender.export

    def watched(model: TwoTower, *arguments: Any, **named: Any) -> None:
        exported.append((model, arguments[-1]))
        export(model, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recommender, "export", watched)
        trainer.run_fn(FnArgs(**_fn_args(sample, folder)))
    return Trained(folder, *exported[0])


@pytest.fixture(scope="session")
def saved_model(trained: Trained) -> Any:
    """The SavedModel of `trained`, loaded."""
    return tf.saved_model.load(str(trained.folder / "model"))


@pytest.fixture(scope="session")
def judged_examples(
    sample, tmp_path_factory: pytest.TempPathFactory
) -> standard_artifacts.Examples:
    """The test split, as SessionExampleGen writes it."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path_factory.mktemp("examples"))
    artifact.split_names = json_utils.dumps(["test"])
    folder = Path(artifact.uri) / "Split-test"
    folder.mkdir()
    sessions = [[item.encode() for item in items] for items in sample.sessions["test"]]
    sessions[0].append(b"\xff no utf-8")
    encoder = ExampleEncoder()
    with tf.io.TFRecordWriter(str(folder / "data-00000-of-00001.gz"), "GZIP") as writer:
        for number, items in enumerate(sessions):
            writer.write(encoder.encode(b"%d" % number, 0, items, range(len(items))))
    return artifact


@pytest.fixture
def trained_model(trained, tmp_path: Path) -> standard_artifacts.Model:
    """A copy of the trained model, as Trainer leaves it."""
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "trained")
    shutil.copytree(trained.folder / "model", Path(artifact.uri) / "Format-Serving")
    return artifact


@pytest.fixture
def push(tmp_path: Path) -> Callable[..., list[Path]]:
    """Runs Pusher on a model with an InfraBlessing; returns the versions in the push folder."""

    def push(model: Artifact, infra_blessing: Artifact, model_blessed: bool = True) -> list[Path]:
        blessing, pushed = standard_artifacts.ModelBlessing(), standard_artifacts.PushedModel()
        blessing.uri, pushed.uri = str(tmp_path / "model-blessing"), str(tmp_path / "pushed")
        blessing.set_int_custom_property("blessed", int(model_blessed))
        Path(blessing.uri).mkdir(exist_ok=True)
        (Path(blessing.uri) / ("BLESSED" if model_blessed else "NOT_BLESSED")).touch()
        place = tmp_path / "served"
        inputs = {"model": model, "model_blessing": blessing, "infra_blessing": infra_blessing}
        Pusher().Do(
            {name: [artifact] for name, artifact in inputs.items()},
            {"pushed_model": [pushed]},
            {"push_destination": json.dumps({"filesystem": {"base_directory": str(place)}})},
        )
        return [file.parent for file in place.glob("*/saved_model.pb")]

    return push
