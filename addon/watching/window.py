"""Which of many rows are on the screen, and which of them is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class Window:
    """The newest rows, until somebody chooses one: then that one stays where it is while others come."""

    chosen: str = ""
    """Empty: none is, and the newest are shown."""
    _line: int = 0
    """On which line of the screen the chosen row stands."""

    def show(self, rows: Sequence[str], height: int) -> tuple[int, int]:
        """The first row that is shown, and the one behind the last; `rows` are their names, newest first."""
        height = max(height, 1)
        try:
            at = rows.index(self.chosen)
        except ValueError:
            self.chosen, self._line = "", 0
            return 0, min(height, len(rows))
        self._line = min(self._line, height - 1, at)
        top = max(0, min(at - self._line, len(rows) - height))
        self._line = at - top
        return top, min(top + height, len(rows))

    def move(self, rows: Sequence[str], step: int) -> None:
        """Choose the row `step` further down; before the newest there is none."""
        if not rows:
            return
        if self.chosen not in rows:
            self.chosen, self._line = rows[0], 0
            return
        at = rows.index(self.chosen)
        to = max(0, min(at + step, len(rows) - 1))
        self.chosen, self._line = rows[to], max(0, self._line + to - at)

    def release(self) -> None:
        """Choose none."""
        self.chosen, self._line = "", 0
