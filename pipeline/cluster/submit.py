"""Upload, run or schedule a compiled pipeline on Kubeflow Pipelines, through its own SDK.

python kubeflow/submit.py upload   pipeline.yaml --host URL [--version NAME]
python kubeflow/submit.py run      pipeline.yaml --host URL [--parameter epochs=3]
python kubeflow/submit.py schedule pipeline.yaml --host URL --cron '0 0 4 * * *'
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.cluster import lint, lint_placement, parameter_values
from pipeline.cluster.lint_view import Json, SpecView, read_view

HOST_VARIABLE = "KFP_HOST"
TOKEN_VARIABLE = "KFP_TOKEN"
_SECONDS = 10
_STATUS_CURES = {
    401: "the token is missing or has expired: --token-file",
    403: "the account may not do this in the namespace: --namespace",
    404: "this is no address of Kubeflow Pipelines' API (2.0 or later): --host",
    409: "the name is taken: give another one, --version or --name",
}


class SubmitError(Exception):
    """Says why nothing was submitted, and the way out."""


def check_host(host: str, token: str | None, namespace: str | None) -> None:
    """Asks the server how it is; the SDK would try for 25 seconds and then keep the reason back.

    Raises:
      SubmitError: the address is none, nobody answers, or the account is refused.
    """
    url = urllib.parse.urlparse(host)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise SubmitError(f"--host must be a URL such as http://localhost:8080, got {host!r}")
    request = urllib.request.Request(f"{host.rstrip('/')}/apis/v2beta1/healthz")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    # Like the SDK, without the proxies of the environment.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_SECONDS) as response:
            health = json.load(response)
    except urllib.error.HTTPError as error:
        raise SubmitError(_refusal(host, error.code, error.reason, "")) from error
    except OSError as error:
        raise SubmitError(
            f"Could not connect to {host}: {error}. From outside the cluster, forward a port: "
            "kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80"
        ) from error
    except ValueError as error:
        raise SubmitError(_refusal(host, 404, "no JSON", "")) from error
    if not isinstance(health, dict):
        raise SubmitError(_refusal(host, 404, "no JSON object", ""))
    if health.get("multi_user") and not namespace:
        raise SubmitError(f"{host} serves several users: say whose by --namespace")


def _refusal(host: str, status: int, reason: str, body: str) -> str:
    fix = _STATUS_CURES.get(status, f"the server says {body!r}; its log says more")
    return f"{host} refused: {status} {reason}: {fix}"


def read_token(options: argparse.Namespace) -> str | None:
    """Returns the bearer token of the file, or of the environment.

    Raises:
      SubmitError: the file cannot be read.
    """
    if not options.token_file:
        return os.environ.get(TOKEN_VARIABLE)
    try:
        token: str = options.token_file.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SubmitError(f"--token-file cannot be read: {error}") from error
    return token


def connect(options: argparse.Namespace) -> Any:
    """Returns a client of the SDK.

    Raises:
      SubmitError: the host is not reachable, or refuses.
    """
    token = read_token(options)
    check_host(options.host, token, options.namespace)
    import kfp

    namespace = {"namespace": options.namespace} if options.namespace else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # "only works with 2.0 and later"
        return kfp.Client(host=options.host, existing_token=token, **namespace)


def upload(client: Any, options: argparse.Namespace, spec: Json) -> str:
    """Uploads the file as a version, of a new pipeline if need be; returns what was made."""
    name = options.name or spec["pipelineInfo"]["name"]
    pipeline_id = _pipeline_id(client, name, options.namespace)
    version = options.version
    if pipeline_id is None:
        made = client.upload_pipeline(str(options.file), name, namespace=options.namespace)
        # The server has named the pipeline's first version like the pipeline, and cannot be asked
        # for another name: a version that the user has named is uploaded as a second one.
        if version in (None, name):
            return f"Version {name} of the new pipeline {name}"
        pipeline_id = made.pipeline_id
    version = version or time.strftime("%Y%m%d-%H%M%S")
    client.upload_pipeline_version(str(options.file), version, pipeline_id=pipeline_id)
    return f"Version {version} of pipeline {name}"


def _pipeline_id(client: Any, name: str, namespace: str | None) -> str | None:
    """Returns the id of a pipeline; the SDK's `get_pipeline_id` looks into no namespace.

    Raises:
      SubmitError: several pipelines have the name.
    """
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    wanted = json.dumps({"predicates": [predicate]})
    found = client.list_pipelines(filter=wanted, namespace=namespace).pipelines
    if found and len(found) > 1:
        ids = ", ".join(pipeline.pipeline_id for pipeline in found)
        raise SubmitError(
            f"{len(found)} pipelines are called {name} ({ids}), and the version belongs to one: "
            "give a name that one alone has by --name, or delete the others"
        )
    return found[0].pipeline_id if found else None


def _common(client: Any, options: argparse.Namespace, spec: Json) -> dict[str, Any]:
    """Returns what runs and schedules have in common."""
    experiment = client.create_experiment(options.experiment, namespace=options.namespace)
    return {
        "experiment_id": experiment.experiment_id,
        "job_name": options.name
        or f"{spec['pipelineInfo']['name']}-{time.strftime('%m%d-%H%M%S')}",
        "pipeline_package_path": str(options.file),
        "params": parameter_values.typed(spec, dict(options.parameter)),
        # The backend does not read the specification's own root.
        "pipeline_root": options.pipeline_root or spec.get("defaultPipelineRoot"),
        "enable_caching": False if options.no_cache else None,
        "service_account": options.service_account,
    }


def run(client: Any, options: argparse.Namespace, spec: Json) -> str:
    """Starts a run; returns what was made."""
    started = client.run_pipeline(**_common(client, options, spec))
    return f"Run {started.run_id}"


def schedule(client: Any, options: argparse.Namespace, spec: Json) -> str:
    """Starts a run again and again; returns what was made."""
    made = client.create_recurring_run(
        **_common(client, options, spec),
        cron_expression=options.cron,
        # A cluster that was down needs one run to catch up with the newest data, not many.
        no_catchup=True,
        max_concurrency=1,
    )
    return f"Recurring run {made.recurring_run_id}"


COMMANDS = {"upload": upload, "run": run, "schedule": schedule}


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in COMMANDS.items():
        command = commands.add_parser(name, help=(function.__doc__ or "").splitlines()[0])
        command.add_argument("file", type=Path, help="compiled specification (.yaml)")
        command.add_argument("--host", default=os.environ.get(HOST_VARIABLE, ""))
        command.add_argument("--token-file", type=Path, help=f"bearer token, or {TOKEN_VARIABLE}")
        command.add_argument("--namespace", help="of a multi-user installation")
        command.add_argument("--name", help="of the pipeline, or of the run")
        if name == "upload":
            command.add_argument(
                "--version",
                help="name of the version (default: the time, "
                "of a new pipeline's first version the pipeline's name)",
            )
            continue
        command.add_argument("--experiment", default="session-retrieval")
        command.add_argument("--pipeline-root", help="in place of the specification's")
        command.add_argument("--service-account")
        command.add_argument("--no-cache", action="store_true", help="run every node")
        parameter_values.add_option(command)
        if name == "schedule":
            command.add_argument("--cron", required=True, help="six fields, seconds first")
    return parser.parse_args(arguments)


def placement_problems(view: SpecView, given: Json, root: str | None) -> list[str]:
    """Returns one line per place, given for a run, that its nodes could not reach or use.

    Args:
      view: of the specification.
      given: values of its parameters.
      root: in place of the specification's own pipeline root; None for that.
    """
    spec = copy.deepcopy(view.spec)
    for name, value in given.items():
        parameter_values.definitions(spec)[name]["defaultValue"] = value
    if root is not None:
        spec["defaultPipelineRoot"] = root
    chosen = dataclasses.replace(view, spec=spec)
    rules = (lint_placement.pipeline_root, lint_placement.folders, lint_placement.beam)
    return [str(problem) for rule in rules for problem in rule(chosen)]


def submit(options: argparse.Namespace) -> str:
    """Checks the file and the values, then calls the API; returns what was made.

    Raises:
      SubmitError: something is wrong with the file, the values, the host or the account.
    """
    found = lint.report(options.file)
    if options.file.suffix == ".json":
        found = ["a .json is for Vertex: see kubeflow/README.md, or compile with --target oss"]
    if found:
        raise SubmitError(f"{options.file} is not usable:\n" + "\n".join(f"  {x}" for x in found))
    view = read_view(options.file)
    spec = view.spec
    given = parameter_values.typed(spec, dict(getattr(options, "parameter", [])))
    wrong = parameter_values.problems(spec, given) or placement_problems(
        view, given, getattr(options, "pipeline_root", None)
    )
    if wrong:
        raise SubmitError("\n".join(wrong))
    client = connect(options)
    import kfp_server_api
    import urllib3

    try:
        return COMMANDS[options.command](client, options, spec)
    except kfp_server_api.ApiException as error:
        text = _refusal(options.host, error.status, error.reason, error.body)
        raise SubmitError(text) from error
    except urllib3.exceptions.HTTPError as error:
        raise SubmitError(f"{options.host} did not answer: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Submits; returns 0, or 1 with the reason on stderr."""
    try:
        print(f"{submit(parse_arguments(arguments))} is on its way")
    except SubmitError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
