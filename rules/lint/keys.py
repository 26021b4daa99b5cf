"""What looks like a key in a file of configuration, where only names of credentials belong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wharfinger.rules.detecting.detectors import find
from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Position, Problem, Severity

_HINT = (
    "declare it in credentials.yaml, and name it where it is used; then have it made anew where it is from"
)


def written(files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Remarks on keys in these files, by name; none is repeated."""
    for name, content in sorted(files.items()):
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            for found in find(line, {"secret"}):
                where = Position(name, number, found.start + 1)
                message = f"this looks like a key ({found.name}): who can read the file has it"
                yield Problem(where, message, _HINT, Severity.WARNING, kinds.KEY)
