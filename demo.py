"""Replaced by `session-retrieval serve`; this file goes with the next version."""

import sys

from pipeline.cli.moved import refer

if __name__ == "__main__":
    sys.exit(refer("demo.py", *sys.argv[1:]))
