"""What a credential's value must be, before it is put into any request."""

from __future__ import annotations

from collections.abc import Iterator

from wharfinger.rules.models.credentials import Credential

LIMIT = 8 << 10
"""Bytes; servers commonly take header fields of 8 KiB."""
STRONG = 16
"""Bytes; a shorter value can be guessed, and would be found in texts that have nothing to do with it."""


def faults(value: str, credential: Credential) -> Iterator[tuple[str, str]]:
    """Everything that is wrong with `value`, each with its remedy, quoting nothing of it."""
    size = len(value.encode("utf-8", "surrogatepass"))
    if not value:
        yield "the value is empty", "put the value in, or remove the credential"
        return
    if size > LIMIT:
        yield f"the value has {size} bytes, more than {LIMIT}", "check that it is the value alone"
    if size < STRONG and not credential.weak:
        yield f"the value has fewer than {STRONG} bytes", "check it, or accept it with `weak: true`"
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in value):
        yield "the value has control characters or line breaks", "check for a stray line break or tab"
    elif not value.isascii():
        yield "the value has characters beyond ASCII", "check it: keys are of ASCII characters"
    if value != value.strip(" "):
        yield "the value begins or ends with a space", "remove the space"
    if credential.kind == "basic" and ":" not in value:
        yield "the value is not a user and a password", "write it as user:password"
