"""A04 and A05: files of a live book that are meddled with, and second writers of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ground import Ground, laid
from scenes import Stage, staged
from wharfinger.audit.verify import verify

from bypassing.deeds import Deed, Theme
from bypassing.deeds.sending import send, unlogged

# A04


def _latest(book: Path) -> Path:
    return max(book.glob("book-*.jsonl"))


def _replace(book: Path) -> None:
    path = _latest(book)
    copy = path.with_suffix(".copy")
    shutil.copy2(path, copy)
    copy.rename(path)


def _link(book: Path) -> None:
    path = _latest(book)
    aside = path.with_name("aside")
    path.rename(aside)
    path.symlink_to(aside)


def _cut(book: Path, keep: float) -> None:
    path = _latest(book)
    os.truncate(path, int(path.stat().st_size * keep))


def _add(book: Path, data: bytes) -> None:
    with _latest(book).open("ab") as file:
        file.write(data)


def _older(book: Path) -> None:
    path = _latest(book)
    data = path.read_bytes()
    _cut(book, 0)
    path.write_bytes(data[: data.rindex(b"\n", 0, len(data) - 1) + 1])


def _moved(book: Path) -> None:
    book.rename(book.with_name("audit-moved"))
    shutil.copytree(book.with_name("audit-moved"), book)


MEDDLING: dict[str, Callable[[Path], object]] = {
    "the file is moved": lambda book: _latest(book).rename(book.parent / "away.jsonl"),
    "the file is removed": lambda book: _latest(book).unlink(),
    "the file is emptied": partial(_cut, keep=0),
    "half of the file is cut off": partial(_cut, keep=0.5),
    "the last byte is cut off": lambda book: os.truncate(_latest(book), _latest(book).stat().st_size - 1),
    "the last line is taken back": _older,
    "a line is added": partial(_add, data=b'{"seq":99}\n'),
    "a byte is added": partial(_add, data=b"x"),
    "zeros are added": partial(_add, data=bytes(5000)),
    "it is replaced by a copy": _replace,
    "it is replaced by a link": _link,
    "it is copied and emptied": lambda book: (
        shutil.copy2(_latest(book), book.parent / "copy.jsonl"),
        _cut(book, 0),
    ),
    "a folder takes its place": lambda book: (
        _latest(book).rename(book.parent / "away.jsonl"),
        (book / "book-000001.jsonl").mkdir(),
    ),
    "the folder is replaced by a copy": _moved,
}
HARMLESS: dict[str, Callable[[Path], object]] = {
    "it is read": lambda book: _latest(book).read_bytes(),
    "it is copied": lambda book: shutil.copy2(_latest(book), book.parent / "copy.jsonl"),
    "its times are changed": lambda book: os.utime(_latest(book), (1, 1)),
}  # fmt: skip


def _meddle(how: str, *, harmless: bool, stage: Stage) -> str:
    """Meddle with the live file: what goes out from then on, and what verifying says at the end."""
    stage.reset()
    ground = stage.ground
    ground.start()
    try:
        before = [send(ground, f"before-{number}") for number in range(2)]
        (HARMLESS if harmless else MEDDLING)[how](ground.book)
        after = [send(ground, f"after-{number}") for number in range(3)]
    finally:
        ground.end(signal.SIGKILL)
    wrong = "" if before == [200, 200] else f"answered {before} before anything was done"
    wrong = wrong or unlogged(ground, ground.book.parent, "after")
    found = verify(ground.book) if ground.book.exists() else None
    if harmless:
        return wrong or ("" if after == [200] * 3 and found and found.ok else f"answered {after}")
    if 200 in after and found is not None and not found.ok:
        return wrong or f"it was answered {after}, into a book that does not verify"
    return wrong or ("" if 200 not in after else f"nobody noticed: answered {after}")


def _meddling(_: Stage) -> Sequence[Deed]:
    vectors = [Deed(how, partial(_with_stage, how, False)) for how in MEDDLING]
    return vectors + [Deed(how, partial(_with_stage, how, True), harmless=True) for how in HARMLESS]


def _with_stage(how: str, harmless: bool, stage: Stage) -> str:
    return _meddle(how, harmless=harmless, stage=stage)


# A05


def _second(how: str, ground: Ground) -> str:
    """A second proxy on the same data: it must not start, and the first must go on."""
    config = ground.root / f"second-{how.replace(' ', '-')}"
    shutil.copytree(ground.root / "config", config, ignore=shutil.ignore_patterns("data"))
    data = ground.root / "config" / "data"
    match how:
        case "by its path":
            text = str(data)
        case "by a link":
            (config / "link").symlink_to(data)
            text = str(config / "link")
        case "by another spelling":
            text = f"{data.parent}/./data/../data/"
        case "by a mount":
            (config / "mounted").mkdir(mode=0o700)
            subprocess.run(["mount", "--bind", str(data), str(config / "mounted")], check=True)
            text = str(config / "mounted")
        case _:
            (data / "lock").unlink()
            text = str(data)
    settings = config / "wharfinger.yaml"
    settings.write_text(settings.read_text().replace("data: ./data", f'data: "{text}"'))
    ready = config / "ready"
    command = [
        sys.executable,
        "-m",
        "wharfinger.cli.main",
        "up",
        "--config",
        str(config),
        "--ready-file",
        str(ready),
    ]
    process = subprocess.Popen(
        command,
        env=ground.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while process.poll() is None and not ready.exists() and time.monotonic() < end:
            time.sleep(0.05)
        started = ready.exists()
    finally:
        process.kill()
        process.wait()
        if how == "by a mount":
            subprocess.run(["umount", "-l", text], check=False)
    if started:
        return "two proxies write one book"
    status = send(ground, f"beside-{how.replace(' ', '-')}")
    return "" if status == 200 else f"the first answers {status}"


def _again(number: int, ground: Ground) -> str:
    """The same one, once the first has ended, however it did."""
    ground.end(number)
    ground.start()
    status = send(ground, f"again-{number}")
    return "" if status == 200 else f"answered {status}"


def _writers(_: Ground) -> Sequence[Deed]:
    ways = ("by its path", "by a link", "by another spelling", "by a mount")
    return [
        *(Deed(f"a second proxy, {how}", partial(_second, how)) for how in ways),
        Deed("another, after the first was ended", partial(_again, signal.SIGTERM), harmless=True),
        Deed("another, after the first was killed", partial(_again, signal.SIGKILL), harmless=True),
    ]


@contextlib.contextmanager
def _ground() -> Iterator[Ground]:
    with laid() as ground:
        ground.start()
        yield ground


def themes() -> tuple[Theme, ...]:
    """The themes of this module."""
    return (
        Theme("A04 files that are meddled with", staged, _meddling),
        Theme("A05 second writers", _ground, _writers),
    )
