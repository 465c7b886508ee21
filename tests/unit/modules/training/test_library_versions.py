from __future__ import annotations

from modules.training.library_versions import versions


def test_versions_are_those_of_the_environment() -> None:
    found = versions()
    assert {"python", "tfx", "tensorflow", "apache-beam", "numpy"} <= found.keys()
    assert all(version[0].isdigit() for version in found.values())
