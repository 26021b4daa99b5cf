"""Prove that a sandbox holds on this machine: make one as `run --isolate` does, and try to get out of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wharfinger.isolation import sandbox, trying
from wharfinger.isolation.sandbox import Sandbox
from wharfinger.isolation.view import CannotIsolate, Wanted


@dataclass(frozen=True, slots=True)
class Targets:
    """What of this installation must not be reached from inside."""

    addresses: Mapping[str, tuple[str, int]]
    """`proxy` and `console`, where they run."""
    sockets: tuple[Path, ...]
    files: tuple[Path, ...]
    hidden: tuple[Path, ...]


def attempts(targets: Targets) -> Mapping[str, str]:
    """Every way that was tried, with what stopped it; an empty text where it led out.

    Raises `wharfinger.faults.Fault`s where no sandbox can be made.
    """
    with (
        tempfile.TemporaryDirectory(prefix="wharfinger-doctor-") as text,
        socket.socket(socket.AF_UNIX) as own,
    ):
        work = Path(text).resolve()
        abstract = f"wharfinger-doctor-{os.getpid()}"
        own.bind("\0" + abstract)
        own.listen()
        shutil.copy(trying.__file__, work / "trying.py")
        given: dict[str, Any] = {
            **targets.addresses,
            "abstract": abstract,
            "sockets": list(map(str, targets.sockets)),
            "files": list(map(str, targets.files)),
            "process": os.getpid(),
        }
        command = (
            str(sandbox.interpreter()), "-I", "-S", str(work / "trying.py"),
            json.dumps(given), str(work / "report"),
        )  # fmt: skip
        wanted = Wanted(
            work,
            Path(os.environ.get("HOME") or Path.home()),
            programs=(sandbox.interpreter().parent,),
            hidden=targets.hidden,
            kept=(Path(sys.base_prefix),),
        )
        variables = sandbox.environment(os.environ)
        code = sandbox.run(Sandbox(wanted, variables, command, terminal=False), _no_door)
        if code != 0:
            raise CannotIsolate(f"what was to try ways out of the sandbox ended with code {code}")
        found: dict[str, str] = json.loads((work / "report").read_text())
        return found


def _no_door(_listening: socket.socket | None) -> contextlib.AbstractContextManager[None]:
    """Nobody accepts: the proxy is not needed for this."""
    return contextlib.nullcontext()
