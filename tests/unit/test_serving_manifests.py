"""The recipes of `deploy/serving/`: valid for the APIs, and what they say of the server is true.

Kubernetes' schemas are those of the package kubernetes-validate. KServe's are read from the file
that KSERVE_CRD names: `kubectl get crd inferenceservices.serving.kserve.io -o yaml > FILE`.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml

from modules.releases.server_config import (
    BASE_PATH,
    FILE,
    METRICS_PATH,
    MODEL_NAME,
    MONITORING_FILE,
)
from pipeline.cli.main import cli
from pipeline.paths import PROJECT

FOLDER = PROJECT / "deploy" / "serving"
# The oldest and the newest Kubernetes whose schemas the manifests are held against.
KUBERNETES = ("1.29", "1.31", "1.34", "1.37")
# Of tensorflow_model_server 2.16.1 --help.
FLAGS = {
    "allow_version_labels_for_unavailable_models",
    "file_system_poll_wait_seconds",
    "model_base_path",
    "model_config_file",
    "model_config_file_poll_wait_seconds",
    "model_name",
    "monitoring_config_file",
    "port",
    "rest_api_port",
    "rest_api_timeout_in_ms",
    "tensorflow_inter_op_parallelism",
    "tensorflow_intra_op_parallelism",
}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the definition has some megabytes
MODEL = f"/v1/models/{MODEL_NAME}"


def _documents() -> list[tuple[str, dict[str, Any]]]:
    files = sorted((FOLDER / "kubernetes").glob("*.yaml"))
    return [
        (f"{file.name} {document['kind']}", document)
        for file in files
        for document in yaml.safe_load_all(file.read_text("utf-8"))
    ]


DOCUMENTS = _documents()
DEPLOYMENTS = [document for _, document in DOCUMENTS if document["kind"] == "Deployment"]
INFERENCE_SERVICE = yaml.safe_load(
    (FOLDER / "kserve" / "inference-service.yaml").read_text("utf-8")
)
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
POD_SPECS = [
    *(document["spec"]["template"]["spec"] for document in DEPLOYMENTS),
    INFERENCE_SERVICE["spec"]["predictor"],
]


def _validate(document: Mapping[str, Any], version: str) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize(
    "document", [document for _, document in DOCUMENTS], ids=[name for name, _ in DOCUMENTS]
)
def test_manifests_are_valid_for_kubernetes(document: dict[str, Any], version: str) -> None:
    _validate(document, version)
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    spoiled = copy.deepcopy(document)
    spoiled["spec"]["no_such_field"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="no_such_field"):
        _validate(spoiled, version)


def test_what_kserve_hands_to_kubernetes_is_valid() -> None:
    """A predictor has the fields of a pod, beside KServe's own, which are left out here."""
    own = {"canaryTrafficPercent", "minReplicas", "maxReplicas", "scaleMetric", "scaleTarget"}
    predictor = INFERENCE_SERVICE["spec"]["predictor"]
    spec = {name: value for name, value in predictor.items() if name not in {*own, "timeout"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "predictor"}, "spec": spec}
    _validate(pod, KUBERNETES[-1])


def test_the_inference_service_is_valid_for_kserve() -> None:
    if not os.environ.get("KSERVE_CRD"):
        pytest.skip("needs KSERVE_CRD, the file of KServe's custom resource definition")
    definition = yaml.load(Path(os.environ["KSERVE_CRD"]).read_text("utf-8"), LOADER)
    (schema,) = [
        version["schema"]["openAPIV3Schema"]
        for version in definition["spec"]["versions"]
        if INFERENCE_SERVICE["apiVersion"].endswith(f"/{version['name']}")
    ]
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(INFERENCE_SERVICE)
    assert _unknown(INFERENCE_SERVICE["spec"], schema["properties"]["spec"]) == []
    spoiled = copy.deepcopy(INFERENCE_SERVICE)
    spoiled["spec"]["predictor"]["containers"][0]["no_such_field"] = 1
    assert _unknown(spoiled["spec"], schema["properties"]["spec"])
    spoiled["spec"]["predictor"]["canaryTrafficPercent"] = "10 %"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(spoiled)


