"""Text templates: constants with `${x}` between them, written (filled in) and read (matched) by one grammar.

`${x}`          a value: one DNS label, one path segment or a part of one, a query, header or body value
`${x...}`       the rest of a path, at least one segment
`${x:encoded}`  one path segment in which an encoded slash may stand
`$${`           the text `${` itself

Constants must be equal. Variables in one text are apart by a constant, and a text that can be split
between them in two ways is refused, because the API might split it in the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Code

_PART = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\.\.\.|:encoded)?", re.ASCII)


class TemplateError(ValueError):
    """A template that cannot be; the message quotes it, `hint` says the remedy."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Variable:
    """`${name}` and its two forms that stand in paths only."""

    name: str
    rest: bool = False
    encoded: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """Constants and variables in turn; never two variables, or two constants, side by side."""

    parts: tuple[str | Variable, ...]
    constant: str | None = field(init=False, repr=False, compare=False)
    """The text itself, if it holds no variable."""
    single: Variable | None = field(init=False, repr=False, compare=False)
    """The variable, if the text is nothing else."""
    variables: tuple[Variable, ...] = field(init=False, repr=False, compare=False)
    """The variables, in order."""
    shape: str = field(init=False, repr=False, compare=False)
    """The text with its variables' names left out: what two texts share that match the same."""

    def __post_init__(self) -> None:
        """Tell once what kind of text it is, and what is in it."""
        variables = tuple(part for part in self.parts if isinstance(part, Variable))
        shape = "".join(
            part.replace("$", "$$") if isinstance(part, str) else _shape(part) for part in self.parts
        )
        object.__setattr__(self, "variables", variables)
        object.__setattr__(self, "shape", shape)
        only = self.parts[0] if len(self.parts) == 1 else None if self.parts else ""
        object.__setattr__(self, "constant", only if isinstance(only, str) else None)
        object.__setattr__(self, "single", only if isinstance(only, Variable) else None)

    @property
    def constants(self) -> tuple[str, ...]:
        """The constants, in order."""
        return tuple(part for part in self.parts if isinstance(part, str))

    def write(self, values: Mapping[str, str]) -> str:
        """The text with the variables filled in."""
        return "".join(part if isinstance(part, str) else values[part.name] for part in self.parts)

    def read(self, text: str) -> dict[str, str] | None:
        """The variables' values in `text`, none of them empty; None where the constants are not equal.

        Raises `Refused` where the text can be split between the variables in two ways.
        """
        if self.single is not None:
            return {self.single.name: text} if text else None
        first = self._split(text)
        if first is None:
            return None
        if len(first) > 1 and first != self._split_backwards(text):
            raise Refused(
                "a part of the request can be split between inputs "
                + " and ".join(f'"{v.name}"' for v in self.variables)
                + " in two ways",
                "Use values without the text that stands between them.",
                Code.DENIED,
            )
        return first

    def fits(self, text: str) -> bool:
        """Whether the constants are equal, in whatever ways the text may be split between the variables."""
        return self._split(text) is not None

    def _split(self, text: str) -> dict[str, str] | None:
        """The split in which each separator is found as early as can be."""
        found: dict[str, str] = {}
        at, waiting = 0, ""
        for index, part in enumerate(self.parts):
            if isinstance(part, Variable):
                waiting = part.name
                continue
            last = index == len(self.parts) - 1
            start = at
            if waiting:
                at = len(text) - len(part) if last and text.endswith(part) else text.find(part, at + 1)
                if at <= start:
                    return None
                found[waiting], waiting = text[start:at], ""
            elif not text.startswith(part):
                return None
            at += len(part)
        if waiting:
            found[waiting] = text[at:]
            return found if at < len(text) else None
        return found if at == len(text) else None

    def _split_backwards(self, text: str) -> dict[str, str] | None:
        """The split in which each separator is found as late as can be."""
        parts = tuple(p[::-1] if isinstance(p, str) else p for p in reversed(self.parts))
        found = Text(parts)._split(text[::-1])
        return None if found is None else {name: value[::-1] for name, value in found.items()}


def _shape(variable: Variable) -> str:
    return "${...}" if variable.rest else "${:encoded}" if variable.encoded else "${}"


@lru_cache(maxsize=16_384)
def text(source: str) -> Text:
    """Read a text template. Raises `TemplateError`."""
    parts: list[str | Variable] = []
    at = 0
    for found in _PART.finditer(source):
        _constant(parts, source[at : found.start()])
        at = found.end()
        if found[0] == "$${":
            _constant(parts, "${")
            continue
        variable = _variable(found, source)
        if parts and isinstance(parts[-1], Variable):
            raise TemplateError(
                f'"{source}" has two variables side by side',
                "put a constant between them, so that they can be told apart",
            )
        if any(isinstance(part, Variable) and part.name == variable.name for part in parts):
            raise TemplateError(f'"{source}" has "${{{variable.name}}}" twice', "use two inputs")
        parts.append(variable)
    _constant(parts, source[at:])
    return Text(tuple(parts))


def _constant(parts: list[str | Variable], constant: str) -> None:
    if parts and isinstance(parts[-1], str):
        constant = str(parts.pop()) + constant
    if constant:
        parts.append(constant)


def _variable(found: re.Match[str], source: str) -> Variable:
    name = _NAME.fullmatch(found[1]) if found[1] is not None else None
    if name is None:
        raise TemplateError(
            f'"{source}" has a "${{" that is no variable',
            'write ${name}, ${name...} or ${name:encoded}; "$${" is the text "${"',
        )
    return Variable(name[1], name[2] == "...", name[2] == ":encoded")


def value_text(source: str) -> Text:
    """Read a text template of a query, header or body, where the forms for paths have no meaning."""
    read = text(source)
    for variable in read.variables:
        if variable.rest or variable.encoded:
            raise TemplateError(
                f'"{source}" has a form that is for paths only', f"write ${{{variable.name}}}"
            )
    return read
