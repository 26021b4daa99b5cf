"""What an import changes of the file that is there: tools added, changed and removed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wharfinger.importing.operations import Plain

_BLANK: Final = re.compile(r"\$\{[^{}]*\}")
_LEFT_OUT: Final = frozenset({"auth", "encoding", "extra", "url", "method"})


@dataclass(frozen=True, slots=True)
class Difference:
    """Tools by name."""

    added: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] | None = None
    """Each with the keys that differ."""
    removed: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    """Keys of the file's head that differ."""

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.changed or self.removed or self.head)

    def lines(self) -> Iterator[str]:
        """One line for each, for people."""
        for key in self.head:
            yield f"~ {key}:"
        yield from (f"+ {name}" for name in self.added)
        for name, keys in (self.changed or {}).items():
            yield f"~ {name} ({', '.join(keys)})"
        yield from (f"- {name}" for name in self.removed)


def compare(old: Plain, new: Plain) -> Difference:
    """What `new` has otherwise than `old`; descriptions and the order of tools make no difference."""
    before, after = _by_name(old), _by_name(new)
    changed = {
        name: keys
        for name in sorted(before.keys() & after.keys())
        if (keys := _keys(before[name], after[name]))
    }
    return Difference(
        tuple(sorted(after.keys() - before.keys())),
        changed,
        tuple(sorted(before.keys() - after.keys())),
        _keys(_head(old), _head(new)),
    )


def _by_name(file: Plain) -> dict[str, Plain]:
    return {tool["tool"]: tool for tool in _tools(file)}


def _tools(file: Plain) -> list[Plain]:
    held = file.get("tools")
    return (
        [tool for tool in held if isinstance(tool, dict) and "tool" in tool] if isinstance(held, list) else []
    )


def _head(file: Plain) -> Plain:
    return {key: value for key, value in file.items() if key not in {"tools", "approved", "title"}}


def _keys(old: Plain, new: Plain) -> tuple[str, ...]:
    keys = [*old, *(key for key in new if key not in old)]
    return tuple(
        key for key in keys if key not in {"description", "approved"} and old.get(key) != new.get(key)
    )


def names(file: Plain) -> dict[str, str]:
    """The names of a file's tools, by what tells the tools apart: what `Options.names` takes."""
    base = file.get("base", ())
    bases = (base,) if isinstance(base, str) else tuple(base)
    return {
        place(tool["run"], bases): tool["tool"] for tool in _tools(file) if isinstance(tool.get("run"), dict)
    }


def place(run: Plain, base: Iterable[str] = ()) -> str:
    """What a template is known by: its method, URL and constants, whatever its inputs are called."""
    method = run.get("method", "")
    methods = [method] if isinstance(method, str) else list(method)
    url = str(run.get("url", ""))
    for start in base:
        url = url.removeprefix(start)
    constants = sorted(_constants({key: value for key, value in run.items() if key not in _LEFT_OUT}))
    return json.dumps([sorted(methods), _BLANK.sub("${}", url), constants])


def _constants(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _constants(below, f"{path}.{key}")
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _constants(below, f"{path}[{index}]")
    elif not (isinstance(value, str) and _BLANK.fullmatch(value)):
        yield f"{path}={_BLANK.sub('${}', value) if isinstance(value, str) else json.dumps(value)}"
