"""What the process that reads Parquet answers, in this process."""

import io
import json
import struct

import pyarrow as pa
import pytest

from modules.row_formats.parquet_worker import (
    BATCH,
    BYTES,
    DONE,
    ERROR,
    FACTS,
    SCHEMA,
    WANTED,
    answer,
    chosen_leaves,
    receive,
    send,
)
from tests import log_formats

ROWS = [(number, f"i{number}", number) for number in range(10)]


class Pipe:
    """Frames from `answer`, whose wishes for bytes are granted at once."""

    def __init__(self, content):
        self.content, self.granted, self.frames = content, io.BytesIO(), []
        self.pending = bytearray()

    def write(self, data):
        self.pending += data

    def flush(self):
        source = io.BytesIO(bytes(self.pending))
        while found := receive(source):
            del self.pending[: source.tell()]
            kind, payload = found
            if kind == WANTED:
                offset, size = struct.unpack("<QQ", payload)
                self.granted = io.BytesIO()
                send(self.granted, BYTES, self.content[offset : offset + size])
                self.granted.seek(0)
            else:
                self.frames.append(found)
            source = io.BytesIO(bytes(self.pending))

    def read(self, size):
        return self.granted.read(size)


def answers(content, **request):
    pipe = Pipe(content)
    answer({"length": len(content), **request}, pipe, pipe)
    return pipe.frames


def test_of_a_file_the_answer_is_the_schema_and_the_row_groups():
    paths = [["ItemId"], ["Time"]]
    (schema, facts, done) = answers(log_formats.parquet(ROWS, 4), paths=paths, count=None)
    assert (schema[0], facts[0], done) == (SCHEMA, FACTS, (DONE, b""))
    assert pa.ipc.read_schema(pa.py_buffer(schema[1])).names == [*log_formats.NAMES]
    groups = json.loads(facts[1])
    assert [(rows, positions) for rows, _, positions in groups] == [(4, 4), (4, 4), (2, 2)]
    part = answers(log_formats.parquet(ROWS, 4), paths=paths[:1], count=None)[1]
    assert all(
        0 < less < more
        for (_, less, _), (_, more, _) in zip(json.loads(part[1]), groups, strict=True)
    )


def test_of_groups_it_is_their_rows():
    content = log_formats.parquet(ROWS, 4)
    *batches, done = answers(content, start=1, end=3, paths=[["ItemId"]])
    tables = [pa.ipc.open_stream(payload).read_all() for kind, payload in batches if kind == BATCH]
    assert pa.concat_tables(tables).to_pydict() == {"ItemId": [f"i{at}" for at in range(4, 10)]}
    assert done == (DONE, b"")


def test_a_position_may_count_the_values_of_lists():
    records = log_formats.nested_records([(at // 2, f"i{at}", at) for at in range(8)])
    records.insert(0, {"session": 9, "events": []})
    content = log_formats.parquet_bytes(pa.Table.from_pylist(records), 2)
    path = ["events", "aid"]
    _, facts, _ = answers(content, paths=[["session"], path], count=path)
    positions = [positions for _, _, positions in json.loads(facts[1])]
    assert positions == [3, 4, 2]  # one for the empty list


@pytest.mark.parametrize("cut", [0, 3, 20, 300])
def test_what_cannot_be_read_is_an_error(cut):
    content = log_formats.parquet(ROWS)
    kind, message = answers(content[: len(content) - cut - 1])[-1]
    assert kind == ERROR
    assert b"Error" in message or b"Arrow" in message


def test_frames_are_whole_or_none():
    pipe = io.BytesIO()
    send(pipe, FACTS, b"seven")
    content = pipe.getvalue()
    assert receive(io.BytesIO(content)) == (FACTS, b"seven")
    assert all(receive(io.BytesIO(content[:end])) is None for end in range(len(content)))


def test_leaves_of_columns_and_of_lists_are_chosen():
    leaves = ["a", "a.b", "ab", "l.list.element.x", "l.list.element.y.z", "l.list.element.xy"]
    assert chosen_leaves(leaves, [["a"]]) == ["a", "a.b"]
    assert chosen_leaves(leaves, [["l", "x"]]) == ["l.list.element.x"]
    assert chosen_leaves(leaves, [["l", "y"], ["ab"]]) == ["ab", "l.list.element.y.z"]
    assert chosen_leaves(leaves, [["l", "none"]]) == leaves[3:]
