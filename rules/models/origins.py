"""`from:` and its like: where a secret value is to be had, never the value (DESIGN 5.4).

Five kinds of place are always there; any other is a source that credentials.yaml declares under `sources:`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, WithJsonSchema
from wharfinger.rules.documents.reading import flow_list
from wharfinger.rules.models.base import wrong

BUILT_IN: Final = ("env", "file", "exec", "store", "keyring")
"""Places that need no declaration."""
SOURCE_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
"""What a declared source may be called."""
ENTRY_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
"""What an entry of the store may be called."""
REMEDY: Final = "write `from: env:NAME`, `from: file:/path` or `from: exec:[/path/to/command, …]`"
NEVER: Final = "the value of a credential is never written in a file"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a secret value is fetched from; never the value."""

    scheme: str
    """One of `BUILT_IN`, or the name of a declared source."""
    text: str
    """The variable's name, the file's path, …; for `exec` the list as written."""
    argv: tuple[str, ...] = ()
    """For `exec`: the command and its arguments."""

    def __str__(self) -> str:
        return f"{self.scheme}:{self.text}"

    @property
    def is_declared(self) -> bool:
        """Whether it is in a source that has to be declared."""
        return self.scheme not in BUILT_IN


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a declared source a value is: an entry, and of it one field."""

    path: str
    field: str = ""

    @classmethod
    def of(cls, text: str) -> Self | None:
        """`PATH` or `PATH#FIELD`; None for what is neither, or could be read as another path."""
        path, sharp, field = text.partition("#")
        plain = text.isascii() and text.isprintable() and not set(text) & set(" ?%\\")
        steps = path.removeprefix("/").split("/")
        if not plain or "#" in field or bool(sharp) != bool(field) or {"", ".", ".."} & {*steps}:
            return None
        return cls(path, field)


def origin(value: Any) -> Origin:
    """`env:NAME`, `file:PATH`, `exec:[/command, …]`, `store:NAME`, `keyring:SERVICE/USER` or `SOURCE:WHERE`.

    Never repeats the text: it may be a secret.
    """
    scheme, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    rest = rest.strip()
    if not colon or rest.startswith("//") or not SOURCE_NAME.fullmatch(scheme):
        raise wrong(NEVER, REMEDY)
    if scheme == "exec":
        argv = flow_list(rest)
        if not argv or not argv[0].startswith("/"):
            raise wrong("exec: needs a list that begins with an absolute path", "exec:[/usr/bin/op, read, …]")
        return Origin("exec", rest, tuple(argv))
    if not rest or not rest.isprintable():
        what = "path" if scheme == "file" else "name"
        raise wrong(f"{scheme}: needs a {what}" if scheme in BUILT_IN else NEVER, REMEDY)
    if scheme == "env" and not (rest.isascii() and rest.isidentifier()):
        raise wrong("env: needs the name of an environment variable", "write it like env:STRIPE_API_KEY")
    if scheme == "store" and not ENTRY_NAME.fullmatch(rest):
        raise wrong("store: needs the name of an entry", "write it like store:STRIPE_API_KEY")
    if scheme == "keyring" and not all(rest.partition("/")):
        raise wrong("keyring: needs a service and a user", "write it like keyring:stripe/alice")
    return Origin(scheme, rest)


From = Annotated[
    Origin,
    BeforeValidator(origin),
    WithJsonSchema({"type": "string", "pattern": r"^(env|file|exec|store|keyring|[a-z][a-z0-9_-]{0,31}):"}),
]


def source_name(value: Any) -> str:
    """A name for a declared source, which is none of the places that are always there."""
    if not isinstance(value, str) or not SOURCE_NAME.fullmatch(value):
        raise wrong("this is not a name for a source", "use small letters, digits, `_` and `-`, like vault")
    if value in BUILT_IN:
        raise wrong(f'"{value}" is always there', "call the source otherwise")
    return value


SourceName = Annotated[
    str,
    BeforeValidator(source_name),
    WithJsonSchema({"type": "string", "pattern": f"^{SOURCE_NAME.pattern}$"}),
]
