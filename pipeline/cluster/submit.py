"""Uploads, runs or schedules a compiled pipeline on Kubeflow Pipelines, through its own SDK."""

from __future__ import annotations

import copy
import dataclasses
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.cluster import lint, lint_placement, parameter_values
from pipeline.cluster.lint_view import Json, SpecView, read_view

PORT_FORWARD = "kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80"
FORWARDED = "http://localhost:8080"
_SECONDS = 10
_STATUS_FIXES = {
    401: "the token is missing or has expired: --token-file",
    403: "the account may not do this in the namespace: --namespace",
    404: "this is not an address of Kubeflow Pipelines' API (2.0 or later): --host",
    409: "the name is taken: give another one, --version or --name",
}


class SubmitError(Exception):
    """Says why nothing was submitted, and how to fix it."""


def check_host(host: str, token: str | None, namespace: str | None) -> None:
    """Checks the server's health; the SDK would try for 25 seconds and then hide the reason.

    Raises:
      SubmitError: the address is not valid, no server answers, or the account is refused.
    """
    url = urllib.parse.urlparse(host)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise SubmitError(f"--host must be a URL such as {FORWARDED}, got {host!r}")
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
            f"{PORT_FORWARD}"
        ) from error
    except ValueError as error:
        raise SubmitError(_refusal(host, 404, "not JSON", "")) from error
    if not isinstance(health, dict):
        raise SubmitError(_refusal(host, 404, "not a JSON object", ""))
    if health.get("multi_user") and not namespace:
        raise SubmitError(f"{host} serves several users: choose one by --namespace")


def _refusal(host: str, status: int, reason: str, body: str) -> str:
    fix = _STATUS_FIXES.get(status, f"the server says {body!r}; see its log")
    return f"{host} refused: {status} {reason}: {fix}"


@dataclasses.dataclass(frozen=True)
class Request:
    """What is submitted, and where.

    Attributes:
      file: compiled specification.
      host: URL of the API.
      namespace: namespace of a multi-user installation.
      name: name of the pipeline, or of the run.
      version: name of an uploaded version; None for a name by time.
      pipeline_root: root in place of the specification's.
      no_cache: whether every node runs.
      parameters: values of runtime parameters, as typed.
      cron: time of a schedule: six fields, seconds first.
    """

    file: Path
    host: str
    token: str | None = None
    namespace: str | None = None
    name: str | None = None
    version: str | None = None
    experiment: str = "session-retrieval"
    pipeline_root: str | None = None
    service_account: str | None = None
    no_cache: bool = False
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    cron: str = ""


Action = Callable[[Any, Request, Json], str]


def connect(request: Request) -> Any:
    """Returns a client of the SDK.

    Raises:
      SubmitError: the host is not reachable, or refuses.
    """
    check_host(request.host, request.token, request.namespace)
    import kfp

    namespace = {"namespace": request.namespace} if request.namespace else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # "only works with 2.0 and later"
        return kfp.Client(host=request.host, existing_token=request.token, **namespace)


def upload(client: Any, request: Request, spec: Json) -> str:
    """Uploads the file as a version, of a new pipeline if need be; returns a description."""
    name = request.name or spec["pipelineInfo"]["name"]
    pipeline_id = _pipeline_id(client, name, request.namespace)
    version = request.version
    if pipeline_id is None:
        made = client.upload_pipeline(str(request.file), name, namespace=request.namespace)
        # The server names the first version like the pipeline and takes no other name for it: a
        # version that the user has named is uploaded as a second one.
        if version in (None, name):
            return f"Version {name} of the new pipeline {name}"
        pipeline_id = made.pipeline_id
    version = version or time.strftime("%Y%m%d-%H%M%S")
    client.upload_pipeline_version(str(request.file), version, pipeline_id=pipeline_id)
    return f"Version {version} of pipeline {name}"


