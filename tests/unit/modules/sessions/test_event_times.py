"""Event times as people write them, as milliseconds."""

import datetime
import doctest
import random

import pytest

from modules.config.options.sessions import TIME_UNITS
from modules.sessions import event_times
from modules.sessions.event_times import MAX_TIME_MS, time_to_ms


@pytest.mark.parametrize(
    ("raw", "unit", "expected"),
    [
        (b"1442004589439", "auto", 1442004589439),
        (b"1442004589", "auto", 1442004589000),
        (b"1396860669.277", "auto", 1396860669277),
        (b"1396437466.94", "auto", 1396437466940),
        (b"1396860669.2774", "auto", 1396860669277),
        (b"1396860669.", "auto", 1396860669000),
        (b"1.396860669277E9", "auto", 1396860669277),
        (b" 1442004589439 ", "auto", 1442004589439),
        (b"99999999999", "auto", 99999999999000),
        (b"100000000000", "auto", 100000000000),
        (b"0", "auto", 0),
        (b"1442004589", "milliseconds", 1442004589),
        (b"1442004589439.0", "milliseconds", 1442004589439),
        (b"1442004589", "seconds", 1442004589000),
        (b"1442004589.5", "seconds", 1442004589500),
        (str(MAX_TIME_MS).encode(), "milliseconds", MAX_TIME_MS),
        # A unit is told by the size of the number, whatever its form.
        (b"1442004589439.0", "auto", 1442004589439),
        (b"1.442004589439E+12", "auto", 1442004589439),
        (b"1.44E+12", "auto", 1440000000000),
        (b"1,44E+12", "auto", 1440000000000),
        (b"99999999999999", "auto", 99999999999999),
        (b"1442004589439123", "auto", 1442004589439),
        (b"1442004589439567", "auto", 1442004589440),
        (b"1442004589439123.5", "auto", 1442004589439),
        (b"1442004589439123456", "auto", 1442004589439),
        (b"1.442004589439E+18", "auto", 1442004589439),
        (b"1396860669,277", "auto", 1396860669277),
        (b"1442004589439,0", "auto", 1442004589439),
        (b"1396860669,277", "seconds", 1396860669277),
        (b"1500", "microseconds", 2),
        (b"1499999", "nanoseconds", 1),
        # ISO 8601, with and without a zone.
        (b"2014-04-07T10:51:09.277Z", "auto", 1396867869277),
        (b"2014-04-07 10:51:09.277", "auto", 1396867869277),
        (b"2014-04-07 10:51:09,277", "auto", 1396867869277),
        (b"2014-04-07t10:51:09.277123456z", "auto", 1396867869277),
        (b"2014-04-07T10:51:09.9996Z", "auto", 1396867870000),
        (b"2014-04-07T10:51:09", "auto", 1396867869000),
        (b"2014-04-07T10:51", "auto", 1396867860000),
        (b"2014-04-07", "auto", 1396828800000),
        (b"2014-04-07T10:51:09+02:00", "auto", 1396860669000),
        (b"2014-04-07 10:51:09 +0200", "auto", 1396860669000),
        (b"2014-04-07T10:51:09-05", "auto", 1396885869000),
        (b"2014-04-07T10:51:09+05:30", "auto", 1396848069000),
        (b"2019-10-01 00:00:00 UTC", "auto", 1569888000000),
        (b"20140407T105109Z", "auto", 1396867869000),
        (b"20140407", "iso8601", 1396828800000),
        (b"2016-12-31T23:59:60Z", "auto", 1483228800000),
        (b"2016-02-29", "iso8601", 1456704000000),
    ],
)
def test_reads_a_time_as_milliseconds(raw, unit, expected):
    assert time_to_ms(raw, unit) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"soon",
        b"-1",
        b"+1442004589439",
        b"nan",
        b"inf",
        b"1_442_004_589_439",
        b"0x10",
        b"1,442",  # a thousand or a fraction?
        b"1,442,004,589",
        b"1.442.004.589",
        b"1e999",
        b"9" * 5000,
        b"9" * 22,  # nanoseconds after the year 9999
        "١٤٤٢".encode(),
        b"04/07/2014 10:51",  # April or July?
        b"07.04.2014",
        b"2014-02-30",
        b"2014-13-01",
        b"0000-01-01",
        b"2014-0407",
        b"2014-04-07T24:01:00",
        b"2014-04-07T10:51:09+99:00",
        b"2014-04-07T10:51:09 CET",
        b"2014-04-07T10:51:09.Z",
        b"1969-12-31",
        b"2014-04-07 10:51:09" + b" " * 30 + b"Z",
    ],
)
def test_refuses_what_is_not_a_time(raw):
    assert time_to_ms(raw, "auto") is None


@pytest.mark.parametrize("unit", TIME_UNITS[1:])
def test_a_named_unit_takes_nothing_else(unit):
    iso = time_to_ms(b"2014-04-07T10:51:09Z", unit)
    number = time_to_ms(b"1442004589439", unit)
    if unit == "iso8601":
        assert (iso, number) == (1396867869000, None)
    else:
        assert iso is None
    if unit == "seconds":
        assert number is None  # the year 47,665


def test_every_millisecond_survives_every_form():
    draw = random.Random(3)
    for time in (draw.randrange(10**12, 2 * 10**12) for _ in range(20_000)):
        moment = datetime.datetime.fromtimestamp(time // 1000, datetime.timezone.utc)
        moment = moment.replace(microsecond=time % 1000 * 1000)
        hours = datetime.timezone(datetime.timedelta(hours=draw.randrange(-12, 15)))
        for text in (
            f"{time}",
            f"{time / 1000:.3f}",
            f"{time / 1000:.3f}".replace(".", ","),
            f"{time}{draw.randrange(500):03d}",
            f"{time}{draw.randrange(500_000):06d}",
            moment.isoformat(),
            moment.astimezone(hours).isoformat(sep=" "),
            moment.replace(tzinfo=None).isoformat(timespec="milliseconds"),
        ):
            assert time_to_ms(text.encode(), "auto") == time, text


def test_the_examples_in_docstrings_hold():
    result = doctest.testmod(event_times)
    assert result.attempted > 0
    assert result.failed == 0
