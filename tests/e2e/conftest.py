"""One proxy for the whole of these tests, real APIs' names before it, and unmodified clients behind it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are imported without packages

from staging.stage import Agent, Operator, World

CLIENTS = Path(__file__).parent / "clients"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The APIs."""
    opened = World.open(tmp_path_factory.mktemp("world"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def operator(world: World) -> Iterator[Operator]:
    """A running proxy, and its operator."""
    opened = Operator.at(world, world.configure("shared"))
    opened.people()
    opened.start()
    yield opened
    opened.stop()


@pytest.fixture(scope="session")
def agent(operator: Operator) -> Agent:
    """The agent `bot` of the running proxy, with placeholders in its environment."""
    return Agent.of(operator)


@pytest.fixture
def separate(world: World, request: pytest.FixtureRequest) -> Iterator[Callable[..., Operator]]:
    """Make an operator of a configuration of its own; whatever is started there is ended."""
    made: list[Operator] = []

    def make(**settings: str) -> Operator:
        name = f"{request.node.name.partition('[')[0]}-{len(made)}"
        made.append(Operator.at(world, world.configure(name, **settings)))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="session")
def clients() -> Path:
    """The folder of the clients' programs."""
    return CLIENTS
