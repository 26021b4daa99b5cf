"""What tools are called, and described with: `<api>_<verb>_<object>`.

Rules: a name follows from its operation (method, path, id), not from where it stands in the document; it is
sought among all operations of the document, so that taking fewer of them changes no name. Where two would
have one name, both get the next longer one, and in the end six digits of a hash of what tells them apart.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from wharfinger.importing import words
from wharfinger.importing.operations import Operation, Phrase

LONGEST: Final = 64
"""Characters of a tool's name."""
_CRUD: Final = {"GET": "get", "HEAD": "check", "OPTIONS": "probe", "DELETE": "delete", "PATCH": "update"}
_SAID: Final = {"get": "Read", "update": "Change", "post": "Post"}
"""Verbs that are described in another word."""
_DESCRIBED: Final = 80


def phrase(
    method: str,
    path: str,
    identity: str = "",
    skip: frozenset[str] = frozenset(),
    *,
    collection: bool = False,
) -> Phrase:
    """What an HTTP operation does: by the verb in its id, else by its method and path.

    `skip` are words that say nothing here, like the API's own name; `collection` says that there are paths
    to the single things below this one.
    """
    by_path = _of_path(method, path, skip, collection)
    named = _of_identity(method, path, identity, skip) or by_path
    found = dict.fromkeys(thing for thing in (*named.objects, *by_path.objects) if thing)
    last = list(found)[-1] if found else ""
    variables = re.findall(r"\{([^}]*)\}", path)
    if variables and path.rstrip("/").endswith("}"):
        last = "_".join(filter(None, (last, "by", *words.split(variables[-1]))))
        found[last] = None
    return Phrase(named.verb, (*found, f"{last}_by_{method.lower()}"))


def of_name(name: str) -> Phrase:
    """What an operation does that has a name alone: `DeleteBucket`, `issueDelete`, `search`."""
    found = _either(words.split(name))
    verb_at = words.verb_at(found)
    if verb_at is None:
        return Phrase("", ("_".join(found),))
    rest = [*found[:verb_at], *found[verb_at + 1 :]]
    return Phrase(found[verb_at], ("_".join(rest),))


def describe(phrase: Phrase, thing: str) -> str:
    """A line for people, of verb and object: `Delete a repository`."""
    said = [word for word in _METHOD_BEHIND.sub("", thing).split("_") if word]
    verb = _SAID.get(phrase.verb, phrase.verb.capitalize())
    if not said:
        return verb or "Call the API"
    if not verb:
        return f"Call {' '.join(said)}"[:_DESCRIBED]
    head = next((i for i, word in enumerate(said) if word in words.PREPOSITIONS), len(said))
    counted = phrase.verb not in words.LISTING and 0 < head <= 3
    alone = counted and not words.is_plural(said[head - 1]) and said[head - 1] not in _UNCOUNTED
    alone = alone and said[0] not in {"all", "my", "own"}
    article = ("an " if _VOWEL.match(said[0]) else "a ") if alone else ""
    return _cut(f"{verb} {article}{' '.join(said)}")


_METHOD_BEHIND: Final = re.compile(r"_by_(?:delete|get|patch|post|put)$")
_VOWEL: Final = re.compile(r"[aei]|o(?!ne)|u[np](?!i)")
"""How words begin that take `an`: not `a user`, `a unit`, `a one-time code`."""
_UNCOUNTED: Final = frozenset(
    """
    access all analytics authenticated billing config configuration content data dns feedback history info
    information me media metadata permission progress search self settings status storage usage
    """.split()  # noqa: SIM905 (a list of words reads better as text)
)


def _cut(text: str) -> str:
    return text if len(text) <= _DESCRIBED else text[:_DESCRIBED].rsplit(" ", 1)[0]


def told_apart(operations: Iterable[Operation]) -> list[Operation]:
    """The operations, where PATCH and PUT of one path have the same verb with PUT as `replace`."""
    listed = list(operations)
    verbs = {operation.key: operation.phrase.verb for operation in listed}
    return [
        replace(operation, phrase=Phrase("replace", operation.phrase.objects))
        if operation.key.startswith("PUT ")
        and verbs.get(f"PATCH {operation.key.removeprefix('PUT ')}") == operation.phrase.verb
        else operation
        for operation in listed
    ]


