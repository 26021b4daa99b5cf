"""What a check finds."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wharfinger.audit.errors import BookUnavailable
from wharfinger.certs.errors import CertificateError
from wharfinger.faults import Fault


class Grade(enum.StrEnum):
    """How bad it is."""

    OK = "ok"
    REMARK = "remark"
    """Works, and deserves a look."""
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    """What was looked at, in a word or two."""
    grade: Grade
    text: str
    remedy: str = ""


def ok(what: str, text: str) -> Finding:
    """It is as it should be."""
    return Finding(what, Grade.OK, text)


def remark(what: str, text: str, remedy: str = "") -> Finding:
    """It works, and deserves a look."""
    return Finding(what, Grade.REMARK, text, remedy)


def fail(what: str, text: str, remedy: str) -> Finding:
    """It does not work, or does not protect."""
    return Finding(what, Grade.FAIL, text, remedy)


def looked_at(what: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a check; whatever ends it is one of them, since what could not be seen is not well."""
    try:
        yield from check()
    except (Fault, CertificateError) as fault:
        yield fail(what, fault.message, fault.hint or "mend it, and run doctor again")
    except BookUnavailable as trouble:
        yield fail(what, trouble.reason, trouble.hint or "wharfinger audit verify")
    except Exception as error:  # noqa: BLE001 - a check that breaks must not hide the others
        yield fail(what, f"this could not be looked at: {type(error).__name__}: {error}", "report this")
