"""Unpacking of compressed files."""

import bz2
import gzip
import hashlib
import io
import lzma
import tracemalloc

import pytest

from modules.files import compression
from modules.files.formats import codec_of
from tests.click_files import zstd


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lambda text: lzma.compress(text, preset=0), zstd],
    ids=["gz", "bz2", "xz", "zst"],
)
def test_a_small_file_with_large_content_is_unpacked_by_blocks(pack):
    text = b"s\ti\t1\n" * 2_000_000
    packed = io.BytesIO(pack(text))
    tracemalloc.start()
    with compression.open_unpacked(packed, codec_of(packed.getvalue()[:100])) as unpacked:
        digest = hashlib.sha256()
        while block := unpacked.read(1 << 16):
            digest.update(block)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert digest.digest() == hashlib.sha256(text).digest()
    assert most < len(text) / 3
