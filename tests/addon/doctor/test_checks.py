"""Each check finds what it is for, and says the remedy; one that breaks hides no other."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from wharfinger.audit import events
from wharfinger.audit.book import Book
from wharfinger.certs.authority import Authority
from wharfinger.certs.environment import ClientFiles
from wharfinger.doctor import book, credentials, live, machine
from wharfinger.doctor.findings import Finding, Grade, fail, looked_at
from wharfinger.doctor.machine import Place
from wharfinger.faults import Fault
from wharfinger.keeping import people
from wharfinger.keeping.keys import Keys
from wharfinger.keeping.lock import Lock
from wharfinger.rules.configuration import Sources, load

SETTINGS = b"version: 1\nlisten: 127.0.0.1:0\nconsole: 127.0.0.1:0\n"
PEOPLE = b"people:\n  alice: {role: admin}\n"
CREDENTIALS = b"credentials:\n  API_KEY: {from: env:DOCTOR_API_KEY, hosts: [api.example.com]}\n"


class At:
    """A clock that stands still."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "state").mkdir(mode=0o700)
    configuration = load(Sources({"wharfinger.yaml": SETTINGS, "people.yaml": PEOPLE}))
    return Place(configuration, tmp_path / "data", tmp_path / "state", served=False)


def settings(place: Place, text: bytes) -> Place:
    return replace(place, configuration=load(Sources({"wharfinger.yaml": text, "people.yaml": PEOPLE})))


def grades(found: Iterator[Finding]) -> list[Grade]:
    listed = list(found)
    assert all(each.text for each in listed)
    assert all(each.remedy for each in listed if each.grade is Grade.FAIL)
    return [each.grade for each in listed]


def test_all_is_well_on_a_fresh_folder(place: Place) -> None:
    for name, check in machine.CHECKS:
        assert Grade.FAIL not in grades(check(place)) or name == "key"


@pytest.mark.parametrize("name", ["installation.key", "ca/ca.pem"])
def test_a_key_that_others_may_read(place: Place, name: str) -> None:
    Keys.open(place.data)
    Authority.create(place.data / "ca")
    assert grades(machine.data_folder(place)) == [Grade.OK]
    (place.data / name).chmod(0o640)
    (found,) = machine.data_folder(place)
    assert (found.grade, "chmod 600" in found.remedy) == (Grade.FAIL, True)


def test_a_data_folder_that_others_may_look_into(place: Place) -> None:
    place.data.chmod(0o755)
    (found,) = looked_at("data", lambda: machine.data_folder(place))
    assert (found.grade, "chmod 700" in found.remedy) == (Grade.FAIL, True)


