"""A Kubernetes API with TFJobs, whose workers are processes of this machine.

It does what release 1.9 of Kubeflow's training operator and a kubelet do with a job of workers
alone, restart policy OnFailure and clean-up policy None: each worker gets `TF_CONFIG`; one that
fails starts again at the same address; the job has succeeded when worker 0 has, and failed when all
restarts together reach the limit. Addresses are ports of this machine in place of services.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import kubernetes

from modules.cluster_jobs.tf_job import Cluster
from modules.training.local_workers import _free_ports

NAMESPACE = "kubeflow"
POD = "trainer-pod"
OWN_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": POD, "uid": "uid-of-trainer"},
    "spec": {"containers": [{"name": "main"}], "serviceAccountName": "pipeline-runner"},
}


@dataclasses.dataclass
class Worker:
    """A pod of one container.

    Attributes:
      process: the container that runs, or ran last.
      logs: what each container wrote, the latest last.
    """

    environment: dict[str, str]
    command: list[str]
    folder: Path
    logs: list[Path] = dataclasses.field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.logs.append(self.folder / f"{len(self.logs)}.log")
        with open(self.logs[-1], "wb") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )


class Job:
    """A TFJob that runs."""

    def __init__(self, manifest: dict[str, Any], folder: Path) -> None:
        self.manifest, self.status = manifest, {}
        run_policy = manifest["spec"]["runPolicy"]
        (replicas,) = manifest["spec"]["tfReplicaSpecs"].values()
        assert replicas["restartPolicy"] == "OnFailure"
        assert run_policy["cleanPodPolicy"] == "None"
        self._limit = run_policy["backoffLimit"]
        (container,) = replicas["template"]["spec"]["containers"]
        assert container["name"] == "tensorflow"  # else the operator does not find it
        addresses = [f"localhost:{port}" for port in _free_ports(replicas["replicas"])]
        self.workers = []
        for index in range(replicas["replicas"]):
            place = {"type": "worker", "index": index}
            config = {"cluster": {"worker": addresses}, "task": place, "environment": "cloud"}
            own = folder / f"worker-{index}-of-{manifest['metadata']['name']}"
            own.mkdir(parents=True)
            self.workers.append(
                Worker(
                    {**os.environ, "TF_CONFIG": json.dumps(config)},
                    # As the image finds it by the name `python`.
                    [sys.executable, *container["command"][1:], *container["args"]],
                    own,
                )
            )
        self._deleted = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def restarts(self) -> int:
        return sum(len(worker.logs) - 1 for worker in self.workers)

    def _run(self) -> None:
        for worker in self.workers:
            worker.start()
        while not self._deleted.wait(0.1):
            statuses = [worker.process.poll() for worker in self.workers]
            if statuses[0] == 0:
                return self._end("Succeeded", "TFJob successfully completed.")
            for worker, status in zip(self.workers, statuses, strict=True):
                if status and self.restarts + 1 >= self._limit:
                    return self._end("Failed", "TFJob has reached the specified backoff limit")
                if status:
                    time.sleep(0.5)
                    worker.start()

    def _end(self, kind: str, message: str) -> None:
        self.status = {
            "conditions": [
                {"type": "Created", "status": "True", "message": "TFJob is created."},
                {"type": kind, "status": "True", "message": message},
            ],
            "replicaStatuses": {"Worker": {"active": len(self.workers)}},
        }

    def delete(self) -> None:
        self._deleted.set()
        self._thread.join()
        for worker in self.workers:
            worker.process.kill()
            worker.process.wait()


class TrainingOperator:
    """The API, from its creation to `close`.

    Attributes:
      jobs: jobs that are not deleted, by name.
      created: every job that was ever created.
    """

    def __init__(self, folder: Path) -> None:
        self.jobs: dict[str, Job] = {}
        self.created: list[Job] = []
        self.refused: dict[str, int] = {}  # status by method, in place of an answer
        self.folder = folder
        operator = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._answer(*operator._create(self._body()))

            def do_GET(self) -> None:
                self._answer(*operator._get(self.path))

            def do_DELETE(self) -> None:
                self._answer(*operator._delete(self.path))

            def _body(self) -> dict[str, Any]:
                return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, status: int, body: Any) -> None:
                status = operator.refused.get(self.command, status)
                text = body if isinstance(body, str) else json.dumps(body)
                self.send_response(status)
                kind = "text/plain" if isinstance(body, str) else "application/json"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("localhost", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def cluster(self) -> Cluster:
        """Returns the cluster as a pod sees it."""
        settings = kubernetes.client.Configuration()
        settings.host = f"http://localhost:{self._server.server_port}"
        return Cluster(kubernetes.client.ApiClient(settings), NAMESPACE, POD)

    def close(self) -> None:
        """Ends all that runs."""
        self._server.shutdown()
        self._server.server_close()
        for job in self.jobs.values():
            job.delete()

    def _create(self, manifest: dict[str, Any]) -> tuple[int, Any]:
        name = manifest["metadata"]["name"]
        if name in self.jobs:
            return 409, {"reason": "AlreadyExists"}
        if "POST" not in self.refused:
            self.jobs[name] = Job(manifest, self.folder / f"job-{len(self.created)}")
            self.created.append(self.jobs[name])
        return 201, manifest

    def _get(self, path: str) -> tuple[int, Any]:
        url = urllib.parse.urlparse(path)
        options = urllib.parse.parse_qs(url.query)
        parts = url.path.strip("/").split("/")
        if parts[-1] == POD:
            return 200, OWN_POD
        if parts[-1] == "log":
            return self._log(parts[-2], options)
        job = self.jobs.get(parts[-1])
        return (200, {**job.manifest, "status": job.status}) if job else (404, {})

    def _log(self, pod: str, options: dict[str, list[str]]) -> tuple[int, Any]:
        name, _, index = pod.rpartition("-worker-")
        logs = self.jobs[name].workers[int(index)].logs
        if options.get("previous") == ["True"]:
            logs = logs[:-1]
        if not logs:
            return 400, {"message": "previous terminated container not found"}
        lines = logs[-1].read_text("utf-8", "replace").splitlines(keepends=True)
        return 200, "".join(lines[-int(options.get("tailLines", ["0"])[0]) :])

    def _delete(self, path: str) -> tuple[int, Any]:
        job = self.jobs.pop(path.partition("?")[0].split("/")[-1], None)
        if job is None:
            return 404, {"reason": "NotFound"}
        job.delete()
        return 200, {"status": "Success"}
