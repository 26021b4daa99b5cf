"""Approvals of proposed tools in the store: by digest, one for each tool, and taken back by name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from wharfinger.keeping import proposals
from wharfinger.keeping.store import Store

NOW = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)


def test_a_new_digest_takes_the_place_of_the_old(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    try:
        run = store.run_sync
        assert run(proposals.approve, {"a": "1", "b": "2"}, "alice", NOW) == {"1", "2"}
        assert run(proposals.approve, {"a": "3"}, "bob", NOW) == {"2", "3"}
        assert run(proposals.every) == (
            proposals.Approved("a", "3", "bob", NOW),
            proposals.Approved("b", "2", "alice", NOW),
        )
        assert run(proposals.withdraw, ["b", "nothing"]) == {"3"}
        assert run(proposals.digests) == {"3"}
    finally:
        store.close()
