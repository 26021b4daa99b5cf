"""A proxy started by another command, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from wharfinger.cli.control import Here
from wharfinger.faults import Fault
from wharfinger.keeping import private

_SECONDS: Final = 30.0


class NotStarted(Fault):
    """The proxy did not come to accept connections."""


def start(place: Here, log: str, option: str, *, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start `up` with `option`; it accepts connections when this returns. Raises `NotStarted`.

    What it says goes to the file `log` in the data folder. It has a session of its own, so that the keys of
    this terminal mean nothing to it.
    """
    path = private.folder(place.data) / log
    with tempfile.TemporaryDirectory(prefix="wharfinger-") as folder:
        ready = Path(folder) / "ready"
        command = [
            sys.executable, "-m", "wharfinger.cli.main", "up", option,
            "--config", str(place.found.snapshot.folder), "--ready-file", str(ready),
        ]  # fmt: skip
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as said:
            process = subprocess.Popen(command, stdin=stdin, stdout=said, stderr=said, start_new_session=True)
        end = time.monotonic() + _SECONDS
        while not ready.exists():
            if process.poll() is not None:
                why = path.read_text(errors="replace").strip()
                raise NotStarted("the proxy did not start", why or f'see "{path}"')
            if time.monotonic() > end:
                process.terminate()
                raise NotStarted("the proxy did not start in time", f'see "{path}"')
            time.sleep(0.05)
    return process
