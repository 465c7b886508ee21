"""Click logs that tests write, and what SessionExampleGen makes of files."""

import pyarrow as pa
import tensorflow as tf
from tfx.proto import example_gen_pb2

from modules.config.options.sessions import SessionOptions
from modules.ingest import input_files

HEADER = b"SessionId\tItemId\tTime\n"
NOW = 1_442_000_000_000


def rows_text(rows, end=b"\n"):
    return b"".join(b"%s\t%s\t%d%s" % (*row, end) for row in rows)


def zstd(text):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(text)
    return sink.getvalue().to_pybytes()


def input_config(**patterns):
    return example_gen_pb2.Input(
        splits=[
            example_gen_pb2.Input.Split(name=name, pattern=pattern)
            for name, pattern in patterns.items()
        ]
    )


def find(folder, patterns, **options):
    return input_files.find_input(str(folder), patterns.items(), SessionOptions(**options))


def read_records(folder):
    paths = sorted(map(str, folder.glob("data_tfrecord-*.gz")))
    return list(tf.data.TFRecordDataset(paths, "GZIP").as_numpy_iterator())
