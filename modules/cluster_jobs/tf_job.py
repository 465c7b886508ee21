"""TFJobs of Kubeflow's training operator: workers on several machines, started from a pod.

The operator makes a pod per worker and sets `TF_CONFIG` in it. The process here creates the job,
shows what its first worker writes, waits, and fails as the job does. The job is deleted at the end;
if this process is killed, with its pod, which owns the job.
"""

from __future__ import annotations

import contextlib
import copy
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import kubernetes
import urllib3
from kubernetes.client import ApiClient, ApiException, CoreV1Api, CustomObjectsApi

from modules.cluster_jobs import WORKER

KIND = {"group": "kubeflow.org", "version": "v1", "plural": "tfjobs"}
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_SECONDS_BETWEEN_LOOKS = 10.0
_FAILED_LOOKS = 60  # in a row: ten minutes without the cluster's API
_LINES_SHOWN = 20
_NOT_FOUND, _TOO_MANY_REQUESTS = 404, 429
_REFUSALS = range(400, 500)
_API_ERRORS = (ApiException, urllib3.exceptions.HTTPError)
_FIXES = {
    403: "the service account of the run may not: it needs the verbs create, get and delete on "
    "tfjobs of kubeflow.org, and get on pods and pods/log",
    _NOT_FOUND: "the cluster has no TFJobs: install Kubeflow's training operator 1.9, or compile "
    "without trainer_workers",
}
_NO_POD = (
    "no pod has the name of this host, which is cut at 63 characters, or is the machine's on its "
    "own network: shorten the pipeline's name"
)


class Cluster(NamedTuple):
    """Where a job runs.

    Attributes:
      api: client of the cluster's API.
      namespace: namespace of this pod and of the job.
      pod: name of this pod.
    """

    api: ApiClient
    namespace: str
    pod: str


def this_cluster() -> Cluster:
    """Returns the cluster that this process runs on.

    Raises:
      RuntimeError: it runs on none.
    """
    try:
        kubernetes.config.load_incluster_config()
        namespace = _NAMESPACE.read_text("utf-8").strip()
    except (kubernetes.config.ConfigException, OSError) as error:
        raise RuntimeError(
            f"trainer_workers starts workers on the cluster of its own pod, but: {error}. To try "
            "the pipeline elsewhere, compile it without trainer_workers"
        ) from error
    return Cluster(ApiClient(), namespace, socket.gethostname())


def run(manifest: dict[str, Any], name: str, arguments: list[str], cluster: Cluster) -> None:
    """Runs a job to its end.

    Args:
      manifest: a TFJob with workers alone, without a name.
      name: name of the job; a job of this name, which an earlier attempt left, is deleted.
      arguments: arguments of the workers' command.
      cluster: where it runs.

    Raises:
      RuntimeError: the job failed, with the end of what its workers wrote; or the cluster's API
        refuses it.
    """
    jobs = _Jobs(cluster, name)
    jobs.delete()
    jobs.create(_complete(manifest, name, arguments, jobs.this_pod()))
    try:
        jobs.wait()
    finally:
        jobs.delete()


def _complete(
    manifest: dict[str, Any], name: str, arguments: list[str], pod: dict[str, Any]
) -> dict[str, Any]:
    """Returns the job with its name and arguments, and with the account and owner of this pod."""
    job = copy.deepcopy(manifest)
    owner = {"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"]}
    owner["uid"] = pod["metadata"]["uid"]
    job["metadata"] = {**job.get("metadata", {}), "name": name, "ownerReferences": [owner]}
    spec = job["spec"]["tfReplicaSpecs"][WORKER]["template"]["spec"]
    spec["containers"][0]["args"] = arguments
    if account := pod["spec"].get("serviceAccountName"):
        spec["serviceAccountName"] = account
    return job


