"""What a request holds beyond its tool's template: admitted, or not (DESIGN 5.2, `extra`).

Even where extras pass, some never do: a name that a lenient server could take for one the template knows,
a name that stands twice, a method override, a credential's name. All extras together are capped.
Refusals name what the tool takes, never what the request holds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from wharfinger.rules.requests.bracketed import Repeated
from wharfinger.rules.requests.strictjson import canonical_json
from wharfinger.rules.types import JSON

LIMIT = 2 * 1024
"""Bytes of names and values (as canonical JSON) that all extras of a request may have together."""

OVERRIDES = frozenset(
    {
        "_method",
        "_httpmethod",
        "$method",
        "$httpmethod",
        "http_method_override",
        "http-method-override",
        "method_override",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
    }
)
"""Parameters and fields that frameworks read as the request's method, folded."""

CREDENTIALS = frozenset(
    {
        "access_token",
        "accesstoken",
        "api-key",
        "api_key",
        "apikey",
        "auth_token",
        "authorization",
        "client_secret",
        "key",
        "oauth_token",
        "private_token",
        "sig",
        "token",
        "x-amz-credential",
        "x-amz-security-token",
        "x-amz-signature",
        "x-api-key",
        "x-goog-credential",
        "x-goog-signature",
    }
)
"""Parameters and fields that APIs read a credential from, folded."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BRACKETS = re.compile(r"\[[^\]]*\]?")
_JOINERS = str.maketrans({".": "_", " ": "_"})


def fold(name: str) -> str:
    """A name as the most lenient of servers would read it: one case, one Unicode form, without brackets.

    Dots and spaces become `_`, as in PHP; invisible characters go. Two names that fold alike may be one.
    """
    if not name.isascii():
        name = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        name = "".join(c for c in name if unicodedata.category(c) not in {"Cf", "Mn"})
    if "[" in name:
        name = _BRACKETS.sub("", name)
    return name.casefold().strip().translate(_JOINERS)


def override(names: Iterable[str]) -> bool:
    """Whether one of the names is read as the request's method somewhere."""
    return any(fold(name) in OVERRIDES for name in names)


def problem(
    query: Mapping[str, JSON], body: Mapping[str, JSON], known: frozenset[str], credentials: frozenset[str]
) -> str | None:
    """Why these extras are not admitted even where extras are; None if they are.

    `known` are the template's own names, `credentials` those of the tool's places of credentials, folded.
    """
    seen: set[str] = set()
    for where, held in (("query", query), ("body", body)):
        for name, value in held.items():
            folded = fold(name)
            if _CONTROL.search(name):
                return f"the {where} has a name with a control character, at which some servers cut it off"
            if folded in known:
                return f"the {where} has a name that could be taken for one of the tool's own"
            if folded in seen or isinstance(value, Repeated):
                return f"the {where} has a name that stands more than once"
            if folded in OVERRIDES:
                return f"the {where} has a name that overrides the method"
            if folded in CREDENTIALS or folded in credentials:
                return f"the {where} has a name that stands for a credential"
            seen.add(folded)
    if size(query) + size(body) > LIMIT:
        return f"what the request has beyond the tool's template is more than {LIMIT} bytes"
    return None


def size(held: Mapping[str, JSON]) -> int:
    """Bytes that extras count for."""
    return len(canonical_json(dict(held))) if held else 0
