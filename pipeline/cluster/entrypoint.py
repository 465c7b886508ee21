"""The entrypoint of every container of the compiled pipeline: prepares KFP's message, calls TFX.

    python kubeflow/entrypoint.py --executor_class_path CLASS --json_serialized_invocation_args JSON
        --json_serialized_inputs_spec_args JSON --node ID [--outputs JSON]
        [--driver_class_path CLASS] [--runtime_parameters JSON] [--beam_options JSON] [Beam flags]

The arguments are in the compiled specification. The environment variable
SESSION_RETRIEVAL_POD_ROOT names the folder of the launcher's minio/ and s3/ (default: /).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import modules  # noqa: F401 (chooses Keras 2 before TensorFlow is imported)
from pipeline.beam.job_failures import explained
from pipeline.beam.options import BeamOptions
from pipeline.beam.readiness import RunnerError
from pipeline.beam.runners import in_this_process
from pipeline.cluster.executor_input import (
    BEAM_OPTIONS,
    OUTPUTS,
    Json,
    check_copies,
    drop_absent,
    fill_types,
    keep_own_outputs,
    map_strings,
    map_uris,
    output_uris,
    to_remote,
)
from pipeline.cluster.runtime_parameters import FLAG, apply_all, decode

POD_ROOT_VARIABLE = "SESSION_RETRIEVAL_POD_ROOT"


def parse_arguments(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Reads the container's arguments; the remaining ones are Beam's."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}")
    parser.add_argument("--node", default="")
    parser.add_argument(OUTPUTS, type=json.loads, help="names of the component's own outputs")
    parser.add_argument("--driver_class_path")
    parser.add_argument(FLAG, default="[]")
    parser.add_argument(BEAM_OPTIONS, type=json.loads, default="{}")
    return parser.parse_known_args(arguments)


def prepare(options: argparse.Namespace, pod_root: str) -> Json:
    """Returns the message in the form that TFX can use.

    Raises:
      ValueError: a runtime parameter cannot be used.
      MissingInputError: an input was not copied into the pod.
    """
    inputs_spec = json.loads(options.json_serialized_inputs_spec_args)
    message = fill_types(json.loads(options.json_serialized_invocation_args), inputs_spec)
    inputs = message.setdefault("inputs", {})
    bindings = decode(getattr(options, FLAG.lstrip("-")))
    inputs["parameterValues"] = apply_all(bindings, inputs.get("parameterValues") or {})
    message = keep_own_outputs(drop_absent(message), options.outputs)
    local = map_uris(message, pod_root)
    check_copies(local, message)
    return local


def run_driver(message: Json, driver_class_path: str) -> None:
    """Runs an ExampleGen's driver, which KFP does not: it finds span, version and fingerprint.

    Changes the message: the resolved patterns replace those of the parameters, and the output
    artifact gets span, version and fingerprint.
    """
    from google.protobuf import json_format
    from tfx.components.example_gen import driver
    from tfx.orchestration.data_types import ComponentInfo, PipelineInfo
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils
    from tfx.types import standard_artifacts, standard_component_specs
    from tfx.utils import import_utils

    parameters = message["inputs"]["parameterValues"]
    pipeline_info = PipelineInfo("", "")
    resolved = import_utils.import_class_by_path(driver_class_path)(None).resolve_exec_properties(
        dict(parameters), pipeline_info, ComponentInfo("", "", pipeline_info)
    )
    for key in (
        standard_component_specs.INPUT_CONFIG_KEY,
        standard_component_specs.CUSTOM_CONFIG_KEY,  # has the days of a window
    ):
        parameters[key] = resolved[key]
    examples = standard_artifacts.Examples()
    driver.update_output_artifact(resolved, examples.mlmd_artifact)
    found = kubeflow_v2_entrypoint_utils.to_runtime_artifact(examples, {})
    outputs = message["outputs"]["artifacts"][standard_component_specs.EXAMPLES_KEY]["artifacts"]
    outputs[0].setdefault("metadata", {}).update(json_format.MessageToDict(found.metadata))


def remove_outputs(message: Json) -> None:
    """Removes the outputs of an attempt that failed or was killed."""
    from tfx.dsl.io import fileio

    for path in [*output_uris(message), message["outputs"].get("outputFile", "")]:
        if path and fileio.exists(path):
            fileio.rmtree(path) if fileio.isdir(path) else fileio.remove(path)


def run_executor(options: argparse.Namespace, message: Json, beam_flags: list[str]) -> None:
    """Calls TFX's own entrypoint, which runs the executor and writes the output message."""
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    prepared = argparse.Namespace(
        executor_class_path=options.executor_class_path,
        json_serialized_invocation_args=json.dumps(message),
        json_serialized_inputs_spec_args=options.json_serialized_inputs_spec_args,
    )
    kubeflow_v2_run_executor.main((prepared, beam_flags))


def try_workers(executor_class_path: str, flags: list[str], options: BeamOptions) -> None:
    """Runs a trial job if the node has Beam jobs whose workers are not in this process.

    Raises:
      RunnerError: they did not start in time, or are not fit.
    """
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.utils import import_utils

    executor = import_utils.import_class_by_path(executor_class_path)
    if in_this_process(flags) or not issubclass(executor, BaseBeamExecutor):
        return  # TFX hands Beam's flags to every node.
    from pipeline.beam import trial_job

    if problem := trial_job.run(flags, options.start_minutes, marker="", content=""):
        raise RunnerError(problem)


def finish(message: Json, pod_root: str) -> None:
    """Replaces local paths by URIs in the output message, which the launcher reads."""
    from tfx.dsl.io import fileio

    path = message["outputs"]["outputFile"]
    with fileio.open(path, "r") as file:
        output: Any = json.load(file)
    with fileio.open(path, "w") as file:
        file.write(json.dumps(map_strings(output, lambda text: to_remote(text, pod_root))))


def import_tfx() -> None:
    """Imports what every node needs, without collecting garbage, of which imports make none.

    Searching for it would take a fourth of their time.
    """
    gc.disable()
    try:
        from tfx.orchestration.kubeflow.v2.container import (  # noqa: F401
            kubeflow_v2_run_executor,
        )
    finally:
        gc.enable()


def run(options: argparse.Namespace, beam_flags: list[str], pod_root: str) -> None:
    """Runs one node; if it does not finish, half-written outputs are removed."""
    message = prepare(options, pod_root)
    import_tfx()
    remove_outputs(message)
    beam_options = BeamOptions(**options.beam_options)
    try:
        try_workers(options.executor_class_path, beam_flags, beam_options)
        if options.driver_class_path:
            run_driver(message, options.driver_class_path)
        with explained(beam_options):
            run_executor(options, message, beam_flags)
        finish(message, pod_root)
    except BaseException:
        remove_outputs(message)
        raise


def _stop(number: int, _: object) -> None:
    """Exits by an exception, so that a deleted pod removes its half-written outputs."""
    sys.exit(128 + number)


def main(arguments: Sequence[str]) -> int:
    """Runs one node; returns 0, or 1 with node and cause in the last line of the log."""
    signal.signal(signal.SIGTERM, _stop)
    options, beam_flags = parse_arguments(arguments)
    try:
        run(options, beam_flags, os.environ.get(POD_ROOT_VARIABLE, "/"))
    except Exception as error:
        traceback.print_exc()
        print(f"Node {options.node} failed: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0
