"""The pipeline on Kubeflow Pipelines and Vertex AI: compile, check, submit, run."""
