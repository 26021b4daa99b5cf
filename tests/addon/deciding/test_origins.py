"""Where an address says who speaks: only from there, and nobody else."""

from __future__ import annotations

import pytest
from wharfinger.deciding.origins import Origins
from wharfinger.rules.configuration import Sources, load
from wharfinger.rules.documents.problems import ConfigurationError

BASE = {"wharfinger.yaml": b"version: 1\n", "people.yaml": b"people:\n  alice: {role: admin}\n"}


def agents(text: str) -> dict[str, bytes]:
    return BASE | {"agents.yaml": f"agents:\n{text}".encode()}


@pytest.fixture
def origins() -> Origins:
    text = (
        "  one: {owner: alice, from: {cidr: 10.200.0.2/32}}\n"
        '  two: {owner: alice, from: {cidr: [10.201.0.0/24, "fd00:1::/64"]}}\n'
        "  free: {owner: alice}\n"
    )
    return Origins(load(Sources(agents(text))).agents)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.200.0.2", "one"),
        ("::ffff:10.200.0.2", "one"),
        ("10.200.0.3", None),
        ("10.201.0.77", "two"),
        ("fd00:1::5", "two"),
        ("fd00:2::5", None),
        ("127.0.0.1", None),
        ("", None),
        ("not an address", None),
    ],
)
def test_an_address_is_that_of_the_agent_whose_network_it_is_in(
    origins: Origins, address: str, name: str | None
) -> None:
    assert origins.agent_at(address) == name


@pytest.mark.parametrize(
    ("name", "address", "agrees"),
    [
        ("one", "10.200.0.2", True),
        ("one", "10.201.0.1", False),
        ("one", "127.0.0.1", False),
        ("one", "", False),
        ("free", "10.200.0.2", False),
        ("free", "127.0.0.1", True),
        ("free", "", True),
        ("nobody", "10.201.0.1", False),
    ],
)
def test_an_agent_speaks_from_its_own_network_and_from_no_others(
    origins: Origins, name: str, address: str, agrees: bool
) -> None:
    assert origins.agrees(name, address) is agrees


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  a: {owner: alice, from: {cidr: 127.0.0.1/32}}\n", "every process of this machine"),
        ("  a: {owner: alice, from: {cidr: 0.0.0.0/0}}\n", "every process of this machine"),
        ('  a: {owner: alice, from: {cidr: "::/0"}}\n', "every process of this machine"),
        ("  a: {owner: alice, from: {cidr: 10.0.0.1/24}}\n", "is not a network"),
        ("  a: {owner: alice, from: {socket: x}}\n", "not supported yet"),
        (
            "  a: {owner: alice, from: {cidr: 10.0.0.0/24}}\n"
            "  b: {owner: alice, from: {cidr: 10.0.0.7/32}}\n",
            'is where "a" comes from, too',
        ),
    ],
)
def test_what_cannot_say_who_speaks_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load(Sources(agents(text)))
