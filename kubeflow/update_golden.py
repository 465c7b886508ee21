"""Compares the compiled examples in the repository, one per target; `--update` rewrites them.

They are the compiled pipeline of the bundled sample, and a test compares them with the present
one. Digests of source files are replaced by a word: otherwise every edit would change them.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from pipeline.cluster.compile import render  # noqa: E402
from pipeline.cluster.deployment import TARGETS, load_deployment  # noqa: E402

FOLDER = HERE / "examples"
FILES = {"oss": FOLDER / "sample-oss.yaml", "vertex": FOLDER / "sample-vertex.json"}
PRESET = "sample"
# YAML folds long texts, but never splits a digest.
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def compile_example(target: str) -> str:
    """Returns the text of a target's example as it would be compiled now."""
    deployment = load_deployment(HERE / f"{target}.yaml")
    return _DIGEST.sub("digest-of-sources", render(deployment, HERE, PRESET, []))


def main(arguments: Sequence[str] | None = None) -> int:
    """Compares the examples, or rewrites them; returns 1 if one differs."""
    parser = argparse.ArgumentParser(description="Compare the compiled examples with the code.")
    parser.add_argument("--update", action="store_true", help="rewrite them")
    options = parser.parse_args(arguments)
    status = 0
    for target in TARGETS:
        text, file = compile_example(target), FILES[target]
        if options.update:
            FOLDER.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        same = file.is_file() and file.read_text(encoding="utf-8") == text
        print(f"{file.relative_to(HERE.parent)}: {'up to date' if same else 'differs: --update'}")
        status = max(status, int(not same))
    return status


if __name__ == "__main__":
    sys.exit(main())
