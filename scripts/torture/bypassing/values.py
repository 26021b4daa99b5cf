# ruff: noqa: E501 -- tables of keys are read by their rows
"""Keys that are written oddly (S05), the places they go to, and what must then stand there.

With a key that no field can hold nothing must start: see `deeds`. One that a place can hold in some coding
must stand there, coded, and read back as what it is.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, unquote

from bypassing.wire import Odd, Seen
from bypassing.world import ODD

UNFIT: Final = (
    "odd-key-0123456789\rX-Evil: 1", "odd-key-0123456789\nX-Evil: 1", "odd-key-0123456789\r\nX-Evil: 1",
    "odd-key-0123456789\r\n\r\nGET /admin/wipe/1 HTTP/1.1", "odd-key-0123\x00456789", "odd-key-0123\t456789",
    "odd-key-0123\x1b[2J456789", "odd-key-0123\x7f456789", "odd-key-0123\x85456789", "odd-key-0123\x0b456789",
    "odd-key-0123\u2028456789", "odd-key-0123é456789", "odd-key-0123Ａ456789", "odd-key-0123😀456789",
    " odd-key-led-by-a-blank", "odd-key-ended-by-a-blank ", "short", "", "                    ",
    "odd-key-" + "0" * 9000, "odd-key-0123456789\n\n", "\nodd-key-0123456789",
)  # fmt: skip
"""Values that must not be used: some would be two lines, or end a head; some can be read in two ways."""
FIT: Final = (
    "odd-key/with?marks#of%2FURLs&x=1", 'odd-key"with\'quotes\\and-slashes', "odd-key %0d%0aX-Evil:1 blanks",
    "odd-key${secret}-and-${id}-and-{{7*7}}", "odd-key;with,lists;a=b&c=d+e f", "odd-key<script>alert(1)</script>",
    "odd-key:user:pass@host:443/~!*()", "odd-key-" + "z9" * 3000, "odd-key../..//etc/passwd%00%c0%af",
)  # fmt: skip
"""Values that are odd and whole."""
PLACES: Final = ("header", "bearer", "query", "path", "cookie", "basic")
_TARGET: Final = re.compile(
    r"/odd/(\d+)/(header|bearer|query|path|cookie|basic)(/[A-Za-z0-9%._~!$&'()*+,:=@-]+)?/v\d{5}[xk](\?key=.*)?"
)


def name(number: int) -> str:
    """The credential of a value."""
    return f"ODD_KEY_{number}"


def marks() -> dict[str, str]:
    """Credentials by their marks."""
    return {f"ODD{number}": name(number) for number in range(len(FIT))}


def credentials() -> Iterator[str]:
    """Their lines in `credentials.yaml`."""
    for number in range(len(FIT)):
        yield f'  {name(number)}: {{from: "file:secrets/odd{number}", hosts: [{ODD}]}}\n'


def tools() -> str:
    """The file of their tools: one for each value and place."""
    lines = ["api: odd", f"base: https://{ODD}", "tools:"]
    for number in range(len(FIT)):
        secret = name(number)
        placed = {
            "header": f"{{secret: {secret}, name: X-Key, format: '${{secret}}'}}",
            "bearer": f"{{secret: {secret}}}",
            "query": f"{{secret: {secret}, in: query, name: key}}",
            "path": f"{{secret: {secret}, in: path, name: key}}",
            "cookie": f"{{secret: {secret}, in: cookie, name: key}}",
            "basic": f"{{secret: {secret}, in: basic, format: 'user:${{secret}}'}}",
        }
        for place, auth in placed.items():
            middle = "${key}/" if place == "path" else ""
            run = f'{{method: GET, url: "/odd/{number}/{place}/{middle}${{id}}", auth: {auth}}}'
            lines.append(f"  - {{tool: odd_{number}_{place}, effect: read, run: {run}}}")
    return "\n".join(lines) + "\n"


def taken(seen: Seen) -> tuple[str, list[tuple[str, str]]]:
    """Target and fields without the key, which must be whole and in its place. Raises `Odd`."""
    found = _TARGET.fullmatch(seen.target)
    if found is None or seen.method != "GET":
        raise Odd(f"not one of the requests for an odd key: {seen.target[:120]}")
    number, place = int(found[1]), found[2]
    field = {"header": "x-key", "bearer": "authorization", "basic": "authorization", "cookie": "cookie"}.get(
        place
    )
    texts = seen.values(field) if field else []
    match place:
        case "header":
            held = texts
        case "bearer":
            held = [text.removeprefix("Bearer ") for text in texts if text.startswith("Bearer ")]
        case "basic":
            held = [
                base64.b64decode(text[6:]).decode().removeprefix("user:")
                for text in texts
                if text.startswith("Basic ")
            ]
        case "cookie":
            held = [text.removeprefix("key=") for text in texts if not re.search("[;,]", text)]
        case "path":
            held = [unquote((found[3] or "")[1:])]
        case _:
            held = [text for key, text in parse_qsl(seen.target.partition("?")[2]) if key == "key"]
    if held != [FIT[number]]:
        raise Odd(f"the odd key {json.dumps(FIT[number])[:40]} does not stand in its place ({place})")
    rest = [(low, text) for low, text in seen.fields if low != field]
    return f"/odd/{number}/{place}", rest
