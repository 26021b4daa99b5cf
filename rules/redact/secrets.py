"""All secrets in all their forms as one matcher, and what stands in their place.

Rules: the leftmost match wins, then the longest, so a secret that begins another is never cut out of
it. Only whole values are replaced, by a text that says nothing of the value, not even its length:
otherwise an agent could find a secret by guessing its beginning.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping

import re2
from wharfinger.rules.redact.forms import forms
from wharfinger.rules.redact.stream import SecretStream

MATCHER_MEMORY = 64 << 20
"""Bytes that RE2 may use for one matcher's program and states; beyond it is slower, not wrong."""

HEAD = 12
"""Bytes of each form that RE2 looks for. Whole forms of 200 secrets overflow its states and fall to
14 MB/s; heads stay above 500, and are long enough to go past the usual prefixes (`sk_live_`)."""


class Matcher:
    """Finds forms in bytes; shared by every `SecretSet` that differs only in what it puts in place."""

    __slots__ = ("_forms", "_heads", "_shorter", "_sorted", "longest")

    def __init__(self, values: Mapping[str, str]) -> None:
        self._forms: dict[bytes, str] = {}
        for value, name in values.items():
            for text in forms(value):
                self._forms.setdefault(text, name)
        self._sorted = sorted(self._forms)
        self._shorter = _prefixes(self._sorted)
        self._heads = _alternation(sorted({text[:HEAD] for text in self._sorted}))
        self.longest = max(map(len, self._sorted), default=0)

    def __bool__(self) -> bool:
        return bool(self._forms)

    def name(self, text: bytes) -> str:
        """Whose form `text` is."""
        return self._forms[text]

    def find(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Where the leftmost, longest form at or after `at` starts and ends."""
        while (found := self._heads.search(data, at)) is not None:
            start = found.start()
            text = self._at(data[start : start + self.longest])
            if text is not None:
                return start, start + len(text)
            at = start + 1
        return None

    def held_from(self, data: bytes, at: int) -> int:
        """The first place at or after `at` from which the rest of `data` is the beginning of a longer
        form; `len(data)` if there is none.
        """
        place = max(at, len(data) - self.longest + 1)
        late = self._late(data, place)
        while (found := self._heads.search(data, place)) is not None and found.start() < late:
            place = int(found.start())
            if self._begins(data[place:]):
                return place
            place += 1
        return late

    def _late(self, data: bytes, at: int) -> int:
        """`held_from` for places too near the end to hold a whole head."""
        places = range(max(at, len(data) - HEAD + 1), len(data))
        return next((place for place in places if self._begins(data[place:])), len(data))

    def _at(self, text: bytes) -> bytes | None:
        """The longest form that `text` starts with: the one sorted just before it, or a prefix of that."""
        index = bisect_right(self._sorted, text)
        form = self._sorted[index - 1] if index else None
        while form is not None and not text.startswith(form):
            form = self._shorter.get(form)
        return form

    def _begins(self, text: bytes) -> bool:
        """Whether a form is longer than `text` and starts with it."""
        index = bisect_right(self._sorted, text)
        return index < len(self._sorted) and self._sorted[index].startswith(text)


class SecretSet:
    """Every secret that must not reach an agent, and the text it is replaced by. Immutable.

    Building one costs milliseconds for each hundred secrets: keep it until the secrets change, and
    derive one for each agent with `shown_as`.
    """

    __slots__ = ("_matcher", "_replacements")

    def __init__(self, matcher: Matcher, replacements: Mapping[str, bytes]) -> None:
        self._matcher = matcher
        self._replacements = dict(replacements)

    @classmethod
    def of(cls, values: Mapping[str, str]) -> SecretSet:
        """From secret value to the name of its credential; shown as `[redacted:NAME]`."""
        masks = {name: f"[redacted:{name}]".encode() for name in values.values()}
        return cls(Matcher(values), masks)

    def shown_as(self, placeholders: Mapping[str, str]) -> SecretSet:
        """The same secrets, for an agent that holds these placeholders: from name to placeholder."""
        own = {name: text.encode() for name, text in placeholders.items() if name in self._replacements}
        return SecretSet(self._matcher, self._replacements | own)

    def __repr__(self) -> str:
        return f"SecretSet({', '.join(sorted(self._replacements))})"

    def __bool__(self) -> bool:
        return bool(self._matcher)

    def redact(self, data: bytes) -> tuple[bytes, Counter[str]]:
        """`data` without secrets, and how often each name was found."""
        stream = self.stream()
        return stream.feed(data) + stream.finish(), stream.findings

    def within(self, data: bytes) -> bool:
        """Whether a secret stands in `data`: what `redact` would find, for less than it costs."""
        return bool(self._matcher) and self._matcher.find(data, 0) is not None

    def text(self, text: str) -> tuple[str, Counter[str]]:
        """The same for text of the wire (header values, reason phrases), one character per byte.

        Raises UnicodeEncodeError if `text` is not such text.
        """
        data, findings = self.redact(text.encode("latin-1"))
        return data.decode("latin-1"), findings

    def stream(self) -> SecretStream:
        """A redactor for one body that arrives in pieces."""
        return SecretStream(self._matcher, self._replacements)


def _prefixes(ordered: list[bytes]) -> dict[bytes, bytes]:
    """From each form to the longest other form that it starts with, where there is one."""
    shorter: dict[bytes, bytes] = {}
    open_: list[bytes] = []
    for form in ordered:
        while open_ and not form.startswith(open_[-1]):
            open_.pop()
        if open_:
            shorter[form] = open_[-1]
        open_.append(form)
    return shorter


def _alternation(texts: list[bytes]) -> re2._Regexp:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    options.log_errors = False  # its messages may quote the pattern
    options.max_mem = MATCHER_MEMORY
    return re2.compile(b"|".join(map(re2.escape, texts)), options)
