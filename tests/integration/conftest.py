"""Real Transform output for tests: raw sessions in, vocabulary and TFRecords of windows out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from modules import preprocessing
from modules.configuration import FeatureOptions
from modules.vocabulary import VOCABULARY_NAME, Vocabulary, read_vocabulary
from pipeline.sample_data import generate_sessions

Sessions = Sequence[Sequence[str]]
SPEC = {"item_ids": tf.io.VarLenFeature(tf.string)}


@dataclasses.dataclass(frozen=True)
class Transformed:
    """Sessions by split, and the folder in which Transform left what it made of them."""

    folder: Path
    features: FeatureOptions
    sessions: Mapping[str, Sessions]

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


def _example(row: Mapping[str, Sequence[int]]) -> bytes:
    feature = {
        name: tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        for name, values in row.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def _transform(
    folder: Path, sessions: Mapping[str, Sessions], features: FeatureOptions
) -> Transformed:
    """Runs preprocessing_fn on all splits; train and eval are analysed, as in the pipeline."""
    config = {"features": dataclasses.asdict(features)}
    made = Transformed(folder, features, sessions)
    metadata = tft.DatasetMetadata.from_feature_spec(SPEC)
    pipeline = beam.Pipeline(runner=FnApiRunner())
    with pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
        raw = {
            split: pipeline
            | f"Read[{split}]" >> beam.Create([{"item_ids": ids} for ids in rows], reshuffle=False)
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
