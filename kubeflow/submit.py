"""Submits a compiled pipeline, as `session-retrieval submit` does."""

from __future__ import annotations

import sys
from pathlib import Path

# The project first: a package named kubeflow exists on PyPI, and this folder is not a package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["submit", *sys.argv[1:]]))
