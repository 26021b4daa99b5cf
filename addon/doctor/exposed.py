"""Keys that lie about: in the environment, and in the files that tools keep logins in.

A finding names the variable or the file and the kind of key, and never a value. What is looked through is
bounded; that nothing was found does not say that nothing is there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import re2
from wharfinger.doctor.findings import Finding, ok, remark
from wharfinger.doctor.machine import Place
from wharfinger.isolation.stores import key_stores
from wharfinger.rules.detecting import detectors
from wharfinger.rules.detecting.table import SECRET
from wharfinger.secret import disarm_process

_LONGEST: Final = 256 * 1024
"""Bytes that are read of one file."""
_FILES: Final = 400
"""Files that are looked into."""
_DEEP: Final = 2
"""Folders below one that is named."""
_TOLD: Final = 20
_LOGIN: Final = "login"
_NAMED: Final = re2.compile(rb"(?i)(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)$")
"""Names of variables that hold what no detector knows by its shape."""
_WRITTEN: Final = re2.compile(
    rb'(?i)(_auth|auth_?token|"auth"|"identitytoken"|passw(or)?d|secret(_access)?_key|api_?key)"?\s*[=:\s]'
    rb'\s*"?[^\s"]{8,}'
)
"""How logins stand in tools' own files."""
_BESIDES: Final = (".env", ".env.local", ".envrc")
"""In the working folder."""
_LEFT_OUT: Final = frozenset(
    {".config/google-chrome", ".config/chromium", ".config/BraveSoftware", ".mozilla", ".thunderbird"}
)
"""Browsers: their logins are locked, and their folders large."""


def in_environment(place: Place) -> Iterator[Finding]:
    """Variables that look like keys: whatever is started from here has them."""
    disarm_process()
    declared = {
        origin.text: name
        for name, credential in place.configuration.credentials.items()
        for origin in credential.origins.values()
        if origin.scheme == "env"
    }
    found = dict(of_variables(os.environ))
    for name, kinds in list(found.items())[:_TOLD]:
        if name in declared:
            text = (
                f"the variable {name} holds the credential {declared[name]}: all that you start here has it"
            )
            yield remark("keys", text, f"keep it in the store: wharfinger credentials set {declared[name]}")
        else:
            text = f"the variable {name} holds what looks like a key ({kinds}), and is no credential here"
            yield remark("keys", text, "declare it in credentials.yaml: then `run` takes it out; or unset it")
    if not found:
        yield ok("keys", "no variable of this environment looks like a key")


def in_files(place: Place) -> Iterator[Finding]:
    """Files with keys that an agent of your user could read, where nothing keeps it from that."""
    disarm_process()
    home = Path(os.environ.get("HOME") or Path.home())
    found = list(of_files(home, Path.cwd()))
    for path, kinds in found[:_TOLD]:
        shown = f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
        yield remark("keys", f"{shown} holds what looks like a key ({kinds})")
    if found:
        more = f", {len(found) - _TOLD} more than are named" if len(found) > _TOLD else ""
        text = f"{len(found)} files with keys can be read by whatever runs as your user{more}"
        yield remark("keys", text, "run agents with --isolate, which shows them none of these")
    else:
        yield ok("keys", "no key was found in the files that tools keep logins in")


def of_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Names of variables that hold a key, each with its kind."""
    for name, value in sorted(environment.items()):
        kinds = detectors.named(value, {SECRET}) - {SECRET}
        if kinds:
            yield name, ", ".join(sorted(kinds))
        elif len(value) >= 12 and "/" not in value and _NAMED.search(os.fsencode(name)):
            yield name, "by its name"


def of_files(home: Path, work: Path) -> Iterator[tuple[Path, str]]:
    """Files that hold a key, each with its kind."""
    left, seen = _FILES, set[Path]()
    stores = (path for path in key_stores(home) if not any(path == home / name for name in _LEFT_OUT))
    for store in (*(work / name for name in _BESIDES), *stores):
        for path in _within(store, _DEEP):
            if path in seen or left == 0:
                continue
            seen.add(path)
            left -= 1
            if kinds := _kinds(path):
                yield path, kinds


def _within(path: Path, deep: int) -> Iterator[Path]:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            yield path
        elif stat.S_ISDIR(mode) and deep >= 0:
            for each in sorted(path.iterdir()):
                yield from _within(each, deep - 1)
    except OSError:
        return


def _kinds(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            data = opened.read(_LONGEST)
    except OSError:
        return ""
    kinds = {each.name for each in detectors.find_in(data, {SECRET})}
    if not kinds and b"\0" not in data and _WRITTEN.search(data):
        kinds = {_LOGIN}
    return ", ".join(sorted(kinds))
