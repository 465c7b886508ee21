"""Files of items in each format, and what is said of those that cannot be used."""

from __future__ import annotations

import bz2
import gzip
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modules.config.options.items import ItemOptions
from modules.items.item_files import (
    ItemDataError,
    check_columns,
    find_item_files,
    read_blocks,
    read_values,
)
from modules.row_formats import parquet_process
from tests import fuzz_items

OPTIONS = ItemOptions(id_column="sku", name_column="name")
ROWS = [{"sku": "a", "name": "Shoe, red"}, {"sku": "b", "name": 'A "good" hat'}]


def _read(file: Path, options: ItemOptions = OPTIONS) -> tuple[list[dict[str, Any]], int]:
    """Returns the rows, and the number of those that cannot be read."""
    counts: Counter[str] = Counter()
    blocks = list(read_blocks(str(file), options, counts))
    assert all(len(block.ids) == len(block.table) for block in blocks)
    return [row for block in blocks for row in block.table.to_pylist()], counts["bad_row"]


def _write(file: Path, form: str) -> Path:
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), file)
    elif form == "lines":
        file.write_text("\n".join(map(json.dumps, ROWS)) + "\n\n", "utf-8")
    elif form == "tsv":
        file.write_text('sku\tname\na\tShoe, red\nb\tA "good" hat\n')
    else:
        file = file.with_suffix(".csv")
        file.write_bytes(b'\xef\xbb\xbf"name", sku\r\n"Shoe, red",a\r\n"A ""good"" hat",b\r\n')
    return file


@pytest.mark.parametrize("form", ["parquet", "lines", "tsv", "csv"])
def test_all_formats_give_the_same_rows_whatever_the_name(tmp_path: Path, form: str) -> None:
    assert _read(_write(tmp_path / "items.bin", form)) == (ROWS, 0)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("form", ["lines", "tsv"])
def test_text_may_be_compressed(tmp_path: Path, form: str, pack: Any) -> None:
    file = _write(tmp_path / "items", form)
    file.write_bytes(pack(file.read_bytes()))
    assert _read(file) == (ROWS, 0)


def test_a_quoted_description_may_have_several_lines(tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text('sku,name,text\na,Hat,"warm,\nand soft"\nb,Shoe,\n')
    rows, bad = _read(file)
    assert [row["text"] for row in rows] == ["warm,\nand soft", ""]
    assert not bad


def test_types_stay_and_mixed_ones_become_text(tmp_path: Path) -> None:
    file = tmp_path / "items"
    lines = [
        {"sku": 1, "name": None, "price": 2, "tags": ["a"], "size": 1, "at": {"x": 1}},
        {"sku": 2, "name": "x", "price": 2.5, "tags": "b", "size": "L"},
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    rows, _ = _read(file)
    assert [row["price"] for row in rows] == [2.0, 2.5]
    assert [row["tags"] for row in rows] == [["a"], ["b"]]
    assert [row["size"] for row in rows] == ["1", "L"]
    assert [row["at"] for row in rows] == ['{"x": 1}', None]
    pq.write_table(pa.table({"sku": [1, None], "name": pa.array([b"x", None])}), file)
    assert _read(file)[0] == [{"sku": 1, "name": b"x"}, {"sku": None, "name": None}]


def test_an_id_does_not_depend_on_the_others_of_its_block(tmp_path: Path) -> None:
    file = tmp_path / "items"
    texts = ["1.5", "123456789012345678901", "1.23456789012345678901e20", "7.0", '"x"', "null"]
    file.write_text("".join(f'{{"sku": {text}, "name": "n"}}\n' for text in texts))
    (block,) = read_blocks(str(file), OPTIONS, Counter())
    number = b"123456789012345678901"
    assert [*block.ids] == [None, number, number, b"7", b"x", b""]


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (pa.array([7.0, None, 1.5]), [b"7", b"", None]),
        (pa.array(["a", None]).dictionary_encode(), [b"a", b""]),
        (pa.array([b"a", None], pa.large_binary()), [b"a", b""]),
        (pa.array([True, None]), [None, b""]),
        (pa.array([["a"], None]), [None, b""]),
        (pa.array([None], pa.null()), [b""]),
    ],
)
def test_ids_of_parquet_are_those_of_click_logs(tmp_path: Path, column: Any, ids: list) -> None:
    file = tmp_path / "items"
    pq.write_table(pa.table({"sku": column, "name": ["x"] * len(ids)}), file)
    (block,) = read_blocks(str(file), OPTIONS, Counter())
    assert [*block.ids] == ids


