"""Keep a command that is in no sandbox from our files and from other processes, where the kernel can.

This is no boundary. The command still is the user's own: it has the network, may ask a service of the
session's to do for it what it may not do itself, and reads whatever else the user may read. It is there
for agents that make mistakes: the configuration, the data folder and people's keys can be neither read nor
written, no process but its own can be traced, have its environment read, or (from Linux 6.12) be signalled.

Landlock allows, and cannot take an exception out of what it allows. So everything is allowed that lies
beside the way to what is hidden, as it is found when the command starts: of the folders on that way (`/`,
`/home`, the user's own, `.config`, …) nothing that lies in them directly can be made, replaced or removed,
while what is there can be read and written, and all that lies deeper is open. That nothing new can be made
there is meant: what was made, and could then not be read again, would be worse.

Three system calls by ctypes; their numbers, structures and bits are from linux/landlock.h and
asm-generic/unistd.h, described in landlock(7) and https://docs.kernel.org/userspace-api/landlock.html.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import stat
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from wharfinger.faults import Fault

_CREATE, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The same on every architecture that is in use."""
_CREATE_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_SCOPE_SIGNAL = 1 << 1
_RULESET = struct.Struct("=QQQ")
"""Kinds of access to files, to the network, and what is scoped; earlier versions know of the first alone."""
_RULESET_BEFORE_SCOPES = struct.Struct("=Q")
_BENEATH = struct.Struct("=Qi")
"""Kinds of access, and a descriptor of where."""

_WRITE, _READ, _TRUNCATE = 1 << 1, 1 << 2, 1 << 14
_OF_FILES = _WRITE | _READ | _TRUNCATE
_OF_FOLDERS = _OF_FILES | sum(1 << bit for bit in range(4, 14))
"""Removing, making any kind of file, and moving it between folders, as well."""

NEEDED = 3
"""The version that knows of truncate(2) (Linux 6.2). Below 2 no file could be moved to another folder."""
SIGNALS = 6
"""The version from which on other processes cannot be signalled (Linux 6.12)."""


class NoLandlock(Fault):
    """The command cannot be kept from what it is said to be kept from, so it is not run."""


def version() -> int:
    """The kernel's version of Landlock, 0 where there is none, or it is switched off."""
    with contextlib.suppress(OSError):
        return _call(_CREATE, None, 0, _CREATE_VERSION)
    return 0


def is_there() -> bool:
    """Whether the kernel has what is needed."""
    return version() >= NEEDED


def ruleset(hidden: Iterable[Path], shown: Iterable[Path]) -> int:
    """A descriptor of rules that hide `hidden`, but let `shown` be read. Raises `NoLandlock`."""
    scopes = version() >= SIGNALS
    wanted = (
        _RULESET.pack(_OF_FOLDERS, 0, _SCOPE_SIGNAL) if scopes else _RULESET_BEFORE_SCOPES.pack(_OF_FOLDERS)
    )
    try:
        handle = _call(_CREATE, wanted, len(wanted), 0)
    except OSError as error:
        raise NoLandlock(f"Landlock makes no rules: {(error.strerror or 'no reason').lower()}") from error
    try:
        for path in _beside({path.resolve() for path in hidden}):
            _allow(handle, path, _OF_FOLDERS)
        for path in shown:
            _allow(handle, path, _READ)
    except BaseException:
        os.close(handle)
        raise
    return handle


def restrict(handle: int) -> None:
    """Have these rules hold for this process and all it starts. Between fork and exec. Raises `OSError`."""
    if _library().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    _call(_RESTRICT_SELF, handle, 0)


def _beside(hidden: set[Path]) -> Iterator[Path]:
    """What lies beside the ways to them, and is on none."""
    outermost = {path for path in hidden if hidden.isdisjoint(path.parents)}
    ways = {folder for path in outermost for folder in path.parents}
    for folder in sorted(ways):
        with contextlib.suppress(OSError), os.scandir(folder) as found:
            for entry in found:
                path = Path(entry.path)
                if path not in ways and path not in outermost and not entry.is_symlink():
                    yield path


def _allow(ruleset: int, path: Path, allowed: int) -> None:
    """What has gone meanwhile, or cannot be opened by this user, needs no rule."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            allowed &= _OF_FILES
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, _BENEATH.pack(allowed, handle), 0)
    except OSError as error:
        raise NoLandlock(
            f'Landlock takes no rule on "{path}": {(error.strerror or "no reason").lower()}'
        ) from error
    finally:
        os.close(handle)


def _call(number: int, *arguments: object) -> int:
    """A system call. Raises `OSError`."""
    given = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = int(_library().syscall(ctypes.c_long(number), *given))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library
