"""Values of typed formats as ids and times."""

from decimal import Decimal

import pytest

from modules.row_formats.values import Milliseconds, Number, id_of, in_range, time_of, to_ms


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("é", "é".encode()),
        (b"\xff", b"\xff"),
        (2**64 + 1, b"18446744073709551617"),
        (-7, b"-7"),
        (None, b""),
        (7.0, b"7"),
        (2.0**53, b"9007199254740992"),
        (2.0**54, None),  # a float that may be another whole number than was written
        (7.5, None),
        (float("nan"), b""),
        (float("inf"), None),
        (True, None),
        ([], None),
        ({"id": 1}, None),
        (Decimal("123.000000000"), b"123"),
        (
            Decimal("12345678901234567890123456789012345678"),
            b"12345678901234567890123456789012345678",
        ),
        (Decimal("1.5"), None),
        (Decimal("NaN"), None),
        (Number("123456789012345678901234567890"), b"123456789012345678901234567890"),
        (Number("7.00"), b"7"),
        (Number("1.44E+12"), b"1440000000000"),
        (Number("1e999999999"), None),
        (Number("1.5"), None),
        (Number("9" * 5000), None),
    ],
)
def test_ids(value, expected):
    assert id_of(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2014-04-07", b"2014-04-07"),
        (1442004589439, b"1442004589439"),
        (1396860669.277, b"1396860669.277"),
        (Number("1396860669.277"), b"1396860669.277"),
        (Decimal("1396860669.277"), b"1396860669.277"),
        (Milliseconds(5), 5),
        (None, b""),
        (True, None),
        ([5], None),
    ],
)
def test_times(value, expected):
    assert time_of(value) == expected


def test_parts_of_a_second_are_rounded_as_text_is():
    assert to_ms(1_442_004_589, 1) == 1_442_004_589_000
    assert to_ms(1_442_004_589_439, 1000) == 1_442_004_589_439
    assert [to_ms(value, 10**6) for value in (1499, 1500, 2500)] == [1, 2, 3]
    assert to_ms(1_499_999, 10**9) == 1
    assert (in_range(-1), in_range(0), in_range(253_402_300_800_000)) == (None, 0, None)
