"""What policy permits, read off the configuration of the trials by hand, in plain Python."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from bypassing.record import Connection
from bypassing.wire import Odd, Seen
from bypassing.world import ALIAS, API, BROKEN, CDN, CHAT, FILES, ODD, OPEN, OTHER, PLAIN, QUERY, REBOUND

_ACTING = re.compile(
    r"x[-_](http[-_])?method([-_]override)?|x[-_]http[-_](method|verb).*|x[-_](original|rewrite|override)[-_].*"
    r"|(x[-_])?forwarded.*|x[-_]host|x[-_]base[-_]url|x[-_]forwarded[-_].*|.*impersonate.*|.*on[-_]behalf[-_]of"
    r"|sudo|x[-_]sudo|stripe[-_]account|openai[-_]organization|x[-_]remote[-_]user|x[-_]backend[-_]host"
)
_OVERRIDES = frozenset(
    {"_method", "_httpmethod", "x-http-method-override", "access_token", "api_key", "token", "key"}
)


SHARING = frozenset({*REBOUND, ALIAS})
"""Names that share the addresses of others."""


def one_host(connection: Connection, seen: Seen) -> None:
    values = seen.values("host")
    if len(values) != 1:
        raise Odd("not exactly one Host")
    name = values[0].lower().removesuffix(":443" if connection.tls else ":80").removesuffix(".")
    if name != seen.host or (connection.tls and (connection.sni or "").lower().removesuffix(".") != name):
        raise Odd(f"sent to {seen.host}, and says {name[:60]}")
    if connection.tls != (connection.port == 443) or (seen.host == PLAIN and connection.tls):
        raise Odd("by the wrong scheme")


def named(seen: Seen) -> str:
    """The host that a request is for: several names have the address of one origin."""
    name = "".join(seen.values("host")[:1]).lower().removesuffix(".")
    return name if name in SHARING else seen.host


def plain_fields(seen: Seen) -> None:
    upgrades = seen.host == CHAT
    for name, value in seen.fields:
        if _ACTING.fullmatch(name):
            raise Odd(f"with {name}, which changes what it does")
        if name.startswith(("proxy-", "wharfinger-")) or (
            name in {"te", "trailer", "upgrade"} and not upgrades
        ):
            raise Odd(f"with {name}, which ends at the proxy")
        if name == "connection" and not {part.strip().lower() for part in value.split(",")} <= {
            "keep-alive",
            "close",
            "upgrade",
        }:
            raise Odd("with fields named in Connection")
        ranged = seen.host == API and seen.path.startswith("/part/")
        if name in {"range", "if-range"} and seen.host in (API, OTHER, QUERY) and not ranged:
            raise Odd("a part of an answer is asked for that may hold a secret")


def _plain_path(seen: Seen) -> str:
    path = seen.path
    if re.search(r"%(?![0-9A-Fa-f]{2})", path):
        raise Odd("a broken escape in the path")
    text = unquote_to_bytes(path).decode("utf-8", "replace")
    again = unquote(text)
    for reading in (text, again):
        if re.search(r"[\x00-\x1f\x7f\\;\ufffd]|//|/\.\.?(/|$)", reading):
            raise Odd("a path that can be read in two ways")
    if "%2f" in path.lower() and seen.host not in (OPEN, PLAIN, *SHARING):
        raise Odd("an encoded slash")
    return text


def permitted(seen: Seen) -> None:
    """Raises `Odd` for a request that policy does not allow."""
    if seen.host == ODD:
        return  # `values` has read it
    path = _plain_path(seen)
    query = parse_qsl(seen.target.partition("?")[2], keep_blank_values=True)
    names = [name.strip().lower().split("[")[0] for name, _ in query]
    if _OVERRIDES & set(names) - ({"key"} if seen.host in (QUERY, OPEN, PLAIN) else set()):
        raise Odd("a parameter that overrides or logs in")
    if path.startswith("/open/closed/"):
        raise Odd("a path that is closed")
    host = "rebound" if seen.host in SHARING or seen.host.endswith(f".{BROKEN}") else seen.host
    for where, methods, pattern, check in _TABLE:
        if where == host and seen.method in methods and re.fullmatch(pattern, path):
            if check is not None:
                check(seen, query)
            return
    raise Odd(f"{seen.method} {seen.host}{path[:60]} is not allowed")


def _search(seen: Seen, query: Sequence[tuple[str, str]]) -> None:
    folded = [name.strip().lower().split("[")[0] for name, _ in query]
    if folded.count("q") != 1 or folded.count("limit") > 1 or ";" in seen.target:
        raise Odd("a search that can be read in two ways")


def _json(seen: Seen) -> Any:
    if not re.fullmatch(
        r"application/json(; ?charset=\"?utf-8\"?)?", ",".join(seen.values("content-type")), re.IGNORECASE
    ):
        raise Odd("a body that does not say it is JSON")
    _uncoded(seen)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise Odd("a key twice")
        return dict(pairs)

    try:
        return json.loads(seen.body.decode("utf-8"), object_pairs_hook=once, parse_constant=_no_constant)
    except ValueError:
        raise Odd("a body that is not JSON") from None


def _no_constant(_: str) -> None:
    raise Odd("a number that is none")


def _uncoded(seen: Seen) -> None:
    if [value for value in seen.values("content-encoding") if value.lower() != "identity"]:
        raise Odd("a body in a coding")


def _fold(name: str) -> str:
    return re.sub(r"[^a-z_]", "", name.split("[", maxsplit=1)[0].lower())


def _pay(seen: Seen, _: object) -> None:
    body = _json(seen)
    if (
        not isinstance(body, dict)
        or type(body.get("amount")) is not int
        or body["amount"] > 100
        or body.get("to") != "bob"
    ):
        raise Odd("money that policy does not allow")
    folded = [_fold(name) for name in body]
    if folded.count("amount") > 1 or folded.count("to") > 1 or "_method" in folded:
        raise Odd("a body that can be read in two ways")


def _transfer(seen: Seen, _: object) -> None:
    _uncoded(seen)
    if "x-www-form-urlencoded" not in "".join(seen.values("content-type")).lower():
        return _pay(seen, _)  # encoding: form takes JSON as well where it says so
    pairs = parse_qsl(seen.body.decode("latin-1"), keep_blank_values=True, strict_parsing=True)
    folded = [_fold(name) for name, _ in pairs]
    held = dict(pairs)
    if folded.count("amount") != 1 or folded.count("to") != 1 or b";" in seen.body:
        raise Odd("a form that can be read in two ways")
    if (
        held.get("to") != "bob"
        or not re.fullmatch(r"-?\d+", held.get("amount", ""))
        or int(held["amount"]) > 100
    ):
        raise Odd("money that policy does not allow")
    return None


def _attach(seen: Seen, _: object) -> None:
    _uncoded(seen)
    found = re.findall(rb'name="?([^";\r\n]*)"?[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n([^\r]*)\r\n', seen.body)
    tos = [value for name, value in found if _fold(name.decode("latin-1")) == "to"]
    if tos != [b"bob"]:
        raise Odd("a form for somebody else")


def _rpc(seen: Seen, _: object) -> None:
    body = _json(seen)
    for call in body if isinstance(body, list) else [body]:
        if not isinstance(call, dict) or call.get("method") != "get":
            raise Odd("a call that is not allowed")


def _graphql(seen: Seen, _: object) -> None:
    body = _json(seen)
    for one in body if isinstance(body, list) else [body]:
        text = one.get("query") if isinstance(one, dict) else None
        if not isinstance(text, str):
            raise Odd("no operation")
        if one.get("operationName") == "Q":  # chosen by its name: nothing else of the document is done
            text = text.partition("mutation")[0]
        if not text or re.search(r"\bmutation\b|deleteIssue|subscription|secrets", re.sub("#.*", "", text)):
            raise Odd("an operation that is not allowed")


_TABLE: tuple[tuple[str, set[str], str, Callable[[Seen, Any], None] | None], ...] = (
    (API, {"GET"}, r"/items(/[^/]+)?", None),
    (API, {"GET"}, r"/files/public/.+", None),
    (API, {"GET"}, r"/search", _search),
    (API, {"POST"}, r"/items", lambda seen, _: _json(seen) and None),
    (API, {"POST"}, r"/pay/[^/]+", _pay),
    (API, {"POST"}, r"/transfer/[^/]+", _transfer),
    (API, {"POST"}, r"/attach/[^/]+", _attach),
    (API, {"POST"}, r"/rpc/[^/]+", _rpc),
    (API, {"POST"}, r"/graphql/[^/]+", _graphql),
    (API, {"GET", "HEAD"}, r"/(reflect|raw)/[^/]+/[^/]+", None),
    (API, {"GET"}, r"/part/[^/]+/[^/]+", None),
    (API, {"GET"}, r"/(masked|login)/[^/]+", None),
    (API, {"POST"}, r"/mint/[^/]+/[^/]+", lambda seen, _: _json(seen) and None),
    (API, {"POST"}, r"/pin/[^/]+", None),
    (API, {"GET"}, r"/pins/[^/]+/[^/]+", None),
    (OTHER, {"GET"}, r"/things/[^/]+|/reflect/[^/]+/[^/]+", None),
    (QUERY, {"GET"}, r"/entries/[^/]+|/reflect/[^/]+/[^/]+", None),
    (FILES, {"PUT"}, r"/upload/[^/]+", None),
    (FILES, {"GET"}, r"/fetch/[^/]+", None),
    (CDN, {"GET"}, r"/pkg/[^/]+", None),
    (CHAT, {"GET"}, r"/chat/[^/]+", None),
    (OPEN, {"GET"}, r"/open/.*", None),
    (PLAIN, {"GET"}, r"/open/.*", None),
    ("rebound", {"GET"}, r"/open/.*", None),
)
