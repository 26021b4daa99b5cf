"""Programs that people give agents, as they are installed: what is allowed works, what is denied says why.

Agents themselves take longer and come from npm: `scripts/clients` tries them, in the same way.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from staging import programs
from staging.programs import PROGRAMS, Program
from staging.stage import Agent, Operator
from staging.trials import tried
from staging.vendors import Vendors

TOOLS = [program for program in PROGRAMS if not program.agent]
PATH = programs.path_of(os.environ.get("PATH", ""))
OLDEST = {"cargo": (1, 70)}
"""Before it, cargo does not ask index.crates.io by itself."""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    vendors = Vendors.open(tmp_path_factory.mktemp("vendors"))
    operator = Operator.at(vendors, vendors.configure("shared"))
    operator.people()
    operator.start()
    yield operator
    operator.stop()
    vendors.close()


@pytest.fixture(scope="module")
def bot(staged: Operator) -> Agent:
    return Agent.of(staged)


@pytest.mark.parametrize("program", TOOLS, ids=lambda program: program.name)
def test_a_program(program: Program, request: pytest.FixtureRequest) -> None:
    """The API gets the real key, and nothing of what is denied; the program prints answer and reason."""
    version = programs.installed(program, PATH)
    if version is None or _old(program, version):
        pytest.skip(f"needs {program.command[0]}{': ' + program.how if program.how else ''}")
    found = tried(program, request.getfixturevalue("staged"), request.getfixturevalue("bot"), PATH)
    assert not [*found.wrong], f"{found.ran.said}\n{found.denied and found.denied.said}"


def _old(program: Program, version: str) -> bool:
    return tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST.get(program.name, (0,))
