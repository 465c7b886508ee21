"""The process that reads Parquet, and what a crash of it leaves."""

import io
import os

import pytest

from modules.row_formats import parquet_process
from modules.row_formats.parquet_process import ask
from modules.row_formats.parquet_worker import BATCH, FACTS, SCHEMA
from modules.row_formats.parts import DamagedTableError
from tests import log_formats

CONTENT = log_formats.parquet([(1, "i", 5), (2, "j", 6)])
FACTS_WANTED = {"paths": [["ItemId"]], "count": None}
WANTED = {"start": 0, "end": 1, "paths": [["ItemId"]]}


def kinds(content=CONTENT, request=WANTED):
    return [kind for kind, _ in ask(io.BytesIO(content), request)]


def idle():
    return [process.pid for _, process in parquet_process._IDLE]


def test_one_process_answers_many_requests_also_after_a_damaged_file():
    assert kinds(request=FACTS_WANTED) == [SCHEMA, FACTS]
    (pid,) = set(idle())
    assert kinds() == [BATCH]
    with pytest.raises(DamagedTableError, match="PyArrow cannot read it"):
        kinds(CONTENT[:-20])
    assert idle() == [pid]


def test_a_crash_is_damage_and_the_next_file_is_read():
    kinds()
    ((_, process),) = parquet_process._IDLE
    process.kill()
    with pytest.raises(DamagedTableError, match=r"PyArrow crashed .*\(status -9\)"):
        kinds()
    assert kinds() == [BATCH]


def test_an_answer_that_is_not_read_to_its_end_ends_the_process():
    kinds()
    (pid,) = idle()
    answer = ask(io.BytesIO(CONTENT), WANTED)
    next(answer)
    answer.close()
    assert idle() == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_error_of_the_file_system_is_not_damage():
    class Gone(io.BytesIO):
        def read(self, *_):
            raise OSError("the network is down")

    with pytest.raises(OSError, match="the network is down"):
        [*ask(Gone(CONTENT), WANTED)]
    assert kinds() == [BATCH]


def test_no_process_is_left():
    kinds()
    (pid,) = idle()
    parquet_process.stop_all()
    assert idle() == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
