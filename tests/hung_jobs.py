"""A job server of Beam whose jobs run for ever, as Flink's do when workers do not start."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import grpc
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc
from apache_beam.utils.thread_pool_executor import shared_unbounded_instance


class NeverStarts(beam_job_api_pb2_grpc.JobServiceServicer):
    """A job server whose workers do not start: jobs run, and nothing comes of them."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []

    def DescribePipelineOptions(self, request, context):
        return beam_job_api_pb2.DescribePipelineOptionsResponse()

    def Prepare(self, request, context):
        return beam_job_api_pb2.PrepareJobResponse(preparation_id="job-1")

    def Run(self, request, context):
        return beam_job_api_pb2.RunJobResponse(job_id="job-1")

    def GetStateStream(self, request, context):
        yield beam_job_api_pb2.JobStateEvent(state=beam_job_api_pb2.JobState.RUNNING)
        while not self.cancelled and context.is_active():
            time.sleep(0.05)

    def GetMessageStream(self, request, context):
        while not self.cancelled and context.is_active():
            time.sleep(0.05)
        yield from ()

    def Cancel(self, request, context):
        self.cancelled.append(request.job_id)
        return beam_job_api_pb2.CancelJobResponse(state=beam_job_api_pb2.JobState.CANCELLED)


@contextlib.contextmanager
def hung_job_server() -> Iterator[tuple[NeverStarts, str]]:
    """Starts it; yields it and its address."""
    service, server = NeverStarts(), grpc.server(shared_unbounded_instance())
    beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield service, f"127.0.0.1:{port}"
    finally:
        server.stop(0)
