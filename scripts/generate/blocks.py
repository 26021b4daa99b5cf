"""The parts of the documentation that are made from the code they are about.

In a file they stand between `<!-- made by scripts/docs: NAME -->` and `<!-- end -->`. A test compares each
with what is made here, so that neither can change without the other.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import click
import yaml
from wharfinger.cli.main import cli
from wharfinger.deciding.answers import STATUS
from wharfinger.rules import blast
from wharfinger.rules.conditions import cel, constraints
from wharfinger.rules.detecting.table import DETECTORS
from wharfinger.rules.documents.kinds import KINDS
from wharfinger.rules.requests import extras, fieldnames
from wharfinger.rules.schema import schemas
from wharfinger.rules.types import Code

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"(<!-- made by scripts/docs: ([^\n]+) -->\n).*?(<!-- end -->)", re.DOTALL)

CODES = {
    Code.ALLOWED: "let out; never in a refusal",
    Code.DENIED: "policy denies it, no rule allows it, or an input is bad or missing",
    Code.APPROVAL_PENDING: "a person has to approve it; send the same request again",
    Code.MISUSE: "a placeholder where it does not belong, or a credential of the agent's own making",
    Code.LIMIT: "too many connections, or too many requests held",
    Code.BAD_REQUEST: "malformed, or spelled in a way that servers read in two ways",
    Code.TOO_LARGE: "the body is over `limits.body`",
    Code.IDENTITY: "no agent's token, a wrong one, or another agent's on the same connection",
    Code.UNAVAILABLE: "the audit log cannot be written, or a credential cannot be read",
    Code.UPSTREAM: "the upstream cannot be reached or verified, or its answer was withheld",
}
"""What each code tells the agent."""


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '\\|') for cell in line)} |" for line in lines)


# Configuration


def schema_table(name: str) -> str:
    """The keys of one configuration file, from its JSON Schema."""
    schema = schemas()[name]
    definitions = schema.get("$defs", {})
    top = definitions.get("ToolFile", schema)
    return table(("key", "value", "default", ""), _Keys(definitions).rows(top))


def _resolved(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A node with its reference followed, and without the alternative of leaving it out."""
    found = dict(node)
    if "$ref" in found:
        target = definitions[found.pop("$ref").rpartition("/")[2]]
        found = {**target, **found}
    choices = [each for each in found.get("anyOf", ()) if each.get("type") != "null"]
    if len(choices) == 1:
        rest = {key: value for key, value in found.items() if key != "anyOf"}
        return {**_resolved(choices[0], definitions), **rest}
    return found


class _Keys:
    """Walks a schema; what stands in it in several places is told once."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._told: dict[str, str] = {}

    def rows(self, node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
        """A row for each key of a mapping, and below it for those within."""
        required = node.get("required", ())
        for key, written in node.get("properties", {}).items():
            found = _resolved(written, self._definitions)
            inner, marks = _inner(found, self._definitions)
            default = "required" if key in required else _default(found)
            text = str(found.get("description", ""))
            known = self._told.setdefault(inner.get("title", ""), f"{prefix}{key}{marks}") if inner else ""
            again = bool(inner) and known != f"{prefix}{key}{marks}"
            kind = _kind(found, self._definitions)
            yield f"`{prefix}{key}`", kind, default, f"{text} Keys as in `{known}`." if again else text
            if inner and not again:
                yield from self.rows(inner, f"{prefix}{key}{marks}.")


def _inner(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """The mapping within a key, a list or a mapping by name, and how it is written in the key's path."""
    for choice in (node, *(_resolved(each, definitions) for each in node.get("anyOf", ()))):
        if "properties" in choice:
            return choice, ""
        for marks, below in (
            ("[]", choice.get("items")),
            (".NAME", next(iter(choice.get("patternProperties", {}).values()), None)),
            (".NAME", choice.get("additionalProperties")),
        ):
            if isinstance(below, Mapping):
                inner, more = _inner(_resolved(below, definitions), definitions)
                if inner is not None:
                    return inner, marks + more
    return None, ""


