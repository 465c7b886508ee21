"""A worker pool of Beam in a process of its own: `python -m tests.worker_pool PORT`.

Its workers are threads, so that what they import is imported once, before the first job: each of
Beam's own pool's is a process, and Prism waits a minute for one.
"""

from __future__ import annotations

import sys
import threading

import modules  # noqa: F401 (chooses Keras 2 before TensorFlow is imported)


def main(port: int) -> None:
    """Serves until it is killed."""
    import tensorflow_model_analysis  # noqa: F401
    import tfx.components.transform.executor  # noqa: F401
    from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer

    import serving.batch  # noqa: F401

    _, server = BeamFnExternalWorkerPoolServicer.start(use_process=False, port=port)
    threading.Event().wait()
    server.stop(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
