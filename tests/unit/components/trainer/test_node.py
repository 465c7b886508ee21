"""What user code gets of the input with items; the rest is TFX's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.trainer.node import TrainerExecutor, TunerExecutor
from modules.items.known_names import ITEMS

USER_CODE = """
import pathlib

def run_fn(fn_args):
    pathlib.Path(fn_args.serving_model_dir).mkdir(parents=True)
    raise SystemExit(str(sorted(fn_args.custom_config.items())))

def tuner_fn(fn_args):
    raise SystemExit(str(sorted(fn_args.custom_config.items())))
"""


@pytest.mark.parametrize("executor", [TrainerExecutor, TunerExecutor])
def test_it_gets_the_folder_beside_its_own_configuration(executor: Any, tmp_path: Path) -> None:
    (tmp_path / "user_code.py").write_text(USER_CODE, encoding="utf-8")
    examples, items = standard_artifacts.Examples(), simple_artifacts.Dataset()
    examples.split_names = '["train", "eval"]'
    model, model_run = standard_artifacts.Model(), standard_artifacts.ModelRun()
    for artifact, name in ((examples, "examples"), (model, "model"), (model_run, "run")):
        artifact.uri = str(tmp_path / name)
    items.uri = "gs://bucket/items"
    properties = {
        "module_file": str(tmp_path / "user_code.py"),
        "train_args": '{"splits": ["train"]}',
        "eval_args": '{"splits": ["eval"]}',
        "custom_config": json.dumps({"seed": 7}),
    }
    with pytest.raises(SystemExit) as stopped:
        executor(BaseExecutor.Context(tmp_dir=str(tmp_path), unique_id="1")).Do(
            {"examples": [examples], ITEMS: [items]},
            {"model": [model], "model_run": [model_run]},
            properties,
        )
    assert str(stopped.value) == "[('items', 'gs://bucket/items'), ('seed', 7)]"
    assert json.loads(properties["custom_config"]) == {"seed": 7}
