"""Look for secrets in whatever anybody may come to see; written apart from the code that removes them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote


def spellings(secret: str) -> set[bytes]:
    """The secret plain, and in the codings that a log, a dump or an answer could hold it in."""
    raw = secret.encode()
    found = {raw, raw.hex().encode(), quote(secret, safe="").encode(), raw[::-1], secret.encode("utf-16-le")}
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        # Without the characters that other bytes before and after it share in.
        own = coded[shift and shift + 1 : -1]
        found |= {own, own.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def spot(keys: Mapping[str, str], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """Which keys are where."""
    wanted = [(name, spelling) for name, secret in keys.items() for spelling in spellings(secret)]
    return [
        f"{name} in {place}"
        for place, content in places
        for name in sorted({name for name, spelling in wanted if spelling in content})
    ]


def files(*roots: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below the folders, by its path."""
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield str(path), path.read_bytes()


def processes(first: int) -> Iterator[tuple[str, bytes]]:
    """The environment and the command line of a process and of all below it, as far as they may be read."""
    waiting = [first]
    while waiting:
        number = waiting.pop()
        folder = Path("/proc") / str(number)
        for name in ("environ", "cmdline"):
            try:
                yield str(folder / name), (folder / name).read_bytes()
            except PermissionError:
                continue
        for task in (folder / "task").iterdir():
            waiting += [int(child) for child in (task / "children").read_text().split()]
