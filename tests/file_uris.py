"""URIs of files for tests: `file:///folder`, which TensorFlow opens everywhere.

Beam is taught to, in processes that import this module. To Python's `open` and `os.path` such a URI
is as strange as `gs://bucket`, so what reads files as if all of them were local fails alike. What
this cannot show is how an object store differs from a disk: folders, renames, delays.
"""

from pathlib import Path

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem

_START = "file://"


class FileUris(LocalFileSystem):
    """Files of this machine by their URIs; Beam finds this class by its scheme."""

    @classmethod
    def scheme(cls):
        return _START.removesuffix("://")

    def split(self, path):
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path):
        super().mkdirs(local(path))

    def _list(self, dir_or_prefix):
        for found in super()._list(local(dir_or_prefix)):
            yield FileMetadata(_START + found.path, found.size_in_bytes)

    def _path_open(self, path, *arguments):
        return super()._path_open(local(path), *arguments)

    def create(self, path, *arguments, **keywords):
        return super().create(local(path), *arguments, **keywords)

    def copy(self, source_file_names, destination_file_names):
        super().copy([*map(local, source_file_names)], [*map(local, destination_file_names)])

    def rename(self, source_file_names, destination_file_names):
        super().rename([*map(local, source_file_names)], [*map(local, destination_file_names)])

    def exists(self, path):
        return super().exists(local(path))

    def size(self, path):
        return super().size(local(path))

    def last_updated(self, path):
        return super().last_updated(local(path))

    def checksum(self, path):
        return super().checksum(local(path))

    def metadata(self, path):
        return super().metadata(local(path))

    def delete(self, paths):
        LocalFileSystem(None).delete([local(path) for path in paths])


def local(uri):
    """Returns the path of a URI."""
    return uri.removeprefix(_START)


def uri(path):
    """Returns the URI of an absolute path."""
    return f"{_START}{path}"


def write(place, content):
    """Writes a file at a URI."""
    path = Path(local(place))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
