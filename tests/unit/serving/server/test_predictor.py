"""Which model answers: the named one, and the canary for its share of the sessions."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import tensorflow as tf

from modules.ann.recommender import Signature
from serving.server.calls import Call
from serving.server.model_store import ModelStore, Served, ServedModel
from serving.server.predictor import Predictor, Sender, Settings
from serving.server.request_values import RequestError


def _model(version: int, signature: str = "recommend", name: str = "item_ids") -> ServedModel:
    function = Signature(tf.TensorSpec([None, None], tf.string, name), lambda items: {})
    return ServedModel(Path(str(version)), {signature: function}, 0, (), frozenset(), None)


@dataclasses.dataclass
class Store:
    """What is served, without SavedModels."""

    served: Served

    @property
    def current(self) -> ServedModel:
        return self.served.stable


STABLE, CANARY = _model(7), _model(9)


def _predictor(share: float = 0.0, canary: ServedModel | None = CANARY) -> Predictor:
    models = {"stable": STABLE, **({"canary": canary} if canary else {})}
    store = cast(ModelStore, Store(Served(models)))
    return Predictor(store, Settings(canary_share=share))


def _call(*items: bytes) -> Call:
    return Call(STABLE, "recommend", {"item_ids": np.array([items], object)})


def test_a_model_is_found_by_version_and_label() -> None:
    predictor = _predictor()
    assert predictor.model("session-retrieval") is STABLE
    assert predictor.model("session-retrieval", version=9) is CANARY
    assert predictor.model("session-retrieval", label="canary") is CANARY
    words = re.escape("version 7 (stable) and version 9 (canary), not")
    with pytest.raises(RequestError, match=words) as error:
        predictor.model("session-retrieval", version=8)
    assert error.value.status == 404


def test_a_share_of_the_sessions_goes_to_the_canary_and_stays_there() -> None:
    async def scenario() -> None:
        predictor = _predictor(share=0.2)
        senders = [Sender(f"session {number}") for number in range(2_000)]
        models = [predictor.assigned(_call(b"a"), sender).model for sender in senders]
        assert models.count(CANARY) / 2_000 == pytest.approx(0.2, abs=0.03)
        again = [predictor.assigned(_call(b"b", b"c"), sender).model for sender in senders]
        assert again == models

    asyncio.run(scenario())


def test_a_session_without_an_id_stays_by_its_first_item() -> None:
    predictor = _predictor(share=0.5)
    firsts = [b"%d" % number for number in range(200)]
    models = [predictor.assigned(_call(first), Sender()).model for first in firsts]
    grown = [predictor.assigned(_call(first, b"x", b"y"), Sender()).model for first in firsts]
    assert models == grown
    assert {model.version for model in models} == {7, 9}


@pytest.mark.parametrize(
    ("share", "canary"),
    [
        (0.0, CANARY),
        (1.0, None),
        (1.0, _model(9, "other")),
        (1.0, _model(9, name="items")),
        (1.0, dataclasses.replace(_model(9), catalogue_size=10**12)),
    ],
)
def test_without_a_share_or_a_fitting_canary_the_stable_model_answers(
    share: float, canary: ServedModel | None
) -> None:
    predictor = _predictor(share, canary)
    call = _call()._replace(arrays={"item_ids": np.full((2, 1), b"a", object)})
    assert predictor.assigned(call, Sender("s")).model is STABLE
