"""A value that an input takes, made of what its declaration says: for proofs, never for a request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from wharfinger.rules.inputs import Input, pattern
from wharfinger.rules.types import JSON

_TEXTS: Final = (
    "x1", "x", "a1b2", "abc", "Abc123", "1", "12", "123", "0", "42", "x_1", "x-1", "x.1",
    "00000000-0000-4000-8000-000000000001", "00000000000040008000000000000001", "0" * 24, "a" * 26, "A" * 26,
    "0" * 40, "a" * 64, "2026-01-14", "12:00", "12:00:00", "2026-01-14T12:00:00Z",
    "2026-01-14T12:00:00.000Z", "x@example.com", "example.com", "https://example.com/x", "http://x", "USD",
    "usd", "US", "en", "en-US", "en_US", "+4930123456", "10.0.0.0/8", "192.0.2.1", "::1", "#000000", "000000",
    "1.0.0", "v1.0.0", "1.2", "true", "a,b", "a/b", "x:1", "/x", "{}", "[]", "1d", "60s", "1h", "id_1",
    "123456789012", "us-east-1", "arn:aws:iam::123456789012:role/x", "arn:aws:s3:::x",
    "projects/x", "users/x", "spaces/x", "ou_x", "T00000000", "C00000000", "U00000000",
)  # fmt: skip
"""What texts look like, plainest first."""


def of(spec: Input) -> JSON:
    """A value within the bounds of the input. Raises `ValueError` if none is known."""
    if spec.enum is not None:
        return _of_enum(spec)
    if spec.kind == "string":
        fit = _text(spec.pattern, spec.minimum, spec.maximum)
        if fit is None:
            raise ValueError(f'no text is known that the input "{spec.name}" takes')
        return fit
    if spec.kind in {"integer", "number"}:
        return _number(spec)
    if spec.kind == "array":
        return ["x1"] * max(int(spec.minimum or 0), min(2, int(spec.maximum or 2)))
    return True if spec.kind == "boolean" else {"k": "v"}


def text(form: str, least: float | None, most: float | None) -> str | None:
    """A text that fits the pattern and the bounds of its length; None if none is known."""
    return _text(pattern(form), least, most)


def _text(form: Any, least: float | None, most: float | None) -> str | None:
    for sample in (*_TEXTS, *_long(least)):
        long_enough = (least or 0) <= len(sample) and (most is None or len(sample) <= most)
        if long_enough and (form is None or form.fullmatch(sample) is not None):
            return sample
    return "" if most == 0 and form is None else None


def _long(least: float | None) -> Iterator[str]:
    if least is not None:
        for letter in ("x", "0", "A"):
            yield letter * max(int(least), 1)


def _of_enum(spec: Input) -> JSON:
    values: list[Any] = [json.loads(value) for value in sorted(spec.enum or ())]
    return next((value for value in values if value not in {"", "."}), values[0])  # type: ignore[no-any-return]


def _number(spec: Input) -> int | float:
    low, high = spec.minimum, spec.maximum
    value: float = 3 if spec.kind == "integer" else 0.5
    if low is not None:
        value = max(value, low)
    if high is not None:
        value = min(value, high)
    return int(value) if spec.kind == "integer" else value