def test_a_full_disk_is_told_of(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_LITTLE_SPACE", 1 << 62)
    assert grades(machine.data_folder(place)) == [Grade.REMARK, Grade.OK]


def test_who_holds_the_lock(place: Place) -> None:
    assert grades(machine.lock_holder(place)) == [Grade.OK]
    with Lock.acquire(place.data):
        assert grades(machine.lock_holder(place)) == [Grade.FAIL]
        assert grades(machine.lock_holder(replace(place, served=True))) == [Grade.OK]


@pytest.mark.parametrize(
    ("age", "grade"), [(0, Grade.OK), (350, Grade.REMARK), (500, Grade.FAIL), (-30, Grade.FAIL)]
)
def test_an_authority_near_its_end(place: Place, age: int, grade: Grade) -> None:
    made = datetime.now(UTC) - timedelta(days=age)
    Authority.create(place.data / "ca", lambda: made)
    assert grades(looked_at("ca", lambda: machine.authority(place))) == [grade]


def test_compromised_roots(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert grades(machine.roots(place)) == [Grade.OK]
    monkeypatch.setattr(machine.bundle, "check_roots", lambda pem: ["emSign Root CA - G1"])
    (found,) = machine.roots(place)
    assert (found.grade, "emSign" in found.text) == (Grade.FAIL, True)


def test_a_port_that_is_taken(place: Place) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        text = f"version: 1\nlisten: 127.0.0.1:{other.getsockname()[1]}\nconsole: 127.0.0.1:0\n"
        there = settings(place, text.encode())
        assert grades(machine.ports(there)) == [Grade.FAIL, Grade.OK]
        assert grades(machine.ports(replace(there, served=True))) == [Grade.OK, Grade.OK]


def test_an_address_that_others_can_reach(place: Place) -> None:
    there = settings(place, b"version: 1\nlisten: 0.0.0.0:0\nconsole: 127.0.0.1:0\n")
    assert Grade.REMARK in grades(machine.ports(there))


def test_a_log_that_may_lose_events(place: Place) -> None:
    assert grades(machine.durable(place)) == [Grade.OK]
    assert grades(machine.durable(settings(place, SETTINGS + b"audit: {durable: false}\n"))) == [Grade.FAIL]


async def write_events(place: Place, moment: datetime, count: int = 3) -> Path:
    folder = place.data / "audit"
    held = Book.open(folder, hmac_key=b"k" * 32, clock=At(moment))
    for number in range(count):
        await held.write(events.control("x", "alice", detail={"number": number}))
    held.close()
    return folder


@pytest.mark.parametrize(("ahead", "grade"), [(-60, Grade.OK), (0, Grade.OK), (60, Grade.FAIL)])
async def test_a_clock_behind_the_last_event(place: Place, ahead: int, grade: Grade) -> None:
    await write_events(place, datetime.now(UTC) + timedelta(seconds=ahead))
    assert grades(machine.clock(place)) == [grade]


async def test_a_changed_event_at_the_end_of_the_book(place: Place) -> None:
    assert grades(book.end_of_book(place.data / "audit")) == [Grade.OK]
    folder = await write_events(place, datetime.now(UTC), 5)
    assert grades(book.end_of_book(folder)) == [Grade.OK]
    (segment,) = folder.glob("book-*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b'"number":2', b'"number":7'))
    found = grades(book.end_of_book(folder))
    assert found
    assert set(found) == {Grade.FAIL}


async def test_an_event_taken_out_of_the_book(place: Place) -> None:
    folder = await write_events(place, datetime.now(UTC), 5)
    (segment,) = folder.glob("book-*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    short = b"".join(lines[:2] + lines[3:])
    segment.write_bytes(short + b" " * (len(b"".join(lines)) - len(short)))
    assert Grade.FAIL in grades(looked_at("book", lambda: book.end_of_book(folder)))


def test_ones_own_key(place: Place) -> None:
    assert grades(machine.own_key(place)) == [Grade.FAIL]
    people.create(place.state, "alice", None)
    (found,) = machine.own_key(place)
    assert (found.grade, "ssh-keygen -p" in found.remedy) == (Grade.REMARK, True)
    people.create(place.state, "mallory", None)
    assert "mallory" in [*machine.own_key(place)][1].text
    people.path_of(place.state, "alice").unlink()
    people.path_of(place.state, "mallory").unlink()
    people.create(place.state, "alice", "correct horse")
    assert grades(machine.own_key(place)) == [Grade.OK]


def test_credentials_that_cannot_be_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "disarm_process", lambda: None)  # this process runs other tests
    held = load(Sources({"wharfinger.yaml": SETTINGS, "credentials.yaml": CREDENTIALS}))
    monkeypatch.delenv("DOCTOR_API_KEY", raising=False)
    (found,) = credentials.readable(held, place.data)
    assert (found.grade, "API_KEY" in found.text) == (Grade.FAIL, True)
    monkeypatch.setenv("DOCTOR_API_KEY", "short-secret")
    (found,) = credentials.readable(held, place.data)
    assert (found.grade, "short-secret" in repr(found)) == (Grade.FAIL, False)
    monkeypatch.setenv("DOCTOR_API_KEY", "a-long-enough-secret")
    (found,) = credentials.readable(held, place.data)
    assert (found.grade, "a-long-enough-secret" in repr(found)) == (Grade.OK, False)
    assert grades(credentials.in_use(held, {"credentials": []})) == [Grade.FAIL]
    assert grades(credentials.in_use(held, {"credentials": ["API_KEY"]})) == [Grade.OK]


def test_the_process_is_closed_to_others_before_a_credential_is_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant: PR_SET_DUMPABLE and no cores come before the first credential."""
    order: list[str] = []
    monkeypatch.setattr(credentials, "disarm_process", lambda: order.append("disarm"))

    class Held:
        def __init__(self, environment: object, store: object) -> None:
            order.append("open")

        async def load(self, *arguments: object) -> tuple[()]:
            order.append("load")
            return ()

        def names(self) -> tuple[str, ...]:
            return ("API_KEY",)

    monkeypatch.setattr(credentials, "Credentials", Held)
    held = load(Sources({"wharfinger.yaml": SETTINGS, "credentials.yaml": CREDENTIALS}))
    list(credentials.readable(held, place.data))
    assert order == ["disarm", "open", "load"]


class Stand:
    """Stands in for a proxy that answers every request alike."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                taken, _ = self._listener.accept()
            except OSError:
                return
            with taken:
                self._answer_to(taken)

    def _answer_to(self, taken: socket.socket) -> None:
        taken.recv(65536)
        taken.sendall(self._answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["lets all pass", "tunnels and hangs up", "says nothing", "refuses in other words"],
)
def test_a_proxy_that_does_not_refuse_as_it_must_fails(place: Place, answer: bytes) -> None:
    Keys.open(place.data)
    ClientFiles.write(place.data / "client", Authority.create(place.data / "ca"))
    stand = Stand(answer)
    try:
        agent = {"name": "robot", "id": "ag_1", "generation": 1, "status": "active"}
        standing = live.Standing({"proxy": stand.url}, (agent,))
        found = list(looked_at("refusal", lambda: live.refusal(standing, place.data)))
    finally:
        stand.close()
    assert found[-1].grade is Grade.FAIL
    assert Grade.OK not in {each.grade for each in found}


REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Inside(Stand):
    """Stands in for a proxy that turns strangers away, and gives `answer` to an agent inside of TLS."""

    def __init__(self, answer: bytes, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(answer)

    def _answer_to(self, taken: socket.socket) -> None:
        if not taken.recv(65536).startswith(b"CONNECT"):
            taken.sendall(REFUSED)
            return
        taken.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with self._context.wrap_socket(taken, server_side=True) as inner:
            inner.recv(65536)
            inner.sendall(self._answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "was answered 200, not refused"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "was answered 403, not refused"),
        (
            b"HTTP/1.1 502 Bad Gateway\r\nWharfinger-Decision: d_1\r\nContent-Length: 0\r\n\r\n",
            "was answered 502, not refused",
        ),
        (
            b"HTTP/1.1 403 Forbidden\r\nWharfinger-Decision: d_1\r\nContent-Length: 0\r\n\r\n",
            "d_1 is not in the book",
        ),
    ],
    ids=["lets it pass", "an API that refuses", "fails", "writes nothing down"],
)
async def test_a_refusal_counts_only_if_it_is_ours_and_kept(place: Place, answer: bytes, said: str) -> None:
    await write_events(place, datetime.now(UTC))
    Keys.open(place.data)
    authority = Authority.create(place.data / "ca")
    ClientFiles.write(place.data / "client", authority)
    (place.data / "leaf.pem").write_bytes(authority.leaf(live.HOST).pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.data / "leaf.pem")
    stand = Inside(answer, context)
    try:
        agent = {"name": "robot", "id": "ag_1", "generation": 1, "status": "active"}
        standing = live.Standing({"proxy": stand.url}, (agent,))
        found = await asyncio.to_thread(lambda: list(live.refusal(standing, place.data)))
    finally:
        stand.close()
    assert [each.grade for each in found] == [Grade.OK, Grade.FAIL]
    assert said in found[1].text


def test_a_check_that_breaks_is_a_failure_and_not_the_end() -> None:
    def breaks() -> Iterator[Finding]:
        yield fail("x", "one", "remedy")
        raise RuntimeError("boom")

    found = list(looked_at("x", breaks))
    assert [each.grade for each in found] == [Grade.FAIL, Grade.FAIL]
    assert "boom" in found[1].text

    def faults() -> Iterator[Finding]:
        raise Fault("the thing is gone", "put it back")
        yield

    (only,) = looked_at("x", faults)
    assert (only.text, only.remedy) == ("the thing is gone", "put it back")
