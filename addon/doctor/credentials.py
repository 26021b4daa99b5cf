"""Checks of credentials: whether each can be read, without a word of any value."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wharfinger.credentials.own_store import OwnStore
from wharfinger.credentials.registry import Credentials
from wharfinger.credentials.sources import Environment
from wharfinger.credentials.standings import CredentialProblem
from wharfinger.credentials.store_key import passphrase
from wharfinger.doctor.findings import Finding, fail, ok
from wharfinger.rules.configuration import Configuration
from wharfinger.secret import disarm_process


def readable(configuration: Configuration, folder: Path, data: Path | None = None) -> Iterator[Finding]:
    """Read each credential as `up` would, in this process, which is closed to others first."""
    if not configuration.credentials:
        yield ok("credentials", "none is declared")
        return
    found = problems(configuration, folder, data)
    for problem in found.values():
        yield fail("credentials", f"{problem.name}: {problem.message}", problem.hint)
    held = sorted(set(configuration.credentials) - found.keys())
    if held:
        yield ok("credentials", f"can be read: {', '.join(held)}")


def problems(
    configuration: Configuration, folder: Path, data: Path | None = None
) -> dict[str, CredentialProblem]:
    """What keeps credentials from being read, by name. Closes this process to others before it reads them."""
    disarm_process()
    placements = [placed for tool in configuration.tools for placed in tool.placements]
    # A copy, for the proxy that a later check starts needs the variables as well.
    environment = Environment(dict(os.environ))
    store = None if data is None else OwnStore(data, passphrase(environment))
    held = Credentials(environment, store=store)
    found = asyncio.run(held.load(configuration.credentials, folder, placements, configuration.sources))
    return {problem.name: problem for problem in found}


def in_use(configuration: Configuration, status: Mapping[str, Any]) -> Iterator[Finding]:
    """Which credentials the running proxy has, as it says itself."""
    held = set(status["credentials"])
    missing = sorted(set(configuration.credentials) - held)
    for name in missing:
        yield fail("credentials", f"{name} is not available to the running proxy", "see its log, and reload")
    if not missing:
        yield ok("credentials", f"in use: {', '.join(sorted(held)) or 'none is declared'}")
