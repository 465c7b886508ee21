"""The TFJob that trains on several machines of a Kubernetes cluster, as far as `compile` knows it.

Its name, its file of arguments and its owner are known when the Trainer runs:
`modules/cluster_jobs/tf_job.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.cluster_jobs import API_VERSION, WORKER
from pipeline.cluster.deployment import Deployment, Resources
from pipeline.config import ConfigError

NODE = "Trainer"
COMMAND = ("python", "-m", "modules.trainer")
_CONTAINER = "tensorflow"  # the name by which the operator finds the container
# If a worker dies, the others fail too, and each restart counts: two restarts of all, as on one
# machine, stay below the limit.
_STARTS = 3
_KEPT_SECONDS = 3600  # if the Trainer's pod is gone and cannot delete the job


def manifest(deployment: Deployment, platform: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the TFJob without its name and arguments.

    Args:
      deployment: image, number of workers and resources.
      platform: settings of the Trainer's pod in platform.yaml, which its workers get too.

    Raises:
      ConfigError: the Trainer has a setting that its workers cannot take over.
    """
    _check(platform)
    workers = deployment.trainer_workers
    return {
        "apiVersion": API_VERSION,
        "kind": "TFJob",
        "metadata": {"labels": {"app": "session-retrieval"}},
        "spec": {
            "runPolicy": {
                # The Trainer reads the logs of failed workers, and then deletes the job.
                "cleanPodPolicy": "None",
                "backoffLimit": _STARTS * workers,
                "ttlSecondsAfterFinished": _KEPT_SECONDS,
            },
            "tfReplicaSpecs": {
                WORKER: {
                    "replicas": workers,
                    "restartPolicy": "OnFailure",
                    "template": _pod(deployment, platform),
                }
            },
        },
    }


def _pod(deployment: Deployment, platform: Mapping[str, Any]) -> dict[str, Any]:
    volumes, mounts = _volumes(platform)
    spec: dict[str, Any] = {
        "containers": [
            {
                "name": _CONTAINER,
                "image": deployment.image,
                "command": list(COMMAND),
                "resources": _resources(deployment.resources_of(NODE)),
                "env": _environment(platform),
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }
    _take_over(platform, spec)
    # Istio's sidecar would refuse the workers' connections, and never end.
    return {"metadata": {"annotations": {"sidecar.istio.io/inject": "false"}}, "spec": spec}


def _resources(resources: Resources) -> dict[str, Any]:
    """Returns equal requests and limits, as for the nodes' containers."""
    wanted = {"cpu": f"{resources.cpu:g}", "memory": f"{resources.memory_gb:g}G"}
    if resources.gpu:
        wanted[resources.gpu_type] = str(resources.gpu)
    return {"requests": wanted, "limits": dict(wanted)}


def _environment(platform: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": entry["envVar"],
            "valueFrom": {
                "secretKeyRef": {"name": secret["secretName"], "key": entry["secretKey"]}
            },
        }
        for secret in platform.get("secretAsEnv", [])
        for entry in secret.get("keyToEnv", [])
    ]


def _volumes(platform: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns the volumes, and where they are mounted."""
    sources = [
        *(
            (mount, {"persistentVolumeClaim": {"claimName": mount["constant"]}})
            for mount in platform.get("pvcMount", [])
        ),
        *(
            (mount, {"secret": {"secretName": mount["secretName"]}})
            for mount in platform.get("secretAsVolume", [])
        ),
        *(
            (mount, {"emptyDir": {key: mount[key] for key in _EMPTY_DIR if key in mount}})
            for mount in platform.get("emptyDirMounts", [])
        ),
    ]
    volumes = [{"name": f"volume-{n}", **source} for n, (_, source) in enumerate(sources)]
    mounts = [
        {"name": f"volume-{n}", "mountPath": mount["mountPath"]}
        for n, (mount, _) in enumerate(sources)
    ]
    return volumes, mounts


_EMPTY_DIR = ("medium", "sizeLimit")
# Settings with the keys of each that are understood here; () where the value is taken as it is.
_KNOWN: dict[str, tuple[str, ...]] = {
    "pvcMount": ("constant", "mountPath"),
    "secretAsVolume": ("secretName", "mountPath"),
    "emptyDirMounts": ("volumeName", "mountPath", *_EMPTY_DIR),
    "secretAsEnv": ("secretName", "keyToEnv"),
    "imagePullSecret": ("secretName",),
    "nodeSelector": ("labels",),
    "tolerations": (),
    "imagePullPolicy": (),
}


def _check(platform: Mapping[str, Any]) -> None:
    """Raises ConfigError if the Trainer has a setting that its workers would not have."""
    problems = []
    for key, values in platform.items():
        entries = values if isinstance(values, list) else [values]
        known = _KNOWN.get(key)
        given = {name for entry in entries for name in entry} if known else set()
        if known is None:
            problems.append(f"{key} is set, but they take over only {', '.join(_KNOWN)}")
        elif given != set(known) & {*given, *_needed(known)}:
            problems.append(f"{key} must have {', '.join(known)} and nothing else")
    if problems:
        raise ConfigError(f"platform of the workers of {NODE} (trainer_workers)", problems)


def _needed(known: tuple[str, ...]) -> set[str]:
    return set(known) - set(_EMPTY_DIR)


def _take_over(platform: Mapping[str, Any], spec: dict[str, Any]) -> None:
    """Puts the settings of a pod that are no volumes into its specification."""
    if secrets := platform.get("imagePullSecret"):
        spec["imagePullSecrets"] = [{"name": secret["secretName"]} for secret in secrets]
    if labels := platform.get("nodeSelector", {}).get("labels"):
        spec["nodeSelector"] = labels
    if tolerations := platform.get("tolerations"):
        spec["tolerations"] = tolerations
    if policy := platform.get("imagePullPolicy"):
        spec["containers"][0]["imagePullPolicy"] = policy
