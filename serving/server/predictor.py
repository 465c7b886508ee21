"""Answers the calls of both APIs: which model, in which batch, and what is counted and logged."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from modules.config.options.releases import CANARY
from modules.messages.quoting import quote
from modules.releases.server_config import MODEL_NAME
from serving.canary_share import goes_to_canary
from serving.logged_requests import LoggedRequest
from serving.server.batching import Batcher, Capacity, Outputs
from serving.server.calls import Call
from serving.server.limits import Limits
from serving.server.metrics import Metrics
from serving.server.model_store import ModelStore, ServedModel
from serving.server.request_log import LogOptions, RequestLog
from serving.server.request_values import Array, RequestError

Result = TypeVar("Result")

_LOGGED_ITEMS, _LOGGED_ANSWERS, _LONGEST_ID = 100, 20, 200
# More values are looked at beside the event loop: it would stand still for milliseconds.
_AT_ONCE = 5_000
_RECOMMENDING = ("recommend", "recommend_filtered", "serving_default")


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a server answers.

    Attributes:
      limits: limits of one request.
      capacity: what may wait at once.
      canary_share: share of sessions whose requests without version and label go to the canary.
      log: where requests are logged; None for nowhere.
    """

    limits: Limits = dataclasses.field(default_factory=Limits)
    capacity: Capacity = dataclasses.field(default_factory=Capacity)
    canary_share: float = 0.0
    log: LogOptions | None = None


class Sender(NamedTuple):
    """Who sends a request, as far as the client says.

    Attributes:
      session_id: id of the session, "" if none is given.
      visitor_id: id of the visitor, "" if none is given.
    """

    session_id: str = ""
    visitor_id: str = ""


class Predictor:
    """Answers calls of the models of a store; to be used from one event loop."""

    def __init__(self, store: ModelStore, settings: Settings) -> None:
        """Starts the request log, if there is one.

        Raises:
          OSError: the folder of the log cannot be written.
        """
        self.store, self.settings = store, settings
        self.metrics = Metrics(lambda: store.served.models)
        self.batcher = Batcher(settings.capacity, self.metrics.batch_rows.observe)
        self.metrics.queue.set_function(lambda: self.batcher.waiting)
        self._log = settings.log and RequestLog(settings.log, self.metrics.logged)
        # What would keep the event loop from other requests.
        self.aside = ThreadPoolExecutor(1, thread_name_prefix="aside")

    def model(self, name: str, version: int | None = None, label: str | None = None) -> ServedModel:
        """Returns the model that a request names; without version and label the stable one.

        Raises:
          RequestError: it is not loaded; the status is 404.
        """
        served = self.store.served
        found: ServedModel | None = served.stable
        if version is not None:
            found = served.version(version)
        elif label is not None:
            found = served.models.get(label)
        if name != MODEL_NAME or found is None:
            wanted = "" if version is None else f", version {version}"
            wanted += "" if label is None else f", label {quote(label)}"
            there = " and ".join(
                f"version {model.version} ({label})" for label, model in served.models.items()
            )
            raise RequestError(f"Served is {MODEL_NAME}, {there}, not {quote(name)}{wanted}.", 404)
        return found

    def assigned(self, call: Call, sender: Sender) -> Call:
        """Returns the call, of the canary instead of the stable model for its share of sessions.

        A session without an id counts as its first item, which stays the same while it grows.
        """
        share, canary = self.settings.canary_share, self.store.served.models.get(CANARY)
        if not share or canary is None or not self._fits(call, canary):
            return call
        rows = call.arrays.get("item_ids")
        first = rows.flat[0] if rows is not None and rows.size else b""
        key = sender.session_id or first.decode("utf-8", "replace") or secrets.token_hex(8)
        return call._replace(model=canary) if goes_to_canary(key, share) else call

    def _fits(self, call: Call, model: ServedModel) -> bool:
        """Returns whether another model takes the inputs of a call."""
        name = call.signature
        if name not in model.signatures or model.specs(name) != call.model.specs(name):
            return False
        try:
            self.settings.limits.check(name, call.arrays, model.catalogue_size)
        except RequestError:
            return False
        return True

    async def answer(
        self, call: Call, sender: Sender, began: float, seconds: float | None = None
    ) -> Outputs:
        """Returns the outputs of a call, and logs it.

        Args:
          call: call of a model.
          sender: who sends it.
          began: when the request had arrived, by `time.perf_counter`.
          seconds: most seconds to wait.

        Raises:
          BusyError, LateError, RequestError: as `Batcher.answer`.
        """
        outputs = await self.batcher.answer(call, seconds)
        if call.signature in _RECOMMENDING:
            took = 1e3 * (time.perf_counter() - began)
            await self.run(call.cells, self._record, call, outputs, sender, took)
        return outputs

    async def run(self, cells: int, function: Callable[..., Result], *arguments: Any) -> Result:
        """Runs a function, beside the event loop if it has many values to look at."""
        if cells <= _AT_ONCE:
            return function(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self.aside, function, *arguments)

    def _record(self, call: Call, outputs: Outputs, sender: Sender, took: float) -> None:
        """Counts the sessions of a call, and logs them."""
        label = self.store.served.label(call.model)
        self.metrics.recommended(call.arrays, label, call.model.known)
        if self._log and self._log.takes(sender.session_id):
            self._add_to_log(self._log, call, outputs, sender, label, took)

    def _add_to_log(
        self,
        log: RequestLog,
        call: Call,
        outputs: Outputs,
        sender: Sender,
        label: str,
        took: float,
    ) -> None:
        """Logs each session of a call; an id is of a session, so several sessions have none."""
        rows, answers = call.arrays.get("item_ids"), outputs.get("item_ids")
        if rows is None or answers is None:
            return
        now, visitor = time.time(), log.visitor(sender.visitor_id)
        session = sender.session_id[:_LONGEST_ID] if len(rows) == 1 else ""
        for place, (row, answer) in enumerate(zip(rows, answers, strict=True)):
            log.add(
                LoggedRequest(
                    session,
                    now + 1e-6 * place,  # rows of equal sessions are not the same row
                    visitor,
                    _texts(row)[-_LOGGED_ITEMS:],
                    call.model.version,
                    label,
                    call.signature,
                    _texts(answer[:_LOGGED_ANSWERS]),
                    took,
                )
            )

    def close(self) -> None:
        """Writes the rest of the log, and ends the threads."""
        self.batcher.close()
        self.aside.shutdown(wait=True, cancel_futures=True)
        if self._log:
            self._log.close()


def _texts(row: Array) -> tuple[str, ...]:
    return tuple(item.decode("utf-8", "replace") for item in row.tolist() if item)
