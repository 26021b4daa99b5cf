from __future__ import annotations

from typing import Any

import pytest
from wharfinger.audit.events import trace_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("given", "trace"),
    [
        ([f"00-{TRACE}-00f067aa0ba902b7-01"], TRACE),
        ([f"cc-{TRACE}-00f067aa0ba902b7-01"], TRACE),
        ([f"ff-{TRACE}-00f067aa0ba902b7-01"], ""),
        ([f"00-{'0' * 32}-00f067aa0ba902b7-01"], ""),
        ([f"00-{TRACE}-{'0' * 16}-01"], ""),
        ([f"00-{TRACE.upper()}-00f067aa0ba902b7-01"], ""),
        ([f"00-{TRACE}-00f067aa0ba902b7-01\n"], ""),
        ([f"00-{TRACE[:-1]}-00f067aa0ba902b7-01"], ""),
        ([f"00-{TRACE}-00f067aa0ba902b7-01"] * 2, ""),
        (["<script>"], ""),
        ([], ""),
    ],
)
def test_a_trace_id_is_taken_only_where_it_is_one(request_of: Any, given: list[str], trace: str) -> None:
    request = request_of(headers=tuple(("traceparent", value) for value in given))
    assert trace_of(request) == (trace, PARENT if trace else "")
