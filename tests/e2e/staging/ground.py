"""What an attacker could reach if it got out: sockets, processes, files and keys of the machine around it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import wharfinger

from .stage import PATIENCE, Operator, Ran
from .world import FILES, World

NOBODY = pwd.getpwnam("daemon").pw_uid
"""A user that is there on every machine, and is nobody's."""
_STORES = {".ssh/id_ed25519": "k", ".aws/credentials": "k", ".netrc": "k", ".config/gh/hosts.yml": "k"}
_POLICY = FILES["policies/work.yaml"].replace(
    'when: input.method == "GET"', 'when: input.method == "GET" && facts.confinement == "isolated"'
)
_BECOME = """\
set -e
if [ -n "$HIDDEN" ]; then
  at=$(mktemp -d)
  mount --bind "$HIDDEN" "$at"
  mount -t tmpfs -o mode=755 none /root
  mkdir -p "$HIDDEN"
  mount --bind "$at" "$HIDDEN"
  umount "$at"
  rmdir "$at"
fi
exec setpriv --reuid={user} --regid={user} --clear-groups "$@"
""".replace("{user}", str(NOBODY))
"""Lets an ordinary user run the Python of these tests, which may lie in root's own folder."""


def as_ordinary() -> list[str]:
    """What to put before a command to have it run by an ordinary user."""
    prefix = Path(sys.base_prefix)
    hidden = prefix if prefix.is_relative_to("/root") else ""
    return ["env", f"HIDDEN={hidden}", "unshare", "-m", "sh", "-c", _BECOME, "sh"]


