"""Versions of the libraries that affect a run's results, found without importing them."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform

PACKAGES = (
    *("tfx", "tensorflow", "tf-keras", "tensorflow-recommenders", "tensorflow-transform"),
    *("tensorflow-data-validation", "tensorflow-model-analysis", "apache-beam", "ml-metadata"),
    *("numpy", "scipy", "pyarrow"),
)


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that affect a run's results."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found
