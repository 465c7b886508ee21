"""Jobs that a node starts on the cluster that it runs on."""

WORKER_JOB = "worker_job"
"""Entry of the Trainer's `custom_config`: the TFJob to train in, without its name."""
API_VERSION = "kubeflow.org/v1"
WORKER = "Worker"
"""The kind of a TFJob's replicas that train."""
