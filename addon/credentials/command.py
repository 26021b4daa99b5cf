"""Running a command that prints a secret, so that nothing of it shows and nobody else's is run.

The command is named by an absolute path, of which no part may be written by others; it gets no shell, no
input and a minimal environment; what it writes is never shown, neither output nor errors, and it ends,
with all it has started, after its time.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import selectors
import signal
import stat
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from wharfinger.faults import Fault

TIMEOUT = 10.0
"""Seconds a command has to print its value and end."""
_PATH = "/usr/local/bin:/usr/bin:/bin"


class CommandFailed(Fault):
    """The command may not be run, failed, or took too long."""


def output(argv: Sequence[str], *, limit: int, timeout: float = TIMEOUT) -> bytes:
    """What `argv` prints, of at most `limit` bytes; raises `CommandFailed`, which quotes none of it."""
    check_path(argv[0])
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise CommandFailed(f'the command "{argv[0]}" cannot be run: {reason}', "check the path") from None
    deadline = time.monotonic() + timeout
    try:
        printed = _collect(process, limit, deadline, argv[0])
        status = process.wait(max(0.0, deadline - time.monotonic()))
    except (subprocess.TimeoutExpired, TimeoutError):
        raise CommandFailed(
            f'the command "{argv[0]}" took longer than {timeout:g} seconds', "run it by hand to see why"
        ) from None
    finally:
        _end(process)
    if status != 0:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with exit code {status}"
        raise CommandFailed(
            f'the command "{argv[0]}" {how}', "run it by hand to see why: its output is not shown"
        )
    return printed


def check_path(path: str) -> None:
    """Raise `CommandFailed` unless `path` is absolute, is a program, and nobody else could have put it there.

    Checked are the program and every folder above it, and the same again where a symbolic link leads.
    """
    if not path.startswith("/"):
        raise CommandFailed(f'the command "{path}" is not an absolute path', "write the whole path")
    try:
        real = Path(path).resolve(strict=True)
        for place in dict.fromkeys((*Path(path).parents, *real.parents, real)):
            _check_place(place, path)
        found = real.stat()
    except (OSError, RuntimeError) as error:
        reason = (getattr(error, "strerror", None) or "too many symbolic links").lower()
        raise CommandFailed(f'the command "{path}" cannot be run: {reason}', "check the path") from None
    if not stat.S_ISREG(found.st_mode) or not os.access(real, os.X_OK):
        raise CommandFailed(f'the command "{path}" is not a program', "name a file that may be executed")


def _check_place(place: Path, path: str) -> None:
    found = place.stat()
    if found.st_uid not in (os.geteuid(), 0):
        problem, remedy = f"belongs to user {found.st_uid}", f'install it elsewhere, or chown root "{place}"'
    elif found.st_mode & 0o022 and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX):
        problem, remedy = "may be written by others", f'chmod go-w "{place}"'
    else:
        return
    raise CommandFailed(f'the command "{path}" is not run: "{place}" {problem}', remedy)


def _collect(process: subprocess.Popen[bytes], limit: int, deadline: float, name: str) -> bytes:
    """Read until the output ends; raises TimeoutError at the deadline, `CommandFailed` beyond the limit."""
    if process.stdout is None:
        raise CommandFailed(f'the command "{name}" has no output')
    handle, left = process.stdout.fileno(), limit + 1
    parts: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(handle, selectors.EVENT_READ)
        while left:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            part = os.read(handle, left)
            if not part:
                return b"".join(parts)
            parts.append(part)
            left -= len(part)
    raise CommandFailed(
        f'the command "{name}" prints more than {limit} bytes', "it must print the value alone"
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the command and of what it started; do not wait for what cannot be killed."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdout is not None:
        process.stdout.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)


def _environment() -> dict[str, str]:
    """What a command line tool needs to find its own configuration, and nothing of ours."""
    home, name = _user(os.geteuid())
    return {"PATH": _PATH, "HOME": home, "USER": name, "LOGNAME": name, "LANG": "C.UTF-8"}


def _user(number: int) -> tuple[str, str]:
    """Folder and name of a user; one that the machine has no entry of, as in containers, has neither."""
    try:
        user = pwd.getpwuid(number)
    except KeyError:
        home = os.environ.get("HOME", "")
        return home if home.startswith("/") else "/", str(number)
    return user.pw_dir, user.pw_name
