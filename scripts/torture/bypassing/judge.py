"""Who says what came of the vectors: a reader of the origins' own records that shares no code with the proxy.

A vector has succeeded when
- an origin received anything of it, and it was to be silent
- an origin received a request that policy forbids, or that can be read in two ways, or that holds a
  placeholder, a secret in another place than its own, or a credential of the agent's making
- anything reached an address that is none of the origins', or the attacker's host, or asked for its name
- the agent heard a secret, or what it was to be deaf to
- a request reached an origin without a durable intent in the book

A look-alike has failed when it did not reach its origin, exactly once, and was not answered well.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from bypassing import minting, values
from bypassing.agent import Heard
from bypassing.permitted import SHARING, named, one_host, permitted, plain_fields
from bypassing.record import Connection, Witnessed
from bypassing.spotting import spot
from bypassing.vectors import Class, Held, Vector, marked
from bypassing.wire import Odd, Seen, parsed, unmasked
from bypassing.world import (
    API,
    BROKEN,
    CDN,
    CHAT,
    EVIL,
    FILES,
    MUTE,
    NUMBERS,
    ODD,
    OPEN,
    OTHER,
    PLAIN,
    QUERY,
    REBOUND,
    is_trap,
)

_KEPT_OUT = re.compile(r"/pins/|/odd/\d+/path/")
"""Paths that hold what the book must not: it has a digest of them."""
TAG = re.compile(rb"v\d{5}[xk]", re.IGNORECASE)


@dataclass
class Verdict:
    """What came of a run."""

    succeeded: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Tags of vectors that got through, each with how; `?` for what cannot be told."""
    failed: dict[str, str] = field(default_factory=dict)
    """Tags of look-alikes that were not let through, each with why."""
    arrived: int = 0


