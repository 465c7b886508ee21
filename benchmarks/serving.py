"""Measures finding the 100 best of a learned catalogue, beside other ways to find them.

    python benchmarks/serving.py                     # 37,000 items, some minutes
    python benchmarks/serving.py --items 1000000     # trains a larger model first
    python benchmarks/serving.py --items 12668 --members 4 --embedding-dim 64    # as RetailRocket's

All contenders run on one thread in one process and take turns of some requests, the first of which
do not count, so that a busy machine slows all alike; ratios count. faiss and ScaNN take part
where they are installed. `empty` is a signature that returns its input: what calling TensorFlow
from Python costs. `recommend` is the exported model, raw ids of 10-item sessions in, raw ids out,
`recommend, pq index` the one that the node IndexBuilder makes of it, whose recall is that of the
other's answers; all others get query vectors.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import modules  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

import tensorflow as tf  # isort: skip
import tensorflow_recommenders as tfrs  # isort: skip
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # isort: skip

from benchmarks.common.learned_model import DEFAULT_SHAPE, learned_model  # isort: skip
from modules.config.options.index import IndexOptions  # isort: skip
from modules.serving.latency import percentiles  # isort: skip
from modules.ann.export import export  # isort: skip
from modules.ann.recommender import load_recommender  # isort: skip
from modules.ann.pq_index import CodeOptions, PQIndex, FaissMissingError  # isort: skip
from modules.serving.exact_index import ExactIndex  # isort: skip

K = 100
SESSION_LENGTH = 10
LARGE = 200_000
WARM_UP = 3  # requests of each turn that find what another contender left in the caches

Array = np.ndarray[Any, Any]
Search = Callable[[Array], Array]


class Contender(NamedTuple):
    """A way to find items: `search` maps a batch of requests to what it found, `[batch, k]`."""

    name: str
    search: Search
    counts: bool = True  # whether it finds items, so that its recall means something


def numpy_search(vectors: Array) -> Search:
    """Finds items with argpartition."""

    def search(queries: Array) -> Array:
        scores = queries @ vectors.T
        found = np.argpartition(-scores, K, axis=1)[:, :K]
        order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1)
        return np.take_along_axis(found, order, axis=1)

    return search


def index_search(vectors: Array) -> Search:
    """Finds items with the index of the exported model."""
    index = ExactIndex(tf.constant(vectors))

    @tf.function(input_signature=[tf.TensorSpec([None, vectors.shape[1]])])
    def top(queries: tf.Tensor) -> tf.Tensor:
        return index.top(index.scores(queries), K)[1]

    return lambda queries: top(queries).numpy()


def brute_force_search(vectors: Array) -> Search:
    """Finds items with TFRS's BruteForce layer."""
    layer = tfrs.layers.factorized_top_k.BruteForce(k=K)
    layer.index(tf.constant(vectors))

    @tf.function(input_signature=[tf.TensorSpec([None, vectors.shape[1]])])
    def top(queries: tf.Tensor) -> tf.Tensor:
        return layer(queries)[1]

    return lambda queries: top(queries).numpy()


def faiss_searches(vectors: Array) -> list[Contender]:
    """Finds items by faiss: exactly, by our codes, and by a graph if that is built soon enough."""
    try:
        import faiss
    except ImportError:
        return []
    faiss.omp_set_num_threads(2)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    found = [Contender("faiss flat", lambda queries: flat.search(queries, K)[1])]
    codes = PQIndex.build(vectors, code_options())
    found.append(
        Contender("pq index", lambda queries: codes.top(queries, *nothing_seen(queries), K)[1])
    )
    if len(vectors) <= LARGE:
        graph = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = 100
        graph.hnsw.efSearch = 256
        graph.add(vectors)
        found.append(Contender("faiss HNSW", lambda queries: graph.search(queries, K)[1]))
    faiss.omp_set_num_threads(1)
    return found


def code_options() -> CodeOptions:
    """Returns the default options of the index."""
    options = IndexOptions()
    return CodeOptions(options.dimensions_per_code, options.rerank_depth)


def nothing_seen(queries: Array) -> tuple[Array, Array]:
    """Returns positions and bonus for queries of sessions without items."""
    return np.zeros([len(queries), 0], np.int64), np.zeros([len(queries), 0], np.float32)


