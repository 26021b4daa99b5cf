"""What a sandbox shows of the file system: nothing but what is listed here, and most of it read-only.

Rules: the system's programs, read-only; the working folder, to be written; an empty folder in place of the
user's, with the programs installed there; private /tmp and /run. What is ours (configuration, data,
people's keys) and where keys lie is hidden even inside of those, and our own code cannot be written. A
hidden folder in a writable one is held fast: the folders above it can neither be renamed nor replaced, so
that nobody finds something else in its place afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wharfinger.faults import Fault
from wharfinger.isolation.stores import TOOLCHAINS, key_stores

SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix/store",
    "/gnu/store",
)  # fmt: skip
PRIVATE = ("/tmp", "/var/tmp", "/run", "/dev/shm")  # noqa: S108 - mounted anew, not written to
OF_THE_KERNEL = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi")
"""The kernel's own switches: root may write many of them without any capability, core_pattern among them."""
SECRETS_OF_THE_KERNEL = ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/kmsg")
NOTHING = Path("/dev/null")
"""Lies over a file that is hidden: opened there, it is refused."""


class CannotIsolate(Fault):
    """The sandbox would not keep its promises, or cannot be made."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is to see. Paths are absolute; folders need not exist."""

    work: Path
    """The working folder."""
    home: Path
    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    programs: tuple[Path, ...] = ()
    """Folders of PATH, and of the command."""
    hidden: tuple[Path, ...] = ()
    """Ours: never seen."""
    shown: tuple[Path, ...] = ()
    """What of the hidden is seen all the same: certificates."""
    kept: tuple[Path, ...] = ()
    """Never written: our own code."""
    sockets: tuple[Path, ...] = field(default_factory=lambda: tuple(listening_sockets()))
    """Of other processes: never reached."""


def mounts(wanted: Wanted) -> Iterator[str]:
    """Arguments for bubblewrap, in order. Raises `CannotIsolate`."""
    written = tuple(_real(path) for path in (wanted.work, *wanted.write))
    _check(wanted, written)
    home = wanted.home.resolve()
    yield from _system()
    yield from _private(home, wanted.home)
    seen = [*map(Path, SYSTEM)]
    for path in (*_programs(wanted, home), *map(_real, wanted.read)):
        if not _within_any(path, seen):
            seen.append(path)
            yield from _words("--ro-bind", path, path)
    for path in written:
        yield from _words("--bind", path, path)
    yield from _kept(wanted, written)
    hidden = _to_hide(wanted, (*seen, *written))
    for path in hidden:
        yield from _hide(path, written)
    for path in wanted.shown:
        yield from _words("--ro-bind", path, path)
    for path in (*(path for path in hidden if path.is_dir()), Path("/")):
        yield from _words("--remount-ro", path)


def _system() -> Iterator[str]:
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            yield from _words("--symlink", path.readlink(), path)
        elif path.is_dir():
            yield from _words("--ro-bind", path, path)
    yield from _words("--proc", "/proc", "--dev", "/dev")
    for name in OF_THE_KERNEL:
        if _there(path := Path(name)):
            yield from _words("--ro-bind", path, path)
    for name in SECRETS_OF_THE_KERNEL:
        if _there(path := Path(name)):
            yield from _words("--ro-bind", NOTHING, path)


def _private(home: Path, called: Path) -> Iterator[str]:
    for name in PRIVATE:
        mode = "0755" if name == "/run" else "1777"
        yield from _words("--perms", mode, "--tmpfs", name)
    yield from _words("--symlink", "/run", "/var/run")
    yield from _words("--perms", "0700", "--dir", runtime_folder())
    yield from _words("--perms", "0700", "--tmpfs", home)
    if called != home:
        yield from _words("--symlink", home, called)


def runtime_folder() -> Path:
    """XDG_RUNTIME_DIR inside."""
    return Path(f"/run/user/{os.geteuid()}")


def _programs(wanted: Wanted, home: Path) -> Iterator[Path]:
    """What the user has installed programs in; of a `bin`, what belongs to it lies beside it."""
    for name in TOOLCHAINS:
        if _there(home / name):
            yield _real(home / name)
    for folder in wanted.programs:
        if not folder.is_dir():
            continue
        real = _real(folder)
        beside = real.parent
        whole = real.name == "bin" and beside not in {home, home / ".local", Path("/")}
        yield beside if whole and not home.is_relative_to(beside) else real


