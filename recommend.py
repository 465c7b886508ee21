"""Replaced by `session-retrieval recommend`; this file goes with the next version."""

import sys

from pipeline.cli.moved import refer

if __name__ == "__main__":
    sys.exit(refer("recommend.py", *sys.argv[1:]))
