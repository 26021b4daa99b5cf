"""What JSON Schemas say of inputs: types, enums and bounds, in the form that tool files have (DESIGN 5.2).

References inside the document are followed; one that leads out of it ends the import. What a schema says
beyond types and limits (descriptions, examples, defaults) is left behind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from wharfinger.importing import samples
from wharfinger.importing.operations import ImportFault, Plain, Unusable
from wharfinger.rules.inputs import pattern as compiled
from wharfinger.rules.models.inputs import Type, is_a
from wharfinger.rules.requests.strictjson import INT64

MAX_REFERENCES: Final = 32
"""References that lead to references."""
MAX_DEPTH: Final = 12
"""Schemas within schemas (`allOf`, `oneOf`, `anyOf`)."""
MAX_STEPS: Final = 50_000
"""Schemas that are looked at for one: those that hold themselves in many ways are endless."""
MAX_ENUM: Final = 64
"""Values of an enum that are carried over; longer ones grow from month to month."""
MAX_PATTERN: Final = 200
_KINDS: Final[tuple[Type, ...]] = ("string", "integer", "number", "boolean", "array", "object")
_ANY: Final = ("string", "number", "boolean", "array", "object")
_BOUNDS: Final = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
}
_SECRETS: Final = ("password", "passphrase", "secret", "private_key", "secret_key", "access_token")
_SECRETS_WHOLE: Final = frozenset(
    {"pin", "otp", "cvc", "cvv", "ssn", "token", "refresh_token", "api_key", "apikey"}
)


@dataclass(frozen=True, slots=True)
class Body:
    """The fields of an object, as far as they are known by name."""

    fields: Mapping[str, Any]
    required: frozenset[str]


class Schemas:
    """Reads the schemas of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """`document` is what references begin at."""
        self._document = document
        self._steps = 0

    def resolve(self, node: Any) -> Mapping[str, Any]:
        """The node, or what it refers to.

        Raises `ImportFault` if that lies outside of the document, `Unusable` if it is nowhere.
        """
        self._steps += 1
        if self._steps > MAX_STEPS:
            self._steps = 0
            raise Unusable("its schemas lead to too many others")
        for _ in range(MAX_REFERENCES):
            if not isinstance(node, Mapping):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self._at(reference)
        raise Unusable("its references lead to one another")

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#"):
            raise ImportFault(
                f'the reference "{reference[:200]}" leads out of the document',
                "put the document and what it refers to into one file first",
            )
        node: Any = self._document
        for part in reference[1:].split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(node, Mapping) and key in node:
                node = node[key]
            elif isinstance(node, Sequence) and key.isdigit() and int(key) < len(node):
                node = node[int(key)]
            else:
                raise Unusable(f'the reference "{reference[:200]}" leads nowhere')
        return node

    # Types

    def kinds(self, schema: Any, depth: int = 0) -> tuple[str, ...]:
        """The types that a value may have; none where the schema does not say."""
        self._begin(depth)
        node = self.resolve(schema)
        written = _listed(node.get("type"))
        known = [_kind(kind) for kind in written if _kind(kind) is not None]
        if known:
            return _sorted(known)
        if depth > MAX_DEPTH:
            return ()
        if isinstance(node.get("enum"), list):
            return _sorted(_kind_of(value) for value in node["enum"] if value is not None)
        if "const" in node:
            return _sorted([_kind_of(node["const"])])
        for word in ("oneOf", "anyOf"):
            if isinstance(node.get(word), list) and node[word]:
                each = [self.kinds(option, depth + 1) for option in self._options(node[word])]
                return () if () in each else _sorted(kind for some in each for kind in some)
        for part in _listed(node.get("allOf")):
            if found := self.kinds(part, depth + 1):
                return found
        if "properties" in node or "additionalProperties" in node:
            return ("object",)
        return ("array",) if "items" in node else ()

    def _options(self, options: Iterable[Any]) -> Iterator[Any]:
        """The alternatives, without the one that is null."""
        for option in options:
            if _listed(self.resolve(option).get("type")) != ["null"]:
                yield option

    # Inputs

    def spec(self, schema: Any, name: str, *, textual: bool) -> Plain:
        """The input that takes such values: `type`, and where there is one only, its limits.

        `textual` is for places that hold text: paths, headers and the like.
        """
        kinds = self.kinds(schema) or (("string",) if textual else _ANY)
        spec: Plain = {"type": kinds[0] if len(kinds) == 1 else list(kinds)}
        if len(kinds) == 1:
            spec |= _limits(self._narrowed(schema), kinds[0])
        if is_secret(name, self.resolve(schema).get("format")):
            spec["sensitive"] = True
        return spec

    def _begin(self, depth: int) -> None:
        """Count anew from the outermost schema on."""
        if depth == 0:
            self._steps = 0

    def _narrowed(self, schema: Any, depth: int = 0) -> Mapping[str, Any]:
        """The schema with the limits of its parts, where it has parts that all hold."""
        node = self.resolve(schema)
        parts = list(_listed(node.get("allOf")))
        for word in ("oneOf", "anyOf"):
            options = list(self._options(_listed(node.get(word))))
            parts += options if len(options) == 1 else []
        if depth > MAX_DEPTH or not parts:
            return node
        merged: dict[str, Any] = {}
        for part in parts:
            merged |= self._narrowed(part, depth + 1)
        return {**merged, **node}

    # Objects

    def body(self, schema: Any, depth: int = 0) -> Body | None:
        """The fields of an object, or None where it is no object, or one of any fields."""
        self._begin(depth)
        node = self.resolve(schema)
        fields: dict[str, Any] = {}
        required: set[str] = set()
        if isinstance(node.get("properties"), Mapping):
            fields |= {str(name): value for name, value in node["properties"].items()}
        if depth <= MAX_DEPTH:
            for part in _listed(node.get("allOf")):
                if found := self.body(part, depth + 1):
                    fields |= {name: value for name, value in found.fields.items() if name not in fields}
                    required |= found.required
            for word in ("oneOf", "anyOf"):
                options = [self.body(option, depth + 1) for option in self._options(_listed(node.get(word)))]
                known = [option for option in options if option is not None]
                for option in known:
                    fields |= {name: {} if name in fields and fields[name] != value else value
                               for name, value in option.fields.items()}  # fmt: skip
                if known and len(known) == len(options):
                    required |= frozenset.intersection(*(option.required for option in known))
        required |= {str(name) for name in _listed(node.get("required"))}
        read_only = {name for name, value in fields.items() if self._read_only(value)}
        fields = {name: value for name, value in fields.items() if name not in read_only}
        return Body(fields, frozenset(name for name in required if name in fields)) if fields else None

    def _read_only(self, schema: Any) -> bool:
        try:
            return self.resolve(schema).get("readOnly") is True
        except Unusable:
            return False


