"""What ML Metadata knows of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.run.mlmd import read_run
from tests.metadata_store import CACHED, COMPLETE, Store


def test_reads_the_newest_run_of_the_pipeline_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "m.sqlite")
    store.node("run-1", "shop.Trainer", COMPLETE, model={"v": 1})
    store.node("run-2", "shop.Trainer", CACHED, model={"v": 2}, model_run={})
    store.node("run-2", "shop.Latest.Model", COMPLETE, kind="tfx.Resolver")
    store.node("run-2", "shop.Pusher", COMPLETE, pushed_model={"pushed": 1, "to": "/p/7"})
    store.node("run-3", "other.Trainer", COMPLETE, model={"v": 3})
    run = read_run(tmp_path / "m.sqlite", "shop")
    assert run.run_id == "run-2"
    assert (run.ran(), run.cached()) == (["Pusher"], ["Trainer"])
    assert "Latest.Model" in run.nodes
    model, pushed = run.output("model"), run.output("pushed_model")
    assert model is not None and dict(model.properties) == {"v": 2}
    assert pushed is not None and dict(pushed.properties) == {"pushed": 1, "to": "/p/7"}
    assert run.output("blessing") is None
    assert run.output_of("Trainer", "model") == model
    assert run.output_of("Trainer", "none") is run.output_of("None", "model") is None
    with pytest.raises(LookupError, match="knows no run of pipeline 'shops'"):
        read_run(tmp_path / "m.sqlite", "shops")
