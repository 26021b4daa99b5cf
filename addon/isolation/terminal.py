"""A terminal of the command's own, joined to ours: what it does to its terminal, it does not do to ours.

Bytes go both ways, the size follows ours, and ours is put back as it was at the end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import struct
import termios
import tty
from types import TracebackType
from typing import Self

from wharfinger.isolation.signals import drain

_CHUNK = 65536
STANDARD = (0, 1, 2)


class Terminal:
    """A pty, for as long as the command runs; `beside` gives one only where we have a terminal."""

    def __init__(self, ours: int) -> None:
        """`ours` is a descriptor of our terminal."""
        self._ours = ours
        self._outside, self.inside = os.openpty()
        self._before = termios.tcgetattr(ours)
        termios.tcsetattr(self.inside, termios.TCSANOW, self._before)
        self._resize()

    @classmethod
    def beside(cls) -> Terminal | None:
        """One, where any of our standard streams is a terminal."""
        found = [handle for handle in STANDARD if os.isatty(handle)]
        return cls(found[0]) if found else None

    def take(self) -> None:
        """In the child, which leads a session: have this as the controlling terminal."""
        fcntl.ioctl(self.inside, termios.TIOCSCTTY, 0)

    def stream(self, handle: int) -> int | None:
        """What a standard stream of the command is: the pty where ours is a terminal, else ours."""
        return self.inside if os.isatty(handle) else None

    def __enter__(self) -> Self:
        tty.setraw(self._ours, termios.TCSANOW)
        self._handler = signal.signal(signal.SIGWINCH, lambda *_: self._resize())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGWINCH, self._handler)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._ours, termios.TCSAFLUSH, self._before)
        os.close(self._outside)

    def started(self) -> None:
        """The command has its end."""
        os.close(self.inside)

    def relay(self, ended: int, woken: int) -> None:
        """Pass bytes on until `ended` (a descriptor) can be read, and all that was written has been shown.

        `woken` can be read when a signal has come (`signals.passing_on`).
        """
        out = 1 if os.isatty(1) else self._ours
        with selectors.DefaultSelector() as selector:
            selector.register(self._outside, selectors.EVENT_READ)
            selector.register(ended, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            if os.isatty(0):
                selector.register(0, selectors.EVENT_READ)
            over = False
            while not over:
                ready = {key.fd for key, _ in selector.select()}
                if woken in ready:
                    drain(woken)
                if 0 in ready and not self._type():
                    selector.unregister(0)
                if self._outside in ready and not self._show(out):
                    selector.unregister(self._outside)
                over = ended in ready and self._outside not in ready

    def _show(self, out: int) -> bool:
        try:
            part = os.read(self._outside, _CHUNK)
        except OSError:  # EIO: nobody has the other end any more
            return False
        _write(out, part)
        return bool(part)

    def _type(self) -> bool:
        try:
            part = os.read(0, _CHUNK)
            _write(self._outside, part)
        except OSError:
            return False
        return bool(part)

    def _resize(self) -> None:
        with contextlib.suppress(OSError):
            size = fcntl.ioctl(self._ours, termios.TIOCGWINSZ, struct.pack("4H", 0, 0, 0, 0))
            fcntl.ioctl(self._outside, termios.TIOCSWINSZ, size)


def _write(handle: int, part: bytes) -> None:
    while part:
        part = part[os.write(handle, part) :]
