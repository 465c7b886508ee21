"""InfraBlessings that TFX's Pusher obeys."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.components.util import model_utils
from tfx.types import standard_artifacts

from modules.serving.infra_blessing import bless, is_blessed


@pytest.mark.parametrize(
    ("passed", "name"), [(True, "INFRA_BLESSED"), (False, "INFRA_NOT_BLESSED")]
)
def test_a_blessing_is_what_tfx_reads(tmp_path: Path, passed: bool, name: str) -> None:
    blessing = standard_artifacts.InfraBlessing()
    blessing.uri = str(tmp_path)
    bless(blessing, passed)
    assert is_blessed(blessing) == passed == model_utils.is_infra_validated(blessing)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_blessing_that_says_nothing_blesses_nothing() -> None:
    assert not is_blessed(standard_artifacts.InfraBlessing())
