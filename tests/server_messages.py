"""Messages of TensorFlow Serving that its package for Python lacks, declared after its reference.

The text format knows fields by name, so that numbers are of no account.
https://github.com/tensorflow/serving/blob/2.16.1/tensorflow_serving/config/monitoring_config.proto
https://github.com/tensorflow/serving/blob/2.16.1/tensorflow_serving/servables/tensorflow/session_bundle_config.proto
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, message_factory, wrappers_pb2

INT, BOOL, STRING, MESSAGE = 3, 8, 9, 11  # FieldDescriptorProto.Type
PACKAGE = "declared_for_tests"
WRAPPED = ".google.protobuf.Int64Value"
BATCHING = {
    "max_batch_size": WRAPPED,
    "batch_timeout_micros": WRAPPED,
    "max_enqueued_batches": WRAPPED,
    "num_batch_threads": WRAPPED,
    "thread_pool_name": ".google.protobuf.StringValue",
    "enable_large_batch_splitting": ".google.protobuf.BoolValue",
    "max_execution_batch_size": WRAPPED,
    "pad_variable_length_inputs": BOOL,
}
MESSAGES: dict[str, dict[str, int | str]] = {
    "BatchingParameters": dict(BATCHING),
    "PrometheusConfig": {"enable": BOOL, "path": STRING},
    "MonitoringConfig": {"prometheus_config": f".{PACKAGE}.PrometheusConfig"},
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{PACKAGE}.proto",
        package=PACKAGE,
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            added = message.field.add(name=field, number=number, label=1)
            if isinstance(kind, str):
                added.type, added.type_name = MESSAGE, kind
            else:
                added.type = kind
    return file


def message(name: str) -> Any:
    """Returns an empty message: `BatchingParameters` or `MonitoringConfig`."""
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    return message_factory.GetMessages([wrappers, _file()])[f"{PACKAGE}.{name}"]()
