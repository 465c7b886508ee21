"""Checks compiled specifications, as `session-retrieval check` does."""

from __future__ import annotations

import sys
from pathlib import Path

# The project first: a package named kubeflow exists on PyPI, and this folder is not a package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["check", *sys.argv[1:]]))
