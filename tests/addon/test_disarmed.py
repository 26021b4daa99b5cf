"""What another process of its uid gets of one that holds credentials: nothing of its memory, and no core."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FILES = ("environ", "mem", "maps", "auxv", "syscall", "stack", "root", "exe", "cwd", "fd")
LOOK = """\
import ctypes, json, os, resource, signal, sys
from wharfinger.secret import disarm_process

FILES = json.loads(sys.argv[1])
disarmed = sys.argv[2] == "disarmed"
libc = ctypes.CDLL(None)


def as_somebody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, which a change of uid has taken away


def look(path):
    try:
        if os.path.islink(path):
            os.readlink(path)
        elif os.path.isdir(path):
            os.listdir(path)
        else:
            with open(path, "rb") as file:
                file.read(0 if path.endswith("mem") else 64)
        return "read"
    except PermissionError:
        return "refused"
    except OSError:
        return "none"


ready, told = os.pipe()
holder = os.fork()
if holder == 0:
    as_somebody()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0) if disarmed else (0, resource.getrlimit(4)[1]))
    if disarmed:
        disarm_process()
    os.write(told, b".")
    signal.pause()
os.read(ready, 1)
looking, found = os.pipe()
if os.fork() == 0:
    as_somebody()
    seen = {name: look(f"/proc/{holder}/{name}") for name in FILES}
    os.write(found, json.dumps(seen).encode())
    os._exit(0)
os.wait()
seen = json.loads(os.read(looking, 4096))
with open(f"/proc/{holder}/limits") as file:
    limits = [line.split()[-3:-1] for line in file if line.startswith("Max core file size")]
os.kill(holder, signal.SIGABRT)
_, status = os.waitpid(holder, 0)
print(json.dumps({"seen": seen, "limits": limits, "core": os.WCOREDUMP(status), "by": os.WTERMSIG(status)}))
"""


def looked_at(kind: str, folder: Path) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-c", LOOK, json.dumps(FILES), kind],
        cwd=folder, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.fixture(scope="module")
def open_process(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One that has not been disarmed: what there is to be read at all on this machine."""
    return looked_at("open", tmp_path_factory.mktemp("open"))


def test_nothing_of_a_disarmed_process_can_be_read_that_could_be_before(
    open_process: dict[str, Any], tmp_path: Path
) -> None:
    readable = {name for name, how in open_process["seen"].items() if how == "read"}
    assert {"environ", "maps"} <= readable  # a positive control
    disarmed = looked_at("disarmed", tmp_path)["seen"]
    assert {name: disarmed[name] for name in readable} == dict.fromkeys(readable, "refused")


def test_a_disarmed_process_that_is_killed_leaves_no_core(tmp_path: Path) -> None:
    disarmed = looked_at("disarmed", tmp_path)
    assert disarmed["limits"] == [["0", "0"]]
    assert (disarmed["by"], disarmed["core"]) == (6, False)
    assert list(tmp_path.iterdir()) == []
