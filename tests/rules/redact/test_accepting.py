"""An agent does not choose an answer that cannot be read here."""

from __future__ import annotations

import pytest
from wharfinger.rules.redact.accepting import pinned
from wharfinger.rules.redact.fields import FieldPath
from wharfinger.rules.types import ResponseRules

FIELDS = ResponseRules((FieldPath.compile("$.a"),))
OTHER = ("User-Agent", "x")


@pytest.mark.parametrize(
    ("rules", "sent", "asked"),
    [
        (FIELDS, [("Accept", "application/json")], [("Accept", "application/json")]),
        (FIELDS, [("accept", "*/*")], [("accept", "application/json")]),
        (FIELDS, [("Accept", "a/b, application/x+json; q=0.5")], [("Accept", "application/x+json; q=0.5")]),
        (FIELDS, [("Accept", "Text/Event-Stream"), OTHER], [("Accept", "Text/Event-Stream"), OTHER]),
        (FIELDS, [OTHER], [OTHER, ("Accept", "application/json")]),
        (ResponseRules(), [("Accept", "text/csv")], [("Accept", "text/csv")]),
        (ResponseRules(), [OTHER], [OTHER]),
        (
            ResponseRules(),
            [("Accept-Encoding", "gzip, dcb;q=1, BR;q=0.5, *")],
            [("Accept-Encoding", "gzip, BR;q=0.5")],
        ),
        (ResponseRules(), [("Accept-Encoding", "compress")], [("Accept-Encoding", "identity")]),
    ],
)  # fmt: skip
def test_what_is_asked_for_can_be_read(
    rules: ResponseRules, sent: list[tuple[str, str]], asked: list[tuple[str, str]]
) -> None:
    assert list(pinned(sent, rules)) == asked
