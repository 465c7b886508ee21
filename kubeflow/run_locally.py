"""Runs a compiled specification without a cluster: `python kubeflow/run_locally.py --help`."""

from __future__ import annotations

import sys
from pathlib import Path

# The project first: a package named kubeflow exists on PyPI, and this folder is not a package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.cluster.emulator.driver import run_until_stopped

if __name__ == "__main__":
    sys.exit(run_until_stopped())
