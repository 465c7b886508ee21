"""What the page shows of a run: parts by name, or why a part is missing."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from absl import logging
from tfx import types
from tfx.dsl.io import fileio

from components.report.session_facts import SplitFacts, read_facts
from modules.config.fields import from_json
from modules.config.options.features import FeatureOptions
from modules.data.vocabulary import VOCABULARY_NAME, Vocabulary, read_vocabulary
from modules.gate import metric_checks
from modules.messages.quoting import first_line

_NO_INPUT = "the run has no such artifact"

T = TypeVar("T")


class RunParts:
    """Makes the page's parts from a run's artifacts.

    Attributes:
      inputs: artifacts by input name; any may be missing.
      config: the run's configuration as plain values; may be empty.
      code_digest: digest of the code behind the run's artifacts.
      parts: values for the templates, by name.
      missing: the reason why a part is missing, by name.
    """

    def __init__(
        self, inputs: Mapping[str, types.Artifact], config: Mapping[str, Any], code_digest: str
    ) -> None:
        """Takes the artifacts and the configuration to read."""
        self.inputs, self.config, self.code_digest = inputs, config, code_digest
        self.parts: dict[str, Any] = {
            "name": config.get("name", "pipeline"),
            "split": config.get("evaluation", {}).get("split", "test"),
        }
        self.missing: dict[str, str] = {}

    def add(self, name: str, make: Callable[..., T], *arguments: Any) -> T | None:
        """Makes and returns a part; notes why not if an argument is None or `make` fails."""
        if any(argument is None for argument in arguments):
            self.missing[name] = _NO_INPUT
            return None
        try:
            self.parts[name] = make(*arguments)
        except Exception as error:  # A page must not fail a run that was evaluated.
            logging.exception("The report's part %s", name)
            self.missing[name] = f"it could not be made: {first_line(error)}"
        return self.parts.get(name)

    def path(self, input_name: str, *parts: str) -> str | None:
        """Returns the path of a file in an input artifact, None where the artifact is missing."""
        artifact = self.inputs.get(input_name)
        return os.path.join(artifact.uri, *parts) if artifact else None

    @functools.cached_property
    def verdict(self) -> dict[str, Any] | None:
        """Content of the gate's `verdict.json`."""
        return self.add("verdict", read_json, self.path("verdict", metric_checks.FILE_NAME))

    @functools.cached_property
    def vocabulary(self) -> Vocabulary | None:
        """The vocabulary that Transform made."""
        path = self.path("transform_graph", "transform_fn", "assets", VOCABULARY_NAME)
        return self.add("vocabulary", _read_vocabulary, path, self.config.get("features"))

    @functools.cached_property
    def facts(self) -> dict[str, SplitFacts] | None:
        """Facts about the first sessions of every split."""
        return self.add("facts", read_facts, self.inputs.get("examples"), self.vocabulary)


class Section(NamedTuple):
    """A section of the page.

    Attributes:
      name: its anchor.
      title: heading.
      add_parts: makes the parts that it shows.
      markup: Jinja template of the blocks in `section.html`, with the macros in `macros.html`.
      tables: names of parts that are each a `Table`, for a section without markup of its own.
    """

    name: str
    title: str
    add_parts: Callable[[RunParts], object]
    markup: str = ""
    tables: Sequence[str] = ()


class Table(NamedTuple):
    """A table of the page.

    Attributes:
      caption: title.
      rows: cells as text; the first one names the row.
      head: names of the columns; empty for rows of a name and a value.
    """

    caption: str
    rows: Sequence[Sequence[str]]
    head: Sequence[str] = ()


def json_part(name: str, input_name: str, file_name: str) -> Callable[[RunParts], object]:
    """Returns what adds the content of an input artifact's JSON file as a part."""
    return lambda run: run.add(name, read_json, run.path(input_name, file_name))


def read_json(path: str) -> Any:
    """Reads a JSON file."""
    with fileio.open(path, "rb") as file:
        return json.loads(file.read())


def _read_vocabulary(path: str, features: Mapping[str, Any]) -> Vocabulary:
    return read_vocabulary(path, from_json(FeatureOptions, features))
