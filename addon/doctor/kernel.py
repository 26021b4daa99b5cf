"""What the kernel and this machine have of what isolation is made of."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wharfinger.doctor.findings import Finding, ok, remark
from wharfinger.doctor.machine import Place
from wharfinger.isolation import landlock

_SECONDS: Final = 10
_SWITCHES: Final = (
    ("user/max_user_namespaces", "0"),
    ("kernel/unprivileged_userns_clone", "0"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1"),
)
"""Below /proc/sys: what may forbid user namespaces, and the value with which it does."""


def features(place: Place) -> Iterator[Finding]:
    """Each with what rests on it."""
    yield ok("kernel", f"{os.uname().sysname} {os.uname().release}, {os.uname().machine}")
    yield from _namespaces()
    yield from _seccomp()
    yield from _landlock()
    yield from _programs()


def _namespaces() -> Iterator[Finding]:
    why = _run(sys.executable, "-I", "-S", "-c", "import os; os.unshare(os.CLONE_NEWUSER)")
    set_so = [f"{name} = {value}" for name, value in _SWITCHES if _read(f"/proc/sys/{name}") == value]
    if why is None and not set_so:
        yield ok("kernel", "user namespaces can be made")
    elif why is None:
        text = f"user namespaces can be made, but may do little: {', '.join(set_so)}"
        yield remark("kernel", text, "see docs/isolation.md for what run --isolate needs as an ordinary user")
    else:
        shown = f" ({', '.join(set_so)})" if set_so else ""
        text = f"user namespaces cannot be made by you{shown}: run --isolate needs them, or root"
        yield remark("kernel", text, "set what is named by sysctl, or run agents in a container")


def _seccomp() -> Iterator[Finding]:
    actions = _read("/proc/sys/kernel/seccomp/actions_avail").split()
    if "errno" in actions:
        yield ok("kernel", f"seccomp filters: {' '.join(actions)}")
    else:
        text = "there are no seccomp filters: run --isolate cannot refuse system calls"
        yield remark("kernel", text, "take a kernel with CONFIG_SECCOMP_FILTER")


def _landlock() -> Iterator[Finding]:
    found = landlock.version()
    if found >= landlock.NEEDED:
        signals = "" if found >= landlock.SIGNALS else "; other processes can still be signalled (needs 6)"
        yield ok("kernel", f"Landlock, version {found}{signals}")
    else:
        has = f"is of version {found}" if found else "is not there, or switched off"
        text = f"Landlock {has}: run --no-isolate then keeps nothing from an agent"
        yield remark("kernel", text, f"run agents with --isolate; or Linux 6.2 (version {landlock.NEEDED})")


def _programs() -> Iterator[Finding]:
    found = shutil.which("bwrap")
    if found is None:
        yield remark(
            "kernel", "bubblewrap is not installed: run --isolate needs it", "apt-get install bubblewrap"
        )
    else:
        yield ok("kernel", f"bubblewrap: {found}")
    nft = shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if nft is None:
        yield remark("kernel", "nft is not installed: scripts/netns needs it", "apt-get install nftables")
    elif os.geteuid() == 0 and (why := _run(nft, "list", "tables")) is not None:
        yield remark(
            "kernel", f"nft cannot list tables, so scripts/netns will not do: {why}", "load nf_tables"
        )
    else:
        yield ok("kernel", f"nftables: {nft}" + ("" if os.geteuid() == 0 else ", to be used by root"))


def _read(path: str) -> str:
    try:
        return Path(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _run(*command: str) -> str | None:
    """Why a command does not end well; None where it does."""
    try:
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    if ran.returncode == 0:
        return None
    lines = ran.stderr.strip().splitlines()
    return (
        "".join(letter if letter.isprintable() else "?" for letter in lines[-1][:160]) if lines else "refused"
    )
