"""The two digests that decisions and approvals are bound to.

The **policy digest** (DESIGN 5.3) covers everything that `rules` reads, in canonical form: never file bytes,
positions or secrets. The **request digest** (DESIGN 6) covers what would be sent, before injection.

Both are SHA-256 (hex) over canonical JSON of one list that begins with a label and a version, so fields
cannot run together and one kind cannot be taken for the other. Bytes stand in it as their own SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel
from wharfinger.rules.requests import multipart
from wharfinger.rules.requests.bodies import Body, Media
from wharfinger.rules.requests.strictjson import canonical_json
from wharfinger.rules.types import JSON, Call, Request

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration
    from wharfinger.rules.models.agents import Away

VERSION: Final = "1"
"""Version of both digests and of the library's reading of policies; raised when either changes meaning."""

_ENCODE: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode
"""Canonical JSON, as `bodies.canonical_json` writes it."""


def digest(label: str, *parts: JSON) -> str:
    """SHA-256 (hex) of the parts under a label; the same for equal parts only."""
    text = _ENCODE([f"wharfinger.{label}", VERSION, *parts])
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def request_digest(
    *,
    agent_id: str,
    calls: Iterable[Call],
    request: Request,
    target: str,
    body: JSON,
    fields: list[tuple[str, str]],
    credentials: Iterable[str],
    policy: str,
) -> str:
    """The digest an approval is bound to.

    `target` is in canonical form, `body` what `body_form` gives, `fields` what of the header fields counts
    (`headers.Plan.covered`): those that go upstream without the volatile ones, sorted by name.
    """
    return digest(
        "request",
        agent_id,
        [[call.tool, call.template, call.inputs, call.extras] for call in calls],
        [request.method, request.scheme, request.host, request.port, target],
        body,
        fields,
        sorted(credentials),
        policy,
    )


def body_form(read: Body, raw: bytes | None, opening: bytes | None = None) -> JSON:
    """What a digest takes of a body: JSON as its value, a form as its pairs in order, else its SHA-256.

    Of a stream it takes what has been read before it is sent, if anything has.
    """
    if raw is None:
        return ["stream"] if opening is None else ["stream", hashlib.sha256(opening).hexdigest()]
    if not read.problem and read.media is Media.JSON:
        return ["json", read.value]
    if not read.problem and read.media is Media.FORM:
        return ["form", read.pairs]
    if not read.problem and read.media is Media.MULTIPART:
        return ["multipart", [multipart.described(field) for field in read.parts]]
    return ["bytes", hashlib.sha256(raw).hexdigest()]


_SOURCES = (
    "source", "access_key", "secret_key", "session_token", "client_secret", "refresh", "key",
)  # fmt: skip
"""Of a credential: where its secrets are fetched from, which decides nothing."""


def policy_digest(configuration: Configuration) -> str:
    """The digest of everything that decisions are made from, but the live facts."""
    settings = configuration.settings
    tools = configuration.tools
    return digest(
        "policy",
        {name: _written(policy.model, "tests") for name, policy in configuration.policies.items()},
        sorted(_tool(tool) for tool in tools),
        {name: _written(agent) for name, agent in configuration.agents.items()},
        sorted(_person(name, person.away) for name, person in configuration.people.items()),
        {name: sorted(members) for name, members in configuration.teams.items()},
        {
            name: _written(credential, *_SOURCES, "weak")
            for name, credential in configuration.credentials.items()
        },
        _pairs(settings.resolve),
        _written(settings.network),
        _written(settings.limits),
        str(settings.approvals.expires),
    )


def _person(name: str, away: Away | None) -> str:
    """What decisions take of a person: the name, and who answers in their stead until when."""
    return name if away is None else _ENCODE([name, away.to, away.until.isoformat()])


def part_digest(policy: BaseModel) -> str:
    """The digest of one policy file, without its tests: what grants that it lets out rest on."""
    return digest("policy-file", _written(policy, "tests"))


def credential_digest(credential: BaseModel) -> str:
    """The digest of a credential's declaration; never of its value."""
    return digest("credential", _written(credential))


def _tool(tool: Any) -> list[JSON]:
    """A tool's template digest, and what decisions take from it beyond the template."""
    return [tool.name, tool.digest, tool.builtin, str(tool.timeout or ""), tool.proposed]


def _written(model: BaseModel, *left_out: str) -> JSON:
    """A model's keys; their lists (rules, policies, hosts, …) are sets, whose order means nothing."""
    keys = model.model_dump(exclude=set(left_out))
    return {name: _unordered(_canonical(value)) for name, value in keys.items()}


def _unordered(value: JSON) -> JSON:
    return sorted(value, key=canonical_json) if isinstance(value, list) else value


def _pairs(mapping: Mapping[Any, Any]) -> JSON:
    return sorted([str(key), str(value)] for key, value in mapping.items())


def _canonical(value: Any) -> JSON:
    """`value` as JSON; whatever is not JSON by itself stands as its text."""
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)
