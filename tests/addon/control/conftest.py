"""A data folder served on a real control socket: real store, real approvals, a book that is a list."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from wharfinger.approvals.approval import Approval
from wharfinger.approvals.approvals import Approvals
from wharfinger.approvals.grants import Grants
from wharfinger.clock import SystemClock
from wharfinger.control import actions
from wharfinger.control.client import Client
from wharfinger.control.dispatcher import Dispatcher, Done
from wharfinger.control.protocol import PURPOSE, Command
from wharfinger.control.server import ControlServer
from wharfinger.control.services import Services
from wharfinger.keeping import people
from wharfinger.keeping.keys import Keys
from wharfinger.keeping.people import PersonKey
from wharfinger.keeping.reviews import Reviews
from wharfinger.keeping.store import Store
from wharfinger.limits.ledger import Ledger
from wharfinger.rules.types import Ask, Call, Code, Decision, Effect, Request, Verdict
from wharfinger.signin.sessions import Sessions


@dataclass(frozen=True)
class FakeAgent:
    owner: str = "alice"
    policies: tuple[str, ...] = ("support",)
    environment: str | None = None
    status: str = "active"
    description: str = ""
    source: object | None = None


@dataclass(frozen=True)
class FakePerson:
    role: str


@dataclass(frozen=True)
class FakeTool:
    digest: str
    proposed: bool = True
    name: str = ""


class FakeTools(dict[str, FakeTool]):
    """Tools by name; gone through, the tools themselves."""

    def __iter__(self) -> Any:
        return iter(self.values())


@dataclass
class Declared:
    agents: dict[str, FakeAgent] = field(default_factory=lambda: {"bot": FakeAgent()})
    people: dict[str, FakePerson] = field(
        default_factory=lambda: {
            "alice": FakePerson("admin"),
            "bob": FakePerson("approver"),
            "eve": FakePerson("approver"),
        }
    )

    policies: dict[str, Any] = field(default_factory=dict)
    tools: dict[str, FakeTool] = field(default_factory=FakeTools)


@dataclass
class House:
    """Everything behind the socket, and the keys of those before it."""

    data: Path
    store: Store
    services: Services
    dispatcher: Dispatcher
    declared: Declared
    book: list[Done]
    told: list[Any]
    keys: dict[str, PersonKey]

    async def ask(self) -> Approval:
        decision = Decision(
            Verdict.ASK,
            Code.APPROVAL_PENDING,
            "a rule asks",
            "",
            "p",
            calls=(Call("refund", "t", Effect.WRITE, {"amount": 5}),),
            digest="d",
            ask=Ask(("finance",), frozenset({"alice", "bob"}), timedelta(hours=1)),
        )
        request = Request("bot", "POST", "https", "api.example", 443, "/r", ())
        return await self.services.approvals.ask("ag_1", request, decision)


@asynccontextmanager
async def house_in(data: Path, keys: dict[str, PersonKey]) -> AsyncIterator[House]:
    told: list[Any] = []
    book: list[Done] = []
    declared = Declared()

    async def record(done: Any) -> None:
        told.append(done)

    async def tell(done: Done) -> None:
        book.append(done)

    async def reload(person: str) -> Any:
        told.append(("reload", person))
        return {"digest": "new"}

    with Store.open(data) as store:
        approvals = Approvals(store, SystemClock(), record, usable=timedelta(minutes=15))
        await approvals.open()
        sessions = Sessions(store, SystemClock())
        await sessions.open()
        services = Services(
            approvals=approvals,
            store=store,
            clock=SystemClock(),
            keys=Keys.open(data),
            reviews=Reviews(store, SystemClock()),
            ledger=Ledger(store, SystemClock()),
            grants=Grants(store, SystemClock(), record),
            sessions=sessions,
            configuration=lambda: declared,
            agent_changed=told.append,
            tools_changed=told.append,
            run_began=lambda run, agent, reason, *, confinement="none": told.append((run, reason)),
            run_ended=told.append,
            reload=reload,
        )
        made = actions.dispatcher(services, tell)
        yield House(data, store, services, made, declared, book, told, keys)
        await approvals.close()
        sessions.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def person_keys(tmp_path: Path) -> dict[str, PersonKey]:
    return {
        name: people.create(tmp_path / "state", name, None) for name in ("alice", "bob", "eve", "mallory")
    }


@pytest.fixture
async def house(data: Path, person_keys: dict[str, PersonKey]) -> AsyncIterator[House]:
    async with house_in(data, person_keys) as made:
        for name, key in person_keys.items():
            if name != "mallory":
                await made.store.run(people.register, name, key.public, made.services.clock.now())
        yield made


@pytest.fixture
async def served(house: House) -> AsyncIterator[House]:
    server = ControlServer(house.data, house.dispatcher)
    await server.start()
    yield house
    await server.close()


@pytest.fixture
def opened(data: Path, person_keys: dict[str, PersonKey]):
    """What opens the folder for a command without a runtime; the houses it has opened."""
    houses: list[House] = []

    @asynccontextmanager
    async def opener() -> AsyncIterator[Dispatcher]:
        async with house_in(data, person_keys) as made:
            made.services.run_began = made.services.reload = None
            houses.append(made)
            yield made.dispatcher

    return opener, houses


@pytest.fixture
def do(served: House) -> Callable[..., Awaitable[Any]]:
    """One command on a connection of its own."""

    def once(action: str, args: dict[str, Any], person: str | None) -> Any:
        with Client.connect(served.data) as client:
            return client.do(action, args, served.keys[person] if person else None)

    async def command(action: str, person: str | None = None, /, **args: Any) -> Any:
        return await asyncio.to_thread(once, action, args, person)

    return command


@pytest.fixture
def signed() -> Callable[..., dict[str, Any]]:
    """A signed command as the object to send."""

    def sign(key: PersonKey, nonce: str, do: str, args: dict[str, Any], person: str | None = None) -> Any:
        command = Command(1, do, args, person or key.person)
        signature = base64.b64encode(key.sign(PURPOSE, command.signed_text(nonce))).decode()
        return {"id": 1, "do": do, "args": args, "person": command.person, "signature": signature}

    return sign


@dataclass
class Raw:
    """A client that says what it likes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    nonce: str

    async def say(self, text: bytes | dict[str, Any]) -> Any:
        line = text if isinstance(text, bytes) else json.dumps(text).encode() + b"\n"
        self.writer.write(line)
        return await self.hear()

    async def hear(self) -> Any:
        line = await asyncio.wait_for(self.reader.readline(), 5)
        return json.loads(line) if line else None


@pytest.fixture
async def raw(served: House):
    """Opens raw connections."""
    writers: list[asyncio.StreamWriter] = []

    async def connect() -> Raw:
        reader, writer = await asyncio.open_unix_connection(str(served.data / "control.sock"))
        writers.append(writer)
        client = Raw(reader, writer, "")
        client.nonce = (await client.hear())["nonce"]
        return client

    yield connect
    for writer in writers:
        writer.close()