def _default(node: Mapping[str, Any]) -> str:
    if "default" not in node:
        return ""
    value = node["default"]
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return f"`{_spelled(value)}`"


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """What a key takes, in a few words."""
    node = _resolved(node, definitions)
    if "const" in node:
        return f"`{_spelled(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if "anyOf" in node:
        choices = [choice for choice in node["anyOf"] if choice.get("type") != "null"]
        return ", or ".join(dict.fromkeys(_kind(choice, definitions) for choice in choices))
    kinds = node.get("type", "anything")
    names = [_named(kind, node, definitions) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return " or ".join(names)


def _named(kind: str, node: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if kind == "array":
        items = node.get("items")
        return f"list of {_kind(items, definitions)}" if items else "list"
    if kind == "string":
        pattern = node.get("pattern", "")
        return "duration" if "(ms|" in pattern else "size" if "KiB" in pattern else "text"
    if kind == "integer" and "minimum" in node and "maximum" in node:
        bounds = dict.fromkeys((node["minimum"], node["maximum"]))
        return " to ".join(map(str, bounds))
    if kind == "object":
        below = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
        inner = [_resolved(each, definitions) for each in below if isinstance(each, Mapping) and each]
        return f"mapping of {_kind(inner[0], definitions)}" if inner and "type" in inner[0] else "mapping"
    return {"boolean": "`true`, `false`", "null": "nothing"}.get(kind, kind)


# Headers


def base_table() -> str:
    """The published base set."""
    rows = [(f"`{name}`", why) for name, why in fieldnames.BASE.items()]
    rows += [(f"`{prefix}*`", "names the client") for prefix in fieldnames.BASE_PREFIXES]
    return table(("field", "why it may pass"), rows)


def acting_table() -> str:
    """Fields that change what a call does, by what they change."""
    by: dict[str, list[str]] = {}
    for name, what in fieldnames.ACTING.items():
        by.setdefault(what, []).append(f"`{name}`")
    for prefix, what in fieldnames.ACTING_PREFIXES.items():
        by.setdefault(what, []).append(f"`{prefix}*`")
    return table(("changes the", "fields"), ((what, ", ".join(names)) for what, names in by.items()))


def listing(names: Iterable[str]) -> str:
    """Names in a row."""
    return ", ".join(f"`{name}`" for name in sorted(names)) + "."


# Commands


def commands() -> str:
    """`--help` of every command."""
    context = click.Context(cli, info_name="wharfinger", **cli.context_settings)
    parts = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None:
            parts.extend(_command(command, name, context))
    return "\n\n".join(parts)


def _command(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
    depth = "##" if parent.parent is None else "###"
    title = context.command_path
    lines = [line.rstrip() for line in command.get_help(context).splitlines()]
    yield f"{depth} `{title}`\n\n```text\n" + "\n".join(lines) + "\n```"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            if below is not None:
                yield from _command(below, each, context)


# The rest


def codes() -> str:
    """What refusals are."""
    if set(CODES) != set(Code):
        raise ValueError("CODES does not name every code")
    rows = ((f"`{code}`", str(STATUS[code]), CODES[code]) for code in Code if code in STATUS)
    return table(("`code`", "status", "means"), rows)


def readable() -> str:
    """What conditions may read beside inputs."""
    rows = (
        (f"`{root}`", ", ".join(f"`{name}`" for name in sorted(names))) for root, names in cel.KNOWN.items()
    )
    return table(("name", "holds"), rows)


def remarks() -> str:
    """What `check` remarks on."""
    rows = ((f"`{code}`", kind.title, kind.why) for code, kind in sorted(KINDS.items()))
    return table(("code", "remark", "why, and what to do"), rows)


def detectors() -> str:
    """What is found in text, in the order in which it counts."""
    rows = ((f"`{each.name}`", f"`{each.group}`", each.what) for each in DETECTORS)
    return table(("detector", "group", "finds"), rows)


def catalogue() -> str:
    """The built-in tool files."""
    rows = []
    for file in sorted(resources.files("wharfinger.tools").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".yaml"):
            written = yaml.safe_load(file.read_text("utf-8"))
            auth = written.get("auth") or {}
            login = auth["secret"] if isinstance(auth, dict) and auth else "the agent's own" if auth else ""
            tools = written["tools"]
            own = {
                tool["run"]["auth"]["secret"] for tool in tools if isinstance(tool["run"].get("auth"), dict)
            }
            held = ", ".join(f"`{name}`" for name in sorted(own | {login} - {"", "the agent's own"}))
            rows.append((f"`{written['api']}`", str(len(tools)), held or login or "none"))
    return table(("name in `catalogue:`", "tools", "credential"), rows)


BLOCKS: Mapping[str, Callable[[], str]] = {
    **{name: lambda name=name: schema_table(name) for name in schemas()},  # type: ignore[misc]
    "commands": commands,
    "header fields that pass": base_table,
    "header fields that act": acting_table,
    "header fields that are volatile": lambda: listing(
        (*fieldnames.VOLATILE, *(f"{prefix}*" for prefix in fieldnames.VOLATILE_PREFIXES))
    ),
    "header fields that end here": lambda: listing(fieldnames.HOP_BY_HOP | fieldnames.FRAMING),
    "header fields with a login": lambda: listing(fieldnames.LOGIN_FIELDS),
    "method overrides": lambda: listing(extras.OVERRIDES),
    "blast": lambda: table(("part", "points", "when"), blast.table()),
    "detectors": detectors,
    "remarks": remarks,
    "operators": lambda: listing(constraints.OPERATORS),
    "readable names": readable,
    "codes": codes,
    "catalogue": catalogue,
}
"""Every block by its name."""


def render(text: str) -> str:
    """The text of a file, with its blocks made anew. Raises `KeyError` for one that is not known."""
    return BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found[2]]()}\n{found[3]}", text)


def documents() -> list[Path]:
    """The files that may hold blocks."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def main() -> None:
    """Write every file anew, or with `--check` say which would change."""
    stale = [path for path in documents() if render(path.read_text("utf-8")) != path.read_text("utf-8")]
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'is behind' if '--check' in sys.argv else 'written'}")
        if "--check" not in sys.argv:
            path.write_text(render(path.read_text("utf-8")), "utf-8")
    sys.exit(1 if stale and "--check" in sys.argv else 0)


if __name__ == "__main__":
    main()
