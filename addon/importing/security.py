"""Where an API takes its credential, from what an OpenAPI document says of security."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wharfinger.importing.operations import Options, Plain
from wharfinger.importing.schemas import Schemas

_RANK: Final = ("bearer", "header", "basic", "query")
"""Which kind is taken where the API takes several, the best first."""
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")


@dataclass(frozen=True, slots=True)
class Login:
    """The credential of an API."""

    auth: Plain
    """As under `auth:`; empty where there is none that can be written."""
    notes: tuple[str, ...] = ()


def login(schemas: Schemas, schemes: Mapping[str, Any], required: Iterable[Any], options: Options) -> Login:
    """The credential that most requests go with. `required` holds all lists of requirements."""
    if options.auth is not None:
        return Login(dict(options.auth))
    known = {
        name: auth for name, scheme in schemes.items() if (auth := _auth(schemas.resolve(scheme), options))
    }
    asked = Counter(name for each in required for one in _alternatives(each) for name in one)
    wanted = [name for name in known if name in asked] or list(known)
    if not wanted:
        note = ("no credential of the document can be written as `auth:`",) if schemes else ()
        return Login({}, note)
    _, best = min((known[name] for name in sorted(wanted)), key=lambda found: _RANK.index(found[0]))
    return Login(best, tuple(_notes(schemes, asked, required)))


def _notes(schemes: Mapping[str, Any], asked: Counter[str], required: Iterable[Any]) -> Iterable[str]:
    together = {tuple(sorted(one)) for each in required for one in _alternatives(each) if len(one) > 1}
    for names in sorted(together):
        yield f"requests need {len(names)} credentials together ({', '.join(names)}); `auth:` names one"


def _alternatives(requirements: Any) -> list[list[str]]:
    if not isinstance(requirements, list):
        return []
    return [[str(name) for name in one] for one in requirements if isinstance(one, Mapping)]


def open_to_all(requirements: Any) -> bool:
    """Whether an operation says that it needs no credential: `security: []`, or an empty alternative."""
    return isinstance(requirements, list) and (not requirements or any(one == {} for one in requirements))


def _auth(scheme: Mapping[str, Any], options: Options) -> tuple[str, Plain] | None:
    """The kind of a security scheme, and how it is written under `auth:`."""
    kind, where = scheme.get("type"), scheme.get("in")
    name = scheme.get("name")
    secret: Plain = {"secret": options.credential}
    if kind in {"oauth2", "openIdConnect"}:
        return "bearer", secret
    if kind == "http":
        form = str(scheme.get("scheme", "")).lower()
        return {"bearer": ("bearer", secret), "basic": ("basic", secret | {"in": "basic"})}.get(form)
    if kind == "basic":
        return "basic", secret | {"in": "basic"}
    if kind != "apiKey" or not isinstance(name, str) or not name:
        return None
    if where == "header" and name.lower() == "authorization":
        return "bearer", secret
    if where == "header" and _HEADER.fullmatch(name):
        return "header", secret | {"name": name}
    return ("query", secret | {"in": "query", "name": name}) if where == "query" else None
