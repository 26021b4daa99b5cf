"""Kill this process at the point that `CRASH_AT` names: put on the path of a proxy by `test_crash_steps`."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable
from typing import Any


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: Any, name: str, *, before: Callable[..., bool] | None, after: bool = False) -> None:
    """Die on entry of a function where `before` holds, or on its way out."""
    real = getattr(owner, name)

    @functools.wraps(real)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before is not None and before(*args, **kwargs):
            _die()
        result = real(*args, **kwargs)
        if after:
            _die()
        return result

    setattr(owner, name, wrapped)


def _install(point: str) -> None:
    from wharfinger.approvals import grant_rows, rows
    from wharfinger.approvals.grants import Grants
    from wharfinger.approvals.waiters import Waiters
    from wharfinger.audit import events
    from wharfinger.deciding.gate import Gate
    from wharfinger.deciding.hold import Hold

    move, _, where = point.partition(" ")
    state = {"approve": "approved", "use": "used"}.get(move, "")
    if point == "intent before the book":
        _around(events, "intent", before=lambda *args, **kwargs: True)
    elif point == "send before the check":
        _around(Gate, "redeem", before=lambda *args, **kwargs: True)
    elif point == "send after the check":
        _around(Hold, "sent", before=None, after=True)
    elif point == "grant before the store":
        _around(grant_rows, "use", before=lambda *args: True)
    elif point == "grant after the check":
        _around(Grants, "stands", before=None, after=True)
    elif where == "before the book":
        _around(events, "approval", before=lambda *args, **kwargs: args[1] == state)
    elif where == "before the store":
        _around(rows, "change", before=lambda conn, before, new, made: made == move)
    elif where == "before anybody is told":
        _around(Waiters, "tell", before=lambda self, approval: approval.state == state)
    else:
        raise ValueError(point)


if os.environ.get("CRASH_AT"):
    _install(os.environ["CRASH_AT"])
