"""What is done on each path that a fault is put into, and what must be so whatever the fault was.

`Stage` is a ground with a person and a tool that asks. A scene is a list of steps that one request, or one
command of that person, takes; each is given so many seconds and may fail. What a scene must never lead to:

1. a request that the origin saw, or that was answered 200, without an intent in the book
2. a request behind a question that goes out without its yes, or more often than yes was said, over the crash
   and the next start too
3. a request that goes out after a reload was answered with success whose policy denies it
4. on the path send, a request that goes out after one was refused because the book had failed
"""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from ground import AGENT, HOST, Ground, laid, status_of
from wharfinger.control.client import Client
from wharfinger.control.protocol import ControlError
from wharfinger.faults import Fault as Refused
from wharfinger.keeping import people
from wharfinger.keeping.people import PersonKey

SECONDS = 5.0
"""How long a step may take."""
PATIENT = {"reload": 60.0}
"""But this checks the configuration in a process of its own."""
ASKED, GRANTED = "asked", "granted"
"""What is sent to the tool that asks: one is answered with yes once, the other granted once."""
TOOL = (
    f"api: plain\nbase: http://{HOST}\ntools:\n  - tool: put_away\n    description: Put something away\n"
    '    effect: write\n    run: {method: PUT, url: "/${name}"}\n'
)
ASK = "ask:\n  - {tool: put_away, approvers: [alice]}\n"
SETTINGS = "approvals: {hold: 50ms, expires: 10m, resume_within: 10m}\n"
DENY = "deny:\n  - {tool: unmatched, when: {method: {in: [GET]}}}\n"


@dataclass
class Stage:
    """A ground that every trial finds as it was at the beginning, with the key of its person."""

    ground: Ground
    key: PersonKey
    template: Path
    answered: dict[str, list[int]] = field(default_factory=dict)
    """Statuses by request, in order."""
    reloaded: bool = False
    """Whether the policy that denies is in force, as far as anybody was told."""
    after_reload: list[str] = field(default_factory=list)
    """Requests answered 200 from then on."""

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.ground.root / "config" / "data"

    def reset(self) -> None:
        """Everything as it was."""
        config = self.ground.root / "config"
        shutil.rmtree(config)
        shutil.copytree(self.template, config)
        (self.ground.root / "origin.log").write_bytes(b"")
        self.answered, self.reloaded, self.after_reload = {}, False, []

    def send(self, name: str, method: str = "GET") -> int:
        """One request on a connection of its own; 0 if there was no answer."""
        try:
            with socket.create_connection(self.ground.address, SECONDS) as stream:
                stream.settimeout(SECONDS)
                stream.sendall(self.ground.request(name, method))
                status = status_of(stream)
        except OSError:
            status = 0
        self.answered.setdefault(name, []).append(status)
        if self.reloaded and status == 200:
            self.after_reload.append(name)
        return status

    def command(self, action: str, **arguments: Any) -> Any:
        """One command of the person, over the control socket; None if it was not done."""
        try:
            with Client.connect(self.data, PATIENT.get(action, SECONDS)) as client:
                return client.do(action, arguments, self.key)
        except (Refused, ControlError, OSError):
            return None

    def pending(self) -> str:
        """The question that waits; empty if there is none."""
        rows = self.command("approvals.list") or ()
        return next((str(row["id"]) for row in rows), "")


def send(stage: Stage) -> None:
    """Requests that are allowed, and one that is not."""
    for number in range(4):
        stage.send(f"plain-{number}", "DELETE" if number == 1 else "GET")


def approval(stage: Stage) -> None:
    """A question, its yes, its use; one more, and its no; a grant, its use, and one use too many."""
    stage.send(ASKED, "PUT")
    if one := stage.pending():
        stage.command("approvals.approve", id=one)
    stage.send(ASKED, "PUT")
    stage.send(ASKED, "PUT")
    if one := stage.pending():
        stage.command("approvals.deny", id=one)
    stage.send(ASKED, "PUT")
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    stage.command("grants.add", agent=AGENT, tool="put_away", fix={"name": GRANTED}, until=until, uses=1)
    stage.send(GRANTED, "PUT")
    stage.send(GRANTED, "PUT")


