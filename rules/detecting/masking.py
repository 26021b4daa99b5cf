r"""Mask what detectors find in a body that arrives in pieces, as if it had come whole.

Rules: a body is looked at run by run. A run ends with a line, with `",`, `"}` or `</`, none of which stands
in a finding; so what is found does not depend on how the body was cut, and a line or an event never waits
once it has ended. A private key alone spans lines: from its first line on all is left out until its last. A
run longer than `LONGEST_RUN` is looked at in parts of that size; what stands across two of them is not found.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import re2
from wharfinger.rules.detecting.detectors import Finding, find_in

LONGEST_RUN: Final = 64 * 1024
"""Bytes that are held until their run has ended."""
LONGEST_KEY: Final = 64 * 1024
"""Bytes that are left out after the first line of a private key whose last line does not come."""

_KEY: Final = "private_key"
_KEY_END: Final = re2.compile(rb"-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----")
_ENDS: Final = (b"\n", b'",', b'"}', b"</")


def masked(data: bytes, names: frozenset[str]) -> tuple[bytes, Counter[str]]:
    """`data`, which is whole, without what detectors find in it, and how often each did."""
    stream = MaskingStream(names)
    return stream.feed(data) + stream.finish(), stream.findings


class MaskingStream:
    """One body on its way, and what was found in it so far."""

    __slots__ = ("_held", "_left_out", "_names", "findings")

    def __init__(self, names: frozenset[str]) -> None:
        """`names` of detectors; what is found is shown as `[redacted:NAME]`."""
        self._names = names
        self._held = b""
        self._left_out = -1
        """Bytes that have been left out of a private key; -1 outside of one."""
        self.findings: Counter[str] = Counter()

    def feed(self, chunk: bytes) -> bytes:
        """What of the body so far can go out now."""
        data = self._held + chunk
        out: list[bytes] = []
        at = 0
        while at < len(data):
            most = at + LONGEST_RUN
            ends = [start + len(mark) for mark in _ENDS if (start := data.rfind(mark, at, most)) >= 0]
            if not ends and len(data) < most:
                break
            end = max(ends, default=most)
            out += self._masked(data[at:end])
            at = end
        self._held = data[at:]
        return b"".join(out)

    def finish(self) -> bytes:
        """The rest, when the body has ended."""
        rest, self._held = self._held, b""
        return b"".join(self._masked(rest))

    def _masked(self, data: bytes) -> list[bytes]:
        """Some whole runs without what is found in them."""
        out: list[bytes] = []
        while data:
            if self._left_out >= 0:
                data = self._after_key(data)
                continue
            at = 0
            for finding in find_in(data, self._names):
                out += (data[at : finding.start], b"[redacted:%b]" % finding.name.encode("ascii"))
                self.findings[finding.name] += 1
                at = finding.end
                if self._begins_key(finding, data):
                    self._left_out = 0
                    break
            else:
                out.append(data[at:])
                return out
            data = data[at:]
        return out

    @staticmethod
    def _begins_key(finding: Finding, data: bytes) -> bool:
        return finding.name == _KEY and b"-----END" not in data[finding.start : finding.end]

    def _after_key(self, data: bytes) -> bytes:
        """What follows the private key that has begun before `data`."""
        most = LONGEST_KEY - self._left_out
        end = _KEY_END.search(data)
        if end is not None and end.end() <= most:
            self._left_out = -1
            return data[end.end() :]
        if len(data) >= most:
            self._left_out = -1
            return data[most:]
        self._left_out += len(data)
        return b""
