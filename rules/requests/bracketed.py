"""Forms and queries whose names nest by brackets, in the ways that all servers read alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.requests.strictjson import MAX_DEPTH
from wharfinger.rules.types import JSON

_BASE_NAME = re.compile(r"[^\[\]]+")
_KEY = re.compile(r"\[([^\[\]]*)\]")


class Repeated(tuple[str, ...]):
    """The values of a plain name that stands more than once: a list to an array input, else a duplicate."""

    __slots__ = ()


def structure(pairs: Sequence[tuple[str, str]], where: str) -> dict[str, JSON]:
    """Nest pairs by the brackets in their names: `a[b]=1`, `a[]=1`, `a[0]=1`.

    A plain name that stands more than once is read as `Repeated`. Lists are what `[]` makes, and indices
    that count from 0 in order. Raises `Refused` for names that servers nest in two ways.
    """
    root: dict[str, Any] = {}
    for name, value in pairs:
        _insert(root, name_keys(name, where), value, where)
    return {key: _listed(value, where) for key, value in root.items()}


def name_keys(name: str, where: str) -> tuple[str, ...]:
    """The keys that a name with brackets nests by: `a[b][]` is `a`, `b` and the empty key of a list."""
    if "[" not in name and "]" not in name:
        return (name,)
    base = _BASE_NAME.match(name)
    rest = name[base.end() :] if base else ""
    keys = tuple(_KEY.findall(rest))
    unclear = "".join(f"[{key}]" for key in keys) != rest or "" in keys[:-1] or len(keys) >= MAX_DEPTH
    if not base or unclear:
        raise Refused(
            f"the {where} has a name whose brackets can be read in two ways",
            "Write names like a[b], a[0] or a[].",
        )
    return base[0], *keys


def _insert(root: dict[str, Any], keys: tuple[str, ...], value: str, where: str) -> None:
    node = root
    for key in keys[:-1]:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            raise _two_ways(where)
    last = keys[-1]
    if last == "":
        node.setdefault("", []).append(value)
    elif last not in node:
        node[last] = value
    elif len(keys) > 1 or isinstance(node[last], dict):
        raise _two_ways(where)
    else:
        before = node[last]
        node[last] = Repeated((*before, value) if isinstance(before, Repeated) else (before, value))


def _listed(node: Any, where: str) -> JSON:
    """Turn `{"": [...]}` and `{"0": x, "1": y}` into lists."""
    if not isinstance(node, dict):
        return node  # type: ignore[no-any-return]
    if "" in node:
        if len(node) > 1:
            raise _two_ways(where)
        return node[""]  # type: ignore[no-any-return]
    values = {key: _listed(value, where) for key, value in node.items()}
    if values and list(values) == [str(i) for i in range(len(values))]:
        return list(values.values())
    return values


def _two_ways(where: str) -> Refused:
    return Refused(f"the {where} has a name that stands in two shapes", "Send each name once, in one shape.")