def _pipeline_id(client: Any, name: str, namespace: str | None) -> str | None:
    """Returns the id of a pipeline; the SDK's `get_pipeline_id` ignores namespaces.

    Raises:
      SubmitError: several pipelines have the name.
    """
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    wanted = json.dumps({"predicates": [predicate]})
    found = client.list_pipelines(filter=wanted, namespace=namespace).pipelines
    if found and len(found) > 1:
        ids = ", ".join(pipeline.pipeline_id for pipeline in found)
        raise SubmitError(
            f"{len(found)} pipelines are named {name} ({ids}), and a version belongs to one: give "
            "a unique name by --name, or delete the others"
        )
    return found[0].pipeline_id if found else None


def _common(client: Any, request: Request, spec: Json) -> dict[str, Any]:
    """Returns what runs and schedules have in common."""
    experiment = client.create_experiment(request.experiment, namespace=request.namespace)
    return {
        "experiment_id": experiment.experiment_id,
        "job_name": request.name
        or f"{spec['pipelineInfo']['name']}-{time.strftime('%m%d-%H%M%S')}",
        "pipeline_package_path": str(request.file),
        "params": parameter_values.typed(spec, request.parameters),
        # The backend does not read the specification's own root.
        "pipeline_root": request.pipeline_root or spec.get("defaultPipelineRoot"),
        "enable_caching": False if request.no_cache else None,
        "service_account": request.service_account,
    }


def run(client: Any, request: Request, spec: Json) -> str:
    """Starts a run; returns a description."""
    started = client.run_pipeline(**_common(client, request, spec))
    return f"Run {started.run_id}"


def schedule(client: Any, request: Request, spec: Json) -> str:
    """Schedules runs; returns a description."""
    made = client.create_recurring_run(
        **_common(client, request, spec),
        cron_expression=request.cron,
        # A cluster that was down needs one run to catch up with the newest data, not many.
        no_catchup=True,
        max_concurrency=1,
    )
    return f"Recurring run {made.recurring_run_id}"


def placement_problems(view: SpecView, given: Json, root: str | None) -> list[str]:
    """Returns one line per folder or root of a run that its nodes could not reach or use.

    Args:
      view: the specification.
      given: values of its parameters.
      root: root in place of the specification's own; None for that.
    """
    chosen = dataclasses.replace(view, spec=copy.deepcopy(view.spec))
    for name, value in given.items():
        chosen.parameters()[name]["defaultValue"] = value
    if root is not None:
        chosen.spec["defaultPipelineRoot"] = root
    rules = (lint_placement.pipeline_root, lint_placement.folders, lint_placement.beam)
    return [str(problem) for rule in rules for problem in rule(chosen)]


def submit(action: Action, request: Request) -> str:
    """Checks the file and the values, then calls the API; returns a description of the result.

    Args:
      action: `upload`, `run` or `schedule`.
      request: what is submitted, and where.

    Raises:
      SubmitError: the file, the values, the host or the account cannot be used.
    """
    found = lint.report(request.file)
    if request.file.suffix == ".json":
        found = ["a .json is for Vertex: see kubeflow/README.md, or compile with --target oss"]
    if found:
        raise SubmitError(f"{request.file} is not usable:\n" + "\n".join(f"  {x}" for x in found))
    view = read_view(request.file)
    spec = view.spec
    values = parameter_values.with_present_names(spec, request.parameters)
    request = dataclasses.replace(request, parameters=values)
    given = parameter_values.typed(spec, values)
    wrong = parameter_values.problems(spec, given) or placement_problems(
        view, given, request.pipeline_root
    )
    if wrong:
        raise SubmitError("\n".join(wrong))
    client = connect(request)
    import kfp_server_api
    import urllib3

    try:
        return action(client, request, spec)
    except kfp_server_api.ApiException as error:
        text = _refusal(request.host, error.status, error.reason, error.body)
        raise SubmitError(text) from error
    except urllib3.exceptions.HTTPError as error:
        raise SubmitError(f"{request.host} did not answer: {error}") from error
