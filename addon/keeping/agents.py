"""What the store knows of agents and their runs; their configuration is not here.

Each function takes the connection of a transaction first, to be called by `Store.run` or
`Store.run_sync`: `await store.run(agents.suspend, "support-agent", "left the team", now)`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from wharfinger.faults import Fault
from wharfinger.keeping.store import Connection, Row


class UnknownAgent(Fault):
    """The store has no agent of that name, or no such run."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as the store has it."""

    id: str
    """Immutable, of `[a-z0-9_]`; everything derived keys on it."""
    name: str
    generation: int
    """Raised by `rotate`: tokens of earlier generations are no longer good."""
    suspended: str | None
    """Why the agent may do nothing at the moment, if so."""
    created: datetime
    changed: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an agent, for which a token has been issued."""

    id: str
    """Of `[a-z0-9]`."""
    agent_id: str
    created: datetime
    ends: datetime | None
    ended: datetime | None


def seen(connection: Connection, name: str, now: datetime) -> Agent:
    """The agent in use under `name`; made on first sight. Raises `UnknownAgent` for one that was retired."""
    if (agent := find(connection, name)) is not None:
        return agent
    if is_retired(connection, name):
        raise UnknownAgent(f'"{name}" has been retired', f"add it anew: wharfinger agents add {name}")
    connection.execute(
        "INSERT INTO agents (id, name, created, changed) VALUES (?, ?, ?, ?)",
        (f"ag_{secrets.token_hex(8)}", name, _text(now), _text(now)),
    )
    return get(connection, name)


def seen_all(connection: Connection, names: Iterable[str], now: datetime) -> dict[str, Agent]:
    """The agents in use under `names`, by name; those not known yet are made, those retired left out."""
    return {name: seen(connection, name, now) for name in names if not is_retired(connection, name)}


def add(connection: Connection, name: str, now: datetime) -> Agent:
    """A new agent under a name that is not in use; of a retired one it has nothing but the name."""
    if find(connection, name) is not None:
        raise UnknownAgent(f'there is an agent "{name}" already', "see: wharfinger agents list")
    connection.execute("DELETE FROM retired_names WHERE name = ?", (name,))
    return seen(connection, name, now)


def is_retired(connection: Connection, name: str) -> bool:
    """Whether a person has retired the agent of this name, and nobody has added it anew."""
    return connection.execute("SELECT 1 FROM retired_names WHERE name = ?", (name,)).fetchone() is not None


def retired_names(connection: Connection) -> frozenset[str]:
    """All such names."""
    return frozenset(row["name"] for row in connection.execute("SELECT name FROM retired_names"))


def find(connection: Connection, name: str) -> Agent | None:
    """The agent in use under `name`, if the store has seen one."""
    row = connection.execute(f"{_AGENT} WHERE name = ? AND retired IS NULL", (name,)).fetchone()
    return None if row is None else _agent(row)


def get(connection: Connection, name: str) -> Agent:
    """The agent in use under `name`; raises `UnknownAgent`."""
    if (agent := find(connection, name)) is None:
        raise UnknownAgent(f'no agent "{name}" has been seen', "list them with: wharfinger agents list")
    return agent


def every(connection: Connection) -> tuple[Agent, ...]:
    """All agents in use, by name."""
    return tuple(_agent(row) for row in connection.execute(f"{_AGENT} WHERE retired IS NULL ORDER BY name"))


def some(connection: Connection, names: Iterable[str]) -> tuple[Agent, ...]:
    """Those in use of the agents named, by name."""
    found = (find(connection, name) for name in sorted(set(names)))
    return tuple(agent for agent in found if agent is not None)


def suspended(connection: Connection, limit: int) -> tuple[Agent, ...]:
    """The agents in use that are suspended, by name, `limit` of them at most."""
    rows = connection.execute(
        f"{_AGENT} WHERE retired IS NULL AND suspended IS NOT NULL ORDER BY name LIMIT ?", (limit,)
    )
    return tuple(_agent(row) for row in rows)


def suspend(connection: Connection, name: str, reason: str, now: datetime) -> Agent:
    """Stop the agent from doing anything, until `resume`; raises `UnknownAgent`."""
    return _change(connection, name, now, _SUSPENSION, reason or "suspended")


def resume(connection: Connection, name: str, now: datetime) -> Agent:
    """Lift a suspension, if there is one; raises `UnknownAgent`."""
    return _change(connection, name, now, _SUSPENSION, None)


def rotate(connection: Connection, name: str, now: datetime) -> Agent:
    """Make all tokens issued so far useless, those of its runs included; raises `UnknownAgent`."""
    return _change(connection, name, now, _ROTATION, 1)


def retire(connection: Connection, name: str, now: datetime) -> Agent:
    """End the agent for good and free its name for another; raises `UnknownAgent`."""
    agent = get(connection, name)
    connection.execute(
        "UPDATE runs SET ended = ? WHERE agent_id = ? AND ended IS NULL", (_text(now), agent.id)
    )
    connection.execute("UPDATE agents SET retired = ?1, changed = ?1 WHERE id = ?2", (_text(now), agent.id))
    return agent


def retire_for_good(connection: Connection, name: str, person: str, now: datetime) -> Agent:
    """Retire it, so that nobody has its name until it is added anew, declared or not."""
    agent = retire(connection, name, now)
    connection.execute(
        "INSERT INTO retired_names (name, person, at) VALUES (?, ?, ?)", (name, person, _text(now))
    )
    return agent


def begin_run(connection: Connection, name: str, now: datetime, ends: datetime | None = None) -> Run:
    """Note a new run of the agent, made on first sight; its token carries the id and the end."""
    agent, run_id = seen(connection, name, now), secrets.token_hex(10)
    connection.execute(
        "INSERT INTO runs (id, agent_id, created, ends) VALUES (?, ?, ?, ?)",
        (run_id, agent.id, _text(now), None if ends is None else _text(ends)),
    )
    return Run(run_id, agent.id, now, ends, None)


def end_run(connection: Connection, run_id: str, now: datetime) -> Run:
    """Note that the run has ended; a second time changes nothing. Raises `UnknownAgent`."""
    connection.execute("UPDATE runs SET ended = ? WHERE id = ? AND ended IS NULL", (_text(now), run_id))
    row = connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise UnknownAgent(f'there is no run "{run_id}"')
    return _run(row)


def end_all_runs(connection: Connection, now: datetime) -> None:
    """Note that all runs have ended: a proxy that starts accepts no token of an earlier one's runs."""
    connection.execute("UPDATE runs SET ended = ? WHERE ended IS NULL", (_text(now),))


