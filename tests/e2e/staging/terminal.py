"""A terminal in earnest, of a size of its own, that commands are typed on: tmux."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from .stage import until


@dataclass
class Terminal:
    """One command on a terminal."""

    socket: Path

    @classmethod
    def open(
        cls,
        socket: Path,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        width: int = 140,
        height: int = 40,
    ) -> Terminal:
        """Run `command` in exactly this environment. The test is passed over where there is no tmux."""
        if shutil.which("tmux") is None:
            pytest.skip("tmux is not installed (Debian, Ubuntu: apt install tmux)")
        bare = [f"{name}={value}" for name, value in environment.items()]
        inside = shlex.join(["env", "-i", "TERM=screen-256color", *bare, *command])
        made = cls(socket)
        made._tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
            f"{inside}; echo ended with $?; exec sleep 600",
        )  # fmt: skip
        return made

    def _tmux(self, *arguments: str) -> str:
        ran = subprocess.run(
            ["tmux", "-u", "-S", str(self.socket), *arguments],
            capture_output=True, text=True, check=False, timeout=30,
            env={"PATH": os.environ["PATH"], "SHELL": "/bin/sh", "TERM": "screen", "LANG": "C.UTF-8"},
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def screen(self, *, styled: bool = False) -> str:
        """What stands on it now; with the sequences of its styles, if asked for."""
        return self._tmux("capture-pane", "-p", *(["-e"] if styled else []))

    def shows(self, text: str) -> str:
        """Wait until `text` stands on it: the whole screen then."""
        shown = ""

        def look() -> bool:
            nonlocal shown
            shown = self.screen()
            return text in shown

        try:
            until(f"the terminal shows {text!r}", look)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{shown}") from None
        return shown

    def hides(self, text: str) -> None:
        """Wait until `text` stands on it no more."""
        until(f"the terminal no longer shows {text!r}", lambda: text not in self.screen())

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type a text as it is."""
        self._tmux("send-keys", "-l", text)

    def resize(self, width: int, height: int) -> None:
        """Give it another size."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def close(self) -> None:
        """End it, and the command with it."""
        subprocess.run(["tmux", "-S", str(self.socket), "kill-server"], capture_output=True, check=False)
