"""The real Evaluator on a small SavedModel whose scores are a matrix that NumPy knows too.

What a trained model does not show is shown here: ties, slices, empty splits, TFX's cache. A trained
model's own metrics are in `test_evaluation_agrees.py`.
"""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tfx.components import Evaluator
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.types import standard_artifacts

from modules.config.options.evaluation import EvaluationOptions
from modules.evaluation import metrics, tfma_metrics
from modules.evaluation.metric_names import evaluator_names
from modules.evaluation.ranks import UNRANKED, conservative_rank

BEAM_ARGS = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    # Any value keeps TFX from packing itself for remote workers, 2 s per node.
    "--sdk_container_image=unused",
]
ITEMS = 40
SESSIONS = 300
LENGTH_BUCKET = 4
EXAMPLES = [tf.TensorSpec([None], tf.string, name="examples")]


class MatrixModel(tf.Module):
    """Scores the next item by the last known item of the prefix: row of a matrix."""

    def __init__(self, scores):
        super().__init__()
        self.scores = tf.constant(scores, tf.float32)
        keys = tf.constant([f"i{index}" for index in range(ITEMS)])
        values = tf.range(ITEMS, dtype=tf.int64)
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(keys, values), default_value=-1
        )

    def _items(self, examples):
        parsed = tf.io.parse_example(examples, {"item_ids": tf.io.RaggedFeature(tf.string)})
        return parsed["item_ids"].to_tensor("")

    @tf.function(input_signature=EXAMPLES)
    def evaluate(self, examples):
        items = self._items(examples)
        index = self.table.lookup(items)
        prefix, target = index[:, :-1], index[:, 1:]
        exists = items[:, 1:] != ""
        is_known = prefix >= 0
        position = tf.range(tf.shape(prefix)[1], dtype=tf.int64)
        latest = tf.scan(
            lambda before, now: tf.maximum(before, now),
            tf.transpose(tf.where(is_known, position[None, :], -1)),
        )
        latest = tf.transpose(latest)
        last_known = tf.gather(prefix, tf.maximum(latest, 0), batch_dims=1)
        scores = tf.gather(self.scores, tf.maximum(last_known, 0))
        scores = tf.where((latest >= 0)[..., None], scores, tf.zeros_like(scores))
        of_target = tf.gather(scores, tf.maximum(target, 0), batch_dims=2)
        not_below = tf.reduce_sum(tf.cast(scores >= of_target[..., None], tf.int64), -1)
        rank = tf.where(target >= 0, not_below, UNRANKED)
        return {
            "rank": tf.where(exists, rank, 0),
            "known": tf.cast(exists & (target >= 0) & (latest >= 0), tf.int64),
            "context_length": tf.where(exists, tf.cumsum(tf.cast(is_known, tf.int64), axis=1), 0),
            "target_count": tf.where(exists & (target >= 0), target, 0),
        }

    @tf.function(input_signature=EXAMPLES)
    def eval_features(self, examples):
        length = tf.reduce_sum(tf.cast(self._items(examples) != "", tf.int64), axis=1)
        bucket = tf.where(length > LENGTH_BUCKET, "long", "short")
        return {"label": tf.ones_like(length, tf.float32), "session_length_bucket": bucket}


def save_model(folder, scores):
    model = MatrixModel(scores)
    signatures = {name: getattr(model, name) for name in ("evaluate", "eval_features")}
    tf.saved_model.save(model, str(folder / "Format-Serving"), signatures=signatures)


def score_matrix(seed):
    """Whole-number scores, so that ties occur."""
    return np.random.default_rng(seed).integers(0, 25, (ITEMS, ITEMS)).astype(np.float32)


def make_sessions():
    """Item ids of sessions; a fifth of the ids is unknown, some sessions have no known item."""
    random = np.random.default_rng(7)
    sessions = [
        [
            f"i{random.integers(ITEMS)}" if random.random() < 0.8 else f"new{random.integers(9)}"
            for _ in range(random.integers(2, 12))
        ]
        for _ in range(SESSIONS)
    ]
    return [*sessions, ["new1", "new2", "new3"], ["new1", "i3"]]


def write_examples(folder, sessions):
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "data.gz"), "GZIP") as writer:
        for session in sessions:
            ids = tf.train.BytesList(value=[item.encode() for item in session])
            feature = {"item_ids": tf.train.Feature(bytes_list=ids)}
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())


