"""Start a command in a sandbox, and see it to its end: bubblewrap, the filter, the door, signals, terminal.

The command starts only once the proxy accepts at its door. When this process dies, however it does, the
kernel kills the sandbox with everything in it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wharfinger.isolation import filter as seccomp
from wharfinger.isolation import inside, namespaces, signals, view
from wharfinger.isolation.terminal import STANDARD, Terminal
from wharfinger.isolation.view import CannotIsolate, Wanted

PROGRAM = "bwrap"
INSTALL = (
    "install it: apt-get install bubblewrap (dnf install bubblewrap, apk add bubblewrap); "
    "or let the command run without a wall, with --no-isolate"
)
PORT = 9128
"""Of the door, on the sandbox's own loopback."""
ADDRESS = f"http://127.0.0.1:{PORT}"
PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_START_SECONDS = 20.0
_INSIDE = Path("/run/wharfinger/inside.py")
_SO_PASSCRED = 16
_CREDENTIALS = struct.Struct("3i")

LEADING_OUT = frozenset(
    {
        "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS", "SSH_AUTH_SOCK", "SSH_AGENT_PID",
        "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "GPG_AGENT_INFO", "DISPLAY", "WAYLAND_DISPLAY",
        "WAYLAND_SOCKET", "XAUTHORITY", "SESSION_MANAGER", "ICEAUTHORITY", "PULSE_SERVER", "DOCKER_HOST",
        "CONTAINER_HOST", "TMUX", "TMUX_PANE", "STY", "VSCODE_IPC_HOOK_CLI", "NOTIFY_SOCKET",
        "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "XDG_RUNTIME_DIR", "TMPDIR",
    }
)  # fmt: skip
"""Variables that name what is not there: sockets of the session, mostly."""

type OpenDoor = Callable[[socket.socket | None], contextlib.AbstractContextManager[object]]
"""Has the proxy accept on this socket, if there is one; gives what is to be kept open for as long."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What is needed to start one."""

    wanted: Wanted
    environment: Mapping[str, str]
    command: tuple[str, ...]
    terminal: bool = True
    """Whether it gets a terminal where we have one."""
    namespace: int | None = None
    """A descriptor of the network namespace to be in, which then has no door; else one of its own is made."""


