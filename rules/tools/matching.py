"""Read a request by one tool's template: does it fit, and which call is it?

Constants decide whether the template fits. Everything else that is wrong (a missing or bad input, a field
too many) makes a call that is denied, never a request that some other tool is asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from wharfinger.rules import inputs, sigv4
from wharfinger.rules.protocols.speech import Operation
from wharfinger.rules.requests import bracketed, extras
from wharfinger.rules.requests.bodies import Body, Media
from wharfinger.rules.requests.extras import fold
from wharfinger.rules.requests.refusal import Refusal, Refused
from wharfinger.rules.requests.spelling import Target
from wharfinger.rules.tools import trees
from wharfinger.rules.tools.places import Endpoint
from wharfinger.rules.tools.trees import ABSENT, Fields, Found
from wharfinger.rules.transient import transient
from wharfinger.rules.types import JSON, Call, Code, Place

if TYPE_CHECKING:
    from wharfinger.rules.tools.tool import Tool

REASON = "wharfinger-reason"
_NO_BODY = Fields({})
_TEXTUAL = frozenset({Media.FORM, Media.TEXT, Media.MULTIPART})
_SHOWN = 5


@transient
class Reading:
    """A request, read as far as can be without knowing its tool."""

    host: str
    target: Target
    query: Mapping[str, JSON]
    """The query's names nested by their brackets."""
    fields: Mapping[str, tuple[str, ...]]
    body: Body
    reason: str | None
    """What the header `Wharfinger-Reason` says."""


def reading(fields: Mapping[str, tuple[str, ...]], host: str, target: Target, body: Body) -> Reading:
    """Put together what is known of a request. Raises `Refused` if its query can be nested in two ways."""
    query = bracketed.structure(target.query, "query") if target.query else {}
    reason = reason_of(fields) if REASON in fields else None
    return Reading(host, target, query, fields, body, reason)


def of_operation(whole: Reading, operation: Operation, consumed: frozenset[str]) -> Reading:
    """One operation of a request, as tools read it; the protocol's own query parameters are not there."""
    query = whole.query if operation.whole_query else {}
    if consumed and query:
        query = {name: value for name, value in query.items() if name not in consumed}
    body = Body(Media.FORM if operation.textual else Media.JSON, operation.value)
    return Reading(whole.host, whole.target, query, whole.fields, body, whole.reason)


def reason_of(fields: Mapping[str, tuple[str, ...]]) -> str | None:
    """What the header `Wharfinger-Reason` says, if it says anything."""
    values = fields.get(REASON)
    if not values or not values[0]:
        return None
    try:
        return values[0].encode("latin-1").decode("utf-8")  # headers come as one character per byte
    except UnicodeError:
        return values[0]


@transient
class Fit:
    """A tool whose template a request fits, and the call it would be."""

    tool: Tool
    call: Call
    """With those inputs that are good."""
    refusal: Refusal | None = None
    """Why the call is denied whatever policy says: inputs that are bad or missing, extras not admitted."""


def fit(tool: Tool, endpoint: Endpoint, reading: Reading) -> Fit | None:
    """The call that a request is by this template, or None if method, host, path or constants differ.

    The method has been compared by whoever asks.
    """
    found = Found()
    try:
        if not _read_place(tool, endpoint, reading, found):
            return None
    except Refused as refused:
        found.problems.append(refused.refusal.reason)
    if (reading.query or tool.query.fields) and not trees.read(
        tool.query, reading.query, found, textual=True
    ):
        return None
    if tool.headers and not _read_headers(tool, reading, found):
        return None
    in_query: dict[str, JSON] = {}
    if found.extras:
        in_query, found.extras = found.extras, in_query
        _set_aside(tool, in_query, Place.QUERY)
    if not _read_body(tool, reading.body, found):
        return None
    if found.extras:
        _set_aside(tool, found.extras, Place.BODY)
    values, problems = inputs.bind(tool.inputs, found.bound)
    problems = [*found.problems, *problems] if found.problems else problems
    beyond = in_query | found.extras if in_query else found.extras
    refused_extras = _extras(tool, in_query, found.extras) if beyond else None
    if refused_extras:
        problems.append(refused_extras)
        beyond = beyond if extras.size(beyond) <= extras.LIMIT else {}
    return Fit(tool, _call(tool, values, beyond, reading), _refusal(tool, problems) if problems else None)


def _read_place(tool: Tool, endpoint: Endpoint, reading: Reading, found: Found) -> bool:
    if endpoint.host is None:
        in_host = endpoint.read(reading.host)
        if in_host is None:
            return False
        found.bound.extend((name, value, True) for name, value in in_host.items())
    in_path = tool.path.read(reading.target.path)
    if in_path is None:
        return False
    for name, value in in_path.items():
        if name not in tool.withheld:
            found.bound.append((name, value, True))
    return True


def _read_headers(tool: Tool, reading: Reading, found: Found) -> bool:
    for name, node in tool.headers.items():
        values = reading.fields.get(name, ())
        if len(values) > 1:
            found.problems.append(f'the header "{name}" stands more than once')
        elif not trees.read(node, values[0] if values else ABSENT, found, textual=True):
            return False
    return True


def _read_body(tool: Tool, body: Body, found: Found) -> bool:
    if tool.media is None:
        return True
    node = tool.body if tool.body is not None else _NO_BODY
    if body.media is Media.NONE:
        return trees.read(node, ABSENT, found, textual=False)
    if body.media not in tool.media:
        return False
    return trees.read(node, body.value, found, textual=body.media in _TEXTUAL)


def _set_aside(tool: Tool, held: dict[str, JSON], place: Place) -> None:
    """Take the credentials' own places out of the extras: what stands there is judged as a credential."""
    for placement in tool.placements:
        if placement.place is place and isinstance(held.get(placement.name), str):
            del held[placement.name]
        if placement.place is Place.SIGV4 and place is Place.QUERY:
            for name in sigv4.IN_QUERY & held.keys():
                del held[name]


def _extras(tool: Tool, query: Mapping[str, JSON], body: Mapping[str, JSON]) -> str | None:
    if not tool.extra:
        counts = [f"{len(held)} in the {where}" for where, held in (("query", query), ("body", body)) if held]
        return f"the request has names beyond the tool's template ({', '.join(counts)})"
    placed = frozenset(fold(placement.name) for placement in tool.placements)
    return extras.problem(query, body, tool.names, placed)


def _call(tool: Tool, values: Mapping[str, JSON], beyond: Mapping[str, JSON], reading: Reading) -> Call:
    reason = reading.reason
    if reason is None and tool.reason is not None:
        given = values.get(tool.reason)
        reason = given if isinstance(given, str) and given.strip() else None
    return Call(
        tool.name,
        tool.digest,
        tool.effect,
        values,
        beyond,
        reason,
        tool.sensitive,
        tool.description,
        tool.reversible,
    )


def _refusal(tool: Tool, problems: list[str]) -> Refusal:
    shown = list(dict.fromkeys(problems))
    more = f"; and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return Refusal(Code.DENIED, "; ".join(shown[:_SHOWN]) + more, tool.takes())
