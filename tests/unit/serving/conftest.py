"""What tests of the server share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving import rest_server
from serving.model_store import ModelStore
from tests import echo_model


@pytest.fixture(scope="session")
def echo_store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """Holds a model that answers what it was called with."""
    folder: Path = tmp_path_factory.mktemp("pushed") / "7"
    echo_model.save(folder)
    return ModelStore(lambda: folder)


@pytest.fixture(scope="session")
def echo_server(echo_store: ModelStore) -> Iterator[Any]:
    """Serves that model."""
    server = rest_server.start(echo_store, "localhost", 0)
    yield server
    server.shutdown()
