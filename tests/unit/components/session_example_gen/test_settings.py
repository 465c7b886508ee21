"""Settings come back from the custom config that carries them."""

from __future__ import annotations

import dataclasses

import pytest
from tfx.utils.proto_utils import proto_to_json

from components.session_example_gen.settings import Settings, pack, read_settings, with_days
from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions

SETTINGS = Settings(
    SessionOptions(max_session_length=50, delimiter=";", eval_hours=1.5),
    TailOptions(test_days=2),
    kept_rejects="/out/rejects.jsonl",
    window=14,
    days={"2015-09-09": "9.tsv", "2015-09-08": ""},
)


def _properties(settings: Settings, digest: str = "digest") -> dict[str, str]:
    return {"custom_config": proto_to_json(pack(settings, digest))}


@pytest.mark.parametrize("settings", [SETTINGS, Settings(SessionOptions(), TailOptions())])
def test_they_come_back_as_they_were(settings: Settings) -> None:
    found = read_settings(_properties(settings))
    assert found == settings
    assert list(found.days) == list(settings.days)  # in their order


def test_the_same_settings_and_code_have_the_same_bytes() -> None:
    """TFX's cache compares them."""
    assert _properties(SETTINGS) == _properties(dataclasses.replace(SETTINGS))
    assert _properties(SETTINGS) != _properties(SETTINGS, "other code")


def test_days_are_all_that_a_resolved_window_changes() -> None:
    days = {"2015-09-10": "10.tsv"}
    changed = with_days(_properties(SETTINGS), days)
    assert read_settings({"custom_config": changed}) == dataclasses.replace(SETTINGS, days=days)
    assert changed == _properties(dataclasses.replace(SETTINGS, days=days))["custom_config"]
