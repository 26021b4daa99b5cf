"""A value that is used but never shown, and a process that does not give it away.

`Secret` keeps a value out of logs, errors and dumps by accident: every way of turning one into text
names it, and only `reveal` (one word to grep for) gives the value. `disarm_process` keeps it out of
core files and out of reach of other processes of the same user, as far as the system can.
"""

from __future__ import annotations

import ctypes
import hmac
import os
import resource
from typing import Any, Final, Never, Self

from wharfinger.faults import Fault

PASSPHRASE: Final = "WHARFINGER_CREDENTIALS_PASSPHRASE"  # noqa: S105 - a name
"""The variable that may hold the passphrase of the store of credentials; no agent is ever given it."""
# <linux/prctl.h>
_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4


class Secret:
    """A named secret value. Compare with `same_as`; it is equal only to itself."""

    __slots__ = ("__value", "name")

    def __init__(self, name: str, value: str) -> None:
        """`name` may be shown anywhere; `value` nowhere."""
        self.name = name
        self.__value = value

    def reveal(self) -> str:
        """The value itself: only for what goes into a sealed copy or a redaction set."""
        return self.__value

    def same_as(self, other: Secret) -> bool:
        """Whether both hold the same value, in time that does not tell where they differ."""
        return hmac.compare_digest(self.__value.encode(), other.reveal().encode())

    def __repr__(self) -> str:
        return f"Secret({self.name})"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> Never:
        """Every protocol of pickle asks this first."""
        raise TypeError(f"{self!r} does not leave its process")


class NotDisarmed(Fault):
    """The process could not be closed to others, so it must not read a credential."""


def disarm_process() -> None:
    """Make no core files and refuse ptrace and /proc access to this process; call before reading secrets.

    Sets PR_SET_DUMPABLE to 0 (prctl(2)) and RLIMIT_CORE to 0, and reads both back. The first is lost by
    exec, so every process that is to hold secrets calls this for itself.

    Raises `NotDisarmed` where the system does not do either.
    """
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        if libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 or resource.getrlimit(resource.RLIMIT_CORE)[0] != 0:
            raise OSError("the system accepted the setting and did not keep it")
    except (OSError, ValueError, AttributeError) as error:
        raise NotDisarmed(
            f"this process cannot be kept from leaving its memory in a core file: {error}",
            "run it on Linux, with a seccomp profile that allows prctl and setrlimit",
        ) from error