def bubblewrap() -> str:
    """Where it is. Raises `CannotIsolate`."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise CannotIsolate("bubblewrap is not installed, so the command cannot be isolated", INSTALL)
    return found


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """`variables` without those that name what is not there."""
    kept = {name: value for name, value in variables.items() if name not in LEADING_OUT}
    return kept | {"XDG_RUNTIME_DIR": str(view.runtime_folder())}


def interpreter() -> Path:
    """The Python that opens the door inside, and the whole of what it needs lies around it."""
    return Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def options(sandbox: Sandbox, rules: int) -> list[str]:
    """What bubblewrap is told. Raises `CannotIsolate`."""
    network = ["--unshare-net"] if sandbox.namespace is None else []
    return [
        "--unshare-user", "--unshare-ipc", "--unshare-pid", *network, "--unshare-uts",
        "--unshare-cgroup-try", "--disable-userns", "--cap-drop", "ALL", "--die-with-parent",
        "--seccomp", str(rules),
        *view.mounts(sandbox.wanted),
        "--ro-bind", inside.__file__, str(_INSIDE),
        "--chdir", str(sandbox.wanted.work),
    ]  # fmt: skip


@contextlib.contextmanager
def _told(words: list[str]) -> Iterator[int]:
    """A descriptor to read the options from: on a command line, the sandbox would see all they name."""
    handle = os.memfd_create("bwrap", os.MFD_CLOEXEC)
    try:
        os.write(handle, b"".join(os.fsencode(word) + b"\0" for word in words))
        os.lseek(handle, 0, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


def run(sandbox: Sandbox, open_door: OpenDoor) -> int:
    """Run the command to its end: its exit code. Raises `CannotIsolate`, and what `open_door` raises."""
    with contextlib.ExitStack() as undo:
        ours, theirs = socket.socketpair()
        undo.callback(ours.close)
        ours.setsockopt(socket.SOL_SOCKET, _SO_PASSCRED, 1)
        ours.settimeout(_START_SECONDS)
        terminal = Terminal.beside() if sandbox.terminal else None
        process = _start(sandbox, theirs, terminal)
        undo.callback(_end, process)
        handle, pid = _received(ours)
        if pid == 0 or (handle is None and sandbox.namespace is None):
            _end(process)
            raise CannotIsolate("the sandbox cannot be made here (see above)", obstacles())
        if handle is None:
            undo.enter_context(open_door(None))
        else:
            with socket.socket(fileno=handle) as listening:
                undo.enter_context(open_door(listening))
        command = os.pidfd_open(pid)
        undo.callback(os.close, command)
        woken = undo.enter_context(
            signals.passing_on(PASSED_ON, lambda number: signal.pidfd_send_signal(command, number))
        )
        ours.sendall(inside.GO)
        ours.close()
        if terminal is not None:
            undo.enter_context(terminal)
            ended = os.pidfd_open(process.pid)
            undo.callback(os.close, ended)
            terminal.relay(ended, woken)
        return signals.wait(process, woken)


def _start(sandbox: Sandbox, theirs: socket.socket, terminal: Terminal | None) -> subprocess.Popen[bytes]:
    """Start it, and let go of what only the child needs."""
    streams = [None if terminal is None else terminal.stream(number) for number in STANDARD]
    rules = seccomp.program()
    port = PORT if sandbox.namespace is None else 0
    first = [str(interpreter()), "-I", "-S", str(_INSIDE), str(theirs.fileno()), str(port)]
    try:
        with _told(options(sandbox, rules)) as told:
            return subprocess.Popen(
                [bubblewrap(), "--args", str(told), "--", *first, *sandbox.command],
                env=dict(sandbox.environment),
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                pass_fds=(theirs.fileno(), rules, told),
                start_new_session=True,
                preexec_fn=functools.partial(_before, sandbox, terminal),  # noqa: PLW1509 - there is one thread
            )
    finally:
        os.close(rules)
        theirs.close()
        if terminal is not None:
            terminal.started()


def _before(sandbox: Sandbox, terminal: Terminal | None) -> None:
    """In the child, before it becomes bubblewrap."""
    if terminal is not None:
        terminal.take()
    if sandbox.namespace is not None:
        namespaces.enter(sandbox.namespace)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _received(ours: socket.socket) -> tuple[int | None, int]:
    """The socket and the process it came from; nothing where the other end closed without a word."""
    room = socket.CMSG_SPACE(struct.calcsize("i")) + socket.CMSG_SPACE(_CREDENTIALS.size)
    try:
        _, notes, _, _ = ours.recvmsg(16, room)
    except OSError:
        return None, 0
    handle, pid = None, 0
    for level, kind, data in notes:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            (handle,) = struct.unpack("i", data[:4])
        elif (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            pid = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])[0]
    return handle, pid


def obstacles() -> str:
    """What of this machine's settings forbids a sandbox, with the command that lifts it."""
    found = []
    for name, forbids, remedy in _SETTINGS:
        path = Path("/proc/sys") / name
        with contextlib.suppress(OSError):
            if path.read_text().strip() == forbids:
                found.append(f"{name.replace('/', '.')} is {forbids}: {remedy}")
    why = "; ".join(found) or (
        "where it is permission that is missing, the container around this forbids new namespaces"
    )
    return f"{why}; with --no-isolate the command runs without a wall"


_SETTINGS = (
    ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"),
    ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "give bwrap an AppArmor profile that allows userns (Ubuntu: apt-get install apparmor-profiles)",
    ),
)
"""Settings that keep ordinary users from user namespaces, by distribution."""
