"""Of what may hold a secret one range of bytes is asked for, which reads in one way, and more around it."""

from __future__ import annotations

import pytest
from wharfinger.rules.requests import ranges
from wharfinger.rules.requests.ranges import Asked
from wharfinger.rules.requests.refusal import Refused

READ = {
    "bytes=0-0": Asked(0, 0),
    "bytes=0-99": Asked(0, 99),
    "bytes=7-7": Asked(7, 7),
    "bytes=100-": Asked(100, None),
    "bytes=-8": Asked(None, 8),
    "Bytes=0-8388607": Asked(0, 8388607),
    " bytes=1-2\t": Asked(1, 2),
    "bytes=0-9223372036854775807": Asked(0, 2**63 - 1),
    "bytes=007-010": Asked(7, 10),
}


@pytest.mark.parametrize("value", READ)
def test_one_range_is_read(value: str) -> None:
    assert ranges.asked("GET", [("X-A", "1"), ("rAnGe", value)]) == READ[value]


REFUSED = [
    "bytes=0-0,2-2", "bytes=0-0, 2-2", "bytes=,0-0", "bytes=0-0,", "bytes=", "bytes=-", "bytes=-0",
    "bytes=9-1", "bytes=1", "bytes=a-b", "bytes=+1-2", "bytes=1--2", "bytes= 0-1", "bytes=0 -1",
    "bytes =0-1", "bytes=0-1;", "bytes:0-1", "bytes", "", "0-24", "items=0-24", "lines=1-2",
    "bytes=0x1-2", "bytes=1_0-20", "bytes=٣-٤", "bytes=0-9223372036854775808",
    "bytes=-9223372036854775808", "bytes=00000000000000000001-2",
]  # fmt: skip


@pytest.mark.parametrize("value", REFUSED)
def test_what_is_no_single_range_of_bytes_is_refused(value: str) -> None:
    with pytest.raises(Refused, match="only one range of bytes"):
        ranges.asked("GET", [("Range", value)])


def test_two_fields_are_no_single_range() -> None:
    with pytest.raises(Refused):
        ranges.asked("GET", [("Range", "bytes=0-1"), ("range", "bytes=0-1")])


def test_without_one_and_without_a_body_nothing_is_asked_for_in_part() -> None:
    assert ranges.asked("GET", [("If-Range", '"x"'), ("X-Range", "bytes=0-1")]) is None
    assert ranges.asked("HEAD", [("Range", "bytes=0-1,3-4")]) is None


WIDENED = {
    "bytes=0-0": "bytes=0-100",
    "bytes=50-60": "bytes=0-160",
    "bytes=100-100": "bytes=0-200",
    "bytes=101-200": "bytes=1-300",
    "bytes=101-": "bytes=1-",
    "bytes=-8": "bytes=-108",
    "bytes=0-9223372036854775807": "bytes=0-9223372036854775807",
    "bytes=-9223372036854775807": "bytes=-9223372036854775807",
}


@pytest.mark.parametrize("value", WIDENED)
def test_more_is_asked_for_on_either_side_and_nothing_that_is_encoded(value: str) -> None:
    fields = [("Accept-Encoding", "gzip"), ("Range", value), ("If-Range", '"x"')]
    part = ranges.asked("GET", fields)
    assert part is not None
    assert list(ranges.widened(fields, part, 100)) == [
        ("Range", WIDENED[value]), ("If-Range", '"x"'), ("Accept-Encoding", "identity"),
    ]  # fmt: skip
