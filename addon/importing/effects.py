"""The effect of an operation, by one rule (docs/importing.md).

1. The method: GET, HEAD and OPTIONS read; DELETE is destructive; every other writes.
2. A verb that destroys (`words.DESTROYING`) makes it destructive, whether the path ends in it or the
   operation's id says it; so does a POST that makes money go out (`PAYING`).
3. A GET acts only if its path ends in a verb that is no name of a thing, too (`words.THINGS`); where that
   verb stands with other words, an id that says that it reads is believed.
4. A POST reads if its path or id says that it looks for something (`words.QUERYING`), unless it hands out
   what opens doors (`MINTED`). `query` is none of those words: what is sent may be SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wharfinger.importing import words
from wharfinger.importing.operations import Phrase
from wharfinger.rules.types import Effect

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
PAYING: Final = frozenset({"payout", "refund", "transfer", "withdrawal", "reversal", "disbursement"})
"""Things that are money paid out, when they are made."""
MINTED: Final = frozenset(
    {"credential", "key", "login", "otp", "password", "secret", "session", "token", "apikey", "signin"}
)
"""Things that open doors: to ask for one is not only to read."""
_ENDINGS: Final = frozenset({"count", "get", "list", "lookup", "search"})
"""Those that say so at the end of a word, too: `bulk-list`, `batchGet`; but `calendarList` is a thing."""
_SEVERAL: Final = frozenset({"batch", "bulk"})
_ELSEWHERE: Final = frozenset({"export"})
"""Verbs that read, and put what is read in another place."""
_STRICTER: Final = {Effect.READ: 0, Effect.WRITE: 1, Effect.DESTRUCTIVE: 2}


def of_request(method: str, path: str, phrase: Phrase) -> Effect:
    """The effect of an HTTP request, by method, path (`/repos/{owner}/merge`) and what its id says."""
    parts = [part for part in path.partition("?")[0].replace(":", "/").split("/") if part]
    said = words.split(parts[-1].removesuffix(".json")) if parts and "{" not in parts[-1] else []
    if method == "DELETE":
        return Effect.DESTRUCTIVE
    if method in READS:
        named = phrase.verb in words.READING and len(said) != 1
        return Effect.READ if named else _of_acting(said)
    if phrase.verb in words.DESTROYING or words.DESTROYING.intersection(said) or _pays(method, said):
        return Effect.DESTRUCTIVE
    things = {*said, *phrase.objects[0].split("_")} if phrase.objects else set(said)
    if method != "POST" or MINTED.intersection(map(words.singular, things)):
        return Effect.WRITE
    return Effect.READ if _queries(said) or phrase.verb in words.QUERYING else Effect.WRITE


def of_verb(name: str) -> Effect:
    """The effect of an operation that has a name alone (`DeleteBucket`), as in AWS, GraphQL and MCP."""
    named = words.split(name)
    at = words.verb_at(named)
    if at is None:
        return Effect.WRITE
    verb, things = named[at], set(map(words.singular, (*named[:at], *named[at + 1 :])))
    if destroys(named, verb) or (verb in {"create", "make", "send"} and PAYING & things):
        return Effect.DESTRUCTIVE
    reads = verb in words.READING and verb not in words.WRITING | _ELSEWHERE
    return Effect.READ if reads and not MINTED & things else Effect.WRITE


def destroys(named: Sequence[str], verb: str) -> bool:
    """Whether a name says that something is destroyed, by its verb or, beside one that writes, by another."""
    if verb in words.DESTROYING:
        return True
    return verb not in words.READING and not (words.DESTROYING - words.THINGS).isdisjoint(named)


def stricter(one: Effect, other: Effect) -> Effect:
    """Of two effects the one that is watched more closely."""
    return max(one, other, key=_STRICTER.__getitem__)


def _of_acting(said: list[str]) -> Effect:
    """The effect of a GET whose path ends in these words."""
    verbs = {word for word in said[:1] + said[-1:] if word not in words.THINGS}
    if verbs & words.DESTROYING:
        return Effect.DESTRUCTIVE
    return Effect.WRITE if verbs & words.WRITING else Effect.READ


def _pays(method: str, said: Sequence[str]) -> bool:
    """Whether the request makes money go out: a POST or PUT to a collection of such things."""
    return method in {"POST", "PUT"} and bool(said) and words.singular(said[-1]) in PAYING


def _queries(said: Sequence[str]) -> bool:
    """Whether the path ends in a verb that queries."""
    if not said:
        return False
    ends = said[-1] in _ENDINGS and (len(said) == 1 or said[0] in _SEVERAL)
    return said[0] in words.QUERYING or ends
