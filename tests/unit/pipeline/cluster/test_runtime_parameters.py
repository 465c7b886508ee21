"""Runtime parameters reach the execution properties that TFX reads."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from modules.config.yaml_text import Dumper
from pipeline.cluster import runtime_parameters
from pipeline.cluster.runtime_parameters import Binding
from tests.parameter_texts import TEXTS, apply_one


def test_a_value_takes_a_propertys_place() -> None:
    result = apply_one(Binding("data_folder", "input_base"), "gs://b/d", input_base="/x", other=1)
    assert result == {"input_base": "gs://b/d", "other": 1}


def test_a_value_goes_inside_json_and_keeps_its_type() -> None:
    config = json.dumps({"trainer": {"epochs": 10, "seed": 1}, "features": {}})
    binding = Binding("epochs", "custom_config", ("trainer", "epochs"))
    result = apply_one(binding, 3.0, custom_config=config)
    expected = {"trainer": {"epochs": 3, "seed": 1}, "features": {}}
    assert json.loads(result["custom_config"]) == expected
    assert "3.0" not in result["custom_config"]
    assert set(result) == {"custom_config"}


def test_text_around_a_value() -> None:
    binding = Binding("state_folder", "custom_config", ("checkpoint_folder",), "{}/checkpoints")
    result = apply_one(binding, "/mnt", custom_config='{"checkpoint_folder": ""}')
    assert json.loads(result["custom_config"]) == {"checkpoint_folder": "/mnt/checkpoints"}


def test_json_text_becomes_an_object() -> None:
    binding = Binding("thresholds", "options", ("thresholds",), "json")
    options = '{"thresholds": {"a": 1}, "seed": 2}'
    assert json.loads(apply_one(binding, '{"b": 0.5}', options=options)["options"]) == {
        "thresholds": {"b": 0.5},
        "seed": 2,
    }
    assert json.loads(apply_one(binding, "{}", options=options)["options"])["thresholds"] == {}


@pytest.mark.parametrize("bad", ["recall=0.1", "[1]", "0.1", ""])
def test_text_that_is_not_an_object_is_refused_by_name(bad: str) -> None:
    with pytest.raises(ValueError, match="thresholds must be"):
        apply_one(Binding("thresholds", "options", ("thresholds",), "json"), bad, options="{}")


@pytest.mark.parametrize("bad", ['"0.1"', "true", "null", "[1]", "NaN", "Infinity"])
def test_what_is_not_a_number_in_json_is_refused_by_name(bad: str) -> None:
    with pytest.raises(ValueError, match=r"thresholds must have a number for a/b, got"):
        apply_one(
            Binding("thresholds", "options", ("thresholds",), "json"),
            f'{{"a/b": {bad}}}',
            options="{}",
        )


@pytest.mark.parametrize("low", [0, 0.0, -3])
def test_a_number_below_its_minimum_is_refused_by_name(low: float) -> None:
    binding = Binding("epochs", "custom_config", ("epochs",), minimum=1)
    with pytest.raises(ValueError, match="epochs must be at least 1, got"):
        apply_one(binding, low, custom_config="{}")


def test_a_date_fixes_the_range_and_an_empty_one_leaves_it_open() -> None:
    binding = Binding("date", "range_config", form="date")
    assert json.loads(apply_one(binding, "2015-09-11")["range_config"]) == {
        "static_range": {"start_span_number": "16689", "end_span_number": "16689"}
    }
    assert apply_one(binding, "") == {}
    with pytest.raises(ValueError, match=r"date must be a date such as 2015-09-11"):
        apply_one(binding, "11.9.2015")
    in_config = Binding("date", "config", ("data", "date"), "date")
    config = '{"data": {"date": null}}'
    assert json.loads(apply_one(in_config, "2015-09-11", config=config)["config"]) == {
        "data": {"date": "2015-09-11"}
    }
    assert apply_one(in_config, "", config=config) == {"config": config}


def test_a_span_fixes_the_range_and_minus_one_leaves_it_open() -> None:
    binding = Binding("span", "range_config", form="span")
    assert json.loads(apply_one(binding, 12.0)["range_config"]) == {
        "static_range": {"start_span_number": "12", "end_span_number": "12"}
    }
    assert apply_one(binding, -1.0) == {}


def test_a_parameter_with_a_propertys_own_name_stays() -> None:
    assert apply_one(Binding("push_folder", "push_folder"), "/p") == {"push_folder": "/p"}


def test_one_parameter_may_go_to_two_places() -> None:
    bindings = [Binding("folder", "a", form="{}/a"), Binding("folder", "b", form="{}/b")]
    result = runtime_parameters.apply_all(bindings, {"folder": "/m"})
    assert result == {"a": "/m/a", "b": "/m/b"}


def test_a_parameter_without_a_value_is_named() -> None:
    with pytest.raises(ValueError, match="epochs has no value"):
        runtime_parameters.apply_all([Binding("epochs", "custom_config")], {})


def test_what_the_compiler_writes_is_what_the_entrypoint_reads() -> None:
    bindings = [Binding("a", "b", ("c", "d"), "json"), Binding("e", "f")]
    assert runtime_parameters.decode(runtime_parameters.encode(bindings)) == bindings


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_default_comes_out_of_a_compiled_specification(text: str) -> None:
    written = yaml.dump({"defaultValue": text, text: [text]}, Dumper=Dumper)
    assert yaml.safe_load(written) == {"defaultValue": text, text: [text]}
    # KFP's backend and API server read YAML 1.2, where these are numbers if nothing quotes them.
    assert not re.search(r"(?<!['\"])\b(1e5|0o7)\b(?!['\"])", written)


@pytest.mark.parametrize("value", ["3", True, 1.5])
def test_a_pod_refuses_what_is_not_a_number_by_name(value: object) -> None:
    for binding in (Binding("n", "p", ("a",), minimum=1), Binding("n", "p", form="span")):
        with pytest.raises(ValueError, match="n must be a whole number, got"):
            apply_one(binding, value, p='{"a": 2}')


def test_a_pod_puts_no_text_where_a_number_was() -> None:
    with pytest.raises(ValueError, match="n must be a number, got '3'"):
        apply_one(Binding("n", "p", ("a",)), "3", p='{"a": 2}')
