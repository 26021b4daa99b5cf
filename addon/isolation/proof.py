"""Prove that a sandbox holds on this machine: make one as `run --isolate` does, and try to get out of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wharfinger.isolation import sandbox, trying
from wharfinger.isolation.sandbox import Sandbox
from wharfinger.isolation.view import CannotIsolate, Wanted

_SERVICES: Final = (
    "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock",
    "/run/dbus/system_bus_socket", "/tmp/.X11-unix/X0",  # noqa: S108 - looked for, not written
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Targets:
    """What of this installation must not be reached from inside."""

    addresses: Mapping[str, tuple[str, int]]
    """`proxy` and `console`, where they run."""
    sockets: tuple[Path, ...]
    files: tuple[Path, ...]
    hidden: tuple[Path, ...]
    """Folders."""


def attempts(targets: Targets) -> Mapping[str, str]:
    """Every way that was tried, with what stopped it; an empty text where it led out.

    Raises `wharfinger.faults.Fault`s where no sandbox can be made.
    """
    with contextlib.ExitStack() as opened:
        folder = tempfile.TemporaryDirectory(prefix="wharfinger-doctor-")
        work = Path(opened.enter_context(folder)).resolve()
        own = opened.enter_context(socket.socket(socket.AF_UNIX))
        abstract = f"wharfinger-doctor-{os.getpid()}"
        own.bind("\0" + abstract)
        own.listen()
        shutil.copy(trying.__file__, work / "trying.py")
        given: dict[str, Any] = {
            **targets.addresses,
            **_loopback(opened),
            "abstract": abstract,
            "sockets": list(map(str, (*targets.sockets, *_of_others()))),
            "files": list(map(str, targets.files)),
            "folders": [str(path) for path in targets.hidden if path.is_dir()],
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


def _loopback(opened: contextlib.ExitStack) -> Mapping[str, tuple[str, int]]:
    """Servers of this process, on the loopback that every program of the machine shares."""
    found = {}
    for name, family, host in (
        ("machine's loopback", socket.AF_INET, "127.0.0.1"),
        ("machine's loopback by IPv6", socket.AF_INET6, "::1"),
    ):
        with contextlib.suppress(OSError):  # a machine without IPv6
            server = opened.enter_context(socket.create_server((host, 0), family=family))
            found[name] = (host, int(server.getsockname()[1]))
    return found


def _of_others() -> Iterator[str]:
    """Sockets by which others would do something for whoever asks: keys, containers, the session."""
    session = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "").removeprefix("unix:path=").partition(",")[0]
    tmux = os.environ.get("TMUX", "").partition(",")[0]
    for path in (os.environ.get("SSH_AUTH_SOCK", ""), session, tmux, *_SERVICES):
        if path and Path(path).is_socket():
            yield path


def _no_door(_listening: socket.socket | None) -> contextlib.AbstractContextManager[None]:
    """Nobody accepts: the proxy is not needed for this."""
    return contextlib.nullcontext()
