"""Pages, summaries and logs of runs, and logs of requests."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import html
import json
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pipeline.forget.plan import Change, Forgotten, names_in, without_names
from serving.logged_requests import HEADER, PATTERN, read_line

PAGES, SUMMARIES = "examples and ids on pages", "recommendations in summaries"
LOGS, REQUESTS = "lines of logs", "rows of request logs"
VISITOR_KEY = "visitor.key"
"""File beside a request log with the key of its visitors' hashes, in hex."""
_HASH_DIGITS = 16
_INSTEAD = "(removed)"
_EXAMPLE = re.compile(r"<li>\s*<div class=\"row\"><span>seen</span>.*?</li>\n?", re.DOTALL)
_IDS = re.compile(r"<span class=\"ids\">(.*?)</span>", re.DOTALL)
_CODE = re.compile(r"<code>(.*?)</code>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_HOUR = re.compile(r"requests-(.+)-(\d+)\.tsv")


def changed_pages(out: Path, forgotten: Forgotten) -> Iterator[Change]:
    """Yields the reports that show such sessions or their ids, without them."""
    paths = [*out.glob("artifacts*/Report/page/*/*.html"), *out.glob("runs/*/*.html")]
    for path in sorted(paths):
        text = path.read_text("utf-8")
        changed, count = without_examples(text, forgotten)
        if count:
            yield Change(PAGES, path, count, changed.encode())


def without_examples(text: str, forgotten: Forgotten) -> tuple[str, int]:
    """Returns a report without examples of such sessions and without their ids, and how many."""
    count = 0

    def example(found: re.Match[str]) -> str:
        nonlocal count
        ids = [html.unescape(_TAG.sub("", part)).strip() for part in _IDS.findall(found[0])]
        seen, following = ids[0].split(" → "), ids[1].split(" ")[0]
        is_one = any([*seen, following] == _texts(visit.items) for visit in forgotten.visits)
        if is_one or names_in(html.unescape(_TAG.sub("", found[0])).encode(), forgotten.names):
            count += 1
            return ""
        return found[0]

    def code(found: re.Match[str]) -> str:
        nonlocal count
        row = html.unescape(_TAG.sub("", found[1])).replace("\\t", "\t")
        if names_in(row.encode(), forgotten.names):
            count += 1
            return f"<code>{_INSTEAD}</code>"
        return found[0]

    text = _CODE.sub(code, _EXAMPLE.sub(example, text))
    if names_in(html.unescape(text.replace("<wbr>", "")).encode(), forgotten.names):
        escaped = {
            html.escape(name.decode("utf-8", "replace")).encode() for name in forgotten.names
        }
        text = without_names(text.replace("<wbr>", ""), escaped, _INSTEAD)
        count += 1
    return text, count


def _texts(items: Collection[bytes]) -> list[str]:
    return [item.decode("utf-8", "replace") for item in items]


def changed_summaries(out: Path, forgotten: Forgotten) -> Iterator[Change]:
    """Yields the summaries whose recommendations are for such sessions, or name their items."""
    visits = {tuple(_texts(visit.items)) for visit in forgotten.visits}
    names = set(_texts(forgotten.names))
    for path in sorted([*out.glob("summary.json"), *out.glob("runs/*/summary.json")]):
        try:
            summary = json.loads(path.read_text("utf-8"))
            rows = (summary.get("recommendations") or {}).get("sessions", [])
        except (ValueError, AttributeError):
            continue
        kept = [row for row in rows if not _is_of(row, visits, names)]
        if len(kept) < len(rows):
            summary["recommendations"]["sessions"] = kept
            text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
            yield Change(SUMMARIES, path, len(rows) - len(kept), text.encode())


def _is_of(row: dict[str, Any], visits: set[tuple[str, ...]], names: set[str]) -> bool:
    session = (*row["items"], row["next"])
    return session in visits or bool(names & {*session, *row["recommended"]})


def changed_logs(out: Path, forgotten: Forgotten) -> Iterator[Change]:
    """Yields the logs of runs with lines that name such sessions, without these lines."""
    visits = [", ".join(_texts(visit.items[:-1])).encode() for visit in forgotten.visits]
    for path in sorted((out / "logs").glob("*.log")):
        content = path.read_bytes()
        if not names_in(content, forgotten.names) and not any(v and v in content for v in visits):
            continue
        lines = content.splitlines(keepends=True)
        kept = [
            line
            for line in lines
            if not names_in(line, forgotten.names)
            and not any(line.strip().startswith(visit + b"  ->") for visit in visits)
        ]
        if len(kept) < len(lines):
            yield Change(LOGS, path, len(lines) - len(kept), b"".join(kept))


def changed_requests(out: Path, forgotten: Forgotten) -> Iterator[Change]:
    """Yields the request logs with rows of such sessions or visitors, without them.

    A file that a server still writes is left to `busy_requests`.
    """
    ids = set(_texts(forgotten.ids))
    for path in _request_logs(out):
        hashes = visitor_hashes(path.parent, forgotten.ids)
        lines = path.read_bytes().decode("utf-8", "replace").splitlines(keepends=True)
        kept = [line for line in lines if not _is_row(line, ids, hashes)]
        if len(kept) < len(lines):
            yield Change(REQUESTS, path, len(lines) - len(kept), "".join(kept).encode())


def busy_requests(out: Path) -> list[Path]:
    """Returns the request logs of this hour whose server is still running."""
    return [path for path in sorted(out.rglob(PATTERN)) if _is_written(path)]


def _request_logs(out: Path) -> list[Path]:
    return [path for path in sorted(out.rglob(PATTERN)) if not _is_written(path)]


def _is_written(path: Path) -> bool:
    found = _HOUR.fullmatch(path.name)
    if not found:
        return False
    written = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.timezone.utc)
    now = datetime.datetime.now(datetime.timezone.utc)
    is_recent = (now - written).total_seconds() < 3600 and now.hour == written.hour
    return is_recent and os.path.exists(f"/proc/{found[2]}")


def visitor_hashes(folder: Path, ids: Collection[bytes]) -> set[str]:
    """Returns the hashes of visitors in a folder of request logs; none without its key."""
    key = folder / VISITOR_KEY
    if not key.is_file():
        return set()
    secret = bytes.fromhex(key.read_text("utf-8"))
    return {hmac.new(secret, one, hashlib.sha256).hexdigest()[:_HASH_DIGITS] for one in ids}


def _is_row(line: str, ids: set[str], hashes: set[str]) -> bool:
    if line == HEADER:
        return False
    try:
        row = read_line(line)
    except ValueError:
        fields = set(line.rstrip("\n").split("\t"))
        return bool(fields & (ids | hashes))
    return row.session_id in ids or (bool(row.visitor) and row.visitor in hashes)
