"""Try programs behind the proxy: what each printed, what came to the API, and what it was refused besides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .programs import Program
from .stage import Agent, Operator, Ran


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one program."""

    program: Program
    ran: Ran
    sent: tuple[str, ...]
    """Method and path of what came to its API, in the order in which it came."""
    with_key: bool
    """Whether all of it had the real key, where there is one."""
    placeholder_sent: bool
    denied: Ran | None
    sent_when_denied: int
    """Requests that came to any API while it was refused."""
    besides: tuple[str, ...]
    """Where else it wanted to go, and might not: host and first part of the path."""

    @property
    def wrong(self) -> Iterator[str]:
        """Everything that is not as it should be."""
        program, heard = self.program, iter(self.sent)
        if self.ran.code:
            yield f"it ended with {self.ran.code}"
        if program.says not in self.ran.said:
            yield "it did not print the API's answer"
        if not all(any(came.startswith(wanted) for came in heard) for wanted in program.sent):
            yield "its request did not come to the API"
        if not self.with_key or self.placeholder_sent:
            yield "its request came without the real key"
        if self.denied is not None and program.reason not in self.denied.said:
            yield "it did not print why it was refused"
        if self.sent_when_denied:
            yield "what policy denies came to an API"


def tried(program: Program, operator: Operator, agent: Agent, path: str) -> Trial:
    """Run it for what is allowed, and for what is refused."""
    folder = agent.home / program.name.lower().replace(" ", "-").replace("/", "-")
    for name, text in program.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    folder.mkdir(exist_ok=True)

    def filled(text: str) -> str:
        return text.replace("{folder}", str(folder))

    variables = {"PATH": path} | {name: filled(value) for name, value in program.variables.items()}
    hosts, mark = operator.world.hosts, operator.mark()
    before = {name: len(host.requests) for name, host in hosts.items()}
    ran = agent.run(*map(filled, program.command), **variables)
    came = hosts[program.host].requests[before[program.host] :]
    besides = [event for event in operator.events(mark) if event["kind"] == "denied" and "host" in event]
    before = {name: len(host.requests) for name, host in hosts.items()}
    denied = agent.run(*map(filled, program.refused), **variables) if program.refused else None
    real = operator.world.keys.get(program.key, "")
    placeholder = agent.environment.get(program.key, "")
    return Trial(
        program,
        ran,
        tuple(f"{seen.method} {seen.path}" for seen in came),
        all(real in str(seen.headers) for seen in came),
        bool(placeholder) and any(placeholder in str(seen.headers) for seen in came),
        denied,
        sum(len(host.requests) - before[name] for name, host in hosts.items()) if denied is not None else 0,
        tuple(dict.fromkeys(f"{event['host']}{_first(event['path'])}" for event in besides)),
    )


def _first(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[:3]) + ("/…" if len(parts) > 3 else "")
