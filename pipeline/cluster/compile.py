"""Compile the pipeline for Kubeflow Pipelines v2 or for Vertex AI Pipelines, and check it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import modules  # noqa: F401 (chooses Keras 2 before TensorFlow is imported)
from modules.config.overrides import split_overrides
from pipeline.cluster import lint
from pipeline.cluster.deployment import TARGETS, Deployment, load_deployment
from pipeline.config import DEFAULT_PRESET, PROJECT, ConfigError

FOLDER = PROJECT / "kubeflow"
# By which check.py and the local driver tell the targets apart.
SUFFIXES = {"oss": ".yaml", "vertex": ".json"}


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=TARGETS, help="use the bundled deployment file of it")
    parser.add_argument("--deployment", type=Path, help="deployment file, in place of --target")
    parser.add_argument("--preset", default=DEFAULT_PRESET, help="preset, or path of a YAML file")
    parser.add_argument("--set", action="append", default=[], metavar="'SECTION.KEY=VALUE ...'")
    parser.add_argument("--output", type=Path, help=".yaml for Kubeflow, .json for Vertex")
    return parser.parse_args(arguments)


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


def write(options: argparse.Namespace) -> tuple[Path, str]:
    """Compiles; returns the file that was written and the target that it is for.

    Raises:
      ConfigError, ValueError: something in the configuration cannot be used.
      OSError: the result cannot be written.
    """
    file = options.deployment or FOLDER / f"{options.target or TARGETS[0]}.yaml"
    overrides = [part for text in options.set for part in split_overrides(text)]
    deployment = load_deployment(file)
    output = choose_output(options.output, deployment.target)
    text = render(deployment, file.parent, options.preset, overrides)
    output.write_text(text, encoding="utf-8")
    return output, deployment.target


def main(arguments: Sequence[str] | None = None) -> int:
    """Compiles and checks; returns 0, 1 for a result with problems, 2 where there is no result."""
    options = parse_arguments(arguments)
    try:
        output, target = write(options)
    except (ConfigError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Wrote {output} for {target}")
    return lint.main([str(output)])
