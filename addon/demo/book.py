"""The last scene: the audit log, its verification, and a change of one byte that verification finds."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from wharfinger.demo.stage import Stage
from wharfinger.demo.standin import StandIn


def audited(stage: Stage) -> None:
    """Everything that happened is in the log; the log cannot be changed unseen."""
    show = stage.show
    show.scene("The audit log", "Every decision stands in it, before anything is sent. No real key does.")
    show.command("wharfinger audit tail")
    show.output("", stage.operator.run("audit", "tail", "-n", "14").out, crop=True)
    events = stage.events()
    intents = [event for event in events if event.get("kind") == "intent"]
    received = sorted((*_received(stage.stripe), *_received(stage.github)))
    show.claim(
        "audit: each request that a stand-in received was in the log before it was sent",
        len(received) > 0
        and len(received) == len(intents)
        and all(_precedes(*pair) for pair in zip(intents, received, strict=True)),
        f"{intents}\n{received}",
    )
    show.claim("audit: both denials and the approval are in it", _has_all(events), f"{events}")
    _verified(stage)
    _flipped(stage)
    _no_key_anywhere(stage)


def _received(stand_in: StandIn) -> list[tuple[float, str, str, str]]:
    return [(seen.at, stand_in.host, seen.method, seen.path) for seen, _ in stand_in.record.exchanges]


def _precedes(intent: Mapping[str, object], received: tuple[float, str, str, str]) -> bool:
    """Whether the event is about this very request, and older than its arrival."""
    written = datetime.fromisoformat(str(intent["time"])).timestamp()
    return written <= received[0] and (intent["host"], intent["method"], intent["path"]) == received[1:]


def _has_all(events: list[dict[str, object]]) -> bool:
    kinds = [event.get("kind") for event in events]
    return kinds.count("denied") == 2 and "held" in kinds and "approval" in kinds


def _verified(stage: Stage) -> None:
    stage.show.command("wharfinger audit verify")
    verified = stage.operator.run("audit", "verify", expect=None)
    stage.show.output("", verified.out)
    stage.show.claim("audit: verification finds it whole", verified.code == 0, verified.said)


def _flipped(stage: Stage) -> None:
    copy = stage.root / "changed"
    shutil.copytree(stage.audit, copy)
    place = flip_one_bit(copy)
    stage.show.command(f"wharfinger audit verify --data COPY    # one bit flipped, {place}")
    verified = stage.operator.run("audit", "verify", "--data", str(copy), expect=None)
    stage.show.output("", f"{verified.err.strip()}\n{verified.out.partition(chr(10))[0]}")
    stage.show.claim(
        "audit: in a copy with one flipped bit, verification finds the change",
        verified.code == 1,
        verified.said,
    )


def flip_one_bit(folder: Path) -> str:
    """Change one bit in the middle of the log's first file; where."""
    path = min(folder.glob("book-*.jsonl"))
    content = bytearray(path.read_bytes())
    at = (
        content.index(b'"amount":12000') + len(b'"amount":')
        if b'"amount":12000' in content
        else len(content) // 2
    )
    content[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    return f"byte {at} of {path.name}"


def _no_key_anywhere(stage: Stage) -> None:
    """Invariant 4, as far as files can show it: data folder, logs and what the agent's processes printed."""
    places = [stage.operator.configuration / "data", stage.operator.logs, Path(stage.agent["HOME"])]
    keys = (stage.keys.stripe.encode(), stage.keys.github.encode())
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    found = [path.name for path in files if any(key in path.read_bytes() for key in keys)]
    stage.show.claim(
        f"secrets: no real key in the proxy's data, in any log, or with the agent ({len(files)} files)",
        not found and len(files) > 5,
        f"{found}",
    )