@dataclass
class Nested(Operator):
    """An operator whose configuration and data lie in the working folder, as root or as an ordinary user."""

    ordinary: bool = False

    @classmethod
    def open(cls, world: World, root: Path, *, ordinary: bool) -> Nested:
        """In `root`, which is given to the user."""
        home = root / "home"
        folder = replace(world, root=root).configure("home/work/project/conf", policies__work=_POLICY)
        home.chmod(0o755)
        (root / "logs").mkdir()
        made = cls(world, folder, home, root / "logs", ordinary=ordinary)
        for name, text in {**_STORES, ".bashrc": "# of the user\n"}.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        if ordinary:
            for path in (root, *root.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        return made

    @property
    def work(self) -> Path:
        return self.home / "work"

    def typed(self, *arguments: str) -> list[str]:
        return [*(as_ordinary() if self.ordinary else []), *super().typed(*arguments)]

    def outside(self, *command: str, descriptors: Sequence[int] = (), **variables: str) -> Ran:
        """Run a command as the same user, with the agent's environment, in no sandbox."""
        given = self.run("env", "--agent", "bot", "--format", "json").json
        return self._end([*_as(self), *command], self.environment | given | variables, descriptors)

    @contextlib.contextmanager
    def as_user(self) -> Iterator[None]:
        """Be its user, for what looks at whose files they are."""
        if self.ordinary:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    def events(self, after: int = -1) -> list[dict[str, Any]]:
        with self.as_user():
            return super().events(after)

    def bare(self, *arguments: str) -> Ran:
        """Run one of our commands without `--config`, in the working folder."""
        command = [*_as(self), sys.executable, "-m", "wharfinger.cli.main", *arguments]
        return self._end(command, self.environment, ())

    def isolated(
        self,
        *command: str,
        arguments: Sequence[str] = (),
        descriptors: Sequence[int] = (),
        folder: Path | None = None,
        **variables: str,
    ) -> Ran:
        """Run a command by `run`, which isolates it by default, and itself gets these descriptors."""
        given = ("--agent", "bot", "--as", "alice", *arguments, "--", *command)
        return self._end(self.typed("run", *given), self.environment | variables, descriptors, folder)

    def _end(
        self,
        command: list[str],
        environment: Mapping[str, str],
        descriptors: Sequence[int],
        folder: Path | None = None,
    ) -> Ran:
        process = subprocess.run(
            command, env=environment, cwd=folder or self.work, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=PATIENCE * 2, check=False, pass_fds=descriptors,
        )  # fmt: skip
        return Ran(process.returncode, process.stdout, process.stderr)


@contextlib.contextmanager
def ground(operator: Nested, descriptor: int) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Set everything up: the file that names it for the attacker, and variables that its user would have."""
    with contextlib.ExitStack() as undo:
        apart = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="wf-ground-")))
        apart.chmod(0o755)
        if operator.ordinary:
            os.chown(apart, NOBODY, NOBODY)
        sockets = [apart / "docker.sock", operator.home / "agent.sock", operator.work / "server.sock"]
        if not operator.ordinary:
            sockets.append(Path(f"/run/wf-{os.getpid()}.sock"))
        for path in sockets:
            undo.enter_context(_listening(socket.AF_UNIX, str(path)))
            undo.callback(path.unlink, missing_ok=True)
            path.chmod(0o777)
        abstract = [f"wf-bus-{os.getpid()}", f"/tmp/.X11-unix/X{os.getpid()}"]
        for name in abstract:
            undo.enter_context(_listening(socket.AF_UNIX, "\0" + name))
        tmux = apart / "tmux"
        if shutil.which("tmux"):
            # With a command of its own: the shell of an ordinary user may be one that ends at once.
            server = ["tmux", "-S", str(tmux), "new-session", "-d", "sleep", "600"]
            subprocess.run([*_as(operator), *server], stdin=subprocess.DEVNULL, check=True)
            undo.callback(
                subprocess.run, ["tmux", "-S", str(tmux), "kill-server"], capture_output=True, check=False
            )
        victim = subprocess.Popen(
            [*_as(operator), "env", "VICTIM_SECRET=1", "sleep", "600"], stdin=subprocess.DEVNULL
        )
        undo.callback(victim.wait)
        undo.callback(victim.kill)
        shm_file = Path(f"/dev/shm/wf-{os.getpid()}")
        shm_file.write_text("x")
        undo.callback(shm_file.unlink)
        (apart / "note").write_text("x")
        key = 0x77660000 | os.getpid() & 0xFFFF
        libc = ctypes.CDLL(None)
        shm = libc.shmget(key, 4096, 0o1666)
        undo.callback(libc.shmctl, shm, 0, None)
        lan = _own_address()
        rows = operator.run("env", "--agent", "idle", "--format", "json").json
        targets: dict[str, Any] = {
            "tcp": [undo.enter_context(_listening(socket.AF_INET, (host, 0))) for host in {"127.0.0.1", lan}],
            "tcp6": [undo.enter_context(_listening(socket.AF_INET6, ("::1", 0)))],
            "udp": [undo.enter_context(_echoing(socket.AF_INET, (host, 0))) for host in {"127.0.0.1", lan}],
            "udp6": [undo.enter_context(_echoing(socket.AF_INET6, ("::1", 0)))],
            "lan": lan,
            "unix": [str(path) for path in sockets],
            "abstract": abstract,
            "variables": ["DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK", "DOCKER_HOST"],
            "tmux": str(tmux),
            "descriptor": descriptor,
            "victim": victim.pid,
            "shm": key,
            "shm_file": str(shm_file),
            "tmp_file": str(apart / "note"),
            "read": [
                str(operator.folder / "policies" / "work.yaml"),
                str(operator.folder / "secrets" / "stripe"),
                str(operator.home / ".local/state/wharfinger/people/alice.key"),
                "/etc/shadow",
            ],
            "stores": [str(operator.home / name) for name in _STORES],
            "work": str(operator.work),
            "home": str(operator.home),
            "config": str(operator.folder),
            "data": str(operator.data),
            "policy": str(operator.folder / "policies" / "work.yaml"),
            "code": str(Path(wharfinger.__file__)),
            "console": operator.told["console"],
            "proxy": _address(operator.told["proxy"]),
            "other": rows["HTTP_PROXY"].rpartition("/")[2].rpartition("@")[0],
        }
        path = operator.work / "targets.json"
        path.write_text(json.dumps(targets))
        shutil.copy(Path(__file__).parent.parent / "clients" / "attack.py", operator.work)
        yield (
            path,
            {
                "DBUS_SESSION_BUS_ADDRESS": f"unix:path={sockets[0]}",
                "SSH_AUTH_SOCK": str(sockets[1]),
                "DOCKER_HOST": str(sockets[0]),
            },
        )


def _as(operator: Nested) -> list[str]:
    return as_ordinary() if operator.ordinary else []


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.rpartition("/")[2].rpartition(":")
    return host, int(port)


def _own_address() -> str:
    """An address of this machine that is not loopback, if it has one."""
    told = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    return next((text for text in told if "." in text), "127.0.0.1")


@contextlib.contextmanager
def _listening(family: int, address: Any) -> Iterator[Any]:
    """A server that takes connections and says nothing."""
    with socket.socket(family) as sock:
        sock.bind(address)
        sock.listen(64)
        yield sock.getsockname()[:2] if family != socket.AF_UNIX else address


@contextlib.contextmanager
def _echoing(family: int, address: Any) -> Iterator[Any]:
    """A server that sends datagrams back."""
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind(address)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while (got := sock.recvfrom(100))[0] != b"end":
                    sock.sendto(*got)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield sock.getsockname()[:2]
        sock.sendto(b"end", sock.getsockname())
        thread.join(5)
