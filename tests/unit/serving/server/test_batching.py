"""Calls that arrive together are answered together, large ones beside them, and never too many."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modules.ann.recommender import Signature
from serving.server.batching import Batcher, BusyError, Capacity, LateError
from serving.server.calls import Call
from serving.server.model_store import ModelStore, ServedModel
from serving.server.request_values import RequestError

Seen = list[int]


def _model(function: Callable[[Any], Any], name: str = "recommend") -> ServedModel:
    spec = tf.TensorSpec([None, None], tf.string, "item_ids")
    return ServedModel(Path("7"), {name: Signature(spec, function)}, 0, (), frozenset(), None)


def _call(model: ServedModel, *items: bytes, name: str = "recommend") -> Call:
    return Call(model, name, {"item_ids": np.array([[item] for item in items], object)})


class Gate:
    """A signature that waits until it is opened, and counts rows per call."""

    def __init__(self) -> None:
        self.open, self.entered = threading.Event(), threading.Event()
        self.rows: Seen = []

    def __call__(self, items: tf.Tensor) -> dict[str, tf.Tensor]:
        self.rows.append(len(items))
        self.entered.set()
        assert self.open.wait(30)
        return {"item_ids": items}


async def _behind(gate: Gate, model: ServedModel, batcher: Batcher) -> asyncio.Task[Any]:
    """Occupies the model with a call of one row."""
    first = asyncio.ensure_future(batcher.answer(_call(model, b"first")))
    while not gate.entered.is_set():
        await asyncio.sleep(0.001)
    return first


def test_calls_that_wait_are_answered_in_one() -> None:
    async def scenario() -> None:
        gate, seen = Gate(), Seen()
        model, batcher = _model(gate), Batcher(Capacity(), seen.append)
        first = await _behind(gate, model, batcher)
        others = [
            asyncio.ensure_future(batcher.answer(_call(model, b"a%d" % n, b"b%d" % n)))
            for n in range(40)
        ]
        await asyncio.sleep(0)
        assert batcher.waiting == 40
        gate.open.set()
        assert (await first)["item_ids"].tolist() == [[b"first"]]
        for number, other in enumerate(others):
            assert (await other)["item_ids"].tolist() == [[b"a%d" % number], [b"b%d" % number]]
        assert gate.rows == seen == [1, 64, 16]
        batcher.close()

    asyncio.run(scenario())


def test_what_differs_is_answered_apart(echo_store: ModelStore) -> None:
    def filtered(k: int, words: bytes = b"keep") -> Call:
        arrays = {
            "item_ids": np.array([[b"a"]], object),
            "k": np.array(k, np.int32),
            "exclude": np.array([[b""]], object),
            "session_items": np.array(words, object),
        }
        return Call(echo_store.current, "recommend_filtered", arrays)

    async def scenario() -> None:
        gate, seen = Gate(), Seen()
        model, batcher = _model(gate), Batcher(Capacity(), seen.append)
        first = await _behind(gate, model, batcher)
        calls = [filtered(1), filtered(2), filtered(1), filtered(2, b"drop"), filtered(2)]
        answers = [asyncio.ensure_future(batcher.answer(call)) for call in calls]
        await asyncio.sleep(0)
        gate.open.set()
        found = await asyncio.gather(*answers, return_exceptions=True)
        assert [isinstance(one, RequestError) for one in found] == [False] * 3 + [True, False]
        assert sorted(seen) == [1, 1, 2, 2]
        await first
        batcher.close()

    asyncio.run(scenario())


def test_one_refused_call_fails_none_of_its_batch() -> None:
    def refuse(items: tf.Tensor) -> dict[str, tf.Tensor]:
        gate(items)
        tf.debugging.Assert(tf.reduce_all(items != b"bad"), ["no bad items"])
        return {"item_ids": items}

    gate = Gate()

    async def scenario() -> None:
        model, batcher = _model(refuse), Batcher(Capacity())
        first = await _behind(gate, model, batcher)
        names = (b"a", b"bad", b"b")
        others = [asyncio.ensure_future(batcher.answer(_call(model, name))) for name in names]
        await asyncio.sleep(0)
        gate.open.set()
        good, bad, also_good = await asyncio.gather(*others, return_exceptions=True)
        assert isinstance(bad, RequestError)
        assert not isinstance(good, BaseException) and not isinstance(also_good, BaseException)
        assert (good["item_ids"].tolist(), also_good["item_ids"].tolist()) == ([[b"a"]], [[b"b"]])
        assert gate.rows == [1, 3, 1, 1, 1]
        await first
        batcher.close()

    asyncio.run(scenario())


def test_a_full_queue_refuses_and_the_deadline_ends_waiting() -> None:
    async def scenario() -> None:
        gate = Gate()
        model, batcher = _model(gate), Batcher(Capacity(waiting=2, seconds=20))
        first = await _behind(gate, model, batcher)
        waits = asyncio.ensure_future(batcher.answer(_call(model, b"a")))
        with pytest.raises(LateError):
            await batcher.answer(_call(model, b"b"), seconds=0.01)
        assert batcher.longest > 0
        also_waits = asyncio.ensure_future(batcher.answer(_call(model, b"c")))
        await asyncio.sleep(0)
        assert batcher.waiting == 2  # who came too late is not among them
        with pytest.raises(BusyError):
            await batcher.answer(_call(model, b"d"))
        gate.open.set()
        await asyncio.gather(first, waits, also_waits)
        assert gate.rows == [1, 2]
        assert batcher.longest == 0
        batcher.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "large",
    [[b"a"] * 65, [b"a"]],
    ids=["many rows", "a signature of whole sessions"],
)
def test_large_calls_stop_no_small_ones(large: list[bytes]) -> None:
    async def scenario() -> None:
        gate = Gate()
        name = "recommend" if len(large) > 1 else "evaluate"
        slow, batcher = _model(gate, name), Batcher(Capacity(large=1))
        quick = _model(lambda items: {"item_ids": items})
        first = asyncio.ensure_future(batcher.answer(_call(slow, *large, name=name)))
        while not gate.entered.is_set():
            await asyncio.sleep(0.001)
        waits = asyncio.ensure_future(batcher.answer(_call(slow, *large, name=name)))
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await batcher.answer(_call(slow, *large, name=name))
        assert (await batcher.answer(_call(quick, b"b")))["item_ids"].tolist() == [[b"b"]]
        gate.open.set()
        await asyncio.gather(first, waits)
        batcher.close()

    asyncio.run(scenario())


def test_a_wide_row_pads_no_others() -> None:
    widths: list[int] = []

    def look(items: tf.Tensor) -> dict[str, tf.Tensor]:
        widths.append(items.shape[1])
        return gate(items)

    gate = Gate()

    async def scenario() -> None:
        model, batcher = _model(look), Batcher(Capacity())
        first = await _behind(gate, model, batcher)
        wide = Call(model, "recommend", {"item_ids": np.full((1, 65), b"a", object)})
        calls = (_call(model, b"a"), wide, _call(model, b"b"))
        others = [asyncio.ensure_future(batcher.answer(call)) for call in calls]
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(first, *others)
        assert sorted(widths) == [1, 1, 65]
        batcher.close()

    asyncio.run(scenario())
