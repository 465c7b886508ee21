"""The entrypoint of every container: see `pipeline/cluster/entrypoint.py`."""

from __future__ import annotations

import sys
from pathlib import Path

# The project first: a package named kubeflow exists on PyPI, and this folder is not a package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.cluster.entrypoint import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
