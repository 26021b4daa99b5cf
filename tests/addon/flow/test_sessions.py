"""The life of one request as a table, and whose connection is whose."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, cast

import pytest
from mitmproxy.connection import Client, Server
from wharfinger.audit.event import Outcome, Sent, Who
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.permits import Admission, Ending, Permit, Session
from wharfinger.flow.sessions import TRANSITIONS, Broken, Exchange, Route, Sessions, Stage
from wharfinger.rules.types import Code

PERMIT = cast(Permit, object())
LATER = [(Stage.CLOSED, Stage.OPEN), (Stage.CLOSED, Stage.ENDED), (Stage.OPEN, Stage.SENT),
         (Stage.OPEN, Stage.ENDED), (Stage.SENT, Stage.ENDED)]  # fmt: skip


def client() -> Client:
    return Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=0.0)


class Finished:
    """Notes what was handed to the gate's `finish`."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Ending]] = []

    def __call__(self, permit: Permit, ending: Ending) -> None:
        self.calls.append((permit, ending))


@pytest.fixture
def finished() -> Finished:
    return Finished()


@pytest.fixture
def sessions(finished: Finished) -> Sessions:
    return Sessions(finished)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(Stage, Stage)))
def test_only_the_tables_moves_are_possible(before: Stage, after: Stage) -> None:
    exchange = Exchange("f", stage=before)
    if (before, after) in LATER:
        exchange.move(after)
        assert exchange.stage is after
    else:
        with pytest.raises(Broken, match=f"from {before} to {after}"):
            exchange.move(after)
        assert exchange.stage is before


def test_the_table_knows_every_stage_and_ends_in_ended() -> None:
    assert set(TRANSITIONS) == set(Stage)
    assert TRANSITIONS[Stage.ENDED] == frozenset()


def test_a_request_starts_closed_and_opens_with_a_permit_once(sessions: Sessions) -> None:
    one = client()
    sessions.connected(one, lambda: None)
    exchange = sessions.exchange(one, "f")
    assert exchange is not None
    assert (exchange.stage, exchange.permit) == (Stage.CLOSED, None)
    sessions.admitted(one, "f", Admission("d", permit=PERMIT))
    assert (exchange.stage, exchange.permit) == (Stage.OPEN, PERMIT)
    with pytest.raises(Broken):
        sessions.admitted(one, "f", Admission("d", permit=PERMIT))


def test_a_refusal_opens_nothing(sessions: Sessions) -> None:
    one = client()
    sessions.connected(one, lambda: None)
    sessions.admitted(one, "f", Admission("d", refusal=Answer(Code.DENIED, "no")))
    exchange = sessions.exchange(one, "f")
    assert exchange is not None
    assert exchange.stage is Stage.CLOSED


def test_a_permit_for_a_client_that_left_is_recorded_as_not_sent(
    sessions: Sessions, finished: Finished
) -> None:
    one = client()
    sessions.connected(one, lambda: None)
    sessions.disconnected(one)
    sessions.admitted(one, "f", Admission("d", permit=PERMIT))
    ((permit, ending),) = finished.calls
    assert (permit, ending.outcome, ending.sent) == (PERMIT, Outcome.NOT_SENT, None)
    assert sessions.exchange(one, "f") is None


@pytest.mark.parametrize(
    ("stage", "expected"), [(Stage.OPEN, Outcome.NOT_SENT), (Stage.SENT, Outcome.CLIENT_GONE)]
)
def test_leaving_ends_what_is_open_once(
    sessions: Sessions, finished: Finished, stage: Stage, expected: Outcome
) -> None:
    one = client()
    sessions.connected(one, lambda: None)
    sessions.admitted(one, "f", Admission("d", permit=PERMIT))
    exchange, link = sessions.exchange(one, "f"), sessions.link(one)
    assert exchange is not None
    assert link is not None
    if stage is Stage.SENT:
        exchange.move(stage)
    sessions.disconnected(one)
    sessions.disconnected(one)
    sessions.end(link, exchange, Ending(Outcome.COMPLETED))
    assert [ending.outcome for _, ending in finished.calls] == [expected]
    assert link.gone.is_set()
    assert sessions.link(one) is None


def test_ending_frees_what_was_kept(sessions: Sessions, finished: Finished) -> None:
    one = client()
    sessions.connected(one, lambda: None)
    link = sessions.link(one)
    assert link is not None
    for number in range(100):
        sessions.admitted(one, str(number), Admission("d", permit=PERMIT))
        sessions.refuse_early(one, str(number), Answer(Code.TOO_LARGE, "large"))
        exchange = sessions.exchange(one, str(number))
        assert exchange is not None
        exchange.move(Stage.SENT)
        sessions.end(link, exchange, Ending(Outcome.COMPLETED, Sent(status=200)))
    assert (len(link.exchanges), len(link.early), len(finished.calls)) == (0, 0, 100)
    assert {ending.outcome for _, ending in finished.calls} == {Outcome.COMPLETED}


def test_connections_are_counted_by_agent(sessions: Sessions) -> None:
    clients = [client() for _ in range(4)]
    for one, agent in zip(clients, ["bot", "bot", "second", None], strict=True):
        sessions.connected(one, lambda: None)
        link = sessions.link(one)
        assert link is not None
        link.session = Session(Who(agent, f"ag_{agent}")) if agent else None
    assert [sessions.count(name) for name in ("bot", "second", "third")] == [2, 1, 0]
    sessions.disconnected(clients[0])
    assert (sessions.count("bot"), len(sessions)) == (1, 3)


def test_a_server_connection_dials_its_own_route_or_nowhere(sessions: Sessions) -> None:
    one, other = Server(address=("a.example", 443)), Server(address=("a.example", 443))
    route = Route("a.example", 443, "https", "ag_1", ("K",))
    sessions.open_route(one, route)
    assert sessions.route(one) == route
    assert sessions.route(other) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("host", "b.example"), ("port", 8443), ("scheme", "http"), ("agent_id", "ag_2"), ("credentials", ()),
     ("credentials", ("K", "L"))],
)  # fmt: skip
def test_routes_that_differ_in_anything_are_different(field: str, value: Any) -> None:
    route = Route("a.example", 443, "https", "ag_1", ("K",))
    assert route == replace(route)
    assert route != replace(route, **{field: value})
