"""`session-retrieval compile`: the pipeline's specification for a cluster."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from pipeline.cli.options import PATH, example, overrides_option
from pipeline.cli.quiet import load_tensorflow
from pipeline.cluster import lint
from pipeline.cluster.compile import write
from pipeline.cluster.deployment import TARGETS, Deployment
from pipeline.cluster.submit import FORWARDED, PORT_FORWARD
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
    load_tensorflow()
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
    print(f"Wrote {file} for {compiled_for.target}")
    status = lint.check_files([file])
    if not status:
        print(f"\nNext, as explained in kubeflow/README.md:\n{_next_steps(file, compiled_for)}")
    return status


def _next_steps(file: Path, deployment: Deployment) -> str:
    """Returns what is needed before the file can run there, and the commands that run it."""
    lines = [
        f"push the image {deployment.image} to where the cluster pulls it from",
        f"put the click logs into {deployment.data_folder}",
    ]
    if deployment.target == "vertex":
        lines.append(f"submit {file} with google.cloud.aiplatform")
    else:
        words = ["session-retrieval", "submit", "run", str(file), "--host", FORWARDED]
        lines += [f"{PORT_FORWARD} &", shlex.join(words)]
    return "\n".join(f"  {line}" for line in lines)
