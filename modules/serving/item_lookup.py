"""The vocabulary in TensorFlow: from raw item ids to positions and back."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from modules.data.item_indices import NO_ITEM
from modules.data.vocabulary import Vocabulary
from modules.files.characters import BLANKS

_BLANK = "[" + "".join(rf"\x{{{ord(blank):x}}}" for blank in BLANKS) + "]+"
_BLANKS_AROUND = rf"\A{_BLANK}|{_BLANK}\z"  # as RE2 writes the start and the end of a text


class _LinesOfFile(tf.lookup.TextFileInitializer):
    """Maps the lines of a file to their numbers, in a table that is named after its content.

    TensorFlow names it after the address of an `Asset`, which the next one may get; tables of one
    name are one table, for as long as the process runs.
    """

    def __init__(self, file: tf.saved_model.Asset, content: bytes) -> None:
        self._name = table_name(content)
        line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        super().__init__(file, tf.string, line, tf.int64, number)

    @property
    def _shared_name(self) -> str:
        return self._name


def table_name(content: bytes) -> str:
    """Returns the name of the table of a file with item ids."""
    return f"item_ids_{hashlib.sha256(content).hexdigest()}"


def free_tables_with(model: Any) -> Any:
    """Returns a loaded SavedModel whose tables are freed with it.

    TensorFlow frees its variables when nothing refers to them any more, and never its tables. No
    other model has them: loading adds a number to their names, a new one each time.
    """
    for each in tf.train.TrackableView(model).descendants():
        if isinstance(each, tf.saved_model.experimental.TrackableResource):
            weakref.finalize(each, _destroy, each.resource_handle).atexit = False
    return model


def _destroy(table: tf.Tensor) -> None:
    # Garbage may be collected anywhere, in the tracing of a graph too.
    with tf.init_scope(), tf.device(table.device):
        tf.raw_ops.DestroyResourceOp(resource=table, ignore_lookup_error=True)


def item_list(item_ids: Iterable[bytes]) -> bytes:
    """Returns the content of the file with the ids of all known items."""
    return b"\n".join(item_ids) + b"\n"


def bare_ids(item_ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
    """Returns ids without whitespace around them, string of the same shape."""
    # tf.strings.strip removes only ASCII whitespace, and takes as long.
    return tf.strings.regex_replace(item_ids, _BLANKS_AROUND, "")


class ItemLookup(tf.Module):
    """Maps raw item ids to positions and back; position 0 is the most frequent item.

    The catalogue is a prefix of the known items. Ids are bytes of any encoding.
    """

    def __init__(self, vocabulary: Vocabulary, vocabulary_file: str) -> None:
        """Writes the ids of all known items to a file that becomes an asset of the SavedModel.

        Args:
          vocabulary: all known items.
          vocabulary_file: file to write the item ids to, one a line.
        """
        super().__init__(name="item_table")
        catalogue = vocabulary.item_ids[: vocabulary.catalogue_size]
        self._catalogue_ids = tf.Variable(catalogue, trainable=False, dtype=tf.string, shape=[None])
        self._counts = tf.Variable(vocabulary.counts, trainable=False, shape=[None])
        lines = item_list(vocabulary.item_ids)
        with tf.io.gfile.GFile(vocabulary_file, "wb") as file:
            file.write(lines)
        self._file = tf.saved_model.Asset(vocabulary_file)
        initializer = _LinesOfFile(self._file, lines)
        self._positions = tf.lookup.StaticHashTable(initializer, default_value=NO_ITEM)

    @property
    def catalogue_size(self) -> tf.Tensor:
        """Number of recommendable items, int64 scalar."""
        # Reading a variable that is gathered from would copy it.
        handle = self._catalogue_ids.handle
        return tf.raw_ops.VariableShape(input=handle, out_type=tf.int64)[0]

    def positions(self, item_ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """Returns the position of each id, int64 of the same shape; -1 for an unknown one.

        Whitespace around an id is ignored, as in the training data.
        """
        return self.positions_of_bare(bare_ids(item_ids))

    def positions_of_bare(self, item_ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        """Returns `positions` of ids without whitespace around them."""
        return self._positions.lookup(item_ids)

    def catalogue_positions(self, item_ids: tf.Tensor) -> tf.Tensor:
        """Returns the position of each id, int64 of the same shape; -1 outside the catalogue."""
        return self.in_catalogue(self.positions(item_ids))

    def in_catalogue(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns positions, int64, with -1 in place of those outside the catalogue."""
        return tf.where(positions < self.catalogue_size, positions, NO_ITEM)

    def item_ids(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the ids of catalogue positions, string of the same shape."""
        return tf.gather(self._catalogue_ids, positions)

    def counts(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the training events of items, int64 of the same shape; 0 for position -1."""
        counts = tf.gather(self._counts, tf.maximum(positions, 0))
        return tf.where(positions >= 0, counts, 0)
