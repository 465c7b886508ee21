"""Pages, summaries and logs without forgotten sessions."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from pathlib import Path

import pytest

from pipeline.forget.plan import Forgotten
from pipeline.forget.sessions import find_forgotten
from pipeline.forget.texts import (
    busy_requests,
    changed_logs,
    changed_pages,
    changed_requests,
    changed_summaries,
    without_examples,
)
from serving.logged_requests import read_requests
from tests import forgettable_out as made


@pytest.fixture
def forgotten(tmp_path: Path) -> Forgotten:
    made.examples(tmp_path)
    return find_forgotten(tmp_path, made.IDS)


def test_examples_of_the_sessions_and_rows_with_their_ids_leave_pages(
    tmp_path: Path, forgotten: Forgotten
) -> None:
    made.page(tmp_path)
    (change,) = changed_pages(tmp_path, forgotten)
    text = (change.content or b"").decode()
    assert change.removed == 3 and text.count("<li>") == 2
    assert "secret-1" not in text and "only-item" not in text
    assert "<code>(removed)</code>" in text and "jacket → shoes" in text


def test_ids_elsewhere_on_a_page_are_replaced(forgotten: Forgotten) -> None:
    text, count = without_examples("<td>only-<wbr>item</td><td>a-only-item2</td>", forgotten)
    assert (text, count) == ("<td>(removed)</td><td>a-only-item2</td>", 1)
    assert without_examples("<td>shoes/<wbr>jacket</td>", forgotten)[1] == 0


def test_recommendations_leave_summaries(tmp_path: Path, forgotten: Forgotten) -> None:
    made.summary(tmp_path)
    (change,) = changed_summaries(tmp_path, forgotten)
    rows = json.loads(change.content or b"")["recommendations"]["sessions"]
    assert change.removed == 2 and [row["next"] for row in rows] == ["jacket", "gloves"]


def test_lines_leave_logs(tmp_path: Path, forgotten: Forgotten) -> None:
    made.log(tmp_path)
    (change,) = changed_logs(tmp_path, forgotten)
    # A line of recommendations names all but the last item of a session.
    assert (change.content or b"").decode() == "Trainer ... 3 s\n  gloves  ->  jacket\n"


def test_rows_of_a_session_or_of_a_visitor_leave_request_logs(
    tmp_path: Path, forgotten: Forgotten
) -> None:
    key = os.urandom(32)
    visitor = hmac.new(key, b"common-2", hashlib.sha256).hexdigest()[:16]
    path = made.requests(tmp_path, visitor)
    (change,) = changed_requests(tmp_path, forgotten)
    assert change.removed == 1  # by the session's id
    (path.parent / "visitor.key").write_text(key.hex())
    by_visitor = forgotten._replace(ids=frozenset([b"common-2"]))
    (change,) = changed_requests(tmp_path, by_visitor)
    path.write_bytes(change.content or b"")
    assert [row.session_id for row in read_requests([path]) if row] == ["other-3"]
    assert not list(changed_requests(tmp_path, by_visitor))


def test_a_request_log_that_is_being_written_is_left(tmp_path: Path, forgotten: Forgotten) -> None:
    path = made.requests(tmp_path)
    mine = path.with_name(f"requests-2015-09-11T08-{os.getpid()}.tsv")
    path.rename(mine)
    assert busy_requests(tmp_path) == [mine]
    assert not list(changed_requests(tmp_path, forgotten))
    os.utime(mine, (0, 0))
    assert not busy_requests(tmp_path)
