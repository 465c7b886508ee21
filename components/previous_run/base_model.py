"""The node that finds an earlier model to start from."""

import json

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from modules.daily.artifacts import evaluated_day
from modules.daily.model_day import is_earlier, read_day
from modules.files.learned_data import read_learned
from modules.files.local_copies import copy_folder
from modules.files.model_folder import model_damage
from modules.ingest.report import read_report
from modules.releases.versions import usable_versions
from modules.sessions.event_times import utc_text
from modules.training import kept_weights
from modules.training.base_model import BaseModel as Base
from modules.training.base_model import state_folder, write_base
from modules.training.selection_record import read_selection


@component
def BaseModel(
    examples: InputArtifact[standard_artifacts.Examples],
    model: OutputArtifact[standard_artifacts.Model],
    push_folder: Parameter[str],
    fit_splits: Parameter[str],
    weights: Parameter[int] = 1,
    source_digest: Parameter[str] = "",
) -> None:
    """Finds the newest pushed model that learned only sessions earlier than this run's last ones.

    So a day that is trained again starts from the same model as before, not from itself.

    Args:
      examples: output of SessionExampleGen, whose counts have the times of its sessions.
      model: output for Trainer's input `base_model`; not a SavedModel. It says so if there is none.
      push_folder: the Pusher's base directory.
      fit_splits: splits that this run's model learns, as a JSON list.
      weights: 1 to copy the model's weights too, 0 for its choices alone.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    counts = read_report(examples.uri).counts
    until = max(counts.get(f"{split}.last_start", 0) for split in json.loads(fit_splits))
    place = path_utils.serving_model_path(model.uri)
    day = evaluated_day(examples)
    suitable = usable_versions(push_folder, lambda version: _unsuitable(version, day, until))
    found = next(suitable, None)
    learned = read_learned(found) if found else None
    if not found or not learned:
        print(f"No model in {push_folder} learned only sessions before {utc_text(until)}")
        write_base(place, Base())
        return
    print(f"The model before is {found}", flush=True)
    write_base(place, Base(found, read_selection(found) or {}, learned.last_start))
    kept = kept_weights.place_of(found) if weights else None
    if kept and fileio.exists(kept):
        copy_folder(kept, state_folder(place))


def _unsuitable(version: str, day: str | None, until: int) -> str | None:
    """Returns why a version is no earlier model, None if it is one."""
    try:
        learned = read_learned(version)
    except ValueError as error:
        return str(error)
    if learned is None:
        return "it does not say until when it learned"
    if (is_before := is_earlier(read_day(version), day)) is not None:
        if not is_before:
            return f"it is of {read_day(version)}, this run of {day}"
    elif learned.last_start >= until:
        last = utc_text(learned.last_start)
        return f"it learned sessions until {last}, this run until {utc_text(until)}"
    return model_damage(version)