class _Jobs:
    """The job of a name, on the cluster's API."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._api, self._namespace, self._pod = cluster
        self._name = name
        self._place = {**KIND, "namespace": self._namespace}
        self._jobs, self._core = CustomObjectsApi(self._api), CoreV1Api(self._api)

    def this_pod(self) -> dict[str, Any]:
        with _explained(f"read pod {self._pod}", {**_FIXES, _NOT_FOUND: _NO_POD}):
            pod = self._core.read_namespaced_pod(self._pod, self._namespace)
        found: dict[str, Any] = self._api.sanitize_for_serialization(pod)
        return found

    def create(self, job: dict[str, Any]) -> None:
        with _explained(f"create TFJob {self._name}"):
            self._jobs.create_namespaced_custom_object(**self._place, body=job)
        print(f"    created TFJob {self._name}", flush=True)

    def delete(self) -> None:
        """Deletes the job, and its pods before it; returns once it is gone."""
        failures = 0
        while True:
            try:
                self._jobs.delete_namespaced_custom_object(
                    **self._place, name=self._name, propagation_policy="Foreground"
                )
                failures = 0
            except _API_ERRORS as error:
                if isinstance(error, ApiException) and error.status == _NOT_FOUND:
                    return
                failures += 1
                if _is_final(error, failures):
                    with _explained(f"delete TFJob {self._name}"):
                        raise
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def wait(self) -> None:
        """Waits for the job's success; raises RuntimeError if it fails."""
        shown, failures = 0, 0
        while True:
            try:
                status = self._status()
                shown = self._show_new(shown)
                failures = 0
            except _API_ERRORS as error:
                failures += 1
                if _is_final(error, failures):
                    raise RuntimeError(f"lost TFJob {self._name}: {error}") from error
                status = {}
            conditions = [
                one for one in status.get("conditions") or [] if one.get("status") == "True"
            ]
            reached = {one["type"]: one.get("message", "") for one in conditions}
            if "Failed" in reached:
                raise RuntimeError(f"{reached['Failed']}{self._last_words(status)}")
            if "Succeeded" in reached:
                return
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _status(self) -> dict[str, Any]:
        job = self._jobs.get_namespaced_custom_object(**self._place, name=self._name)
        status: dict[str, Any] = job.get("status") or {}
        return status

    def _log(self, worker: int, **options: Any) -> list[str]:
        """Returns the lines of a worker's log, none if it cannot be read."""
        pod = f"{self._name}-{WORKER.lower()}-{worker}"
        with contextlib.suppress(*_API_ERRORS):
            log: str = self._core.read_namespaced_pod_log(pod, self._namespace, **options)
            return log.splitlines()
        return []

    def _show_new(self, shown: int) -> int:
        """Prints the first worker's lines from one on; returns their number."""
        lines = self._log(0)
        if not lines:  # it could not be read
            return shown
        # After a restart its log begins again.
        for line in lines[shown if len(lines) >= shown else 0 :]:
            print(line, flush=True)
        return len(lines)

    def _last_words(self, status: dict[str, Any]) -> str:
        """Returns the end of what each worker wrote before it failed last."""
        replicas = (status.get("replicaStatuses") or {}).get(WORKER) or {}
        words = ""
        for worker in range(sum(replicas.get(state) or 0 for state in ("active", "failed"))):
            lines = self._log(worker, previous=True, tail_lines=_LINES_SHOWN)
            lines = lines or self._log(worker, tail_lines=_LINES_SHOWN)
            words += "\n".join([f"\nworker {worker}:", *lines])
        return words


def _is_final(error: Exception, failures: int) -> bool:
    """Returns whether the API refused a call, or has failed too often in a row."""
    status = error.status if isinstance(error, ApiException) else None
    refused = status in _REFUSALS and status != _TOO_MANY_REQUESTS
    return refused or failures == _FAILED_LOOKS


@contextlib.contextmanager
def _explained(what: str, fixes: Mapping[int, str] = _FIXES) -> Any:
    """Says what the API refused and how to fix it."""
    try:
        yield
    except ApiException as error:
        reason = fixes.get(error.status, error.reason)
        raise RuntimeError(f"the cluster did not {what}: {error.status}, {reason}") from error
