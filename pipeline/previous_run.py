"""Results of earlier runs that a run compares with: accepted data and the model that serves."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable

from tfx.dsl.components.base.base_node import BaseNode
from tfx.types import Channel

from components.data_gate.latest_accepted import accepted_statistics
from components.model_gate.previous_verdict import previous_verdict
from components.previous_run.node import LatestPushedModel
from modules.copies.offered_items import list_state
from modules.files.fingerprint import files_fingerprint
from modules.releases.record import read_releases
from modules.releases.versions import stable_version
from pipeline.tfx_nodes import code_digest

BLESSED_MODEL_ID = "LatestBlessedModel"


@dataclasses.dataclass(frozen=True)
class EarlierRuns:
    """Nodes that find results of earlier runs; their outputs hold nothing in the first run.

    Attributes:
      accepted_statistics: returns the node with the output `statistics` of the data that the gate
        accepted last, of the day before if there is a window; gets the run's examples.
      blessed_model: returns the node with the output `model`, the newest pushed one, of a past day
        the one that served then; gets the run's examples.
      previous_verdict: returns the node with the output `verdict`, about the day before the given
        examples.
      keep: returns the nodes that keep this run's statistics for later runs once the data gate has
        passed, none if a metadata store keeps them; gets statistics, examples and the data gate.
      keep_verdict: returns the nodes that keep this run's verdict; gets verdict and examples.
      paused: when pushing was paused, so that TFX's cache sees it; "" if it is not, and where
        nothing is cached.
      items_state: returns a digest of names, lengths and times of the files of items for the same
        purpose; gets their pattern.
      list_state: returns a digest of the list of offered items for the same purpose; gets its path,
        "" without one.
    """

    accepted_statistics: Callable[[Channel], BaseNode]
    blessed_model: Callable[[Channel], BaseNode]
    previous_verdict: Callable[[Channel], BaseNode] = previous_verdict
    keep: Callable[[Channel, Channel, BaseNode], list[BaseNode]] = lambda *_: []
    keep_verdict: Callable[[Channel, Channel], list[BaseNode]] = lambda *_: []
    paused: str = ""
    items_state: Callable[[str], str] = lambda _: ""
    list_state: Callable[[str], str] = lambda _: ""


def pushed_model(examples: Channel, push_folder: str, newest: str = "") -> BaseNode:
    """Returns the node that finds the model that serves; arguments are `LatestPushedModel`'s."""
    return LatestPushedModel(
        examples=examples,
        push_folder=push_folder,
        newest=newest,
        source_digest=code_digest(LatestPushedModel),
    ).with_id(BLESSED_MODEL_ID)


def of_local_runs(push_folder: str) -> EarlierRuns:
    """Finds them in the metadata store that local runs share, and in their push folder.

    A blessing does not tell what serves: a blessed model may not have been pushed, and after a
    catch-up or with refreshed versions the newest model is not the newest push.
    """
    newest = os.path.basename(stable_version(push_folder) or "")
    paused = read_releases(push_folder).paused
    return EarlierRuns(
        accepted_statistics,
        lambda examples: pushed_model(examples, push_folder, newest),
        paused=paused.time if paused else "",
        items_state=lambda pattern: files_fingerprint([("items", pattern)]),
        list_state=lambda items: list_state(items) if items else "",
    )