def is_secret(name: str, form: object = None) -> bool:
    """Whether an input holds a secret by its name, so that the book keeps a digest of it only."""
    low = name.lower().replace("-", "_")
    return form == "password" or low in _SECRETS_WHOLE or low.endswith(_SECRETS)


def short(spec: Plain, *, required: bool) -> Plain | str:
    """An input as it is written: a bare type where that is all there is to say."""
    if required:
        return str(spec["type"]) if list(spec) == ["type"] and isinstance(spec["type"], str) else spec
    return {"type": spec["type"], "required": False} | {k: v for k, v in spec.items() if k != "type"}


def _limits(node: Mapping[str, Any], kind: str) -> Plain:
    limits: Plain = {}
    given = [node["const"]] if "const" in node else node.get("enum")
    if isinstance(given, list):
        values = [value for value in given if is_a(value, kind)]  # type: ignore[arg-type]
        unique = list({repr(value): value for value in values}.values())
        if unique and len(unique) <= MAX_ENUM and kind not in {"array", "object", "boolean"}:
            return {"enum": unique}
    low, high = (_bound(node.get(word)) for word in _BOUNDS.get(kind, ("", "")))
    if kind in {"integer", "number"}:
        low, high = (
            _open(node, "exclusiveMinimum", low, 1, kind),
            _open(node, "exclusiveMaximum", high, -1, kind),
        )
    if low is not None and high is not None and low > high:
        return limits
    if low is not None and not (low == 0 and kind in {"string", "array"}):
        limits["min"] = low
    if high is not None:
        limits["max"] = high
    if kind == "string" and isinstance(node.get("pattern"), str):
        limits |= _pattern(node["pattern"], limits)
    return limits


def _open(node: Mapping[str, Any], word: str, bound: float | None, step: int, kind: str) -> float | None:
    """A bound that does not hold itself: the next whole number; of other numbers there is none."""
    said = node.get(word)
    if said is True and bound is not None:
        return bound + step if kind == "integer" else bound
    limit = _bound(said)
    return bound if limit is None else limit + step if kind == "integer" else limit


def _bound(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return value if not isinstance(value, int) or value in INT64 else None


def _pattern(text: str, limits: Plain) -> Plain:
    """The pattern, if RE2 takes it and a text is known that fits: those of vendors are often wrong.

    Theirs is searched for, ours must match the whole text.
    """
    whole = text[1:-1] if text.startswith("^") and text.endswith("$") and "|" not in text else None
    if whole is None or whole.endswith("\\"):
        whole = f"(?s:.*)(?:{text})(?s:.*)"
    if len(text) > MAX_PATTERN or not whole.isascii() or not whole.isprintable():
        return {}
    try:
        compiled(whole)
    except ValueError:
        return {}
    return {"pattern": whole} if samples.text(whole, limits.get("min"), limits.get("max")) is not None else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _kind(written: object) -> str | None:
    if written == "file":
        return "string"
    return written if isinstance(written, str) and written in _KINDS else None


def _kind_of(value: object) -> str:
    return next((kind for kind in _KINDS if is_a(value, kind)), "string")


def _sorted(kinds: Iterable[str | None]) -> tuple[str, ...]:
    """Each type once, in the order of the table, so that it is the same however they were written."""
    held = set(kinds)
    if {"integer", "number"} <= held:
        held.discard("integer")
    return tuple(kind for kind in _KINDS if kind in held)
