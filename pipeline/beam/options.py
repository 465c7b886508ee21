"""Options of Beam's runner beside its flags, the section `beam`."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class BeamOptions(Section):
    """Where Beam's workers are and how long they may take; it changes no result of a run.

    A Beam preset (`pipeline/beam/presets/`) sets them together with `beam_pipeline_args`.
    """

    shared_files: bool | None = option(
        None,
        "whether workers have the files of this machine under the same paths, as on a volume that "
        "all of them mount; null for what the runner implies",
    )
    local_pool: bool = option(
        False,
        "whether the worker pool that `--environment_config` names is one of this machine, which a "
        "run tries to reach before it starts; elsewhere each task manager has its own",
    )
    start_minutes: float = option(
        3.0,
        "time in which the workers must have answered a trial job before the run, on runners that "
        "do not work in this process",
        limits=(0, 1440),
        excluding=(0,),
        unit="minutes",
    )
    flink_url: str | None = option(
        None,
        "address of Flink's web interface as this machine reaches it, where the Python cause of a "
        "failed job is read",
    )
    worker_logs: str | None = option(
        None,
        "pattern of the files to which workers log, if this machine has them: the last Python "
        "error in them is shown when a job fails without a cause",
    )
