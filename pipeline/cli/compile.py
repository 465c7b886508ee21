"""`session-retrieval compile`: the pipeline's specification for a cluster."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.cli.options import PATH, example, overrides_option, quieten
from pipeline.cluster import lint
from pipeline.cluster.compile import write
from pipeline.cluster.deployment import TARGETS
from pipeline.config import DEFAULT_PRESET, ConfigError


@click.command(**example("compile --target oss --preset retailrocket --output pipeline.yaml"))
@click.option("--target", type=click.Choice(TARGETS), help="target of the bundled deployment file")
@click.option("--deployment", type=PATH, help="deployment file, in place of --target")
@click.option("--preset", default=DEFAULT_PRESET, help="preset, or path of a YAML file")
@overrides_option
@click.option("--output", type=PATH, help=".yaml for Kubeflow, .json for Vertex")
def command(
    target: str | None,
    deployment: Path | None,
    preset: str,
    overrides: tuple[str, ...],
    output: Path | None,
) -> int:
    """Compile the pipeline for a cluster, and check the result."""
    quieten()
    try:
        file, compiled_for = write(deployment, target, preset, overrides, output)
    except (ConfigError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name != "kfp":
            raise
        setup = "python3 environment.py setup --extra kubeflow"
        print(f"Compiling needs the package kfp: `{setup}` installs it", file=sys.stderr)
        return 2
    print(f"Wrote {file} for {compiled_for}")
    return lint.check_files([file])
