"""What tests of the server share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.config.options.releases import STABLE
from serving.server import run
from serving.server.model_store import ModelStore, Served
from tests import echo_model


@pytest.fixture(scope="session")
def echo_store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """Holds a model that answers what it was called with."""
    folder: Path = tmp_path_factory.mktemp("pushed") / "7"
    echo_model.save(folder)
    store = ModelStore(lambda: {STABLE: folder})
    items = ("a", "known-2")
    model = dataclasses.replace(
        store.current, item_ids=items, known=frozenset(item.encode() for item in items)
    )
    store.served = Served({STABLE: model})
    return store


@pytest.fixture(scope="session")
def echo_server(echo_store: ModelStore) -> Iterator[Any]:
    """Serves that model."""
    server = run.start(echo_store)
    yield server
    server.shutdown()
