"""TensorFlow's files in memory, `ram://`, opened to Beam: a remote file system for tests.

What opens it with Python's `open` or looks it up with `os.path` fails as it would at `gs://`.
TensorFlow keeps the files, so they end with the process and other processes do not see them.
"""

import io

import tensorflow as tf
from apache_beam.io.filesystem import BeamIOError, CompressedFile, CompressionTypes, FileMetadata
from apache_beam.io.filesystem import FileSystem as BeamFileSystem

SCHEME = "ram"


class _Written(io.BytesIO):
    """A file that is there when it is closed, as in an object store."""

    def __init__(self, path):
        super().__init__()
        self._path = path

    def close(self):
        if not self.closed:
            tf.io.gfile.makedirs(self._path.rpartition("/")[0])
            with tf.io.gfile.GFile(self._path, "wb") as file:
                file.write(self.getvalue())
        super().close()


class RamFileSystem(BeamFileSystem):
    """Beam finds it by its scheme, once this module is imported."""

    @classmethod
    def scheme(cls):
        return SCHEME

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *(path.strip("/") for path in paths)])

    def split(self, path):
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path):
        tf.io.gfile.makedirs(path)

    def has_dirs(self):
        return True

    def _list(self, dir_or_prefix):
        for folder, _, names in tf.io.gfile.walk(dir_or_prefix.rstrip("/")):
            yield from (self.metadata(f"{folder.rstrip('/')}/{name}") for name in names)

    def _wrapped(self, file, path, compression_type):
        kind = self._get_compression_type(path, compression_type)
        if kind == CompressionTypes.UNCOMPRESSED:
            return file
        return CompressedFile(file, compression_type=kind)

    def create(self, path, mime_type="", compression_type=CompressionTypes.AUTO):
        return self._wrapped(_Written(path), path, compression_type)

    def open(self, path, mime_type="", compression_type=CompressionTypes.AUTO):
        try:
            with tf.io.gfile.GFile(path, "rb") as file:
                content = io.BytesIO(file.read())
        except tf.errors.NotFoundError as error:
            raise FileNotFoundError(path) from error
        return self._wrapped(content, path, compression_type)

    def copy(self, source_file_names, destination_file_names):
        for source, destination in zip(source_file_names, destination_file_names, strict=True):
            tf.io.gfile.makedirs(destination.rpartition("/")[0])
            tf.io.gfile.copy(source, destination, overwrite=True)

    def rename(self, source_file_names, destination_file_names):
        self.copy(source_file_names, destination_file_names)
        self.delete(source_file_names)

    def exists(self, path):
        return tf.io.gfile.exists(path)

    def size(self, path):
        return self.metadata(path).size_in_bytes

    def last_updated(self, path):
        return self.metadata(path).last_updated_in_seconds

    def checksum(self, path):
        return str(self.size(path))

    def metadata(self, path):
        try:
            found = tf.io.gfile.stat(path)
        except tf.errors.NotFoundError as error:
            raise BeamIOError(f"{path} does not exist") from error
        return FileMetadata(path, found.length, found.mtime_nsec / 1e9)

    def delete(self, paths):
        for result in self.match(paths):
            for found in result.metadata_list:
                tf.io.gfile.remove(found.path)


def write(path, content):
    """Writes a file."""
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(content)
