"""Compile the pipeline for Kubeflow Pipelines v2 or for Vertex AI Pipelines, and check it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import modules  # noqa: F401 (chooses Keras 2 before TensorFlow is imported)
from modules.config.overrides import split_overrides
from pipeline.cluster.deployment import TARGETS, Deployment, load_deployment
from pipeline.paths import PROJECT

FOLDER = PROJECT / "kubeflow"
# By which the check and the local driver tell the targets apart.
SUFFIXES = {"oss": ".yaml", "vertex": ".json"}


def render(deployment: Deployment, folder: Path, preset: str, overrides: Sequence[str]) -> str:
    """Returns the text of a compiled specification.

    Args:
      deployment: where it runs.
      folder: that the deployment's platform file is relative to.
      preset: what is computed.
      overrides: `section.key=value` each.

    Raises:
      ConfigError: something in the configuration cannot be used.
    """
    # Imports of TFX and kfp take seconds; mistakes on the command line are reported before.
    from pipeline.cluster import compiler
    from pipeline.cluster.cluster_pipeline import load_cluster_config
    from pipeline.cluster.platform_config import load_platform

    config = load_cluster_config(preset, overrides, deployment.beam)
    spec = compiler.compile_pipeline(config, deployment)
    if deployment.target == "vertex":
        return compiler.to_vertex_json(spec, deployment)
    platform = None
    if deployment.platform:
        platform = load_platform(folder / deployment.platform, spec["components"])
    return compiler.to_yaml(spec, platform)


def choose_output(wanted: Path | None, target: str) -> Path:
    """Returns the file to write.

    Raises:
      ValueError: it cannot be written, or its name says another target.
    """
    suffix = SUFFIXES[target]
    output = wanted or Path(f"pipeline{suffix}")
    if output.suffix != suffix:
        raise ValueError(f"--output {output} must end in {suffix} for the target {target}")
    if not output.parent.is_dir():
        raise ValueError(f"--output {output}: there is no folder {output.parent}: make it first")
    return output


def write(
    file: Path | None,
    target: str | None,
    preset: str,
    overrides: Sequence[str],
    output: Path | None,
) -> tuple[Path, str]:
    """Compiles into a file.

    Args:
      file: deployment file; None for the bundled one of the target.
      target: its name; None for the first.
      preset: what is computed.
      overrides: `section.key=value ...` each.
      output: file to write; None for one in this folder.

    Returns:
      The file that was written and the target that it is for.

    Raises:
      ConfigError, ValueError: something in the configuration cannot be used.
      OSError: the result cannot be written.
    """
    file = file or FOLDER / f"{target or TARGETS[0]}.yaml"
    parts = [part for text in overrides for part in split_overrides(text)]
    deployment = load_deployment(file)
    output = choose_output(output, deployment.target)
    text = render(deployment, file.parent, preset, parts)
    output.write_text(text, encoding="utf-8")
    return output, deployment.target
