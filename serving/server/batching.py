"""Answers requests that arrive together in one call of the model, with bounded queues.

All bookkeeping is done in the event loop; only the model is called in threads. Small calls wait in
one queue, and whoever waits when the model is free is answered together: no request waits for
others to come. Large calls have a queue and a thread of their own, so that they stop nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor

from serving.server.calls import Call, joined, most_rows_at_once, run
from serving.server.request_values import Array

Outputs = dict[str, Array]
# Signatures whose answer to a row does not depend on the other rows of a call.
BATCHED = ("recommend", "recommend_filtered", "serving_default", "embed_query", "embed_items")
# Most ids of a row in a batch, and bytes of an example: the longest row pads all others.
_WIDEST, _LONGEST = 64, 4_096


class BusyError(Exception):
    """The queue is full."""


class LateError(Exception):
    """The answer was not ready by the deadline."""


@dataclasses.dataclass(frozen=True)
class Capacity:
    """How much may wait at once; beyond it requests are refused.

    Attributes:
      waiting: small calls in the queue.
      large: large calls in the queue.
      seconds: from a request that has been read to its answer, at most.
      body_bytes: bytes of all bodies that are being read or answered.
      threads: calls of small ones at once.
    """

    waiting: int = 512
    large: int = 16
    seconds: float = 30.0
    body_bytes: int = 64 << 20
    threads: int = 1


@dataclasses.dataclass(eq=False)
class _Waiting:
    call: Call
    key: Hashable
    answer: asyncio.Future[Outputs]
    rows: int


class _Lane:
    """A queue, and the threads that work on it."""

    def __init__(self, name: str, most: int, threads: int, seen: Callable[[int], None]) -> None:
        self._most, self._free, self._seen = most, threads, seen
        self._waiting: deque[_Waiting] = deque()
        self._running: dict[int, float] = {}  # by batch, when it was begun
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, waiting: _Waiting) -> None:
        if len(self._waiting) >= self._most:
            raise BusyError
        self._waiting.append(waiting)
        self._start()

    def discard(self, waiting: _Waiting) -> None:
        """Removes a call that nobody waits for any more, if it is still in the queue."""
        with contextlib.suppress(ValueError):
            self._waiting.remove(waiting)

    def _start(self) -> None:
        """Takes what waits to a free thread."""
        while self._free and (batch := self._take()):
            self._free -= 1
            self._seen(sum(waiting.rows for waiting in batch))
            loop = asyncio.get_running_loop()
            self._running[id(batch)] = loop.time()
            future = loop.run_in_executor(self._pool, _answer, [one.call for one in batch])
            future.add_done_callback(lambda done, batch=batch: self._deliver(batch, done))  # type: ignore[misc]

    def _take(self) -> list[_Waiting]:
        """Returns the first that waits, and others that can be answered with it."""
        while self._waiting and self._waiting[0].answer.done():  # too late, or a call was cancelled
            self._waiting.popleft()
        if not self._waiting:
            return []
        first = self._waiting.popleft()
        batch, rows = [first], first.rows
        most = most_rows_at_once(first.call.model.catalogue_size)
        others: deque[_Waiting] = deque()
        while self._waiting and rows < most and first.key is not None:
            one = self._waiting.popleft()
            if one.answer.done():
                continue
            if one.key == first.key and rows + one.rows <= most:
                batch.append(one)
                rows += one.rows
            else:
                others.append(one)
        self._waiting.extendleft(reversed(others))
        return batch

    def _deliver(
        self, batch: list[_Waiting], done: asyncio.Future[list[Outputs | Exception]]
    ) -> None:
        self._free += 1
        del self._running[id(batch)]
        self._start()  # before the answers are written: the model is not kept waiting
        error = done.exception()
        answers = [error] * len(batch) if error else done.result()
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.answer.done():
                continue
            if isinstance(answer, BaseException):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)

    @property
    def longest(self) -> float:
        """Seconds of the longest call of a model that has not ended."""
        now = asyncio.get_running_loop().time()
        return max((now - began for began in self._running.values()), default=0.0)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class Batcher:
    """Calls models; to be used from one event loop."""

    def __init__(self, capacity: Capacity, seen: Callable[[int], None] = lambda _: None) -> None:
        """Starts without threads.

        Args:
          capacity: what may wait.
          seen: called with the number of rows of each call of a model.
        """
        self._seconds = capacity.seconds
        self._small = _Lane("small", capacity.waiting, capacity.threads, seen)
        self._large = _Lane("large", capacity.large, 1, seen)

    @property
    def waiting(self) -> int:
        """Number of requests in the queues."""
        return len(self._small) + len(self._large)

    @property
    def longest(self) -> float:
        """Seconds of the longest call of a model that has not ended."""
        return max(self._small.longest, self._large.longest)

    async def answer(self, call: Call, seconds: float | None = None) -> Outputs:
        """Returns the outputs of a call.

        Args:
          call: call of a model.
          seconds: most seconds to wait; never more than the capacity's.

        Raises:
          BusyError: too many wait already.
          LateError: the time is over.
          RequestError: TensorFlow refuses an input.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outputs] = loop.create_future()
        most = self._seconds if seconds is None else min(seconds, self._seconds)
        key, rows = _key(call), call.rows
        is_small = key is not None and rows <= most_rows_at_once(call.model.catalogue_size)
        lane = self._small if is_small else self._large
        waiting = _Waiting(call, key, future, rows)
        lane.add(waiting)
        timer = loop.call_later(most, _expire, future)
        try:
            return await future
        except (LateError, asyncio.CancelledError):
            lane.discard(waiting)
            raise
        finally:
            timer.cancel()

    def close(self) -> None:
        """Ends the threads after what they are doing."""
        self._small.close()
        self._large.close()


def _expire(future: asyncio.Future[Outputs]) -> None:
    if not future.done():
        future.set_exception(LateError())


def _key(call: Call) -> Hashable:
    """Returns what calls that can be answered together have in common; None if they cannot."""
    if call.signature not in BATCHED:
        return None
    scalars = []
    for name, array in call.arrays.items():
        if array.ndim == 0:
            scalars.append((name, array.item()))
        elif array.dtype != object or (array.ndim > 1 and array.shape[1] > _WIDEST):
            return None
        elif array.ndim == 1 and max(map(len, array), default=0) > _LONGEST:
            return None
    return (id(call.model), call.signature, tuple(scalars))


def _answer(calls: Sequence[Call]) -> list[Outputs | Exception]:
    """Calls the model once; if it refuses, once for each call."""
    if len(calls) == 1:
        return [run(calls[0])]
    try:
        outputs = run(joined(calls))
    except Exception:  # an input of one of them: the others are answered
        return [_alone(call) for call in calls]
    answers: list[Outputs | Exception] = []
    start = 0
    for call in calls:
        end = start + call.rows
        answers.append({name: array[start:end] for name, array in outputs.items()})
        start = end
    return answers


def _alone(call: Call) -> Outputs | Exception:
    try:
        return run(call)
    except Exception as error:
        return error
