"""Configurations that are written, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import ConfigError, load_config
from pipeline.data_files import DataPaths


def config_problems(
    *overrides: str, preset: str = "custom", data: DataPaths | None = None
) -> list[str]:
    """Returns the problems of a configuration that is not usable."""
    with pytest.raises(ConfigError) as error:
        load_config(preset, overrides, data or DataPaths())
    return list(error.value.problems)


def config_file(folder: Path, text: str) -> str:
    """Returns a YAML file with this text."""
    file = folder / "mine.yaml"
    file.write_text(text)
    return str(file)
