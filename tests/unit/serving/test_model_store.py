"""The version of a served model."""

from __future__ import annotations

from pathlib import Path

from serving.model_store import ServedModel


def test_a_folder_whose_name_is_not_a_decimal_number_has_no_version() -> None:
    assert ServedModel(Path("²"), {}, 0, (), frozenset(), None).version == 0
