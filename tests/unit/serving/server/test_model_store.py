"""The models of a push folder by label, and how they change."""

from __future__ import annotations

import gc
import logging
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from modules.config.options.releases import CANARY, STABLE
from modules.releases.record import PROMOTE, TRY, WITHDRAW, record
from serving.pushed_models import NoModelError, released_models
from serving.server import model_store
from serving.server.model_store import ModelStore, Served, ServedModel


def _model(folder: str) -> ServedModel:
    return ServedModel(Path(folder), {}, 0, (), frozenset(), None)


def test_a_folder_whose_name_is_not_a_decimal_number_has_no_version() -> None:
    assert _model("²").version == 0


def test_models_are_found_by_version_and_have_labels() -> None:
    stable, canary, other = _model("7"), _model("9"), _model("9")
    served = Served({STABLE: stable, CANARY: canary})
    assert (served.stable, served.version(9), served.version(8)) == (stable, canary, None)
    assert [served.label(model) for model in (stable, canary, other)] == [STABLE, CANARY, ""]


@pytest.fixture
def push(echo_store: ModelStore, tmp_path: Path) -> Callable[[int], Path]:
    """Returns a function that pushes a version."""

    def pushed(version: int) -> Path:
        return Path(shutil.copytree(echo_store.current.folder, tmp_path / "pushed" / str(version)))

    return pushed


def _versions(store: ModelStore) -> dict[str, int]:
    return {label: model.version for label, model in store.served.models.items()}


def test_labels_follow_the_releases(push: Callable[[int], Path]) -> None:
    folder = push(1).parent
    store = ModelStore(lambda: released_models([folder]))
    assert _versions(store) == {STABLE: 1}
    record(str(folder), TRY, "2")
    push(2)
    assert [store.refresh(), store.refresh(), store.refresh()] == [False, True, False]
    assert _versions(store) == {STABLE: 1, CANARY: 2}
    canary = store.served.models[CANARY]
    assert _versions(ModelStore(lambda: released_models([folder]))) == {STABLE: 1, CANARY: 2}

    record(str(folder), PROMOTE, "2")
    assert store.refresh()
    assert _versions(store) == {STABLE: 2}
    assert store.current is canary  # it was not loaded again
    record(str(folder), WITHDRAW, "2")
    store.refresh()
    store.refresh()
    assert _versions(store) == {STABLE: 1}


def test_a_canary_that_cannot_be_loaded_is_reported_once_and_not_served(
    push: Callable[[int], Path], caplog: pytest.LogCaptureFixture
) -> None:
    folder = push(1).parent
    (push(2) / "saved_model.pb").write_bytes(b"broken")
    record(str(folder), TRY, "2")
    with caplog.at_level(logging.WARNING):
        store = ModelStore(lambda: released_models([folder]))
        for _ in range(3):
            assert not store.refresh()
    assert _versions(store) == {STABLE: 1}
    assert sum("2 is not served" in line for line in caplog.messages) == 1


def test_what_serves_stays_while_a_record_cannot_be_read(
    push: Callable[[int], Path], caplog: pytest.LogCaptureFixture
) -> None:
    """Without the record of a trial its version would serve everybody."""
    folder = push(1).parent
    record(str(folder), TRY, "2")
    push(2)
    store = ModelStore(lambda: released_models([folder]))
    (file,) = (folder.parent / "pushed_releases").glob("*.json")
    whole = file.read_text()
    file.write_text(whole[:20])
    assert not store.refresh() and "cannot be read" in caplog.text
    assert _versions(store) == {STABLE: 1, CANARY: 2}
    file.write_text(whole)
    assert not store.refresh() and _versions(store) == {STABLE: 1, CANARY: 2}


def test_what_cannot_be_loaded_is_tried_again_when_its_files_change(
    push: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = push(1).parent
    store = ModelStore(lambda: released_models([folder]))
    model = push(2)
    whole = (model / "saved_model.pb").read_bytes()
    (model / "saved_model.pb").write_bytes(b"broken")
    loads: list[Path] = []
    load = model_store.load
    monkeypatch.setattr(model_store, "load", lambda at: loads.append(at) or load(at))  # type: ignore[func-returns-value]
    for _ in range(5):
        assert not store.refresh()
    assert loads == [model]
    (model / "saved_model.pb").write_bytes(whole)
    assert [store.refresh(), store.refresh()] == [False, True]
    assert _versions(store) == {STABLE: 2}


def test_without_a_stable_model_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(NoModelError, match="No model has been pushed yet"):
        ModelStore(lambda: released_models([tmp_path]))


def test_a_dropped_model_is_freed_when_its_last_call_has_ended(push: Callable[[int], Path]) -> None:
    folder = push(1).parent
    store = ModelStore(lambda: released_models([folder]))
    called, loaded = store.current, weakref.ref(store.current._model)
    push(2)
    gc.disable()
    try:
        store.refresh()
        assert store.refresh() and _versions(store) == {STABLE: 2}
        store.refresh()
        assert loaded() is not None
        del called
        store.refresh()
        assert loaded() is None
    finally:
        gc.enable()
