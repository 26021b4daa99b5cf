from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from wharfinger.rules.models.audit import Audit, Sink
from wharfinger.shipping.beside import Beside, setup_of
from wharfinger.shipping.setup import Setup

ECHO = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.readline()); sys.stdin.read()"
DIES = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.readline())"


def setup(tmp_path: Path) -> Setup:
    sinks = (Sink(to="https://siem.example.com/in", format="ecs", token="token", ca="/etc/ca.pem"),)
    audit = Audit(checkpoints=("stdout",), sinks=sinks)
    return setup_of(audit, tmp_path / "audit", tmp_path / "state", Path("/etc/wharfinger"))


async def told(file: Path, times: int) -> bytes:
    for _ in range(600):
        if file.exists() and file.read_bytes().count(b"\n") >= times:
            break
        await asyncio.sleep(0.01)
    return file.read_bytes()


def test_files_are_those_of_the_configuration_folder(tmp_path: Path) -> None:
    (sink,) = setup(tmp_path).sinks
    assert (sink.token, sink.ca) == ("/etc/wharfinger/token", "/etc/ca.pem")


async def test_it_is_told_what_to_do_and_ends_with_its_input(tmp_path: Path) -> None:
    beside = Beside(setup(tmp_path), (sys.executable, "-c", ECHO, str(tmp_path / "told")))
    running = asyncio.get_running_loop().create_task(beside.run())
    assert Setup.read(await told(tmp_path / "told", 1)) == setup(tmp_path)
    running.cancel()
    await beside.stop()
    assert beside._process is not None
    assert beside._process.returncode == 0


async def test_it_is_started_again_where_it_ends(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("wharfinger.shipping.beside._FIRST_PAUSE", 0.01)
    beside = Beside(setup(tmp_path), (sys.executable, "-c", DIES, str(tmp_path / "told")))
    running = asyncio.get_running_loop().create_task(beside.run())
    assert (await told(tmp_path / "told", 3)).count(b"\n") >= 3
    running.cancel()
    await beside.stop()


async def test_without_a_place_there_is_no_process(tmp_path: Path) -> None:
    beside = Beside(setup_of(Audit(), tmp_path, tmp_path, tmp_path))
    await asyncio.wait_for(beside.run(), 5)
    await beside.stop()
    assert beside._process is None
