"""What tests of the models share: a file's text to its problems."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.base import Written
from wharfinger.rules.models.reading import read_model

type Told = Callable[[type[Written], str], list[str]]


@pytest.fixture(scope="session")
def told() -> Told:
    """`told(Model, text)`: each problem as `line:column message | hint`; none if the file is a `Model`."""

    def tell(kind: type[Written], text: str, *, secret: bool = False) -> list[str]:
        problems = Problems()
        model = read_model(kind, Source("f.yaml", text.encode(), secret=secret), problems)
        assert (model is None) == bool(problems.errors)
        lines = [f"{p.position} {p.message} | {p.hint}".removesuffix(" | ") for p in problems]
        return [line.removeprefix("f.yaml:") for line in lines]

    return tell