def plain_ranks(sessions, matrix):
    """Ranks and known flags `[sessions, steps]` from the score matrix, step by step."""
    steps = max(len(session) for session in sessions) - 1
    rank, known = np.zeros((2, len(sessions), steps), np.int64)
    for row, session in enumerate(sessions):
        for step in range(len(session) - 1):
            seen = [int(item[1:]) for item in session[: step + 1] if item.startswith("i")]
            target = session[step + 1]
            position = int(target[1:]) if target.startswith("i") else -1
            scores = matrix[seen[-1]] if seen else np.zeros(ITEMS)
            rank[row, step] = conservative_rank([scores], [position])[0]
            known[row, step] = bool(seen) and position >= 0
    return rank, known


class World:
    """A model and examples on disk, and Evaluator nodes that run on them in one pipeline."""

    def __init__(self, folder):
        self.folder = folder
        self.sessions = make_sessions()
        self.matrix = score_matrix(1)
        save_model(folder / "model", self.matrix)
        write_examples(folder / "examples" / "Split-test", self.sessions)
        write_examples(folder / "examples" / "Split-eval", [])

    def run(self, cases, source_digest="digest"):
        """Runs one Evaluator per case: name -> options."""
        examples = Importer(
            source_uri=str(self.folder / "examples"),
            artifact_type=standard_artifacts.Examples,
            properties={"split_names": '["test", "eval"]'},
        ).with_id("Examples")
        model = Importer(
            source_uri=str(self.folder / "model"), artifact_type=standard_artifacts.Model
        ).with_id("Model")
        evaluators = [
            Evaluator(
                examples=examples.outputs["result"],
                model=model.outputs["result"],
                example_splits=[options.split],
                eval_config=tfma_metrics.eval_config(options, source_digest),
            ).with_id(name)
            for name, options in cases.items()
        ]
        LocalDagRunner().run(
            pipeline.Pipeline(
                pipeline_name="evaluate",
                pipeline_root=str(self.folder / "root"),
                components=[examples, model, *evaluators],
                metadata_connection_config=metadata.sqlite_metadata_connection_config(
                    str(self.folder / "metadata.sqlite")
                ),
                beam_pipeline_args=BEAM_ARGS,
                enable_cache=True,
            )
        )

    def executions(self, case):
        return sorted(int(path.name) for path in (self.root(case) / "evaluation").iterdir())

    def root(self, case):
        return self.folder / "root" / case

    def output(self, case):
        return str(self.root(case) / "evaluation" / str(self.executions(case)[-1]))

    def values(self, case, slice_key=()):
        """Metrics by name, read as the summary reads them."""
        found = {}
        for record in tfma.load_metrics(self.output(case)):
            key = tuple((k.column, k.bytes_value) for k in record.slice_key.single_slice_keys)
            if key != slice_key:
                continue
            for entry in record.metric_keys_and_values:
                found[entry.key.name] = entry.value.double_value.value
        return found


CASES = {"First": EvaluationOptions(), "Empty": EvaluationOptions(split="eval")}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("evaluator"))
    world.run(CASES)
    return world


def test_metrics_equal_plain_numpy_where_scores_tie(world):
    expected = metrics.metrics_from_ranks(*plain_ranks(world.sessions, world.matrix))
    found = world.values("First")
    assert len(expected) == 64
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_session_slices_equal_plain_numpy(world):
    for bucket, wanted in ((b"short", False), (b"long", True)):
        sessions = [s for s in world.sessions if (len(s) > LENGTH_BUCKET) == wanted]
        expected = metrics.metrics_from_ranks(*plain_ranks(sessions, world.matrix))
        found = world.values("First", slice_key=(("session_length_bucket", bucket),))
        assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_step_slices_are_written_for_every_session_slice(world):
    options = CASES["First"]
    bounds = {
        "context_length": options.context_length_buckets,
        "target_count": options.target_count_buckets,
    }
    for slice_key in ((), (("session_length_bucket", b"long"),)):
        found = world.values("First", slice_key=slice_key)
        assert set(found) == set(evaluator_names(bounds))


def test_an_evaluation_of_nothing_gives_no_metrics_but_an_artifact(world):
    values = world.values("Empty")
    assert not [name for name, value in values.items() if value > 0]


def test_without_thresholds_nothing_is_blessed(world):
    blessings = [file for case in CASES for file in (world.root(case) / "blessing").rglob("*")]
    assert not [file for file in blessings if file.is_file()]


def test_a_second_run_is_cached_and_an_edit_of_the_code_is_not(world):
    before = world.executions("First")
    world.run({"First": CASES["First"]})
    assert world.executions("First") == before
    world.run({"First": CASES["First"]}, source_digest="edited")
    assert len(world.executions("First")) == len(before) + 1
