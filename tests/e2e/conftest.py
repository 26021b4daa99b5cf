"""One proxy for the whole of these tests, real APIs' names before it, and unmodified clients behind it."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))  # for the stand-ins
sys.path.insert(0, str(Path(__file__).parent))  # tests are imported without packages

from staging.stage import Agent, Operator
from staging.world import World

CLIENTS = Path(__file__).parent / "clients"
NUMBERS = itertools.count()


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


@pytest.fixture(scope="session")
def used(world: World) -> Operator:
    """A configuration that has run before: people have their keys, and all of its data folder is there."""
    operator = Operator.at(world, world.configure("used"))
    operator.people()
    operator.start()
    operator.stop()
    return operator


@pytest.fixture
def separate(world: World, used: Operator) -> Iterator[Callable[..., Operator]]:
    """Make an operator of a configuration of its own, used before; whatever is started there is ended."""
    made: list[Operator] = []

    def make(**settings: str) -> Operator:
        folder = world.configure(f"separate-{next(NUMBERS)}", **settings)
        made.append(Operator.at(world, folder))
        shutil.copytree(used.data, folder / "data", symlinks=True)
        shutil.copytree(used.home, made[-1].home, symlinks=True, dirs_exist_ok=True)
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="session")
def clients() -> Path:
    """The folder of the clients' programs."""
    return CLIENTS
