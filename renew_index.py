"""Replaced by `session-retrieval refresh`; this file goes with the next version."""

import sys

from pipeline.cli.moved import refer

if __name__ == "__main__":
    sys.exit(refer("renew_index.py", *sys.argv[1:]))
