"""What a worker says of itself in a trial job: whether it runs what this machine runs."""

from __future__ import annotations

import importlib.metadata
import platform
import socket
import sys
from collections.abc import Iterator, Mapping

import apache_beam as beam

from modules.files.text_file import read_text
from pipeline.code_fingerprint import source_digest

# Whose other version gives other results, or cannot read what this machine's has pickled.
_PACKAGES = (
    "apache-beam",
    "tensorflow",
    "tensorflow-model-analysis",
    "tensorflow-transform",
    "tfx",
)
# What Beam's workers run of this project.
_CODE = (
    *("modules.ingest.beam_sessions", "modules.ingest.output_files", "modules.preprocessing"),
    "modules.evaluation.tfma_metrics",
)


class WorkerError(Exception):
    """A worker is not fit for the run; the message says why."""


def versions_here() -> dict[str, str]:
    """Returns the versions of what decides on a job's results."""
    version = ".".join(platform.python_version_tuple()[:2])
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"Python": version, **packages, "this project's code": source_digest(*_CODE)[:12]}


class Answer(beam.DoFn):
    """Passes elements on if the worker is fit for the run."""

    def __init__(self, wanted: Mapping[str, str], marker: str, content: str) -> None:
        """Keeps what to compare.

        Args:
          wanted: versions on the machine that starts the job.
          marker: file of that machine that the worker must see, "" for none.
          content: content of the file.
        """
        self._wanted, self._marker, self._content = dict(wanted), marker, content

    def setup(self) -> None:
        """Compares.

        Raises:
          WorkerError: something is different here.
        """
        me = f"the worker {socket.gethostname()} ({sys.executable})"
        found = versions_here()
        other = [
            f"{name} {found.get(name)} instead of {version}"
            for name, version in self._wanted.items()
            if found.get(name) != version
        ]
        if other:
            raise WorkerError(f"{me} has {', '.join(other)}: start it from the same image")
        if self._marker and not _holds(self._marker, self._content):
            raise WorkerError(
                f"{me} does not see {self._marker} of the machine that starts the run: mount the "
                "volume there under the same path, or keep the files on gs://"
            )

    def process(self, element: int) -> Iterator[int]:
        """Yields the element."""
        yield element


def _holds(path: str, content: str) -> bool:
    try:
        return bool(read_text(path) == content)
    except OSError:
        return False
