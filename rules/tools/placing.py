"""Where in a target or a body a credential stands: finding the place, and putting a text there.

Everything around the place stays as it was received, byte for byte: what policy saw is what is sent
(DESIGN 3, invariant 3). A place that is not spelled plainly is not found, and nothing is put in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote_plus

from wharfinger.rules.requests import bodies
from wharfinger.rules.requests.bodies import Body, Media
from wharfinger.rules.requests.refusal import Refused

SEGMENT_SAFE = "!$&'()*+,=:@-._~"
"""What stands in a path segment as it is (RFC 3986 3.3), but for `;`."""


@dataclass(frozen=True, slots=True)
class Around:
    """A body, without the value at one name."""

    media: Media
    before: bytes
    after: bytes
    value: str

    def holding(self, value: str) -> bytes:
        """The body with `value` at that name, spelled as its kind has it."""
        if self.media is Media.FORM:
            return b"%b%b%b" % (self.before, quote_plus(value).encode("ascii"), self.after)
        return b"%b%b%b" % (self.before, json.dumps(value).encode("ascii"), self.after)


def in_body(body: Body, raw: bytes, name: str) -> Around | None:
    """The body around the text at `name` (of a form, or the outermost object); None if none is there.

    In JSON the text must stand to the letter, and nowhere else as a whole text.
    """
    if body.problem or not isinstance(body.value, Mapping) or not isinstance(body.value.get(name), str):
        return None
    value = str(body.value[name])
    if body.media is Media.FORM:
        return _in_form(raw, name, value)
    if body.media is not Media.JSON or not value.isascii():
        return None
    before, found, after = raw.partition(json.dumps(value).encode("ascii"))
    return Around(body.media, before, after, value) if found and found not in after else None


def _in_form(raw: bytes, name: str, value: str) -> Around | None:
    parts = raw.decode("latin-1").split("&")
    here = [i for i, part in enumerate(parts) if unquote_plus(part.partition("=")[0]) == name]
    if len(here) != 1:
        return None
    written = parts[here[0]].partition("=")[0]
    before = "&".join([*parts[: here[0]], f"{written}="])
    after = "".join(f"&{part}" for part in parts[here[0] + 1 :])
    return Around(Media.FORM, before.encode("latin-1"), after.encode("latin-1"), value)


def with_value(content_types: tuple[str, ...], raw: bytes, name: str, value: str) -> bytes | None:
    """The body with `value` in place of the text at `name`, read again to make sure; None if it cannot be."""
    before = bodies.read_as(content_types, raw, len(raw))
    around = in_body(before, raw, name)
    if around is None or not isinstance(before.value, Mapping):
        return None
    made = around.holding(value)
    after = bodies.read_as(content_types, made, len(made))
    return made if not after.problem and after.value == {**before.value, name: value} else None


def with_segment(target: str, number: int, text: str) -> str | None:
    """The target with `text` for its path's segment `number` (from 0); None if there is none."""
    path, mark, query = target.partition("?")
    segments = path.split("/")[1:]
    if number >= len(segments):
        return None
    segments[number] = quote(text, safe=SEGMENT_SAFE)
    return "".join(f"/{segment}" for segment in segments) + mark + query


def without_segment(target: str, number: int) -> str:
    """The target without that segment, to look at the others."""
    path, mark, query = target.partition("?")
    segments = path.split("/")[1:]
    return "".join(f"/{segment}" for i, segment in enumerate(segments) if i != number) + mark + query


def cookies(values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Names and values of `Cookie` fields (RFC 6265 4.2.1). Raises `Refused` for what is no pair."""
    pairs = []
    for part in ";".join(values).split(";"):
        name, sign, value = part.strip(" \t").partition("=")
        if sign and name:
            pairs.append((name, value))
        elif name:
            raise Refused("the Cookie header has a part that is no pair", "Send name=value.")
    return tuple(pairs)
