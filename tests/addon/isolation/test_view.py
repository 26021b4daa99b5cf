"""What a sandbox shows: hidden things are hidden wherever they lie, and what would undo that is refused."""

from __future__ import annotations

import itertools
import socket
from pathlib import Path

import pytest
from wharfinger.isolation import view
from wharfinger.isolation.view import CannotIsolate, Wanted


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's folder with a project in it, and a configuration in that."""
    for name in ("home/project/deep/conf", "home/project/deep/data/client", "home/.ssh", "home/.cargo/bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "home/project/deep/data/client/bundle.pem").touch()
    (tmp_path / "home/project/.netrc").touch()
    (tmp_path / "home/.cargo/credentials.toml").touch()
    return tmp_path / "home"


def arranged(home: Path, **changed: tuple[Path, ...]) -> list[tuple[str, ...]]:
    """The mounts, option by option."""
    project = home / "project"
    given: dict[str, tuple[Path, ...]] = {
        "hidden": (project / "deep/conf", project / "deep/data"),
        "shown": (project / "deep/data/client",),
        "sockets": (),
    }
    words = list(view.mounts(Wanted(work=project, home=home, **(given | changed))))
    starts = [number for number, word in enumerate(words) if word.startswith("--")]
    return [tuple(words[first:last]) for first, last in itertools.pairwise([*starts, len(words)])]


def test_what_is_ours_is_hidden_in_a_working_folder_and_held_fast(home: Path) -> None:
    """Empty and read-only; the folders above it are mounts, which cannot be renamed; certificates show."""
    deep = str(home / "project/deep")
    found = arranged(home)
    order = [
        ("--bind", str(home / "project"), str(home / "project")),
        ("--bind", deep, deep),
        ("--tmpfs", f"{deep}/data"),
        ("--ro-bind", f"{deep}/data/client", f"{deep}/data/client"),
        ("--remount-ro", f"{deep}/data"),
    ]
    assert sorted(order, key=found.index) == order
    assert ("--tmpfs", f"{deep}/conf") in found
    assert ("--remount-ro", f"{deep}/conf") in found


def test_the_users_folder_is_empty_but_for_programs(home: Path) -> None:
    found = arranged(home)
    assert ("--tmpfs", str(home)) in found
    assert ("--ro-bind", str(home / ".cargo"), str(home / ".cargo")) in found
    assert not any(str(home / ".ssh") in option for option in found)


def test_keys_are_hidden_in_what_is_shown(home: Path) -> None:
    nothing = str(view.NOTHING)
    assert ("--ro-bind", nothing, str(home / ".cargo/credentials.toml")) in arranged(home)
    assert ("--tmpfs", str(home / ".ssh")) in arranged(home, read=(home / ".ssh",))


def test_sockets_of_others_are_hidden(home: Path) -> None:
    path = home / "project/server.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        assert path in set(view.listening_sockets())
        assert ("--ro-bind", str(view.NOTHING), str(path)) in arranged(home, sockets=(path,))


def test_our_code_cannot_be_written(home: Path) -> None:
    code = home / "project/src/wharfinger"
    code.mkdir(parents=True)
    found = arranged(home, kept=(code,))
    assert ("--bind", str(code.parent), str(code.parent)) in found
    assert ("--ro-bind", str(code), str(code)) in found


def test_the_kernels_switches_are_read_only(home: Path) -> None:
    assert ("--ro-bind", "/proc/sys", "/proc/sys") in arranged(home)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("home", "your own folder"),
        (".", "your own folder"),
        ("/usr/share", "belongs to the system"),
        ("home/project/deep/conf", "wharfinger's own"),
        ("home/project/deep/data/client", "wharfinger's own"),
    ],
)
def test_some_folders_are_not_to_be_worked_in(home: Path, work: str, said: str) -> None:
    wanted = Wanted(
        home.parent / work, home, hidden=(home / "project/deep/conf", home / "project/deep/data"), sockets=()
    )
    with pytest.raises(CannotIsolate, match=said):
        list(view.mounts(wanted))


def test_a_link_to_what_is_ours_must_not_lie_where_it_could_be_replaced(home: Path) -> None:
    (home / "conf").mkdir()
    (home / "project/link").symlink_to(home / "conf")
    with pytest.raises(CannotIsolate, match="could be replaced"):
        arranged(home, hidden=(home / "project/link",), shown=())


def test_what_would_be_ours_must_not_be_made_by_the_command(home: Path) -> None:
    (home / ".config").mkdir()
    with pytest.raises(CannotIsolate, match="which wharfinger would then use"):
        arranged(home, hidden=(home / ".config/wharfinger",), shown=(), write=(home / ".config",))
