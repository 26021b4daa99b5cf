"""Which agents come from which networks, as agents.yaml says (`from`): there an address says who speaks.

An agent that has networks speaks from them only, whatever token it shows; and nobody else speaks from there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network

from wharfinger.rules.models.agents import Agent


class Origins:
    """The networks of agents; `check` has seen that no two of them overlap."""

    def __init__(self, agents: Mapping[str, Agent]) -> None:
        """From the agents of a configuration."""
        self._networks: tuple[tuple[IPv4Network | IPv6Network, str], ...] = tuple(
            (network, name)
            for name, agent in agents.items()
            if agent.source is not None
            for network in agent.source.cidr
        )
        self._placed = frozenset(name for _, name in self._networks)

    def agent_at(self, address: str) -> str | None:
        """The agent whose network this address (text, as the socket tells it) is in."""
        if not self._networks:
            return None
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return None
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        return next((name for network, name in self._networks if ip in network), None)

    def agrees(self, name: str, address: str) -> bool:
        """Whether the agent of that name may speak from there."""
        at = self.agent_at(address)
        return at == name if at is not None else name not in self._placed