def _unknown(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Returns the fields that a schema lacks, which a cluster would drop."""
    if isinstance(value, list):
        return [name for one in value for name in _unknown(one, schema.get("items", {}))]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    known = schema["properties"]
    deeper = [
        name for field in value.keys() & known for name in _unknown(value[field], known[field])
    ]
    return [*sorted(value.keys() - known), *deeper]


@pytest.mark.parametrize("spec", POD_SPECS)
def test_no_pod_is_root_or_writes_or_talks_to_the_cluster(spec: dict[str, Any]) -> None:
    assert spec["automountServiceAccountToken"] is False
    claims = [volume for volume in spec["volumes"] if "persistentVolumeClaim" in volume]
    assert claims and all(volume["persistentVolumeClaim"]["readOnly"] for volume in claims)
    for container in spec["containers"]:
        security = {**spec.get("securityContext", {}), **container["securityContext"]}
        assert security["runAsNonRoot"] and security["runAsUser"] > 0
        assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["resources"]["requests"] and container["resources"]["limits"]["memory"]
        names = {volume["name"] for volume in claims}
        mounted = [mount for mount in container["volumeMounts"] if mount["name"] in names]
        assert mounted and all(mount["readOnly"] for mount in mounted)


@pytest.mark.parametrize("spec", POD_SPECS[:2])
def test_a_pod_is_started_ready_and_alive_by_the_servers_own_word(spec: dict[str, Any]) -> None:
    (container,) = spec["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"rest": 8501, "grpc": 8500}
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness")}
    assert probes["startup"] == probes["readiness"]
    alive = container["livenessProbe"]["httpGet"]
    assert {alive["port"], *(probe["port"] for probe in probes.values())} == {"rest"}
    is_tensorflow_serving = container["image"].startswith("tensorflow/")
    assert (probes["startup"]["path"], alive["path"]) == (
        (f"{MODEL}/labels/stable/metadata", MODEL)
        if is_tensorflow_serving
        else ("/readyz", "/healthz")
    )


def _flags(container: Mapping[str, Any]) -> dict[str, str]:
    words = container.get("args") or container["command"]
    return dict(re.fullmatch(r"--(\w+)=(.+)", word).groups() for word in words)  # type: ignore


SERVERS = [
    POD_SPECS[1]["containers"][0],
    POD_SPECS[2]["containers"][0],
    COMPOSE["services"]["serving"],
]


@pytest.mark.parametrize("container", SERVERS, ids=["kubernetes", "kserve", "compose"])
def test_tensorflow_serving_is_started_with_flags_that_it_knows(container: dict[str, Any]) -> None:
    assert container["image"].replace("${SERVING_TAG:-2.16.1}", "2.16.1") == (
        "tensorflow/serving:2.16.1"
    )
    assert _flags(container).keys() <= FLAGS
    assert _flags(container)["rest_api_port"] == "8501"


def test_configuration_and_models_are_where_the_server_looks() -> None:
    for container in (SERVERS[0], SERVERS[2]):
        flags = _flags(container)
        assert flags["model_config_file"] == f"/releases/{FILE}"
        assert flags["monitoring_config_file"] == f"/releases/{MONITORING_FILE}"
        assert flags["allow_version_labels_for_unavailable_models"] == "true"
    mounts = {mount["mountPath"]: mount.get("subPath") for mount in SERVERS[0]["volumeMounts"]}
    assert mounts == {BASE_PATH: "pushed", "/releases": "pushed_releases", "/tmp": None}
    volumes = COMPOSE["services"]["serving"]["volumes"]
    assert all(volume["type"] == "bind" and volume["read_only"] for volume in volumes)
    assert {volume["target"]: volume["source"] for volume in volumes} == {
        BASE_PATH: "${OUT:-output/sample}/pushed",
        "/releases": "${OUT:-output/sample}/pushed_releases",
    }
    flags = _flags(SERVERS[1])
    assert (flags["model_name"], flags["model_base_path"]) == (MODEL_NAME, BASE_PATH)
    pinned = SERVERS[1]["volumeMounts"][0]
    version = pinned["subPath"].partition("/")[2]
    assert pinned["subPath"].startswith("pushed/") and version.isdecimal()
    assert pinned["mountPath"] == f"{BASE_PATH}/{version}"


@pytest.mark.parametrize("file", ["tensorflow-serving.yaml", "local-server.yaml"])
def test_all_objects_of_a_server_mean_its_pods(file: str) -> None:
    found = {name.split()[1]: document for name, document in DOCUMENTS if name.startswith(file)}
    deployment = found["Deployment"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    name = deployment["metadata"]["name"]
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector == {"app.kubernetes.io/name": name} for selector in selectors)
    assert labels["app.kubernetes.io/name"] == name
    target = found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for volume in deployment["spec"]["template"]["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {
        document["metadata"]["name"] for name, document in DOCUMENTS if "Claim" in name
    }
    path = METRICS_PATH if file == "tensorflow-serving.yaml" else "/metrics"
    assert annotations["prometheus.io/path"] == path


def test_the_root_has_the_same_compose_file() -> None:
    root = yaml.safe_load((PROJECT / "compose.yaml").read_text("utf-8"))
    assert root == {"include": [{"path": "deploy/serving/compose.yaml", "project_directory": "."}]}
    serving = COMPOSE["services"]["serving"]
    assert all(port.startswith("127.0.0.1:") for port in serving["ports"])
    assert (
        serving["read_only"] and serving["cap_drop"] == ["ALL"] and serving["user"] == "1000:1000"
    )


class _Metadata(BaseHTTPRequestHandler):
    """Answers for a loaded model, as long as the path is that of its metadata."""

    def do_GET(self) -> None:
        is_loaded = self.path == f"{MODEL}/labels/stable/metadata" and self.server.is_loaded  # type: ignore
        self.send_response(200 if is_loaded else 404)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def metadata_server() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Metadata)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_container_is_healthy_once_the_stable_version_is_loaded(metadata_server: Any) -> None:
    kind, *command = COMPOSE["services"]["serving"]["healthcheck"]["test"]
    assert kind == "CMD"
    command[-1] = command[-1].replace("/8501", f"/{metadata_server.server_port}")
    for is_loaded in (True, False):
        metadata_server.is_loaded = is_loaded
        done = subprocess.run(command, timeout=30)
        assert (done.returncode == 0) is is_loaded
    metadata_server.shutdown()
    metadata_server.server_close()
    done = subprocess.run(command, timeout=30, capture_output=True)
    assert done.returncode != 0


def test_our_own_server_is_started_with_options_that_it_knows() -> None:
    (container,) = POD_SPECS[0]["containers"]
    assert container["command"] == ["python", "-m", "pipeline.cli"]
    name, *options = container["args"]
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    parsed = command.make_context(name, options).params
    assert (parsed["host"], parsed["port"], parsed["grpc_port"]) == ("0.0.0.0", 8501, 8500)
    (service,) = [document for name, document in DOCUMENTS if name == "local-server.yaml Service"]
    assert parsed["hosts"] == (service["metadata"]["name"],)
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "out"]
    assert str(parsed["out"]) == mount["mountPath"]
