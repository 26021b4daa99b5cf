"""The errors that are told to a person rather than handled.

Every `Fault` says in plain words what is wrong and, as its hint, what to do about it. Whatever talks
to people (command line, control socket) prints `str(fault)` and never a traceback for one.
"""

from __future__ import annotations


class Fault(Exception):
    """Something outside the program is not as it must be; the message never holds a secret value."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep what is wrong (lower case, quoting what the user wrote) and its remedy apart."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class StoreUnavailable(Fault):
    """The store cannot be read or written: whatever depends on it is refused."""
