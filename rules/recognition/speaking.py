"""Recognise requests of protocols above HTTP, which may ask for several things at once.

Rules (DESIGN 5.2): every operation that a request asks for is a call, and each must be a known tool: one
that is not denies the whole. HTTP templates of the same URL join what deny rules see, and open nothing.
What carries a request (its credential) is one for all of its calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from wharfinger.rules.protocols import websocket
from wharfinger.rules.protocols.speech import Asked, Operation, Speech, check_count
from wharfinger.rules.protocols.table import SPEECHES
from wharfinger.rules.recognition import within
from wharfinger.rules.recognition.index import Entry, Surface
from wharfinger.rules.recognition.recognised import Part, Recognised, head_refusal
from wharfinger.rules.requests import bodies, headers, spelling
from wharfinger.rules.requests.bodies import Body, Media
from wharfinger.rules.requests.refusal import Refusal, Refused
from wharfinger.rules.tools.matching import Fit, Reading, fit, of_operation, reading
from wharfinger.rules.types import UNMATCHED, Call, Code, Effect, Request


def recognise(  # noqa: PLR0917 - a request, as far as it has been read
    request: Request,
    fields: headers.Fields,
    host: str,
    target: spelling.Target,
    found: Sequence[Entry],
    surfaces: Sequence[Surface],
    limit: int,
    again: Callable[[Request], Recognised],
) -> Recognised:
    """What a request is at a URL where a protocol is spoken; `found` are the HTTP templates there.

    `again` recognises requests that stand in it.
    """
    speech = SPEECHES[surfaces[0].protocol]
    here = [surface for surface in surfaces if surface.protocol is surfaces[0].protocol]
    body = _body(request, fields, speech, limit)
    whole = reading(fields, host, target, body)
    try:
        tools = here[0].tools if len(here) == 1 else [tool for surface in here for tool in surface.tools]
        asked = Asked(request, whole, tools, limit)
        operations = _operations(asked, speech)
    except Refused as refused:
        return Recognised(
            (), refused.refusal, host, target, body, False, whole.reason, fields, protocol=here[0].protocol
        )
    beside = [each for entry in found if (each := fit(entry.tool, entry.endpoint, whole)) is not None]
    parts: list[Part] = []
    refusals: list[Refusal] = []
    for number, operation in enumerate(operations, 1):
        fits = _fits(here, operation, whole, speech)
        if operation.inner is not None:
            part, refusal = within.recognise(operation.inner, fits, again)
            parts.append(part)
            if refusal is not None:
                refusals.append(refusal)
            continue
        refusal = operation.refusal or (fits[0].refusal if fits else _unknown(number, len(operations)))
        if refusal is not None:
            refusals.append(refusal)
        parts.append(
            Part(fits[0].call, (*fits, *beside)) if fits else _unmatched(request, host, target, whole)
        )
    if not refusals and operations[0].inner is not None and (refusal := _around(parts, fields)):
        refusals.append(refusal)
    refusal = refusals[0] if refusals else _carried(parts, fields)
    passes = request.message is not None and websocket.passes(asked)
    texts = tuple([text for held in dict.fromkeys(each.texts for each in operations) for text in held])
    return Recognised(
        tuple(parts),
        refusal,
        host,
        target,
        body,
        True,
        whole.reason,
        fields,
        passes,
        texts,
        here[0].protocol,
        _aliases(operations),
    )


def _aliases(operations: Sequence[Operation]) -> Mapping[str, frozenset[str]]:
    """Those of all operations: what a key may stand for in one of the answers, it may in each."""
    found: dict[str, frozenset[str]] = {}
    for operation in operations:
        for key, names in operation.aliases.items():
            found[key] = found.get(key, frozenset()) | names
    return found


def _body(request: Request, fields: headers.Fields, speech: Speech, limit: int) -> Body:
    if request.message is not None:
        return websocket.body(request, limit)
    if not speech.reads_body:
        return Body(Media.OTHER, problem="the protocol reads the body by itself")
    if request.body is None:
        return Body(Media.OTHER, problem="the body is sent as a stream and cannot be read first")
    return bodies.read_as(fields.get("content-type", ()), request.body, limit)


def _operations(asked: Asked, speech: Speech) -> Sequence[Operation]:
    if speech.reads_body and asked.reading.body.problem:
        raise Refused(asked.reading.body.problem, "Send one JSON document, and say so.", Code.DENIED)
    operations = speech.read(asked)
    if not operations:
        raise Refused("the request asks for nothing", "", Code.DENIED)
    check_count(operations)
    return operations


def _fits(surfaces: list[Surface], operation: Operation, whole: Reading, speech: Speech) -> list[Fit]:
    """The tools that an operation fits, by its keys in order, then by rank; each tool in one form only."""
    entries: list[Entry] = []
    for key in operation.keys:
        if len(surfaces) == 1:
            entries += surfaces[0].by_key.get(key, ())
        else:
            alike = [entry for surface in surfaces for entry in surface.by_key.get(key, ())]
            entries += sorted(alike, key=lambda entry: entry.rank)
    if not entries:
        return []
    read = of_operation(whole, operation, speech.consumes)
    if len(entries) == 1:
        only = fit(entries[0].tool, entries[0].endpoint, read)
        return [] if only is None else [only]
    found: dict[str, Fit] = {}
    for entry in entries:
        if entry.tool.name not in found and (each := fit(entry.tool, entry.endpoint, read)) is not None:
            found[entry.tool.name] = each
    return list(found.values())


def _unknown(number: int, count: int) -> Refusal:
    which = "what the request asks for" if count == 1 else f"operation {number} of {count} of the request"
    return Refusal(Code.DENIED, f"{which} is no known tool", "Ask the operator for a tool.")


def _unmatched(request: Request, host: str, target: spelling.Target, whole: Reading) -> Part:
    inputs = {"host": host, "method": request.method, "path": target.path.canonical}
    return Part(Call(UNMATCHED, "", Effect.WRITE, inputs, reason=whole.reason))


def _around(parts: Sequence[Part], fields: headers.Fields) -> Refusal | None:
    """Why these fields may not stand around other requests, which APIs may hand them down to."""
    declared = {name for part in parts if part.winner is not None for name in part.winner.declared_headers}
    for name in fields:
        if name in declared and not headers.is_base(name):
            return Refusal(
                Code.DENIED,
                f'the header "{name}" stands around the requests of a batch, and is an input of one of them',
                "Write it into the request that it is for.",
            )
    return headers.acting(fields)


def _carried(parts: Sequence[Part], fields: headers.Fields) -> Refusal | None:
    """Why one request cannot be all of these calls."""
    tools = [part.winner for part in parts if part.winner is not None]
    for tool in tools:
        if (fields.names.special or fields.names.acting) and (refusal := head_refusal(tool, fields)):
            return refusal
        if tool.placements != tools[0].placements or tool.auth_own is not tools[0].auth_own:
            return Refusal(
                Code.DENIED, "the calls of the request need different credentials", "Send them one by one."
            )
    return None
