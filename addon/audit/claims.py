"""What a log is held against when it is verified: its own checkpoints, and those kept elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wharfinger.audit import checkpoints
from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.folder import Folder
from wharfinger.audit.merkle import Tree
from wharfinger.audit.notes import PublicKey, Signed

LIMITS = (
    "without a checkpoint kept elsewhere this proves nothing against whoever can write the folder: "
    "events cut off the end, or a log written anew, cannot be told from the log that was kept"
)
BORROWED_KEY = (
    "the signatures were checked with the key that lies in the folder: "
    "give --key what `wharfinger audit key` told when the log was begun"
)

MOST_FAILURES = 100
"""More than these are not listed one by one."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is not as it was written."""

    file: str
    line: int
    """From 1; 0 where it is about the file."""
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


class Findings:
    """What was found on the way."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self.notes: list[str] = []

    def fail(self, file: str, line: int, what: str) -> None:
        """Something is not as it was written."""
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(Failure(file, line, what))
        elif len(self.failures) == MOST_FAILURES:
            self.failures.append(Failure(file, line, "from here on, more is wrong than is listed"))

    def note(self, what: str) -> None:
        """Something whoever reads the result should know."""
        self.notes.append(what)


@dataclass(frozen=True, slots=True)
class Claim:
    """A checkpoint that the log is to agree with."""

    file: str
    number: int
    """Which of the file's, from 1; 0 for one that is kept elsewhere."""
    signed: Signed

    @property
    def size(self) -> int:
        """Events that it is of."""
        return self.signed.checkpoint.size

    @property
    def called(self) -> str:
        """What a failure calls it."""
        return f"checkpoint {self.number}" if self.number else "the checkpoint"


class Claims:
    """The checkpoints, by the number of events that they are of."""

    def __init__(
        self, folder: Folder, outside: Sequence[tuple[str, Signed]], key: PublicKey | None, findings: Findings
    ) -> None:
        """Collect them, and check who signed them: with `key`, or else the one in the folder."""
        self._folder = folder
        self._findings = findings
        self._by_size: dict[int, list[Claim]] = {}
        self._compared: set[Claim] = set()
        self._disagreed = False
        if not outside:
            findings.note(LIMITS)
        claims = [Claim(name, 0, signed) for name, signed in outside]
        for number in sorted({*folder.segments(), *folder.numbers(".checkpoints")}):
            found, wrong = self._stored(number)
            claims += [Claim(one.file, one.number, one.signed) for one in found]
            if wrong:
                findings.fail(checkpoints.checkpoints_name(number), 0, wrong)
        self._check(claims, key or self._published())
        if claims and key is None:
            findings.note(BORROWED_KEY)

    def _check(self, claims: list[Claim], key: PublicKey | None) -> None:
        if claims and key is None:
            self._findings.fail(checkpoints.KEY_NAME, 0, "there is no key to check signatures with: give one")
        for claim in claims:
            if key is None or key.signed(claim.signed):
                self._by_size.setdefault(claim.size, []).append(claim)
            else:
                what = f"{claim.called} is not signed with the key {key.name}"
                self._findings.fail(claim.file, 0, what)

    def _stored(self, number: int) -> tuple[list[checkpoints.Kept], str]:
        try:
            return checkpoints.stored(self._folder, number)
        except (OSError, BookDamaged) as error:
            return [], getattr(error, "reason", None) or f"it cannot be read: {error}"

    def _published(self) -> PublicKey | None:
        try:
            return checkpoints.published_key(self._folder)
        except BookDamaged as damaged:
            self._findings.fail(checkpoints.KEY_NAME, 0, damaged.reason)
            return None

    @property
    def compared(self) -> int:
        """How many were held against the log."""
        return len(self._compared)

    @property
    def last(self) -> int:
        """The most events that any is of."""
        return max(self._by_size, default=0)

    def after(self, seq: int) -> int:
        """How far to read so that event `seq` is covered: by every outside one, or else the next of ours."""
        outside = [size for size, claims in self._by_size.items() if any(not one.number for one in claims)]
        ours = min((size for size in self._by_size if size > seq), default=0)
        return max(ours, *outside, seq + 1)

    def compare(self, tree: Tree, log: str | None) -> None:
        """Hold those of this many events against the tree."""
        for claim in self._by_size.get(tree.size, ()):
            self._compared.add(claim)
            checkpoint = claim.signed.checkpoint
            if log is not None and not checkpoint.origin.endswith(f"/{log}"):
                what = f"{claim.called} is of another log: {checkpoint.origin}"
                self._findings.fail(claim.file, 0, what)
            elif checkpoint.root != tree.root() and not (self._disagreed and claim.number):
                self._disagreed = True
                what = f"{claim.called} is of other events than the first {claim.size} that are here"
                self._findings.fail(claim.file, 0, what)

    def left_over(self, reached: int, *, to_the_end: bool) -> None:
        """Tell of those that the log did not reach, or that could not be held against it."""
        for size, claims in sorted(self._by_size.items()):
            for claim in claims:
                if size > reached and to_the_end:
                    what = f"{claim.called} is of {size} events: the log ends after {reached}"
                    self._findings.fail(claim.file, 0, what)
                elif claim not in self._compared and not claim.number:
                    what = f"{claim.called} could not be held against the log"
                    self._findings.fail(claim.file, 0, what)
