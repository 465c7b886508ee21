"""Compiles the pipeline for Kubeflow Pipelines v2 or for Vertex AI Pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import modules  # noqa: F401 (chooses Keras 2 before TensorFlow is imported)
from modules.config.overrides import split_overrides
from pipeline.cluster.deployment import TARGETS, Deployment, load_deployment
from pipeline.paths import PROJECT

FOLDER = PROJECT / "kubeflow"
# The check and the local driver tell the targets apart by these.
SUFFIXES = {"oss": ".yaml", "vertex": ".json"}


def render(deployment: Deployment, folder: Path, preset: str, overrides: Sequence[str]) -> str:
    """Returns the text of a compiled specification.

    Args:
      deployment: where it runs.
      folder: base of a relative path of the deployment's platform file.
      preset: what is computed.
      overrides: `section.key=value` each.

    Raises:
      ConfigError: the configuration cannot be used.
    """
    # Imports of TFX and kfp take seconds; errors on the command line are reported before.
    from pipeline.cluster import specification, worker_job
    from pipeline.cluster.cluster_pipeline import load_cluster_config
    from pipeline.cluster.platform_config import load_platform, settings_of

    config = load_cluster_config(preset, overrides, deployment.beam, deployment.parallelism)
    spec = specification.compile_pipeline(config, deployment)
    if deployment.target == "vertex":
        return specification.to_vertex_json(spec, deployment)
    platform = None
    if deployment.platform:
        platform = load_platform(folder / deployment.platform, spec["components"])
    if deployment.trainer_workers:
        job = worker_job.manifest(deployment, settings_of(platform, worker_job.NODE))
        specification.add_worker_job(spec, job)
    return specification.to_yaml(spec, platform)


def _output(wanted: Path | None, target: str) -> Path:
    suffix = SUFFIXES[target]
    output = wanted or Path(f"pipeline{suffix}")
    if output.suffix != suffix:
        raise ValueError(f"--output {output} must end in {suffix} for the target {target}")
    if not output.parent.is_dir():
        raise ValueError(f"--output {output}: there is no folder {output.parent}: create it first")
    return output


def write(
    file: Path | None,
    target: str | None,
    preset: str,
    overrides: Sequence[str],
    output: Path | None,
) -> tuple[Path, Deployment]:
    """Compiles into a file.

    Args:
      file: deployment file; None for the bundled one of the target.
      target: name of the target; None for the first.
      preset: what is computed.
      overrides: `section.key=value ...` each.
      output: file to write; None for one in the working directory.

    Returns:
      The written file and where it will run.

    Raises:
      ConfigError: the configuration cannot be used.
      ValueError: the name of the output does not fit the target, or an override is not readable.
      OSError: the result cannot be written.
    """
    file = file or FOLDER / f"{target or TARGETS[0]}.yaml"
    parts = [part for text in overrides for part in split_overrides(text)]
    deployment = load_deployment(file)
    output = _output(output, deployment.target)
    text = render(deployment, file.parent, preset, parts)
    output.write_text(text, encoding="utf-8")
    return output, deployment
