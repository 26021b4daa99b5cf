"""Mark the tools of a written file that answer with new secrets, as `returns.yaml` has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import yaml

TABLE: Final = Path(__file__).with_name("returns.yaml")
_TOOL: Final = re.compile(r"^  - tool: (\S+)\n(?:(?:    .*)?\n)*?(?=\n|  - tool: |\Z)", re.MULTILINE)


def table() -> Mapping[str, Any]:
    """What is returned, by name or pattern."""
    held: Mapping[str, Any] = yaml.safe_load(TABLE.read_text("utf-8"))
    return held


def marked(text: str) -> str:
    """A tool file with `returns:` at the end of each tool that has it and does not say it yet."""
    known = table()

    def with_mark(found: re.Match[str]) -> str:
        block, name = found[0], found[1]
        returns = next((value for pattern, value in known.items() if fnmatchcase(name, pattern)), None)
        if returns is None or "\n    returns:" in block:
            return block
        return f"{block.rstrip('\n')}\n    returns: {_written(returns)}\n"

    return _TOOL.sub(with_mark, text)


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_written(each)}" for key, each in value.items()) + "}"
    return f'"{value}"' if "$" in value else str(value)


if __name__ == "__main__":
    for path in sorted((Path(__file__).parents[3] / "tools").glob("*.yaml")):
        before = path.read_text("utf-8")
        if (after := marked(before)) != before:
            path.write_text(after, "utf-8")
            print(path.name)
