"""The TFJob of the Trainer's workers: valid for the operator and for Kubernetes.

Kubernetes' schemas are those of the package kubernetes-validate. The operator's is read from the
file that TFJOB_CRD names: `kubectl get crd tfjobs.kubeflow.org -o yaml > FILE`, or the file
`manifests/base/crds/kubeflow.org_tfjobs.yaml` of release 1.9.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from modules.cluster_jobs import WORKER, tf_job
from pipeline.cluster.deployment import Deployment, Resources
from pipeline.cluster.worker_job import manifest
from pipeline.config import ConfigError

DEPLOYMENT = Deployment(
    image="registry.example.com/image:1",
    trainer_workers=3,
    resources={"Trainer": Resources(4, 8, 1)},
)
PLATFORM = {
    "pvcMount": [{"constant": "claim", "mountPath": "/mnt/state"}],
    "secretAsVolume": [{"secretName": "account", "mountPath": "/secrets"}],
    "emptyDirMounts": [{"volumeName": "tmp", "mountPath": "/tmp", "sizeLimit": "50Gi"}],
    "secretAsEnv": [
        {"secretName": "bucket", "keyToEnv": [{"secretKey": "key", "envVar": "ACCESS_KEY"}]}
    ],
    "imagePullSecret": [{"secretName": "login"}],
    "nodeSelector": {"labels": {"gpu": "a"}},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "imagePullPolicy": "Always",
}
OWN_POD = {
    "metadata": {"name": "trainer-pod", "uid": "6f1c"},
    "spec": {"serviceAccountName": "pipeline-runner"},
}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _job(platform: Mapping[str, Any] = PLATFORM) -> dict[str, Any]:
    """The job as it is created."""
    return tf_job._complete(manifest(DEPLOYMENT, platform), "trainer-1", ["/mnt/job"], OWN_POD)


def _pod(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["tfReplicaSpecs"][WORKER]["template"]["spec"]
    return found


def test_a_worker_has_the_resources_and_the_settings_of_the_trainer() -> None:
    pod = _pod(_job())
    (container,) = pod["containers"]
    assert container["image"] == DEPLOYMENT.image
    assert container["command"] == ["python", "-m", "modules.trainer"]
    assert container["args"] == ["/mnt/job"]
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert container["resources"]["limits"] == {"cpu": "4", "memory": "8G", "nvidia.com/gpu": "1"}
    sources = {volume["name"]: volume for volume in pod["volumes"]}
    mounted = {mount["mountPath"]: sources[mount["name"]] for mount in container["volumeMounts"]}
    assert mounted["/mnt/state"]["persistentVolumeClaim"] == {"claimName": "claim"}
    assert mounted["/secrets"]["secret"] == {"secretName": "account"}
    assert mounted["/tmp"]["emptyDir"] == {"sizeLimit": "50Gi"}
    (variable,) = container["env"]
    assert variable["name"] == "ACCESS_KEY"
    assert variable["valueFrom"]["secretKeyRef"] == {"name": "bucket", "key": "key"}
    assert container["imagePullPolicy"] == "Always"
    assert pod["imagePullSecrets"] == [{"name": "login"}]
    assert pod["nodeSelector"] == {"gpu": "a"} and pod["tolerations"] == PLATFORM["tolerations"]
    assert pod["serviceAccountName"] == "pipeline-runner"


def test_all_workers_may_start_three_times() -> None:
    spec = _job()["spec"]
    workers = spec["tfReplicaSpecs"][WORKER]
    assert (workers["replicas"], workers["restartPolicy"]) == (3, "OnFailure")
    assert spec["runPolicy"]["backoffLimit"] == 9


@pytest.mark.parametrize(
    ("platform", "message"),
    [
        ({"podAffinity": []}, "podAffinity is set, but they take over only pvcMount, "),
        ({"pvcMount": [{"constant": "c"}]}, "pvcMount must have constant, mountPath and nothing"),
        (
            {"pvcMount": [{"constant": "c", "mountPath": "/m", "subPath": "s"}]},
            "pvcMount must have constant, mountPath and nothing",
        ),
    ],
)
def test_what_the_workers_would_not_have_is_refused(platform: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        manifest(DEPLOYMENT, platform)


@pytest.mark.parametrize("platform", [PLATFORM, {}], ids=["all settings", "none"])
@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_what_the_operator_hands_to_kubernetes_is_valid(
    platform: dict[str, Any], version: str
) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "w"},
        "spec": _pod(_job(platform)),
    }
    kubernetes_validate.validate(pod, version, strict=True)
    pod["spec"]["no_such_field"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="no_such_field"):
        kubernetes_validate.validate(pod, version, strict=True)


@pytest.mark.parametrize("platform", [PLATFORM, {}], ids=["all settings", "none"])
def test_the_job_is_valid_for_the_operator(platform: dict[str, Any]) -> None:
    if not os.environ.get("TFJOB_CRD"):
        pytest.skip("needs TFJOB_CRD, the file of the operator's custom resource definition")
    definition = yaml.load(Path(os.environ["TFJOB_CRD"]).read_text("utf-8"), LOADER)
    job = _job(platform)
    assert definition["spec"]["names"]["kind"] == job["kind"]
    assert definition["spec"]["names"]["plural"] == tf_job.KIND["plural"]
    (schema,) = [
        version["schema"]["openAPIV3Schema"]
        for version in definition["spec"]["versions"]
        if job["apiVersion"] == f"{definition['spec']['group']}/{version['name']}"
    ]
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(job)
    assert _unknown(job["spec"], schema["properties"]["spec"]) == []
    spoiled = copy.deepcopy(job)
    _pod(spoiled)["containers"][0]["no_such_field"] = 1
    assert _unknown(spoiled["spec"], schema["properties"]["spec"]) == ["no_such_field"]
    spoiled["spec"]["tfReplicaSpecs"][WORKER]["replicas"] = "three"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(spoiled)


def _unknown(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Returns the fields that a schema lacks, which a cluster would drop."""
    if isinstance(value, list):
        return [name for one in value for name in _unknown(one, schema.get("items", {}))]
    if not isinstance(value, dict):
        return []
    every = schema.get("additionalProperties")
    known = schema.get("properties", dict.fromkeys(value, every) if every else None)
    if known is None:
        return []
    deeper = [
        name for field in value.keys() & known for name in _unknown(value[field], known[field])
    ]
    return [*sorted(value.keys() - known), *deeper]