def scann_searches(vectors: Array) -> list[Contender]:
    """Finds items with ScaNN, looking into half of its leaves."""
    try:
        import scann
    except Exception:  # it is there but does not load with this TensorFlow
        return []
    leaves = int(len(vectors) ** 0.5)
    builder = scann.scann_ops_pybind.builder(vectors, K, "dot_product")
    tree = builder.tree(leaves, leaves // 2, training_sample_size=100_000)
    searcher = tree.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(4 * K).build()
    return [Contender("ScaNN, half the leaves", lambda q: searcher.search_batched(q)[0])]


def whole_models(folder: Path) -> list[Contender]:
    """Returns the exported model, and one with an approximate index that is built here."""
    exact = _whole("recommend", folder)
    made = folder.with_name(f"{folder.name}-pq")
    try:
        export(str(folder), str(made), code_options())
    except FaissMissingError:
        return [exact]
    return [exact, _whole("recommend, pq index", made)]


def _whole(name: str, folder: Path) -> Contender:
    """Maps sessions of raw ids, string `[batch, length]`, to recommended ids."""
    model = load_recommender(str(folder))

    def search(sessions: Array) -> Array:
        found: Array = model.signatures["recommend"](item_ids=sessions)["item_ids"].numpy()
        return found

    return Contender(name, search)


def take_turns(
    contenders: Sequence[Contender], batches: Sequence[Any], rounds: int, in_a_row: int
) -> dict[str, Array]:
    """Returns the milliseconds of each request, by name."""
    took: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for turn in range(rounds):
        for contender in contenders:
            for number in range(-WARM_UP, in_a_row):
                batch = batches[(turn * in_a_row + number) % len(batches)]
                began = time.perf_counter()
                contender.search(batch)
                if number >= 0:
                    took[contender.name].append(1e3 * (time.perf_counter() - began))
    return {name: np.array(values) for name, values in took.items()}


def recall(found: Array, exact: Array) -> float:
    """Returns the mean share of the exact answers that were found."""
    return float(
        np.mean([np.isin(one, other).mean() for one, other in zip(exact, found, strict=True)])
    )


def row(
    contender: Contender,
    took: dict[str, Array],
    size: int,
    base: float,
    requests: Any,
    exact: Array,
) -> tuple[str, ...]:
    """Returns the cells of a contender, with its recall of the exact answers to all requests."""
    p50, p99 = percentiles(took[contender.name]).values()
    share = f"{recall(contender.search(requests), exact):.4f}" if contender.counts else ""
    rate, ratio = f"{1e3 * size / p50:,.0f}", f"{base / p50:.2f}"
    return contender.name, f"{p50:.3f}", f"{p99:.3f}", rate, ratio, share


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Returns rows as aligned text; the first column to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=37_000)
    parser.add_argument("--members", type=int, default=DEFAULT_SHAPE.ensemble_size)
    parser.add_argument("--embedding-dim", type=int, default=DEFAULT_SHAPE.embedding_dim)
    parser.add_argument("--cache", type=Path, default=Path("output/benchmarks"))
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args(arguments)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)

    shape = dataclasses.replace(
        DEFAULT_SHAPE, ensemble_size=options.members, embedding_dim=options.embedding_dim
    )
    learned = learned_model(options.items, options.cache, shape)
    model = tf.saved_model.load(str(learned.folder))
    sessions = learned.sessions[(learned.sessions >= 0).sum(1) >= 3, :SESSION_LENGTH]
    sessions = np.where(sessions < 0, sessions[:, :1], sessions)  # all of 10 items
    raw = np.char.encode(sessions.astype(str))
    ids = np.char.encode(np.arange(options.items).astype(str))
    vectors = model.signatures["embed_items"](item_ids=tf.constant(ids))["embedding"].numpy()
    embed = model.signatures["embed_query"]
    queries = embed(item_ids=tf.constant(raw[:320]))["embedding"].numpy()

    @tf.function(input_signature=[tf.TensorSpec([None, vectors.shape[1]])])
    def empty(values: tf.Tensor) -> tf.Tensor:
        return values

    contenders = [
        Contender("empty", lambda q: empty(q).numpy(), counts=False),
        Contender("numpy argpartition", numpy_search(vectors)),
        Contender("exact index", index_search(vectors)),
        Contender("TFRS BruteForce", brute_force_search(vectors)),
        *faiss_searches(vectors),
        *scann_searches(vectors),
    ]
    whole = whole_models(learned.folder)
    requests = tf.constant(raw[:320])
    recommended = whole[0].search(requests)
    exact = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :K]
    rounds = max(2, options.rounds // (5 if options.items > LARGE else 1))
    with threadpool_limits(1):
        for size in (1, 32):
            batches = [queries[at : at + size] for at in range(0, 320, size)]
            in_a_row = 30 if size == 1 else 3
            took = take_turns(contenders, batches, rounds, in_a_row)
            took |= take_turns(whole, tf.split(requests, len(batches)), rounds, in_a_row)
            base = float(np.median(took["numpy argpartition"]))
            rows: list[tuple[str, ...]] = [
                (f"batch of {size}", "p50 ms", "p99 ms", "queries/s", "to numpy", "recall@100")
            ]
            rows += [row(one, took, size, base, queries, exact) for one in contenders]
            rows += [row(one, took, size, base, requests, recommended) for one in whole]
            print(f"\n{options.items:,} items, {vectors.shape[1]} dimensions, one thread")
            print(table(rows), flush=True)


if __name__ == "__main__":
    main()