def _kept(wanted: Wanted, written: tuple[Path, ...]) -> Iterator[str]:
    for path in sorted({_real(path) for path in wanted.kept if _there(path)}):
        for tree in written:
            if path.is_relative_to(tree) and path != tree:
                yield from _held(path, tree)
                yield from _words("--ro-bind", path, path)


def _to_hide(wanted: Wanted, seen: tuple[Path, ...]) -> tuple[Path, ...]:
    """All that is to be hidden and could be seen; not what lies in a folder that is hidden itself."""
    named = (*wanted.hidden, *key_stores(wanted.home.resolve()), *wanted.sockets)
    found: list[Path] = []
    for path in sorted({_real(path) for path in named if _there(path)}):
        if _within_any(path, seen) and not _within_any(path, found):
            found.append(path)
    return tuple(found)


def _hide(path: Path, written: tuple[Path, ...]) -> Iterator[str]:
    for tree in written:
        if path.is_relative_to(tree):
            yield from _held(path, tree)
    if path.is_dir():
        yield from _words("--perms", "0555", "--tmpfs", path)
    else:
        yield from _words("--ro-bind", NOTHING, path)


def _held(path: Path, tree: Path) -> Iterator[str]:
    """Each folder between them mounted on itself: what is a mount cannot be renamed (rename(2), EBUSY)."""
    between = [parent for parent in reversed(path.parents) if parent.is_relative_to(tree) and parent != tree]
    for folder in between:
        yield from _words("--bind", folder, folder)


def _check(wanted: Wanted, written: tuple[Path, ...]) -> None:
    """Raise `CannotIsolate` where what is to be written is more than a sandbox may write."""
    home = wanted.home.resolve()
    for path in written:
        if home.is_relative_to(path):
            raise CannotIsolate(
                f'"{path}" would be written by the command: it is your own folder, or around it',
                "cd into the folder of a project, or name smaller folders with --write",
            )
        if _within_any(path, (*map(Path, SYSTEM), Path("/proc"), Path("/sys"), Path("/dev"), Path("/run"))):
            raise CannotIsolate(f'"{path}" belongs to the system', "cd into the folder of a project")
        if not path.is_dir():
            raise CannotIsolate(f'"{path}" is not a folder that could be written', "name a folder")
        for ours in wanted.hidden:
            if path.is_relative_to(_real(ours)):
                raise CannotIsolate(
                    f'"{path}" is wharfinger\'s own: it lies in "{ours}"', "cd into the folder of a project"
                )
    for ours in wanted.hidden:
        _check_place(ours, written)


def _check_place(ours: Path, written: tuple[Path, ...]) -> None:
    """What is ours must be held fast: it exists, and no link that could be replaced leads to it."""
    given = Path(os.path.abspath(ours))  # noqa: PTH100 - resolve() would follow the links looked for here
    for place in (given, *given.parents):
        inside = _within_any(place.parent.resolve(), written)
        if inside and place.is_symlink():
            raise CannotIsolate(
                f'"{place}" leads to "{ours.resolve()}" and could be replaced by the command',
                "name the folder itself, and keep it out of the working folder",
            )
        if inside and place == given and not _there(place):
            raise CannotIsolate(
                f'the command could make "{place}", which wharfinger would then use',
                "let it write a smaller folder",
            )


def listening_sockets() -> Iterator[Path]:
    """Unix sockets of this machine that have a name in the file system (proc(5), /proc/net/unix)."""
    try:
        lines = Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        name = line.split(maxsplit=7)[7:]
        if name and name[0].startswith("/"):
            yield Path(name[0])


def _there(path: Path) -> bool:
    """Whether it exists, as far as this user may know: what is beyond that is beyond the command as well."""
    return os.access(path, os.F_OK)


def _real(path: Path) -> Path:
    return path.resolve()


def _within_any(path: Path, trees: Iterable[Path]) -> bool:
    return any(path.is_relative_to(tree) for tree in trees)


def _words(*words: str | Path) -> Iterator[str]:
    return map(str, words)
