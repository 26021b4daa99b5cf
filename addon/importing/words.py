"""Words in names: `listForRepo`, `batch-delete` and `messages.list` split, verbs and numbers told."""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")
_VERSION: Final = re.compile(r"v?[0-9]+(?:[._-]?[0-9]+)*(?:(?:alpha|beta|preview|rc)[0-9]*)?", re.IGNORECASE)

READING: Final = frozenset(
    """
    aggregate analyze autocomplete batchget browse calculate check compare count describe detect diff
    discover download estimate explain export fetch filter find get head index inspect list lookup match
    peek ping poll preview query read report resolve retrieve scan search select show simulate suggest
    summarize test translate validate verify view whoami
    """.split()  # noqa: SIM905 (a list of words reads better as text)
)
"""Verbs that change nothing."""

QUERYING: Final = frozenset(
    """
    autocomplete batchget count describe estimate find get list lookup preview retrieve search suggest
    """.split()  # noqa: SIM905 (as above)
)
"""Verbs that change nothing even where the request is a POST; narrower, for here a mistake loosens."""

DESTROYING: Final = frozenset(
    """
    abort archive ban cancel clear deactivate decommission delete deprovision deregister destroy detach
    disable disassociate discard drop empty erase evict expel expire forget invalidate kick kill leave
    obliterate payout prune purge reboot refund remove reset retire reverse revoke rollback shutdown stop
    suspend terminate transfer trash truncate unassign uninstall unlink unpublish void wipe withdraw yank
    """.split()  # noqa: SIM905 (as above)
)
"""Verbs that delete, end, take away, undo or pay out."""

WRITING: Final = frozenset(
    """
    accept acknowledge acquire activate add adjust allocate answer append apply approve assign associate
    assume attach authorize begin block book capture change claim clone close commit complete configure
    confirm connect convert copy create crosspost decapsulate decline decode decrypt deploy dequeue
    disconnect dismiss edit enable encapsulate encrypt enqueue enroll execute extend failover finalize
    finish follow fork forward generate grant hide import increment initiate insert install invite invoke
    issue join label launch like link lock log logout mark merge migrate minimize modify move mute notify
    open order patch pause pay pin play post preupload process promote provision publish push put react
    reassign rebuild receive record recover regenerate register reject release rename renew reopen reorder
    replace replicate reply report reprioritize request rerequest rerun resend resolve respond restart
    restore resume resync retry revert rotate run save schedule send set share sign snooze split star
    start store submit subscribe sync tag take toggle track trigger unarchive unban unblock undelete
    unfollow unlike unlock unmark unminimize unmute unpin unresolve unshare unsnooze unstar unsubscribe
    unsuspend unsync untag untrash unyank update upgrade upload upsert use vote watch write
    """.split()  # noqa: SIM905 (as above)
)
"""Verbs that change something and take nothing away."""

VERBS: Final = READING | DESTROYING | WRITING
THINGS: Final = frozenset(
    """
    archive ban block book change check claim clone comment commit count deploy diff enrollment export
    fork grant import invite issue join label like link list lock log mark match merge move note notify
    open order patch pause pay payout pin ping play post preview process query record refund register
    release report request reset review run sample save schedule search share sign split star start status
    stop store sync tag take test track transfer trigger update upgrade upload use view vote watch
    """.split()  # noqa: SIM905 (as above)
)
"""Verbs that are names of things, too: before another word they say what kind of thing that is."""
_HEADS: Final = frozenset({"comment", "issue", "label", "note", "order", "push", "release"})
"""Verbs that are a thing at the head of a name in which another verb stands: `issueRemoveLabel`."""
_TAILS: Final = frozenset({"answer", "filter", "set"})
"""Verbs that are a thing at the end of a name that begins with another: `UpdateConfigurationSet`."""
SAME: Final = {
    "fetch": "get",
    "read": "get",
    "retrieve": "get",
    "show": "get",
    "index": "list",
    "modify": "update",
    "edit": "update",
    "patch": "update",
    "change": "update",
    "destroy": "delete",
    "insert": "create",
}
"""Verbs that are another word for one."""
LISTING: Final = frozenset({"list", "search", "query", "find", "count", "export", "scan", "batchget"})
"""Verbs whose objects are many."""
PREPOSITIONS: Final = frozenset({"by", "for", "from", "in", "of", "on", "to", "with", "within", "and", "or"})
_NO_WORDS: Final = frozenset({"api", "apis", "rest", "restapi"})
_ONE: Final = frozenset(
    """
    access address alias analysis analytics aws basis bus business campus canvas census chassis class dns
    focus gas gps https ids ios is kubernetes lens metadata news process progress redis s series sms
    status success this tls us vpcs
    """.split()  # noqa: SIM905 (as above)
)
"""Words that end in `s` and are no plural."""


def split(text: str) -> list[str]:
    """The words of a name, in lower case, however they are joined."""
    return [word.lower() for word in _WORD.findall(text)]


def verb_at(named: list[str]) -> int | None:
    """Where in a name the verb stands: `deleteIssue`, `issueDelete`, `BatchDeleteImage`; None without one."""
    if not named:
        return None
    plain = VERBS - THINGS
    inside = [at for at, word in enumerate(named) if word in plain]
    if named[0] in _HEADS and (behind := _behind(named)):
        return behind
    if named[0] in plain:
        return 0
    ending = plain - _TAILS if named[0] in VERBS else plain
    if named[-1] in ending or (named[-1] in DESTROYING and named[0] not in READING - WRITING):
        return len(named) - 1
    if named[0] in VERBS:
        return 0
    if inside:
        return inside[0]
    if named[-1] == "update":
        return len(named) - 1
    return next((at for at, word in enumerate(named) if word in VERBS), None)


def _behind(named: list[str]) -> int:
    """Where behind a thing the verb stands; 0 without one."""
    plain = [at for at, word in enumerate(named) if at and word in VERBS - THINGS]
    last = [len(named) - 1] if named[-1] == "update" else []
    return (plain or last or [0])[0]


def is_version(text: str) -> bool:
    """Whether a part of a path says a version, or nothing at all: `v1`, `2.0`, `api`."""
    return text.lower() in _NO_WORDS or _VERSION.fullmatch(text) is not None


def is_plural(word: str) -> bool:
    """Whether a word looks like a plural."""
    return len(word) > 2 and word.endswith("s") and not word.endswith("ss") and word not in _ONE


def singular(word: str) -> str:
    """One of what a plural says."""
    if not is_plural(word):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "ches", "shes", "uses", "iases")) and not word.endswith("houses"):
        return word[:-2]
    return word[:-1]