def reload(stage: Stage) -> None:
    """A policy that denies what the one in force allows."""
    stage.send("before-reload")
    policy = stage.ground.root / "config" / "policies" / "main.yaml"
    policy.write_text(policy.read_text() + DENY)
    stage.reloaded = stage.command("reload") is not None
    stage.send("after-reload")
    stage.send("after-reload-too")


SCENES: dict[str, Callable[[Stage], None]] = {
    "send": send, "approval": approval, "reload": reload, "start": send,
}  # fmt: skip
"""By path. `start` is that of reading configuration, book and store: its faults come before all steps."""


def afterwards(stage: Stage) -> None:
    """What is sent again once the proxy was started anew."""
    for name in (ASKED, GRANTED):
        stage.send(name, "PUT")
    if not stage.reloaded:
        stage.send("afterwards")


def wrong(stage: Stage, path: str) -> list[str]:
    """Which of the promises was not kept."""
    seen = Counter(stage.ground.received())
    intents: Counter[str] = Counter()
    allowed: dict[str, set[str]] = {}
    states: dict[str, list[str]] = {}
    found: list[str] = []
    for event in stage.ground.events():
        if event["kind"] == "approval":
            states.setdefault(event["approval"], []).append(event["state"])
        elif event["kind"] == "intent":
            name = event["path"].lstrip("/")
            intents[name] += 1
            if name in {ASKED, GRANTED}:
                allowed.setdefault(name, set()).update(
                    [event["approval"]] if event.get("approval") else event.get("grants", ())
                )
                if (one := event.get("approval")) and not _answered(states.get(one, [])):
                    found.append(f"{name} went out by an approval whose events are {states.get(one)}")
    for name, count in seen.items():
        if count > intents[name]:
            found.append(f"the origin saw {name} {count} times, and the book has {intents[name]} intents")
        if name in {ASKED, GRANTED} and (count > 1 or not allowed.get(name)):
            found.append(f"{name} went out {count} times, by {allowed.get(name)}")
    for name, statuses in stage.answered.items():
        if statuses.count(200) > intents[name]:
            found.append(f"{name} was answered 200, and its intent is not in the book")
    found += [f"{name} went out although the policy in force denies it" for name in stage.after_reload]
    if path == "send":
        plain = [each for name, all_ in stage.answered.items() if name.startswith("plain-") for each in all_]
        kept = [status for status in plain if status in {200, 502}]
        if kept != sorted(kept):
            found.append(f"requests were sent after the book had failed: {plain}")
    return found


def _answered(states: list[str]) -> bool:
    """Whether yes was said and then used: used again, where the proxy died before the store knew of it.

    What was used and not sent is given back, and then approved as it was.
    """
    said = states.index("approved") if "approved" in states else len(states)
    since = states[said:]
    given_back = all(before == "used" for before, state in pairwise(since) if state == "approved")
    return given_back and since[-1:] == ["used"] and set(since) == {"used", "approved"}


@contextlib.contextmanager
def staged() -> Iterator[Stage]:
    """Lay the ground, let the person have a key and the proxy run once, and keep what that leaves."""
    with laid(forking=True) as ground:
        config = ground.root / "config"
        (config / "tools").mkdir()
        (config / "tools" / "plain.yaml").write_text(TOOL)
        for file, more in (("policies/main.yaml", ASK), ("wharfinger.yaml", SETTINGS)):
            with (config / file).open("a") as text:
                text.write(more)
        ground.run("people", "key", "alice", "--no-passphrase")
        ground.start()
        ground.end(15)
        template = ground.root / "template"
        shutil.copytree(config, template)
        state = ground.root / "home" / ".local" / "state" / "wharfinger"
        yield Stage(ground, people.load(state, "alice", lambda _: ""), template)