def names(api: str, operations: Iterable[Operation]) -> dict[str, tuple[str, str]]:
    """The tool's name and the object it was made of, by each operation's key."""
    held = {operation.key: list(_candidates(api, operation)) for operation in operations}
    level = dict.fromkeys(held, 0)
    while True:
        now = {key: held[key][level[key]][0] for key in held}
        counts = Counter(now.values())
        clashing = [key for key, name in now.items() if counts[name] > 1]
        if not clashing:
            return {key: held[key][level[key]] for key in held}
        for key in clashing:
            level[key] = min(level[key] + 1, len(held[key]) - 1)


def _candidates(api: str, operation: Operation) -> Iterable[tuple[str, str]]:
    said = dict.fromkeys(operation.phrase.objects or ("",))
    for thing in said:
        yield fitted(api, operation.phrase.verb, thing), thing
    thing = next(iter(said))
    yield _marked(fitted(api, operation.phrase.verb, thing), operation.key, 6), thing
    yield _marked(fitted(api, operation.phrase.verb, thing), operation.key, 16), thing


def _marked(name: str, key: str, digits: int) -> str:
    """The name with so many digits of a hash of the key behind it."""
    return f"{name[: LONGEST - digits - 1].rstrip('_')}_{hashlib.sha256(key.encode()).hexdigest()[:digits]}"


def fitted(api: str, verb: str, thing: str) -> str:
    """The name, without the first words of what it is done to where it would be too long."""
    head = [re.sub(r"[^A-Za-z0-9_.-]", "_", api).lower().strip("_.-") or "api", *([verb] if verb else [])]
    rest = [word for word in thing.split("_") if word]
    while rest and len("_".join([*head, *rest])) > LONGEST:
        rest = rest[1:]
    return "_".join([*head, *rest])[:LONGEST]


# By the operation's id


def _of_identity(method: str, path: str, identity: str, skip: frozenset[str]) -> Phrase | None:
    """What an id like `issues/list-comments` or `messages.send` says; None if that is only the path's."""
    parts = [words.split(part) for part in re.split(r"[./:]+", _without_place(method, path, identity))]
    told = [
        _either([w for w in part if w not in skip | _ARTICLES and not words.is_version(w)]) for part in parts
    ]
    told = [part for part in told if part]
    flat = [word for part in told for word in part]
    if not flat or _is_of_path(method, path, flat):
        return None
    begins = len(flat) - len(told[-1])
    several = flat[begins] in _SEVERAL and begins + 1 < len(flat)
    at: int | None = begins + several
    if flat[begins + several] not in words.VERBS:
        at = next((i for i, word in enumerate(flat) if word in words.VERBS and _is_verb(i, flat)), None)
    if at is None:
        return None
    if at and flat[at - 1] in _SEVERAL:
        flat = [*flat[: at - 1], *flat[at:], flat[at - 1]]
        at -= 1
    verb, before, after = words.SAME.get(flat[at], flat[at]), flat[:at], flat[at + 1 :]
    return Phrase(verb, tuple(_objects(verb, before, after, method)))


def _without_place(method: str, path: str, identity: str) -> str:
    """An id without method and path behind it, where frameworks put them: `read_pet_pets__pet_id__get`."""
    place = re.sub(r"\W", "_", f"{path.partition('?')[0]}_{method.lower()}")
    return identity.removesuffix(place) or identity


_ARTICLES: Final = frozenset({"a", "an", "the"})
_SEVERAL: Final = frozenset({"batch", "bulk"})
"""Words before a verb that say that it is done to many at once."""


def _either(flat: list[str]) -> list[str]:
    """`create or update` is one verb: `set`; of others the one that does most."""
    for at in range(len(flat) - 2):
        one, other = flat[at], flat[at + 2]
        if flat[at + 1] == "or" and one in words.VERBS and other in words.VERBS:
            destroying = [verb for verb in (one, other) if verb in words.DESTROYING]
            writing = [verb for verb in (one, other) if verb in words.WRITING]
            verb = "set" if len(writing) == 2 else (destroying or writing or [one])[0]
            return [*flat[:at], verb, *flat[at + 3 :]]
    return flat


def _is_verb(at: int, flat: Sequence[str]) -> bool:
    """Whether a word that may be a verb stands where one does: first, last, or before what it is done to."""
    return at == 0 or flat[at - 1] not in words.PREPOSITIONS


def _is_of_path(method: str, path: str, flat: Sequence[str]) -> bool:
    """Whether an id is only the method and the words of the path again: then the path is read by itself."""
    if flat[0] != method.lower():
        return False
    known = {words.singular(word) for word in words.split(path)}
    return flat[0] != "get" or {words.singular(word) for word in flat[1:]} <= known


