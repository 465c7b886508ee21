"""Replaced by `session-retrieval batch`; this file goes with the next version."""

import sys

from pipeline.cli.moved import refer

if __name__ == "__main__":
    sys.exit(refer("batch_recommend.py", *sys.argv[1:]))
