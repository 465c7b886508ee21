"""Versions of the libraries that affect a run's results, found without importing them."""

from __future__ import annotations

import importlib.metadata
import platform

PACKAGES = (
    "tfx",
    "tensorflow",
    "tf-keras",
    "tensorflow-recommenders",
    "tensorflow-transform",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "apache-beam",
    "ml-metadata",
    "numpy",
    "scipy",
    "pyarrow",
)


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that affect a run's results."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
