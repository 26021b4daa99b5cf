"""The demo is a test: every claim holds, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("stripe")
pytest.importorskip("github")

TOPICS = {
    "policy", "environment", "refund", "redaction", "denial", "approval", "explanation", "audit", "secrets",
}  # fmt: skip


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"}


def _processes_of(folder: Path) -> list[str]:
    """Command lines of the processes that still have to do with `folder`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def _demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "wharfinger.cli.main", "demo", *arguments],
        env=_environment(folder), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_every_claim_of_the_demo_holds(tmp_path: Path) -> None:
    """Allowed, redacted, denied, asked, explained and audited, with real clients; exit code 0."""
    process = _demo(tmp_path, "--check")
    out, err = process.communicate(timeout=110)
    assert process.returncode == 0, out + err
    lines = out.splitlines()
    claims = [line for line in lines if line.startswith("ok: ")]
    topics = {line.removeprefix("ok: ").partition(":")[0] for line in claims}
    assert topics == TOPICS
    assert f"{len(claims)} of {len(claims)} claims hold" in lines[-2]
    assert "run --agent NAME -- CMD" in lines[-1]
    assert not list(tmp_path.glob("wharfinger-demo-*"))
    assert not _processes_of(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
def test_an_ended_demo_leaves_nothing_running(tmp_path: Path) -> None:
    process = _demo(tmp_path, "--check")
    deadline = time.monotonic() + 60
    while not any(" up " in line for line in _processes_of(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert not list(tmp_path.glob("wharfinger-demo-*"))
    assert not _processes_of(tmp_path)
