"""Kubeflow Pipelines' driver and launcher, emulated on this machine."""
