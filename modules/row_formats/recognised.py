"""Recognizes a file's format by its content, whatever its name."""

from __future__ import annotations

from io import BufferedReader

import tensorflow as tf

from modules.config.options.sessions import SessionOptions
from modules.files.compression import BrokenFileError, open_unpacked
from modules.files.formats import SAMPLE_BYTES, codec_of, table_of
from modules.row_formats.avro import inspect_avro
from modules.row_formats.delimited_text import inspect_text
from modules.row_formats.json_lines import inspect_lines, is_json
from modules.row_formats.parquet import inspect_parquet
from modules.row_formats.parts import Contents, DamagedTableError, open_text
from modules.sessions.sessions import SessionDataError

_LONGEST_MAGIC = 16


def inspect(path: str, options: SessionOptions) -> Contents:
    """Returns what a file holds: its format, compression and columns.

    Raises:
      SessionDataError: it cannot be read, or has not the columns that the options name.
    """
    try:
        with open_text(path, "") as raw:  # by content: names lie, and downloads may be unpacked
            sample = raw.read(SAMPLE_BYTES)
            codec = codec_of(sample)
            if codec:
                raw.seek(0)
                sample = _first_bytes(open_unpacked(raw, codec))
        table = table_of(sample)
        if codec and table:
            raise SessionDataError(
                f"{path} is {table} file that was compressed with {codec}: unpack it first. Its "
                "pages are compressed by themselves, and it can be read in parts then."
            )
        if table == "a Parquet":
            return inspect_parquet(path, options)
        if table == "an Avro":
            return inspect_avro(path, options)
        if is_json(sample):
            return inspect_lines(path, codec, options)
        return inspect_text(path, codec, options)
    except DamagedTableError as error:
        raise SessionDataError(error.of(path)) from error
    except (OSError, BrokenFileError, tf.errors.OpError) as error:
        raise SessionDataError(f"{path} cannot be read: {error}") from error


def _first_bytes(text: BufferedReader) -> bytes:
    """Returns what is unpacked first: damage after it is the business of who reads on."""
    sample = b""
    while len(sample) < _LONGEST_MAGIC and (block := text.read1(SAMPLE_BYTES)):
        sample += block
    return sample
