"""Why a request goes no further before any rule has been asked: `Refusal`, and `Refused` to raise it.

Reason and help are shown to the agent and kept in the audit log, so neither ever repeats bytes of the
request: names of inputs, yes; values, no.
"""

from __future__ import annotations

from dataclasses import dataclass

from wharfinger.rules.types import Code


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is not let through, whatever policy says."""

    code: Code
    reason: str
    """What is wrong, in lower case and without a full stop."""
    help: str = ""
    """One sentence on how to mend it; may be empty."""

    def __str__(self) -> str:
        return f"{self.reason}. {self.help}".rstrip() if self.help else self.reason


class Refused(Exception):
    """Raised where a request (or a spelling in it) cannot be let through; carries its `Refusal`."""

    def __init__(self, reason: str, help: str = "", code: Code = Code.BAD_REQUEST) -> None:  # noqa: A002
        super().__init__(reason)
        self.refusal = Refusal(code, reason, help)
