"""Values of a command line become those of the pipeline's parameters, or are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.cluster import parameter_values, runtime_parameters
from pipeline.cluster.runtime_parameters import Binding
from tests.parameter_texts import TEXTS, apply_one


def test_a_former_name_of_a_parameter_is_reported_and_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def spec(*names: str) -> dict:
        parameters = {name: {"parameterType": "NUMBER_INTEGER"} for name in names}
        return {"root": {"inputDefinitions": {"parameters": parameters}}}

    present = parameter_values.with_present_names
    assert present(spec("max_epochs"), {"epochs": "3"}) == {"max_epochs": "3"}
    assert "The parameter epochs is now max_epochs" in caplog.text
    caplog.clear()
    assert present(spec("max_epochs"), {"max_epochs": "3"}) == {"max_epochs": "3"}
    assert present(spec("epochs"), {"epochs": "3"}) == {"epochs": "3"}
    both = {"epochs": "3", "max_epochs": "4"}
    assert present(spec("max_epochs"), both) == both
    assert parameter_values.problems(spec("max_epochs"), {"epochs": 3}) == [
        "the pipeline has no parameter epochs: there are max_epochs"
    ]
    assert not caplog.text


def test_values_are_checked_before_anything_runs() -> None:
    bindings = [
        Binding("epochs", "a", minimum=1),
        Binding("thresholds", "b", ("t",), "json"),
    ]
    container = {
        "args": ["--node", "N", runtime_parameters.FLAG, runtime_parameters.encode(bindings)]
    }
    kinds = {"epochs": "NUMBER_INTEGER", "thresholds": "STRING", "span": "NUMBER_INTEGER"}
    spec = {
        "root": {
            "inputDefinitions": {
                "parameters": {name: {"parameterType": kind} for name, kind in kinds.items()}
            }
        },
        "deploymentSpec": {"executors": {"N": {"container": container}, "M": {}}},
    }
    assert parameter_values.problems(spec, {"epochs": 1, "thresholds": "{}", "span": -1}) == []
    lines = parameter_values.problems(spec, {"epochs": 0, "thresholds": "x=1", "span": 1.5})
    assert len(lines) == 3
    assert "the parameter epochs must be at least 1, got 0" in lines
    assert any("thresholds must be JSON" in line for line in lines)
    assert "the parameter span must be a whole number (NUMBER_INTEGER), got 1.5" in lines


def _declared(kind: str) -> dict[str, Any]:
    parameters = {"n": {"parameterType": kind}}
    return {
        "root": {"inputDefinitions": {"parameters": parameters}},
        "deploymentSpec": {"executors": {}},
    }


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_parameter_comes_out_as_it_went_in(text: str) -> None:
    spec = _declared("STRING")
    given = parameter_values.typed(spec, dict([parameter_values.assignment(f"n={text}")]))
    assert given == {"n": text}
    assert parameter_values.problems(spec, given) == []
    # As the pod gets it: in an execution property, inside one, and with text around it.
    inside = apply_one(Binding("n", "p", ("a", "b")), text, p='{"a": {"b": "x"}}')
    assert json.loads(inside["p"]) == {"a": {"b": text}}
    assert apply_one(Binding("n", "p", form="{}/sub"), text, p="x") == {"p": f"{text}/sub"}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("NUMBER_INTEGER", "3", 3),
        ("NUMBER_INTEGER", "010", 10),
        ("NUMBER_INTEGER", "3.0", 3.0),
        ("NUMBER_INTEGER", "-1", -1),
        ("NUMBER_INTEGER", "9007199254740992", 2**53),
        ("NUMBER_DOUBLE", "1e-3", 0.001),
        ("NUMBER_DOUBLE", "1", 1),
        ("NUMBER_DOUBLE", ".5", 0.5),
    ],
)
def test_a_number_is_read_where_one_is_declared(kind: str, text: str, value: float) -> None:
    spec = _declared(kind)
    given = parameter_values.typed(spec, {"n": text})
    assert given == {"n": value}
    assert parameter_values.problems(spec, given) == []


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("NUMBER_INTEGER", "1.5", "must be a whole number (NUMBER_INTEGER), got 1.5"),
        ("NUMBER_INTEGER", "1_000", "got '1_000'"),
        ("NUMBER_INTEGER", "1:30", "got '1:30'"),
        ("NUMBER_INTEGER", "0x1F", "got '0x1F'"),
        ("NUMBER_INTEGER", "", "got ''"),
        ("NUMBER_INTEGER", "9007199254740993", "got 9007199254740993"),
        ("NUMBER_INTEGER", "9" * 5000, "must be a whole number"),
        ("NUMBER_DOUBLE", "on", "must be a number (NUMBER_DOUBLE), got 'on'"),
        ("NUMBER_DOUBLE", "nan", "got 'nan'"),
        ("NUMBER_DOUBLE", "1e999", "got inf"),
    ],
)
def test_what_is_not_such_a_number_is_refused(kind: str, text: str, words: str) -> None:
    spec = _declared(kind)
    (line,) = parameter_values.problems(spec, parameter_values.typed(spec, {"n": text}))
    assert line.startswith("the parameter n ") and words in line


def test_an_option_that_assigns_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must be NAME=VALUE, got 'epochs'"):
        parameter_values.assignment("epochs")
