"""SECURITY.md is true to the lock files; what it says cannot run code does not."""

import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bootstrap.stacks import ROOT, STACKS
from modules.config.parsing import parse_yaml

ADVISORY = re.compile(r"(?:CVE-\d{4}-\d{4,}|PYSEC-\d{4}-\d+|GHSA(?:-[0-9a-z]{4}){3})")


def listed() -> list[list[str]]:
    """Return the rows of the table of known vulnerabilities."""
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    rows = re.findall(r"^\| (?!stack )(.+) \|$", text, re.MULTILINE)
    return [row.split(" | ") for row in rows]


def test_security_lists_what_the_locks_pin() -> None:
    rows = listed()

    assert {row[0] for row in rows} == set(STACKS)
    for row in rows:
        stack, package = row[0], row[1].strip("`")
        lock = STACKS[stack].lock.read_text("utf-8")
        assert re.search(rf"^{re.escape(package)} ", lock, re.MULTILINE), f"{stack}: {package}"


def test_every_row_of_security_is_whole() -> None:
    for row in listed():
        assert len(row) == 6, row
        assert all(ADVISORY.fullmatch(name) for name in row[2].split(", ")), row
        assert re.match("No|On|With", row[5]), row


class Attack:
    """Is unpickled by creating a file."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self) -> Any:
        return open, (self._path, "w")


def test_a_rank_table_runs_no_code_that_it_brings(tmp_path: Path) -> None:
    ran, table = tmp_path / "ran", tmp_path / "ranks.parquet"
    pickled = {
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickle.dumps(Attack(ran)),
    }
    schema = pa.schema([pa.field("session_id", pa.int32(), metadata=pickled)])
    pq.write_table(pa.table([pa.array([1], pa.int32())], schema=schema), table)
    # In a process of its own: Beam, where it is imported, protects the whole process.
    code = (
        "from modules.evaluation import rank_table; "
        f"rank_table.from_parquet(open({str(table)!r}, 'rb').read())"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert not ran.exists()
    assert "Disallowed deserialization" in done.stderr


def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="python/object"):
        parse_yaml(f"key: !!python/object/apply:builtins.open [{tmp_path}/ran, w]")

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_audit_that_is_stopped_leaves_no_folder(tmp_path: Path, number: signal.Signals) -> None:
    python, folders = tmp_path / "python", tmp_path / "folders"
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\nexec sleep 3600\n")
    python.chmod(0o755)
    folders.mkdir()
    audit = subprocess.Popen(
        ["sh", ".ci/audit.sh"],
        cwd=ROOT,
        env={**os.environ, "PYTHON": str(python), "TMPDIR": str(folders)},
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(list(folders.iterdir())) == 1
        os.killpg(audit.pid, number)  # as a terminal does
        assert audit.wait(timeout=120) == 128 + number
    finally:
        audit.kill()
        audit.wait()
    assert list(folders.iterdir()) == []
