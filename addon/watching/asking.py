"""The questions that wait for a person, and the answers; over the control socket of a proxy here.

An answer is a person's: signed with their key here, given with a token made on their behalf elsewhere.
Whether they may is for the proxy to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from wharfinger.control.client import Client
from wharfinger.control.protocol import Code, ControlError
from wharfinger.faults import Fault
from wharfinger.keeping.people import PersonKey

type Move = Literal["approve", "deny"]

_SECONDS: Final = 30.0


class Questions(Protocol):
    """Somewhere that questions wait."""

    def waiting(self) -> Sequence[Mapping[str, Any]]:
        """Those that wait, newest first. Raises `Fault`."""
        ...

    def answer(self, approval: str, move: Move, reason: str) -> str:
        """Answer one; the state that it is in then. Raises `Fault`."""
        ...

    def signed(self) -> int | None:
        """How many events the newest checkpoint of the audit log is over. Raises `Fault`."""
        ...


class Here:
    """A running proxy's control socket. Used by one thread at a time."""

    def __init__(self, data: Path, key: PersonKey | None) -> None:
        """Without a key nothing is answered."""
        self._data = data
        self._key = key
        self._client: Client | None = None

    def waiting(self) -> Sequence[Mapping[str, Any]]:
        """See `Questions.waiting`."""
        found: Any = self._do("approvals.list", {})
        return list(found)

    def answer(self, approval: str, move: Move, reason: str) -> str:
        """See `Questions.answer`."""
        if self._key is None:
            raise ControlError(
                Code.UNSIGNED, "answering needs a person's key: say whose with --as NAME", "people key"
            )
        args = {"id": approval} | ({"reason": reason} if reason else {})
        done: Any = self._do(f"approvals.{move}", args, self._key)
        return str(done["state"])

    def signed(self) -> int | None:
        """See `Questions.signed`."""
        status: Any = self._do("status", {})
        return size_of(status)

    def close(self) -> None:
        """End the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _do(self, action: str, args: dict[str, Any], key: PersonKey | None = None) -> Any:
        if self._client is None:
            self._client = Client.connect(self._data, _SECONDS)
        try:
            return self._client.do(action, args, key)
        except ControlError:
            raise
        except Fault:
            self.close()
            raise


def size_of(status: object) -> int | None:
    """How many events the newest checkpoint is over, as a proxy's status says."""
    checkpoint = status.get("checkpoint") if isinstance(status, dict) else None
    size = checkpoint.get("size") if isinstance(checkpoint, dict) else None
    return size if isinstance(size, int) else None
