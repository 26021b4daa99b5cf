"""What each client tells of itself, in one line of JSON, for the test to judge."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any


def tell(refused: Callable[[], object], allowed: Callable[[], Any]) -> None:
    """Make a call that is refused, then one that is allowed."""
    error, said = "", ""
    try:
        refused()
    except Exception as raised:
        error, said = type(raised).__name__, str(raised)
    at = time.time()
    print(json.dumps({"error": error, "said": said, "refused_at": at, "answer": allowed()}))