def _objects(verb: str, before: list[str], after: list[str], method: str) -> Iterable[str]:
    many = verb in words.LISTING
    if not after:
        last = before[-1:] if many else [words.singular(word) for word in before[-1:]]
        short = [*last]
        whole = [*map(words.singular, before[:-1]), *last]
    elif after[0] in words.PREPOSITIONS:
        short = [*before[-1:], *after]
        whole = [*before, *after]
    else:
        said = {words.singular(word) for word in after}
        short = [*(one for one in map(words.singular, before[-1:]) if one not in said), *after]
        whole = [*map(words.singular, before), *after]
    yield "_".join(_unrepeated(short))
    yield "_".join(_unrepeated(whole))


def _unrepeated(given: Sequence[str]) -> list[str]:
    """Without a word that only says again what stands before it: `repo repos` is `repos`."""
    return [
        word
        for i, word in enumerate(given)
        if i + 1 == len(given) or words.singular(word) != words.singular(given[i + 1])
    ]


# By the path


def _of_path(method: str, path: str, skip: frozenset[str], collection: bool) -> Phrase:
    """What method and path say: nouns are the constants, a verb at the end is what is done to them."""
    parts = [part for part in path.partition("?")[0].split("/") if part]
    if len(parts) > 1 and words.is_version(parts[1]) and skip.issuperset(words.split(parts[0])):
        parts = parts[1:]  # `/gmail/v1/users`
    segments = [part for part in parts if not words.is_version(part)]
    action = ""
    if segments and ":" in segments[-1]:
        segments[-1], _, action = segments[-1].rpartition(":")
    on_item = bool(segments) and segments[-1].startswith("{")
    nouns = [found for part in segments if (found := _noun(part))]
    if not action and not on_item and nouns and method != "DELETE":
        last = nouns[-1]
        if last[0] in _SEVERAL and len(last) > 1 and last[1] in words.VERBS:
            action, nouns = "_".join([*last[1:], last[0]]), nouns[:-1]
        elif _is_action(last, method) and (len(nouns) > 1 or len(last) > 1):
            action, nouns = "_".join(last), nouns[:-1]
    if action:
        verb, *rest = words.split(action) or ["call"]
        chains = _chains(nouns, single=verb not in words.LISTING)
        nearest = [chain[-len(nouns[-1]) :] for chain in chains[:1]]
        return Phrase(verb, tuple("_".join([*some, *rest]) for some in ([*nearest, *chains] or [[]])))
    verb, single = ("list", False) if collection and method == "GET" else _by_method(method, on_item, nouns)
    return Phrase(verb, tuple("_".join(chain) for chain in _chains(nouns, single=single)) or ("root",))


def _is_action(last: Sequence[str], method: str) -> bool:
    """Whether the end of a path is a verb, and no thing of that name."""
    if last[0] not in words.VERBS or (last[0] in words.THINGS and (len(last) > 1 or method == "GET")):
        return last[0] == "search" and len(last) == 1
    return True


def _noun(part: str) -> list[str]:
    return words.split(re.sub(r"\{[^}]*\}", " ", part))


def _by_method(method: str, on_item: bool, nouns: Sequence[Sequence[str]]) -> tuple[str, bool]:
    """The verb, and whether it is done to one of the things."""
    many = bool(nouns) and words.is_plural(nouns[-1][-1]) and not on_item
    if method == "GET":
        return ("list", False) if many else ("get", True)
    if method == "POST":
        return ("update", True) if on_item else ("create", True)
    if method == "PUT":
        return ("replace", not many) if many else ("set", True)
    return _CRUD.get(method, method.lower()), not many


def _chains(nouns: Sequence[Sequence[str]], *, single: bool) -> list[list[str]]:
    """The nouns that name the thing, from few to all: those before the last say what it is of."""
    if not nouns:
        return []
    last = [*nouns[-1][:-1], words.singular(nouns[-1][-1])] if single else list(nouns[-1])
    chains = []
    for start in range(max(len(nouns) - 2, 0), -1, -1):
        owners = [words.singular(word) for noun in nouns[start:-1] for word in noun]
        chains.append(_unrepeated([*owners, *last]))
    return chains


def kept(found: Mapping[str, tuple[str, str]], known: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The names with those in place that tools have already; whoever would have one of them steps aside.

    `known` is by the operation's key.
    """
    taken = {name for key, name in known.items() if key in found}
    named = {}
    for key, (name, thing) in found.items():
        if key in known:
            named[key] = (known[key], thing)
        elif name in taken:
            named[key] = (_marked(name, key, 6), thing)
        else:
            named[key] = (name, thing)
    return named
