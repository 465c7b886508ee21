"""Replaced by `session-retrieval run`; this file goes with the next version."""

import sys

from pipeline.cli.moved import refer

if __name__ == "__main__":
    sys.exit(refer("run.py", *sys.argv[1:]))
