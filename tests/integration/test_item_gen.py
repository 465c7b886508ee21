"""ItemGen run by TFX behind the real SessionExampleGen, on a file of each format."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2

from components.item_gen.node import ItemGen
from components.session_example_gen.node import SessionExampleGen
from modules.config.options.items import ItemOptions
from modules.config.options.sessions import SessionOptions
from modules.items.beam_items import read_item_report
from modules.items.item_files import ItemDataError
from modules.items.known_names import ITEMS_FILE
from modules.sessions.sessions import SessionDataError
from pipeline.config import LOCAL_BEAM


class Runs:
    """Runs of both nodes in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rows = [
            f"s{number}\ti{(number + step) % 7}\t{1_442_000_000_000 + 1000 * number + step}\n"
            for number in range(40)
            for step in range(3)
        ]
        (folder / "train.tsv").write_text("SessionId\tItemId\tTime\n" + "".join(rows))

    def run(self, state: str = "", **options: Any) -> Path:
        """Returns the newest folder of ItemGen's output."""
        splits = [example_gen_pb2.Input.Split(name="train", pattern="train.tsv")]
        example_gen = SessionExampleGen(
            input_base=str(self.folder),
            input_config=example_gen_pb2.Input(splits=splits),
            sessions=SessionOptions(),
        )
        node = ItemGen(
            examples=example_gen.outputs["examples"],
            options=json.dumps(dataclasses.asdict(ItemOptions(**options))),
            file_state=state,
        )
        database = str(self.folder / "metadata.db")
        LocalDagRunner().run(
            Pipeline(
                pipeline_name="items",
                pipeline_root=str(self.folder / "root"),
                components=[example_gen, node],
                enable_cache=True,
                metadata_connection_config=metadata.sqlite_metadata_connection_config(database),
                beam_pipeline_args=list(LOCAL_BEAM),
            )
        )
        folders = (self.folder / "root" / "ItemGen" / "items").iterdir()
        return max(folders, key=lambda folder: int(folder.name))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


def test_files_of_all_formats_become_one_table_with_counts(runs: Runs) -> None:
    folder = runs.folder
    (folder / "items-1.csv").write_text('sku,name,price\ni1,"Hat, red",3\ni2,Coat,4\n,No id,5\nx\n')
    lines = [
        {"sku": "i2", "name": "Coat", "price": "4"},  # as in the file before
        {"sku": " i3 ", "name": "Shoe", "tags": ["new"]},
        {"sku": 77, "name": "Not in the log"},
    ]
    (folder / "items-2.jsonl").write_text("\n".join(map(json.dumps, lines)))
    table = pa.table({"sku": ["i1", "i4"], "name": ["Hat, blue", None], "price": ["9", None]})
    pq.write_table(table, folder / "items-3.parquet")

    found = runs.run(file=f"{folder}/items-*", id_column="sku", name_column="name")
    items = pq.read_table(found / ITEMS_FILE).sort_by("item_id").to_pylist()
    assert {file.name for file in found.iterdir()} == {ITEMS_FILE, "report.json"}
    assert items == [
        {"item_id": "77", "name": "Not in the log", "price": None, "tags": None},
        {"item_id": "i1", "name": "Hat, blue", "price": "9", "tags": None},
        {"item_id": "i2", "name": "Coat", "price": "4", "tags": None},
        {"item_id": "i3", "name": "Shoe", "price": None, "tags": ["new"]},
        {"item_id": "i4", "name": None, "price": None, "tags": None},
    ]
    assert read_item_report(str(found)).counts == {
        "rows_read": 9,
        "bad_row": 1,
        "empty_id": 1,
        "rows_doubled": 1,
        "rows_replaced": 1,
        "items": 5,
        "log_items": 7,
        "items_not_in_log": 1,
        "log_items_without_row": 3,
    }
    assert read_item_report(str(found)).ids == {
        "rows_replaced": ["i1"],
        "items_not_in_log": ["77"],
        "log_items_without_row": ["i0", "i5", "i6"],
    }
    options = {"file": f"{folder}/items-*", "id_column": "sku", "name_column": "name"}
    assert runs.run(**options) == found  # from the cache
    assert runs.run("changed", **options) != found


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("sku\n\n", {}, "has no rows after its first line"),
        ("sku\tname\n1\tcaf\xe9\n", {}, r"Items: 0 of 1 rows.*\n.*1 rows that cannot be read"),
        ("sku\tname\n\tx\n", {}, r"has no row with a usable id in column 'sku'\. Items: 0 of 1"),
        ("sku\na\n", {"id_column": "id"}, "has no column 'id', but 'sku'"),
        ("sku\na\n", {"category_column": "kind"}, r"no column 'kind'.* Set items\.category_column"),
        (None, {}, r"items\.file: no file matches"),
    ],
)
def test_files_that_cannot_be_used_stop_the_run_with_a_reason(
    runs: Runs, tmp_path: Path, text: str | None, options: dict[str, str], message: str
) -> None:
    if text is not None:
        (tmp_path / "items.tsv").write_text(text, "latin-1")
    with pytest.raises(ItemDataError, match=message):
        runs.run(**{"file": f"{tmp_path}/items.tsv", "id_column": "sku", **options})
    assert issubclass(ItemDataError, SessionDataError)
