"""What identifies data, model and code of a run."""

from __future__ import annotations

from pathlib import Path

from tfx.types import standard_artifacts

from components.report.run_parts import RunParts
from components.report.sections import lineage
from modules.files.model_folder import folder_digest


def test_fingerprints_are_of_the_data_the_models_files_and_the_code(tmp_path: Path) -> None:
    examples, model = standard_artifacts.Examples(), standard_artifacts.Model()
    examples.set_string_custom_property("input_fingerprint", "train: 9 bytes\ntest: 4 bytes")
    model.uri = str(tmp_path)
    (tmp_path / "Format-Serving").mkdir()
    (tmp_path / "Format-Serving" / "saved_model.pb").write_bytes(b"x")
    found = lineage.fingerprints({"examples": examples, "model": model}, "digest")
    assert found == [
        ("input files", "train: 9 bytes"),
        ("input files", "test: 4 bytes"),
        ("model files", folder_digest(str(tmp_path / "Format-Serving"))),
        ("code", "digest"),
    ]
    assert lineage.fingerprints({}, "") == []


def test_artifacts_stand_in_the_order_in_which_they_were_made() -> None:
    artifacts = {name: standard_artifacts.Examples() for name in ("late", "early")}
    artifacts["late"].id, artifacts["early"].id = 7, 3
    run = RunParts(artifacts, {}, "digest")
    lineage.add_parts(run)
    assert [name for name, _ in run.parts["lineage"]] == ["early", "late"]
    assert "python" in dict(run.parts["versions"])
