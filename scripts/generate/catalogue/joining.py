"""Hand-written and imported tools in one file: the hand-written above the mark, word for word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apis import Api
from wharfinger.importing import reading, writing
from wharfinger.importing.operations import Imported

MARK = "# Imported; made by scripts/catalogue"
_HEAD = f"{MARK} of "


def hand_written(text: str) -> str:
    """The part of a file that people write; empty where all of it is made."""
    first = text.split("\n", 1)[0]
    if not text or first.startswith(_HEAD):
        return ""
    return text.partition(f"\n  {MARK}")[0].rstrip("\n") + "\n"


def joined(api: Api, result: Imported, source: str, hand: str) -> str:
    """The file's text: what is imported alone, or below what is written by hand."""
    if not hand:
        file = dict(result.file)
        if api.headers is not None:
            held = {"headers": api.headers}
            file = (
                {k: v for k, v in file.items() if k not in {"headers", "tools"}}
                | held
                | {"tools": file["tools"]}
            )
        about = f"\n{api.about.strip()}" if api.about else ""
        return writing.dump(file, f"{_HEAD[2:]}{source}.{about}")
    made = writing.dump({"tools": result.file["tools"]})
    tools = made.split("tools:\n", 1)[1]
    return f"{hand}\n  {_HEAD}{source}.\n\n{tools}"


def tools_of(text: str) -> Mapping[str, Any]:
    """A tool file as plain values."""
    return reading.document(text.encode(), "a tool file") if text else {}