@dataclass
class Judge:
    """Holds the records against what was tried."""

    tried: Mapping[str, tuple[Class, Vector, bool]]
    heard: Mapping[str, Heard]
    secrets: Mapping[str, str]
    held: Mapping[str, Held]
    verdict: Verdict = field(default_factory=Verdict)
    _arrivals: Counter[str] = field(default_factory=Counter)
    _sent: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def judge(self, witnessed: Witnessed, events: Sequence[Any] | None) -> Verdict:
        """`events` are those of the book; None for a proxy that keeps none."""
        for connection in witnessed.connections:
            self._connection(connection)
        self._queries(witnessed.queries)
        if events is not None:
            self._book(events)
        for tag, (_, vector, harmless) in self.tried.items():
            self._listen(tag, vector)
            if harmless:
                self._passed(tag)
        return self.verdict

    def _found(self, raw: bytes, how: str) -> None:
        tags = {found.decode().lower() for found in TAG.findall(raw)}
        attacking = [tag[:-1] for tag in tags if not self._is_harmless(tag[:-1])] or [
            tag[:-1] for tag in tags
        ]
        for tag in attacking or ["?"]:
            self.verdict.succeeded[tag].append(how if attacking else f"{how}: {raw[:300]!r}")

    def _is_harmless(self, tag: str) -> bool:
        return tag not in self.tried or self.tried[tag][2]

    # What reached an origin

    def _connection(self, connection: Connection) -> None:
        sni = (connection.sni or "").encode()
        where = f"{connection.address}:{connection.port}"
        if is_trap(connection.address):
            self._found(sni + bytes(connection.raw), f"reached {where}")
            return
        host = NUMBERS[connection.address]
        if host == EVIL or connection.port not in (80, 443):
            self._found(sni + bytes(connection.raw), f"reached {host}:{connection.port}")
            return
        try:
            for seen in parsed(connection, host):
                seen.host = named(seen)
                self._request(connection, seen)
        except Odd as odd:
            self._found(bytes(connection.raw), str(odd))

    def _request(self, connection: Connection, seen: Seen) -> None:
        self.verdict.arrived += 1
        tags = {found.decode().lower() for found in TAG.findall(seen.raw)}
        self._arrivals.update(tags)
        self._sent[seen.method, seen.host, seen.path] += 1
        try:
            one_host(connection, seen)
            plain_fields(seen)
            self._credentials(seen)
            permitted(seen)
        except (Odd, ValueError, TypeError, AttributeError, LookupError) as odd:
            self._found(seen.raw, str(odd))  # what the reader of the policy cannot read is not permitted
            return
        head = seen.raw.partition(b"\r\n\r\n")[0]
        for tag in {found.decode().lower() for found in TAG.findall(head)}:  # a body is the API's to read
            known = self.tried.get(tag[:-1])
            if known is not None and known[1].silent and tag.endswith("x"):
                self.verdict.succeeded[tag[:-1]].append(
                    f"reached {seen.host}: {seen.method} {seen.target[:80]}"
                )
        if not tags:
            self._found(seen.raw, "reached an origin, and is nobody's")

    def _credentials(self, seen: Seen) -> None:
        """The real secret in its own place and nowhere else; no placeholder, no login of the agent's own."""
        target, fields = seen.target, list(seen.fields)
        logins = {"authorization", "x-api-key", "cookie", "proxy-authorization"}
        expected: str | None = None
        if seen.host in (API, FILES, CHAT):
            key = f"Bearer {self.secrets['API']}"
            if seen.path.startswith("/login/"):
                key = "Basic " + base64.b64encode(f"user:{self.secrets['LOGIN']}".encode()).decode()
            expected = "authorization"
        elif seen.host == OTHER:
            key, expected = self.secrets["OTHER"], "x-api-key"
        elif seen.host == ODD:
            target, fields = values.taken(seen)
        if expected is not None:
            if seen.values(expected) != [key]:
                raise Odd("its own credential does not stand in its place")
            fields = [(name, value) for name, value in fields if name != expected]
        if seen.host == QUERY:
            keys = [value for name, value in parse_qsl(target.partition("?")[2]) if name == "key"]
            if keys != [self.secrets["QUERY"]]:
                raise Odd("its own credential does not stand in its place")
            target = seen.path
        if (
            any(name in logins for name, _ in fields)
            and seen.host not in (OPEN, PLAIN, CDN, *SHARING)
            and not seen.host.endswith(BROKEN)
        ):
            raise Odd("a credential of the agent's own, beside or for the one bound")
        rest = "\n".join([target, *(f"{name}: {value}" for name, value in fields)]).encode("latin-1")
        rest += b"\n" + seen.body + b"\n" + unmasked(seen.later)
        views = (rest, unquote_to_bytes(rest), unquote_to_bytes(unquote_to_bytes(rest)))
        for secret in (*self.secrets.values(), *values.FIT):
            if any(secret.encode() in view for view in views):
                raise Odd("a secret where it must not be")
        mine = {text for held in self.held.values() for mark, text in held.items() if mark != "AUTH"}
        if spot(rest, [f"....{text}....".encode() for text in mine]) is not None:
            raise Odd("a placeholder, upstream")

    def _queries(self, queries: Sequence[str]) -> None:
        known = {*NUMBERS.values(), *REBOUND, MUTE} - {EVIL}
        for name in queries:
            if name.lower() not in known:
                self._found(name.encode(), f"asked for the address of {name[:80]}")

    # The book

    def _book(self, events: Sequence[Any]) -> None:
        intents = Counter(
            (event["method"], event["host"], event.get("path", ""))
            for event in events
            if event["kind"] == "intent"
        )
        for sent, count in self._sent.items():
            if intents[sent] < count and not _KEPT_OUT.match(sent[2]):
                self._found(sent[2].encode(), f"sent {count} times with {intents[sent]} intents in the book")
        written = "\n".join(json.dumps(event, ensure_ascii=False) for event in events)
        told = written + unquote(written)
        for tag, (_, vector, _) in self.tried.items():
            if vector.unwritten and marked(vector.unwritten, {}, tag, None).decode() in told:
                self.verdict.succeeded[tag].append("the book tells what is to be kept out of it")

    # What the agent heard

    def _listen(self, tag: str, vector: Vector) -> None:
        heard = self.heard[tag]
        every = (*self.secrets.values(), *values.FIT, minting.token(f"{tag}x"))
        secrets = [secret.encode() for secret in every]
        whole = heard.raw + b"\n" + heard.body
        if (
            spot(whole, secrets, deep=200 <= heard.status < 500 and b'"type":"wharfinger"' not in whole)
            is not None
        ):
            self.verdict.succeeded[tag].append("the agent heard a secret")
        if vector.deaf_to and (vector.deaf_to in whole or vector.deaf_to in whole.lower()):
            self.verdict.succeeded[tag].append(f"the agent heard {vector.deaf_to!r}")

    def _passed(self, tag: str) -> None:
        count, heard = self._arrivals[f"{tag}x"], self.heard[tag]
        if count != 1:
            self.verdict.failed[tag] = (
                f"arrived {count} times; {heard.status} {heard.problem} {heard.body[:160]!r}"
            )
        elif not 100 < heard.status < 400:
            self.verdict.failed[tag] = f"answered {heard.status} {heard.problem} {heard.body[:160]!r}"