def open_runs(connection: Connection, now: datetime) -> tuple[Run, ...]:
    """The runs that have neither been ended nor come to their end at `now`."""
    rows = connection.execute(
        "SELECT * FROM runs WHERE ended IS NULL AND (ends IS NULL OR ends > ?) ORDER BY created, id",
        (_text(now),),
    )
    return tuple(_run(row) for row in rows)


_AGENT = "SELECT id, name, generation, suspended, created, changed FROM agents"
_SUSPENSION = "UPDATE agents SET suspended = ?, changed = ? WHERE id = ?"
_ROTATION = "UPDATE agents SET generation = generation + ?, changed = ? WHERE id = ?"


def _change(
    connection: Connection, name: str, now: datetime, statement: str, value: str | int | None
) -> Agent:
    agent = get(connection, name)
    connection.execute(statement, (value, _text(now), agent.id))
    return get(connection, name)


def _agent(row: Row) -> Agent:
    return Agent(
        row["id"],
        row["name"],
        row["generation"],
        row["suspended"],
        datetime.fromisoformat(row["created"]),
        datetime.fromisoformat(row["changed"]),
    )


def _run(row: Row) -> Run:
    ends, ended = (None if row[c] is None else datetime.fromisoformat(row[c]) for c in ("ends", "ended"))
    return Run(row["id"], row["agent_id"], datetime.fromisoformat(row["created"]), ends, ended)


def _text(moment: datetime) -> str:
    """The moment as the store writes it, so that text sorts as time passes."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
