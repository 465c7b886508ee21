"""The component's options."""

import pytest
from tfx.proto import example_gen_pb2

from components.session_example_gen.node import SessionExampleGen
from components.session_example_gen.settings import read_settings
from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from tests.click_files import input_config


def test_options_travel_with_the_component():
    options = SessionOptions(max_session_length=50, eval_hours=1.5, delimiter=";")
    node = SessionExampleGen("/data", input_config(train="a.tsv"), options, "digest")
    assert read_settings(node.exec_properties).sessions == options
    again = SessionExampleGen("/data", input_config(train="a.tsv"), options, "digest")
    other = SessionExampleGen("/data", input_config(train="a.tsv"), options, "changed")
    config = "custom_config"
    assert again.exec_properties[config] == node.exec_properties[config]
    assert other.exec_properties[config] != node.exec_properties[config]


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ([("eval", "a")], "input splits must be train, optionally eval and test"),
        ([("train", "a"), ("train", "b")], r"each once, got \['train', 'train'\]"),
        ([("train", "a"), ("valid", "b")], r"each once, got \['train', 'valid'\]"),
        ([("train", "")], "input split 'train' must have a file pattern"),
    ],
)
def test_input_splits_that_cannot_be_used_are_named(splits, message):
    config = example_gen_pb2.Input(
        splits=[example_gen_pb2.Input.Split(name=name, pattern=p) for name, p in splits]
    )
    with pytest.raises(ValueError, match=message):
        SessionExampleGen("/data", config, SessionOptions())


def test_the_cut_of_test_travels_and_needs_train_alone():
    tail = TailOptions(test_days=2)
    node = SessionExampleGen("/data", input_config(train="a.tsv"), SessionOptions(), tail=tail)
    assert read_settings(node.exec_properties).tail == tail
    for other in ("eval", "test"):
        with pytest.raises(ValueError, match=rf"train alone, got \['{other}'\] too"):
            SessionExampleGen(
                "/data", input_config(train="a", **{other: "b"}), SessionOptions(), tail=tail
            )
    bad = TailOptions(test_fraction=1.0)
    with pytest.raises(ValueError, match=r"test_fraction must be above 0 and below 1, got 1\.0"):
        SessionExampleGen("/data", input_config(train="a"), SessionOptions(), tail=bad)


def test_bad_options_are_refused_all_at_once():
    options = SessionOptions(time_unit="days", eval_fraction=2)
    with pytest.raises(ValueError, match=r"cannot be built:\ntime_unit must be .*\neval_fraction"):
        SessionExampleGen("/data", input_config(train="a.tsv"), options)


def test_sessions_cut_from_visitors_have_a_window_of_dates_alone():
    options = SessionOptions(visitor_column="visitor", event_column="e", event_types=("view",))
    node = SessionExampleGen("/data", input_config(train="a.csv"), options)
    assert read_settings(node.exec_properties).sessions.problems() == []
    with pytest.raises(ValueError, match=r"visitor_column needs a window of dates"):
        SessionExampleGen("/data", input_config(train="{SPAN}.csv"), options, window=7)
    pattern = "{YYYY}/{MM}/{DD}.csv"
    long = SessionOptions(visitor_column="visitor", gap_minutes=1441.0)
    with pytest.raises(ValueError, match=r"gap_minutes may be up to 1440 \(a day\) with a window"):
        SessionExampleGen("/data", input_config(train=pattern), long, window=7)
    assert SessionExampleGen("/data", input_config(train="a.csv"), long)
    assert SessionExampleGen("/data", input_config(train=pattern), options, window=7)