def test_a_text_may_have_no_row_in_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "items.tsv"
    file.write_bytes("sku\tname\n1\tcaf\xe9\n".encode("latin-1"))
    assert _read(file) == ([], 1)


def test_rows_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    text, lines = tmp_path / "items.tsv", tmp_path / "items.jsonl"
    text.write_bytes(b"sku\tname\na\tx\ty\nb\t\xff\nc\tz\nd\n")
    assert _read(text) == ([{"sku": "c", "name": "z"}], 3)
    lines.write_bytes(b'{"sku": "c", "name": "z"}\n[1]\n{"sku"\n"\xff"\n{}\n')
    assert _read(lines) == ([{"sku": "c", "name": "z"}], 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"sku\tname\n", "has no rows after its first line"),
        (
            b"sku,name\na,b\n",
            r"no column 'sku', but 'sku,name'\. Split at ',' it has all of them: set items",
        ),
        (b"sku\tsku\tname\n", "more than one column 'sku'"),
        (b"SKU\tname\na\tb\n", "no column 'sku', but 'SKU', 'name'"),
        (b'[{"sku": 1}]', "is a JSON array: write one object a line"),
        (b'{"id": 1, "name": ""}', "has no column 'sku', but 'id', 'name'"),
        (b"{\n", "has no rows: expected a JSON object"),
        (b"PAR1 and more", "cannot be read"),
        (b"Obj\x01 and more", "is an Avro file"),
        (gzip.compress(b"PAR1", mtime=0), "is a Parquet file inside gzip: unpack it first"),
        (gzip.compress(b"sku\tname\n" + bytes(range(200)) * 99, mtime=0)[:-9], "cannot be read"),
        (b"PK\x03\x04", "ZIP archive"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "items"
    file.write_bytes(content)
    with pytest.raises(ItemDataError, match=message) as caught:
        _read(file)
    assert str(file) in str(caught.value)


def test_an_empty_parquet_file_has_no_rows(tmp_path: Path) -> None:
    file = tmp_path / "items"
    pq.write_table(
        pa.table({"sku": pa.array([], pa.string()), "name": pa.array([], pa.string())}), file
    )
    with pytest.raises(ItemDataError, match="has no rows"):
        check_columns(str(file), OPTIONS)


def test_files_of_a_pattern_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.tsv", "a.tsv", "c.txt"):
        (tmp_path / name).write_text("sku\n")
    assert find_item_files(f"{tmp_path}/*.tsv") == [f"{tmp_path}/a.tsv", f"{tmp_path}/b.tsv"]
    with pytest.raises(ItemDataError, match=r"items\.file: no file matches .*/no\*"):
        find_item_files(f"{tmp_path}/no*")


def _good_parquet() -> bytes:
    return fuzz_items.FORMATS["parquet"](fuzz_items.made_up_rows(random.Random("rows")))


def test_a_damaged_parquet_file_does_not_end_this_process(tmp_path: Path) -> None:
    good, file = _good_parquet(), tmp_path / "items"
    for seed in range(180, 200):  # of which one crashes PyArrow 10
        draw, damaged = random.Random(seed), bytearray(good)
        for _ in range(draw.choice([1, 2, 8])):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        file.write_bytes(damaged)
        fuzz_items.read([file], ItemOptions(**fuzz_items.OPTIONS))


def test_a_crash_of_the_process_that_reads_parquet_is_a_clear_stop(tmp_path: Path) -> None:
    file = tmp_path / "items"
    file.write_bytes(_good_parquet())
    options = ItemOptions(**fuzz_items.OPTIONS)
    _read(file, options)
    for _, process in parquet_process._IDLE:
        process.kill()
    with pytest.raises(ItemDataError, match=f"^{file} cannot be read: PyArrow crashed"):
        check_columns(str(file), options)
    assert len(_read(file, options)[0]) == 150


@pytest.mark.parametrize("kind", [pa.string(), pa.list_(pa.string())])
def test_parquet_with_texts_that_are_not_utf_8_is_named(tmp_path: Path, kind: Any) -> None:
    file, is_list = tmp_path / "items", pa.types.is_list(kind)
    table = pa.table({"sku": ["a"], "name": pa.array([["Shoe"] if is_list else "Shoe"], kind)})
    pq.write_table(table, file, compression="none", use_dictionary=False)
    file.write_bytes(file.read_bytes().replace(b"Shoe", b"Sh\xffe"))
    with pytest.raises(ItemDataError, match=f"^{file} cannot be read: "):
        _read(file)


def test_names_of_columns_that_are_not_utf_8_are_a_clear_stop(tmp_path: Path) -> None:
    file = tmp_path / "items"
    table = pa.table({"sku": ["a"], "name": ["x"], "shape": ["x"]})
    pq.write_table(table, file)
    file.write_bytes(file.read_bytes().replace(b"shape", b"sh\xffpe"))
    with pytest.raises(ItemDataError, match=f"^{file} cannot be read: "):
        _read(file)


def test_a_time_in_a_list_that_python_has_not_is_named(tmp_path: Path) -> None:
    file = tmp_path / "items"
    times = pa.array([[2**62]], pa.list_(pa.timestamp("ms")))
    pq.write_table(pa.table({"sku": ["a"], "name": ["x"], "at": times}), file)
    with pytest.raises(ItemDataError, match=f"^{file} has a value in column 'at', of type list"):
        _read(file)


@pytest.mark.parametrize("name", fuzz_items.CHECKS)
def test_damage_is_a_counted_row_or_a_clear_stop(tmp_path: Path, name: str) -> None:
    assert fuzz_items.run(name, range(40), tmp_path).total() == 40


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", fuzz_items.CHECKS)
def test_much_damage_is_a_counted_row_or_a_clear_stop(tmp_path: Path, name: str) -> None:
    assert fuzz_items.run(name, range(2000), tmp_path).total() == 2000


def test_another_delimiter_that_names_all_columns_is_said(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('"sku";"name"\n"a";"Shoe"\n', "utf-8")
    with pytest.raises(
        ItemDataError, match=r"Split at ';' it has all of them: set items\.delimiter"
    ):
        _read(file)


def test_values_of_some_items_are_read_from_all_files(tmp_path: Path) -> None:
    """Of an item's rows the last one counts, as ItemGen counts them."""
    (tmp_path / "items-1.csv").write_text("item_id,kind\na,old\nb,shoe\nc,hat\n")
    (tmp_path / "items-2.jsonl").write_text(
        '{"item_id": " a ", "kind": ["new", "new", 7]}\n{"item_id": "c", "kind": null}\n'
    )
    wanted = [b"c", b"none", b"a", b"b"]
    found = read_values(str(tmp_path / "items-*"), ItemOptions(), ["kind"], wanted)
    assert found == {"kind": [(), (), ("new", "7"), ("shoe",)]}
    with pytest.raises(ItemDataError, match=r"items-1.csv has no column 'brand', but 'item_id'"):
        read_values(str(tmp_path / "items-*"), ItemOptions(), ["brand"], wanted)
