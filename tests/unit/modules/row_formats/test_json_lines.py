"""JSON lines: what is a row, and what a line that is none."""

import json

import pytest

from modules.config.options.sessions import SessionOptions
from modules.row_formats.json_lines import inspect_lines, is_json, parse_lines
from modules.row_formats.records import paths_of
from modules.sessions.concatenated import JoinedFilesError
from modules.sessions.sessions import SessionDataError
from tests import log_formats

GOOD = b'{"SessionId": "s", "ItemId": "i", "Time": 1442004589439}'


def parse(text, offset=0, **options):
    chosen = SessionOptions(**options)
    return parse_lines(text, offset, paths_of(chosen), chosen)


def test_offsets_are_those_of_lines_and_blank_lines_do_not_matter():
    text = b"\xef\xbb\xbf" + GOOD + b"\r\n\n  \n" + GOOD
    rows = parse(text, 100)
    assert rows.offsets == [100, 100 + text.rindex(GOOD)]
    assert rows.rejects == []


def test_many_lines_keep_their_order_and_offsets():
    lines = [GOOD.replace(b'"i"', b"%d" % number) for number in range(5000)]
    text = b"\n".join(lines) + b"\n"
    rows = parse(text)
    assert rows.item_ids == [b"%d" % number for number in range(5000)]
    assert all(text[at:].startswith(line) for at, line in zip(rows.offsets, lines, strict=True))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "json"),
        (b"7", "json"),
        (b'{"SessionId": 1', "json"),
        (GOOD + GOOD, "json"),
        (GOOD.replace(b'"i"', b"NaN"), "json"),
        (GOOD.replace(b'"i"', b"-Infinity"), "json"),
        (b'{"a":' * 200_000, "json"),
        (b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", "empty_id"),
        (GOOD.replace(b'"i"', b'"\xff"'), "encoding"),
        (GOOD.replace(b'"i"', b'"\0"'), "encoding"),
        (GOOD.replace(b'"i"', rb'"\ud800"'), "encoding"),
        (GOOD.replace(b'"i"', b"true"), "type"),
        (GOOD.replace(b'"i"', b"1.5"), "type"),
        (GOOD.replace(b'"i"', b"9" * 5000), "type"),
        (GOOD.replace(b'"ItemId"', b'"Item"'), "empty_id"),
    ],
    ids=range(15),
)
def test_a_bad_line_is_a_reject_with_its_text(line, reason):
    rows = parse(b"\n".join([GOOD, line, GOOD]))
    assert rows.rejects == [(reason, len(GOOD) + 1, line)]
    assert rows.item_ids == [b"i", b"i"]


def test_numbers_of_any_length_keep_all_digits():
    for digits in (b"9223372036854775807", b"18446744073709551617", b"1" * 40):
        rows = parse(GOOD.replace(b'"i"', digits) + b"\n" + GOOD.replace(b'"s"', digits + b".0"))
        assert (rows.item_ids[0], rows.session_ids[1]) == (digits, digits)


def test_of_equal_names_the_last_counts():
    assert parse(GOOD.replace(b'"i"', b'"i", "ItemId": "j"')).item_ids == [b"j"]


def test_a_compressed_file_after_the_lines_stops_the_run():
    with pytest.raises(JoinedFilesError, match="a part compressed with gzip at byte"):
        parse(GOOD + b"\n\x1f\x8b\x08\x00\xff")


def test_json_is_recognized():
    assert is_json(GOOD) and is_json(b"\xef\xbb\xbf \n" + GOOD)
    assert not is_json(b"[" + GOOD + b"]") and not is_json(b"SessionId\tItemId")


def inspect(tmp_path, content, **options):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    inspect_lines(str(path), "", SessionOptions(**options))


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b'{\n "SessionId": 1\n}\n', {}, r"looks like JSON, but .* '\{'\. .*jq -c"),
        (GOOD, {"item_column": "sku"}, "has no column 'sku': its first line has 'SessionId', "),
        (GOOD * 2 + b"\n" + GOOD, {"time_column": "at"}, "no column 'at': its first 2 lines have"),
        (b'{"a": {"b": 1}}', {"item_column": "a.c"}, "no column 'SessionId' and no column 'a.c'"),
        (GOOD, {"layout": "nested"}, r"no column 'events': .* Set sessions\.events_column"),
        (
            log_formats.json_text([{"SessionId": 1, "events": [{"aid": 1}]}]),
            {"layout": "nested"},
            r"no column 'events\.ItemId' and no column 'events\.Time'",
        ),
    ],
)
def test_what_cannot_be_read_is_said_before_the_run(tmp_path, content, options, message):
    with pytest.raises(SessionDataError, match=message):
        inspect(tmp_path, content, **options)


def test_a_column_that_some_lines_lack_is_there(tmp_path):
    lines = [json.dumps({"SessionId": 1, "Time": 5}).encode()] * 3
    inspect(tmp_path, b"\n".join([*lines, GOOD]))
    inspect(tmp_path, b'{"SessionId": 1, "events": []}\n', layout="nested")
