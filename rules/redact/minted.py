"""New secrets in an answer, taken out of it: each is replaced by what stands for it from then on.

Rules: the answer that goes on is what was parsed, written anew; one that does not parse strictly, or has no
secret where its tool says, is `Unsealable`, and the caller withholds it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from xml.etree import ElementTree

from wharfinger.rules.redact.steps import TooManyPlaces, compile_steps, find
from wharfinger.rules.types import Returns

SHORTEST: Final = 8
"""Characters of a secret; what is shorter is none, and would be found everywhere."""


class Unsealable(Exception):
    """The secrets of this body cannot be taken out; its text tells why and quotes none of it."""


type Stand = Callable[[Mapping[str, str], object], str]
"""What stands for these parts of a secret (`value`, or those of a key) until that time, as it is written."""


def taken_out(body: bytes, returns: Returns, stand: Stand) -> bytes:
    """`body` with each secret replaced by what `stand` gives for it. Raises `Unsealable`."""
    return _in_xml(body, returns, stand) if returns.format == "xml" else _in_json(body, returns, stand)


def _in_json(body: bytes, returns: Returns, stand: Stand) -> bytes:
    try:
        document = [json.loads(body.decode("utf-8"))]
    except (ValueError, RecursionError):
        raise Unsealable("the body is not JSON in UTF-8, or too deep") from None

    def members(path: str) -> list[Any]:
        try:
            return list(find(compile_steps(path), document))
        except TooManyPlaces as error:
            raise Unsealable(str(error)) from None

    until = next((member.value for member in members(returns.expires)), None) if returns.expires else None
    for parts in _secrets(returns, members):
        held = {name: member.value for name, member in parts.items()}
        standing = stand(_checked(held), until)
        for member in parts.values():
            member.container[member.key] = standing
    return json.dumps(document[0], separators=(",", ":")).encode("ascii")


def _in_xml(body: bytes, returns: Returns, stand: Stand) -> bytes:
    try:
        text = body.decode("utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise Unsealable("the body declares a document type")
        root = ElementTree.fromstring(text)  # noqa: S314 - it declares no entities
    except (UnicodeDecodeError, ElementTree.ParseError):
        raise Unsealable("the body is not XML in UTF-8") from None
    space = root.tag[: root.tag.index("}") + 1] if root.tag.startswith("{") else ""

    def elements(path: str) -> list[ElementTree.Element]:
        return root.findall(".//" + "/".join(f"{space}{name}" for name in path.split("/")))

    until = next((each.text for each in elements(returns.expires)), None) if returns.expires else None
    for parts in _secrets(returns, elements):
        standing = stand(_checked({name: each.text for name, each in parts.items()}), until)
        for each in parts.values():
            each.text = standing
    qualified = space and all(each.tag.startswith(space) for each in root.iter())
    written: bytes = ElementTree.tostring(root, "utf-8", default_namespace=space[1:-1] if qualified else None)
    return written


def _secrets[T](returns: Returns, at: Callable[[str], list[T]]) -> Iterator[dict[str, T]]:
    """Each secret, as the places of its parts by name. Raises `Unsealable` where there is none."""
    if returns.keys:
        found = {name: at(path) for name, path in returns.keys}
        counts = {len(places) for name, places in found.items() if places or name != "session_token"}
        if counts != {1}:
            raise Unsealable("the body does not hold one key where its tool says")
        yield {name: places[0] for name, places in found.items() if places}
        return
    places = [place for path in returns.paths for place in at(path)]
    if not places:
        raise Unsealable("the body holds no secret where its tool says")
    for place in places:
        yield {"value": place}


def _checked(held: Mapping[str, object]) -> dict[str, str]:
    good = {name: value for name, value in held.items() if isinstance(value, str) and len(value) >= SHORTEST}
    if len(good) != len(held) or not all(value.isascii() and value.isprintable() for value in good.values()):
        raise Unsealable("what stands for a secret in the body is none")
    return good
