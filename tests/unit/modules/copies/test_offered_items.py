"""Lists of offered items, as shops write them."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest

from modules.copies.offered_items import MISSING, OfferError, list_state, read_offer

IDS = np.array([b"shoe", b"hat", b"coat", b"gr\xc3\xbcn"], object)
TEXT = "hat\ncoat\ngrün\nsold out\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode("utf-8-sig"),
        "".join(f'"{line}"\n' for line in TEXT.splitlines()).encode(),
        gzip.compress(TEXT.encode(), mtime=0),
        bz2.compress(TEXT.encode()),
    ],
)
@pytest.mark.parametrize("start", ["", "file://"])
def test_a_list_is_read_in_any_form_here_or_at_a_uri(
    tmp_path: Path, content: bytes, start: str
) -> None:
    (tmp_path / "list").write_bytes(content)
    offer = read_offer(f"{start}{tmp_path}/list", IDS, 0.5, "x")
    assert (offer.offered.tolist(), offer.unknown) == ([False, True, True, True], 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hat\n", "Of the 4 items of the catalogue .* lists 1, less than the share 0.5"),
        (b"hat;1\ncoat;2\n", r"lower least\. Its first unknown line is 'hat;1'"),
        (b"", "lists 0"),
        (b"PK\3\4" + bytes(40), "list "),
        (None, "The list .* cannot be read: "),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "list"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OfferError, match=reason):
        read_offer(str(path), IDS, 0.5, "least")


def test_an_empty_list_is_refused_whatever_the_least_share(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("other\n")
    with pytest.raises(OfferError, match="lists 0"):
        read_offer(str(tmp_path / "list"), IDS, 0.0, "least")


def test_storage_that_cannot_be_opened_is_named() -> None:
    with pytest.raises(OfferError, match="nowhere:// cannot be opened here"):
        read_offer("nowhere://bucket/list", IDS, 0.5, "least")
    assert list_state("nowhere://bucket/list") == MISSING


def test_the_state_changes_with_the_content(tmp_path: Path) -> None:
    path = tmp_path / "list"
    states = [list_state(str(path))]
    for text in ("hat\n", "coat\n", "hat\n"):
        path.write_text(text)
        states.append(list_state(str(path)))
    assert states[0] == MISSING and states[1] == states[3]
    assert len(set(states)) == 3
