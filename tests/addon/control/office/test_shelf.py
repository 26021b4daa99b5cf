"""The built-in tool files as pages show them: what the lines say is what reading says."""

from __future__ import annotations

import pytest
from wharfinger.authoring.snapshot import Catalogue
from wharfinger.control.office.shelf import Shelf, declaration

SHELF = Shelf(Catalogue())
FILE = """\
api: x
tools:
  # first
  - tool: a
    run:
      method: GET

  - tool: b
    run: {method: GET}
other: 1
"""


@pytest.mark.parametrize("name", ["stripe", "github", "slack", "jira"])
def test_an_entry_lists_what_the_file_holds(name) -> None:
    (entry,) = (one for one in SHELF.entries if one.name == name)
    opened = SHELF.open(name)
    assert opened is not None
    assert entry.tools == tuple(tool.name for tool in opened.tools)
    assert entry.title == opened.title
    assert len(entry.tools) > 5


def test_every_file_has_a_title_and_tools() -> None:
    assert len(SHELF.entries) == len(Catalogue())
    assert all(entry.title and entry.tools for entry in SHELF.entries)
    assert SHELF.open("nothing") is None
    assert SHELF.open("../stripe") is None


@pytest.mark.parametrize(("line", "numbers"), [(4, range(4, 7)), (8, range(8, 10)), (1, range(1, 12))])
def test_a_tools_lines(line, numbers) -> None:
    found = declaration(FILE, line)
    assert [number for number, _ in found] == list(numbers)
    assert found[0][1] == FILE.split("\n")[line - 1]


@pytest.mark.parametrize("line", [0, 99])
def test_a_line_that_is_not_there(line) -> None:
    assert declaration(FILE, line)[0] == (1, "api: x")
