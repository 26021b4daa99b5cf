"""Landlock, on the kernel that runs this: what is hidden is out of reach, and what lies beside it is not."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from wharfinger.isolation import landlock

pytestmark = pytest.mark.skipif(not landlock.is_there(), reason="the kernel has no Landlock, or an old one")

HIDDEN = {
    "read a file": "cat conf/key",
    "write a file": "echo x >> conf/key",
    "write a file anew": "echo x > conf/key",
    "truncate a file": "truncate -s 0 conf/key",
    "truncate a file by its name": "perl -e 'truncate($ARGV[0], 0) or exit 1' conf/key",
    "remove a file": "rm -f conf/key",
    "make a file": "echo x > conf/made",
    "make a folder": "mkdir conf/made",
    "put a link there": "ln -s /etc/hostname conf/link",
    "put a file there": "echo x > work/put && mv work/put conf/put && cat conf/put",
    "take a file out": "mv conf/key work/key && cat work/key",
    "link a file elsewhere": "ln conf/key work/key && cat work/key",
    "move the folder away": "mv conf work/conf",
    "read by a link": "ln -s ../conf work/link && cat work/link/key",
    "read by /proc": 'cat "/proc/self/root$PWD/conf/key"',
    "read what is deeper": "cat conf/deep/data/store",
    "make what is not there yet": "mkdir -p later/conf",
    "environment of another process": "grep -q VICTIM_SECRET /proc/$VICTIM/environ",
    "memory of another process": "grep -q . /proc/$VICTIM/maps",
}
"""Each of them succeeds where nothing is hidden."""
OPEN = {
    "read beside": "cat rc",
    "write beside": "echo x >> rc",
    "list": "ls conf",
    "work": "mkdir -p work/a/b && echo x > work/a/x && mv work/a/x work/a/b && rm -r work/a",
    "move between folders": "echo x > work/y && mv work/y other/y && cat other/y",
    "read what is shown": "cat conf/deep/data/client/bundle",
    "signal its own": "sleep 60 & kill $!",
    "devices": "echo x > /dev/null",
}


USER = pwd.getpwnam("daemon").pw_uid if os.geteuid() == 0 else None
"""Whose commands these are: an ordinary user's, for a root without a sandbox is root."""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="wf-landlock-")).resolve()
    for name in ("conf/deep/data/client", "work", "other"):
        (folder / name).mkdir(parents=True)
    for name in ("conf/key", "conf/deep/data/store", "conf/deep/data/client/bundle", "rc"):
        (folder / name).write_text("secret\n")
    if USER is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, USER, USER)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def victim() -> Iterator[int]:
    """Another process of the same user."""
    process = subprocess.Popen(
        ["env", "VICTIM_SECRET=1", "sh", "-c", "echo; exec sleep 600"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        user=USER,
    )
    assert process.stdout is not None
    process.stdout.read(1)
    process.stdout.close()
    yield process.pid
    process.kill()
    process.wait()


def tried(home: Path, script: str, victim: int, *, hide: bool) -> int:
    handle = landlock.ruleset(
        (home / "conf", home / "conf/deep/data", home / "later/conf") if hide else (),
        (home / "conf/deep/data/client",) if hide else (Path("/"),),
    )
    try:
        ran = subprocess.run(
            ["sh", "-c", script], cwd=home, env={"PATH": os.environ["PATH"], "VICTIM": str(victim)},
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
            user=USER, preexec_fn=functools.partial(landlock.restrict, handle) if hide else None,
        )  # fmt: skip
    finally:
        os.close(handle)
    return ran.returncode


@pytest.mark.parametrize("name", HIDDEN)
def test_what_is_hidden_is_out_of_reach(home: Path, victim: int, name: str) -> None:
    before = {path: path.read_bytes() for path in home.joinpath("conf").rglob("*") if path.is_file()}
    assert tried(home, HIDDEN[name], victim, hide=True) != 0
    assert {path: path.read_bytes() for path in home.joinpath("conf").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", HIDDEN)
def test_and_is_within_reach_otherwise(home: Path, victim: int, name: str) -> None:
    """So that its failure shows something."""
    assert tried(home, HIDDEN[name], victim, hide=False) == 0


@pytest.mark.parametrize("name", OPEN)
def test_what_lies_beside_is_as_it_was(home: Path, victim: int, name: str) -> None:
    assert tried(home, OPEN[name], victim, hide=True) == 0


def test_nothing_is_left_where_nothing_can_be_made(home: Path, victim: int) -> None:
    """Refused before it is there: no empty file stays behind beside the way, as a lock that nobody holds."""
    assert tried(home, "echo x > .rc.lock", victim, hide=True) != 0
    assert sorted(path.name for path in home.iterdir()) == ["conf", "other", "rc", "work"]


@pytest.mark.skipif(landlock.version() < landlock.SIGNALS, reason="Linux before 6.12 lets signals pass")
def test_another_process_is_not_signalled(home: Path, victim: int) -> None:
    assert tried(home, "kill -0 $VICTIM", victim, hide=False) == 0
    assert tried(home, "kill -0 $VICTIM", victim, hide=True) != 0


def test_what_cannot_be_hidden_is_an_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "_OF_FOLDERS", 1 << 62)
    with pytest.raises(landlock.NoLandlock):
        landlock.ruleset((home / "conf",), ())


def test_a_command_does_not_start_unrestricted(home: Path) -> None:
    with pytest.raises(subprocess.SubprocessError):
        subprocess.run(
            [sys.executable, "-c", ""], check=False, preexec_fn=functools.partial(landlock.restrict, -1)
        )
