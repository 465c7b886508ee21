"""Changes of releases, on folders that look like pushed models."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.files.model_folder import write_manifest
from modules.releases.record import TRY, read_releases, record
from pipeline.releases.change import ReleaseError, Writer


def push(folder: Path, version: int, training: str = "") -> Path:
    """Writes what looks like a pushed model."""
    place = folder / str(version)
    place.mkdir(parents=True)
    (place / "saved_model.pb").write_text("graph")
    write_manifest(str(place), training or f"training of {version}")
    return place


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for version in (10, 20, 30):
        push(tmp_path / "pushed", version)
    return tmp_path


def _labels(out: Path, name: str = "pushed") -> dict[str, str]:
    names = {path.name for end in ("", "_withdrawn") for path in (out / f"{name}{end}").glob("*")}
    return read_releases(str(out / name)).labels(names)


def _versions(out: Path, name: str = "pushed") -> list[str]:
    return sorted(path.name for path in (out / name).iterdir())


def test_a_rollback_serves_the_version_before_and_moves_the_other_aside(out: Path) -> None:
    assert Writer(out, "ann", "slow").rollback(None) == ["30"]
    assert _labels(out) == {"10": "", "20": "stable", "30": "withdrawn"}
    assert _versions(out) == ["10", "20"] and (out / "pushed_withdrawn" / "30").is_dir()
    withdrawal = read_releases(str(out / "pushed")).withdrawal("30")
    assert withdrawal and (withdrawal.by, withdrawal.why) == ("ann", "slow")
    assert withdrawal.training == "training of 30"
    assert Writer(out, "ann", "").rollback(None) == ["20"]
    with pytest.raises(ReleaseError, match="no version before the stable one"):
        Writer(out, "ann", "").rollback(None)


def test_a_rollback_during_a_trial_ends_the_trial(out: Path) -> None:
    Writer(out, "ann", "").try_out("30")
    assert Writer(out, "ann", "worse").rollback(None) == ["30"]
    assert _labels(out) == {"10": "", "20": "stable", "30": "withdrawn"}
    Writer(out, "ann", "").try_out("30")
    assert Writer(out, "ann", "").rollback("20") == ["30"]
    Writer(out, "ann", "").try_out("30")
    assert Writer(out, "ann", "").rollback("10") == ["20", "30"]
    assert _labels(out) == {"10": "stable", "20": "withdrawn", "30": "withdrawn"}


def test_a_newer_version_is_not_rolled_back_to(out: Path) -> None:
    """Who names the version that is bad must not release it."""
    Writer(out, "ann", "").try_out("30")
    with pytest.raises(ReleaseError, match="Version 30 is newer than 20, which is stable"):
        Writer(out, "ann", "").rollback("30")
    Writer(out, "ann", "").rollback(None)
    with pytest.raises(ReleaseError, match="`promote` makes it stable"):
        Writer(out, "ann", "").rollback("30")
    assert _labels(out)["20"] == "stable"


def test_a_rollback_to_a_named_version_withdraws_all_after_it(out: Path) -> None:
    assert Writer(out, "ann", "").rollback("10") == ["20", "30"]
    assert Writer(out, "ann", "").promote("20") == "20"
    assert _labels(out) == {"10": "", "20": "stable", "30": "withdrawn"}
    push(out / "pushed", 40)
    with pytest.raises(ReleaseError, match="rollback 30` withdraws it"):
        Writer(out, "ann", "").promote("30")
    assert Writer(out, "ann", "").rollback("30") == ["40"]
    assert _labels(out) == {"10": "", "20": "", "30": "stable", "40": "withdrawn"}


def test_a_version_on_trial_is_promoted_or_stays_held(out: Path) -> None:
    assert Writer(out, "ann", "").try_out(None) == "30"
    assert _labels(out) == {"10": "", "20": "stable", "30": "canary"}
    push(out / "pushed", 40)
    record(str(out / "pushed"), TRY, "40")
    assert _labels(out) == {"10": "", "20": "stable", "30": "held", "40": "canary"}
    assert Writer(out, "ann", "").promote(None) == "40"
    assert _labels(out) == {"10": "", "20": "", "30": "held", "40": "stable"}
    assert _versions(out) == ["10", "20", "30", "40"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.rollback("30"), "Version 30 is the stable one already"),
        (lambda w: w.rollback("5"), "pushed has no version 5; there are 10, 20, 30"),
        (lambda w: w.promote("20"), "Version 20 is released already"),
        (lambda w: w.promote(None), "No version is on trial"),
        (lambda w: w.resume(), "not paused"),
    ],
)
def test_what_changes_nothing_is_refused(out: Path, change, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        change(Writer(out, "ann", ""))
    assert _labels(out) == {"10": "", "20": "", "30": "stable"}


def test_damaged_versions_cannot_serve(out: Path) -> None:
    (out / "pushed" / "20" / "saved_model.pb").write_text("other")
    with pytest.raises(ReleaseError, match=r"Version 20 cannot be served: saved_model\.pb"):
        Writer(out, "ann", "").rollback(None)
    assert Writer(out, "ann", "").rollback("10") == ["20", "30"]


def test_the_only_released_version_stays_released(tmp_path: Path) -> None:
    push(tmp_path / "pushed", 10)
    with pytest.raises(ReleaseError, match="nothing would serve"):
        Writer(tmp_path, "ann", "").try_out("10")
    with pytest.raises(ReleaseError, match="Nothing has been pushed"):
        Writer(tmp_path / "other", "ann", "")


def test_the_index_of_a_version_goes_with_it(out: Path) -> None:
    for version in (11, 21, 31):
        push(out / "pushed_index", version)
    assert Writer(out, "ann", "").rollback(None) == ["30"]
    assert _versions(out, "pushed_index") == ["11", "21"]
    Writer(out, "ann", "").promote("30")
    assert _versions(out, "pushed_index") == ["11", "21", "31"]
    assert _labels(out, "pushed_index")["31"] == "stable"


def test_pushing_is_paused_for_models_and_indexes(out: Path) -> None:
    Writer(out, "ann", "holidays").pause()
    for name in ("pushed", "pushed_index"):
        assert read_releases(str(out / name)).paused
    Writer(out, "ann", "").resume()
    assert not read_releases(str(out / "pushed")).paused
