"""Passwords of people: Argon2id (RFC 9106), in the PHC string format, checked on a thread of its own.

A check costs a third of a second and 64 MiB on purpose. The thread has the lowest priority there is and
the library releases the interpreter's lock, so that traffic does not wait for it; only one check is made
at a time, and few may wait for theirs.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from wharfinger.faults import Fault

SHORTEST = 12
"""Characters (NIST SP 800-63B-4 asks for 15 where nothing else is asked for, 8 with a second factor)."""
LONGEST = 256
_MEMORY_KIB = 64 * 1024
_ITERATIONS = 3
_SALT_BYTES = 16
_HASH_BYTES = 32
_WAITING = 8


class BadPassword(Fault):
    """A password cannot be used as one."""


class Busy(Fault):
    """Too many passwords wait to be checked."""


def check(password: str, person: str) -> None:
    """Raise `BadPassword` for one that is too short, too long, or easy to guess from the name."""
    if len(password) < SHORTEST:
        raise BadPassword(f"a password has {SHORTEST} characters or more", "several words make a good one")
    if len(password) > LONGEST:
        raise BadPassword(f"a password has at most {LONGEST} characters")
    if len(set(password)) < SHORTEST // 2:
        raise BadPassword("this password repeats itself", "several words make a good one")
    if person and _plain(password).replace(_plain(person), "") == "":
        raise BadPassword("this password is the person's name", "several words make a good one")


def derive(password: str) -> str:
    """What is kept of a password: a PHC string with a salt of its own. Takes a third of a second."""
    kdf = Argon2id(
        salt=secrets.token_bytes(_SALT_BYTES),
        length=_HASH_BYTES,
        iterations=_ITERATIONS,
        lanes=1,
        memory_cost=_MEMORY_KIB,
    )
    return kdf.derive_phc_encoded(_bytes(password))


def matches(kept: str, password: str) -> bool:
    """Whether `kept` was derived from `password`. Takes as long whatever the answer."""
    try:
        Argon2id.verify_phc_encoded(_bytes(password), kept)
    except InvalidKey:
        return False
    return True


class Passwords:
    """Checks and derives, one at a time, out of the event loop's way."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=_step_back)
        self._waiting = 0
        self._nobody: str | None = None

    async def derive(self, password: str) -> str:
        """See the function of that name; raises `Busy`."""
        return await self._run(lambda: derive(password))

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether the password is right; with None, of a person without one, never, and as slowly."""
        return await self._run(lambda: matches(kept or self._of_nobody(), password)) and kept is not None

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run[T](self, work: Callable[[], T]) -> T:
        if self._waiting >= _WAITING:
            raise Busy("too many people sign in at once", "try again in a moment")
        self._waiting += 1
        try:
            return await asyncio.wrap_future(self._thread.submit(work))
        finally:
            self._waiting -= 1

    def _of_nobody(self) -> str:
        if self._nobody is None:
            self._nobody = derive(secrets.token_urlsafe(24))
        return self._nobody


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password[: LONGEST + 1]).encode("utf-8", "surrogatepass")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _step_back() -> None:
    """Give this thread the lowest priority: on Linux the nice value is a thread's own (setpriority(2))."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
