"""Whose key signs a command."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from wharfinger.authoring.places import Places
from wharfinger.faults import Fault
from wharfinger.keeping import people
from wharfinger.keeping.people import PersonKey

VARIABLE = "WHARFINGER_PERSON"


class WhoAreYou(Fault):
    """It is not clear whose key to use, or there is none."""


def person_name(given: str | None, state: Path) -> str:
    """`--as NAME`, else WHARFINGER_PERSON, else the only key there is. Raises `WhoAreYou`."""
    if name := given or os.environ.get(VARIABLE):
        return name
    folder = state / "people"
    names = sorted(path.stem for path in folder.glob("*.key")) if folder.is_dir() else []
    if len(names) == 1:
        return names[0]
    if not names:
        raise WhoAreYou(
            "this needs a person's key, and you have none", "make one: wharfinger people key NAME"
        )
    raise WhoAreYou(
        f"you have several keys: {', '.join(names)}", f"say which with --as NAME, or set {VARIABLE}"
    )


def person_key(given: str | None = None) -> PersonKey:
    """The key to sign with; asks for its passphrase on the terminal if it has one."""
    state = Places.of_user().state
    return people.load(state, person_name(given, state), _ask)


def _ask(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise WhoAreYou("the key has a passphrase, and there is no terminal to ask for it on")
    return getpass.getpass(prompt)
