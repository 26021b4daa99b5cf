"""The emergency deny list in the store: it outlives the proxy, and ends in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from wharfinger.keeping import denials
from wharfinger.keeping.denials import UnknownDenial
from wharfinger.keeping.store import Store
from wharfinger.rules.policies.denials import Denial

NOW = datetime(2026, 1, 14, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store.open(folder) as opened:
        yield opened


def test_it_is_there_after_a_restart_as_it_was_written(folder: Path) -> None:
    new = Denial("", "pay*", "*.example.com", "bot", "it leaks", "alice", ends=NOW + timedelta(hours=2))
    with Store.open(folder) as store:
        added = store.run_sync(denials.add, new, NOW)
    with Store.open(folder) as store:
        (found,) = store.run_sync(denials.every, NOW)
    assert found == added
    assert (found.tool, found.host, found.agent, found.because) == (
        "pay*",
        "*.example.com",
        "bot",
        "it leaks",
    )
    assert (found.person, found.created, found.ends) == ("alice", NOW, NOW + timedelta(hours=2))


def test_it_ends_in_time_whatever_the_zone_and_not_before(store: Store) -> None:
    zone = timezone(timedelta(hours=-8))
    store.run_sync(denials.add, Denial("", "*", ends=(NOW + timedelta(hours=1)).astimezone(zone)), NOW)
    store.run_sync(denials.add, Denial("", "pay"), NOW + timedelta(seconds=1))
    before = store.run_sync(denials.every, NOW + timedelta(hours=1, microseconds=-1))
    assert [denial.tool for denial in before] == ["*", "pay"]
    after = store.run_sync(denials.every, NOW + timedelta(hours=1))
    assert [denial.tool for denial in after] == ["pay"], "one without an end stays until it is removed"


def test_one_is_taken_off_once(store: Store) -> None:
    one, other = (store.run_sync(denials.add, Denial("", tool), NOW) for tool in ("a", "b"))
    assert one.id != other.id
    store.run_sync(denials.remove, one.id)
    assert [denial.id for denial in store.run_sync(denials.every, NOW)] == [other.id]
    with pytest.raises(UnknownDenial):
        store.run_sync(denials.remove, one.id)
