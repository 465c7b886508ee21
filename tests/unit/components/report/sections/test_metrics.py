"""Charts and groups of metrics."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from components.report.sections.metrics import metric_charts, metric_groups

SVG = "{http://www.w3.org/2000/svg}"


def _estimate(value: float | None) -> dict[str, Any]:
    return {"value": value, "interval": None if value is None else [value - 0.1, value + 0.1]}


def test_metrics_are_grouped_by_view() -> None:
    one = {"known/all/recall@20": 0.5, "known/all/n": 7, "known/all/recall@20/target_count=0": 0.1}
    (group,) = metric_groups({"candidate": one, "popularity": {}})
    assert (group["name"], group["n"]) == ("known/all", 7)
    assert group["rows"] == [("recall@20", [0.5, None])]


def _texts(drawn: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(drawn).iter(f"{SVG}text")]


def test_bars_stand_in_order_with_values_and_say_so_to_those_who_do_not_see() -> None:
    verdict = {
        "headlines": {
            "popularity": {"honest/all/recall@20": _estimate(0.1)},
            "stan": {"honest/all/recall@20": _estimate(0.3)},
            "candidate": {"honest/all/recall@20": _estimate(0.2)},
            "last_blessed": {"honest/all/recall@20": _estimate(None)},
        }
    }
    (drawn,) = metric_charts(verdict)
    texts = _texts(drawn)
    names = [text for text in texts if text in ("this model", "stan", "popularity")]
    assert names == ["this model", "stan", "popularity"]
    assert {"0.200", "0.300", "0.100"} <= set(texts)
    label = ElementTree.fromstring(drawn).attrib["aria-label"]
    assert "this model 0.200 (0.100 to 0.300); stan 0.300" in label
