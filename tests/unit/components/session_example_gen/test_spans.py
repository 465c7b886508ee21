"""Spans and versions: which ones are read, and how the patterns are filled."""

import json
from pathlib import Path

import pytest
from google.protobuf import json_format
from tfx.proto import example_gen_pb2
from tfx.utils.proto_utils import proto_to_json

from components.session_example_gen.driver import SessionFilesDriver
from components.session_example_gen.settings import Settings, pack
from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.sessions.sessions import SessionDataError
from tests import file_uris
from tests.click_files import input_config


def _resolve(base, patterns, span=None):
    properties = {
        "input_base": str(base),
        "input_config": json_format.MessageToJson(input_config(**patterns)),
        "custom_config": proto_to_json(pack(Settings(SessionOptions(), TailOptions()), "")),
        "range_config": span and json.dumps(
            {"static_range": {"start_span_number": span, "end_span_number": span}}
        ),
    }  # fmt: skip
    resolved = SessionFilesDriver(None).resolve_exec_properties(properties, None, None)
    config = json_format.Parse(resolved["input_config"], example_gen_pb2.Input())
    filled = {split.name: split.pattern for split in config.splits}
    return resolved["span"], resolved["version"], filled


def _touch(root, *names):
    for name in names:
        Path(root, name).parent.mkdir(parents=True, exist_ok=True)
        Path(root, name).write_text("x")


def test_the_newest_span_and_version_of_numbers_and_dates(tmp_path):
    _touch(tmp_path, *(f"day-{day}/v{v}/{n}.tsv" for day in (9, 10) for v in (9, 10) for n in "ab"))
    patterns = {"train": "day-{SPAN}/v{VERSION}/a.tsv", "test": "day-{SPAN}/v{VERSION}/b.tsv"}
    filled = {"train": "day-10/v10/a.tsv", "test": "day-10/v10/b.tsv"}
    assert _resolve(tmp_path, patterns) == (10, 10, filled)
    filled = {"train": "day-9/v10/a.tsv", "test": "day-9/v10/b.tsv"}
    assert _resolve(tmp_path, patterns, span=9) == (9, 10, filled)
    _touch(tmp_path, "19700103/a.tsv", "19700201/a.tsv")
    assert _resolve(tmp_path, {"train": "{YYYY}{MM}{DD}/a.tsv"}) == (
        31,
        None,
        {"train": "19700201/a.tsv"},
    )


def test_a_span_that_is_a_link_to_another_one_is_read(tmp_path):
    _touch(tmp_path, "day-1.tsv")
    (tmp_path / "day-2.tsv").symlink_to("day-1.tsv")
    patterns, filled = {"train": "day-{SPAN}.tsv"}, {"train": "day-2.tsv"}
    assert _resolve(tmp_path, patterns) == (2, None, filled)
    assert _resolve(tmp_path, patterns, span=2) == (2, None, filled)


def test_zeros_before_a_number_stay(tmp_path):
    _touch(tmp_path, "day-007.tsv", "day-08.tsv", "day-old.tsv")
    assert _resolve(tmp_path, {"train": "day-{SPAN}.tsv"}) == (8, None, {"train": "day-08.tsv"})
    assert _resolve(tmp_path, {"train": "day-{SPAN:3}.tsv"})[0] == 7
    _touch(tmp_path, "day-8.tsv")
    with pytest.raises(SessionDataError, match=r"write the number 8 in different ways"):
        _resolve(tmp_path, {"train": "day-{SPAN}.tsv"})


def test_spans_below_brackets_folders_of_any_depth_and_at_uris(tmp_path):
    _touch(tmp_path, "shop [1]/x/y/day-2/a.tsv", "shop [1]/day-1/a.tsv", "shop [1]/.h/day-3/a.tsv")
    pattern = f"{tmp_path}/shop [1]/**/day-{{SPAN}}/*.tsv"
    filled = pattern.replace("{SPAN}", "2")
    assert _resolve("/nowhere", {"train": pattern}) == (2, None, {"train": filled})
    uri = f"{file_uris.uri(tmp_path)}/bucket/day-{{SPAN}}.tsv"
    file_uris.write(uri.replace("{SPAN}", "2"), b"x")
    filled = {"train": filled, "test": uri.replace("{SPAN}", "2")}
    assert _resolve("/nowhere", {"train": pattern, "test": uri}) == (2, None, filled)


@pytest.mark.parametrize(
    ("patterns", "span", "message"),
    [
        ({"train": "day-{SPAN}/a.tsv", "test": "day-{SPAN}/b.tsv"}, None, "found train 2, test 1"),
        ({"train": "day-{SPAN}/a.tsv"}, 7, r"no file of span 7 matches .*/day-\{SPAN\}/a\.tsv"),
        ({"train": "none-{SPAN}.tsv"}, None, r"no file matches .*/none-\{SPAN\}\.tsv"),
        ({"train": "{YYYY}{MM}{DD}.tsv"}, None, r"20241301\.tsv has no valid date: month"),
        ({"train": "day-1/a.tsv"}, 1, "Span or Date spec should be specified"),
    ],
)
def test_input_without_one_span_is_refused(tmp_path, patterns, span, message):
    _touch(tmp_path, "day-1/a.tsv", "day-1/b.tsv", "day-2/a.tsv", "20241301.tsv")
    with pytest.raises(SessionDataError, match=message):
        _resolve(tmp_path, patterns, span)
