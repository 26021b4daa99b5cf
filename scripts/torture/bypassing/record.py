"""The records that origins and name server keep of what reaches them: the only witnesses of these trials."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Recorder:
    """Appends one line for each thing that happens, before anything is answered."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = threading.Lock()
        self._count = 0

    def number(self) -> int:
        """A number for a connection."""
        with self._lock:
            self._count += 1
            return self._count

    def write(self, **what: Any) -> None:
        """Write one line."""
        if isinstance(data := what.get("data"), bytes):
            what["data"] = base64.b64encode(data).decode()
        os.write(self._file, json.dumps(what).encode() + b"\n")


@dataclass
class Connection:
    """What one connection brought to an origin."""

    number: int
    address: str
    port: int
    sni: str | None = None
    tls: bool = False
    raw: bytearray = field(default_factory=bytearray)
    """Everything that came on it, decrypted."""


@dataclass
class Witnessed:
    """What the records of origins and name server say."""

    connections: list[Connection]
    queries: list[str]
    """Names that were asked for, each as often as it was."""


def read(paths: Sequence[Path]) -> Witnessed:
    """Read the records."""
    connections: dict[tuple[str, int], Connection] = {}
    queries: list[str] = []
    held: defaultdict[str, int] = defaultdict(int)
    for path in paths:
        for line in path.read_bytes().splitlines():
            event = json.loads(line)
            held[event["what"]] += 1
            key = (str(path), event.get("number", 0))
            match event["what"]:
                case "query":
                    queries.append(event["name"])
                case "open":
                    connections[key] = Connection(event["number"], event["address"], event["port"])
                case "tls":
                    connections[key].tls, connections[key].sni = True, event["sni"]
                case "data":
                    connections[key].raw += base64.b64decode(event["data"])
    return Witnessed(list(connections.values()), queries)
