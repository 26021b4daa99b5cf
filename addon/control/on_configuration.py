"""The files of the configuration in force, for the office, which loads them by itself.

Rules: for whoever has signed in; nothing is changed by it. An answer is made on the proxy's event loop, so it
is short, and the rest is asked for with `after`; what takes time is done in a thread, once for each
configuration. The files hold no value of a credential, only where it comes from.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wharfinger.control.dispatcher import Action, Context, Parameter, Role
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import Services, needs_runtime
from wharfinger.rules.types import JSON

PART = 48 * 1024
"""Bytes of one answer, before they are written as text."""


def actions(services: Services) -> tuple[Action, ...]:
    """Reading the files, part by part."""
    at = _Files(services)
    digest, after = Parameter("digest", required=False), Parameter("after", int, required=False)
    return (Action("configuration.files", at.part, (digest, after), Role.VIEWER, recorded=False),)


@dataclass(frozen=True, slots=True)
class Packed:
    """All files of one configuration, compressed: `unpacked` gives them back."""

    digest: str
    """Of names and contents."""
    policy_digest: str
    content: bytes


class _Files:
    def __init__(self, services: Services) -> None:
        self._at = services
        self._files: Mapping[str, bytes] | None = None
        self._packed = Packed("", "", b"")

    async def part(self, context: Context, args: Mapping[str, Any]) -> JSON:
        """The part from byte `after` on; without it where `digest` is that of what is in force."""
        packed = await self._current()
        told: dict[str, JSON] = {"digest": packed.digest, "policy_digest": packed.policy_digest}
        if "after" not in args and args.get("digest") == packed.digest:
            return told
        after = args.get("after", 0)
        if not 0 <= after <= len(packed.content):
            raise ControlError(Code.BAD_REQUEST, 'configuration.files: "after" is beyond the end')
        part = base64.b64encode(packed.content[after : after + PART]).decode("ascii")
        return told | {"size": len(packed.content), "part": part}

    async def _current(self) -> Packed:
        if self._at.files is None:
            needs_runtime("configuration.files")
        files, policy_digest = self._at.files()
        if self._files is not files:
            packed = await asyncio.to_thread(pack, files, policy_digest)
            self._files, self._packed = files, packed
        return self._packed


def pack(files: Mapping[str, bytes], policy_digest: str) -> Packed:
    """The files together: their sizes in a line of JSON, then their contents."""
    ordered = sorted(files.items())
    sizes = json.dumps({path: len(content) for path, content in ordered}).encode("ascii")
    whole = b"\n".join((sizes, b"".join(content for _, content in ordered)))
    digest = hashlib.sha256(policy_digest.encode() + b"\0" + whole).hexdigest()
    return Packed(digest, policy_digest, zlib.compress(whole, 1))


def unpacked(content: bytes) -> dict[str, bytes]:
    """The files that `pack` put together."""
    sizes, _, rest = zlib.decompress(content).partition(b"\n")
    files, start = {}, 0
    for path, size in json.loads(sizes).items():
        files[path] = rest[start : start + size]
        start += size
    return files
