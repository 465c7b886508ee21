"""Inference with pushed models: batch jobs, a client, a local server with a page."""
