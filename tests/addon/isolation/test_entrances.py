"""Sockets in a sandbox's network namespace, opened from without; in there, every address is led to them."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from wharfinger.isolation import attaching, entering, entrances
from wharfinger.isolation.attaching import API, NAMES, TRANSPARENT
from wharfinger.isolation.entrances import Entrances
from wharfinger.isolation.view import CannotIsolate

type Within = Callable[[Callable[[], object]], object]


@pytest.fixture
def within() -> Iterator[Within]:
    """Does things in a network namespace of its own, one after the other."""
    todo: list[Callable[[], object]] = []
    done: list[object] = []
    ready, ended, failed = threading.Semaphore(0), threading.Semaphore(0), []

    def work() -> None:
        if ctypes.CDLL(None).unshare(0x40000000) != 0:
            failed.append(True)
        ended.release()
        while ready.acquire() and todo:
            try:
                done.append(todo.pop()())
            except OSError as error:
                done.append(error)
            ended.release()

    thread = threading.Thread(target=work)
    thread.start()
    ended.acquire()

    def do(what: Callable[[], object]) -> object:
        todo.append(what)
        ready.release()
        ended.acquire()
        return done.pop()

    if failed:
        ready.release()
        pytest.skip("needs to make a network namespace")
    yield do
    ready.release()
    thread.join()


def _lo_up() -> None:
    """What bubblewrap does in a namespace that it makes."""
    import fcntl
    import struct

    with socket.socket() as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))


@pytest.fixture
def listening(within: Within) -> Iterator[socket.socket]:
    within(_lo_up)
    made = within(lambda: socket.create_server(("127.0.0.1", 9128)))
    assert isinstance(made, socket.socket)
    yield made
    made.close()


def connect(host: str, port: int) -> object:
    with socket.socket() as sock:
        sock.settimeout(5)
        sock.connect((host, port))
        return True


def test_what_they_are() -> None:
    assert Entrances().kinds == ()
    assert Entrances((1, 2)).kinds == (API, API)
    assert Entrances((1,), anywhere=True).kinds == (API, TRANSPARENT, TRANSPARENT, NAMES)


def test_a_door_of_an_api_is_on_its_loopback_alone(listening: socket.socket, within: Within) -> None:
    with entrances.opened(listening, Entrances((8101,))) as found:
        ((sock, kind),) = found.items()
        assert (sock.getsockname(), kind) == (("127.0.0.1", 8101), API)
        assert attaching.is_elsewhere(sock, kind)
        assert within(lambda: connect("127.0.0.1", 8101)) is True
        assert isinstance(within(lambda: connect("192.0.2.7", 443)), OSError)


def test_every_address_leads_to_those_for_anywhere(listening: socket.socket, within: Within) -> None:
    with entrances.opened(listening, Entrances((8101,), anywhere=True)) as found:
        assert list(found.values()) == [API, TRANSPARENT, TRANSPARENT, NAMES]
        assert all(attaching.is_elsewhere(sock, kind) for sock, kind in found.items())
        by_port = {sock.getsockname()[1]: sock for sock in found}
        for host, port in (("192.0.2.7", 443), ("8.8.8.8", 80), ("169.254.169.254", 80)):
            assert within(lambda host=host, port=port: connect(host, port)) is True
            accepted, _ = by_port[port].accept()
            assert accepted.getsockname() == (host, port)
            accepted.close()
        refused = within(lambda: connect("192.0.2.7", 8443))
        assert isinstance(refused, ConnectionRefusedError)
        assert within(socket.if_nameindex) == [(1, "lo")]


def test_a_port_that_is_taken_in_there_is_said(
    listening: socket.socket, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        pytest.raises(CannotIsolate, match="cannot be opened"),
        entrances.opened(listening, Entrances((9128,))),
    ):
        pass
    assert "Address already in use" in capfd.readouterr().err


def test_nothing_is_done_where_nothing_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrances, "_made", lambda *_: pytest.fail("it was"))
    with socket.create_server(("127.0.0.1", 0)) as sock, entrances.opened(sock, Entrances()) as found:
        assert found == {}


def test_no_socket_of_another_kind_is_taken_for_one(listening: socket.socket) -> None:
    with entrances.opened(listening, Entrances((8101,), anywhere=True)) as found:
        api, *_, names = found
        assert not attaching.is_elsewhere(names, TRANSPARENT)
        assert not attaching.is_elsewhere(api, NAMES)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        assert not attaching.is_elsewhere(own, NAMES)


def test_it_is_run_by_itself() -> None:
    """With the standard library alone, as a file."""
    with open(entering.__file__) as file:  # noqa: PTH123 - as it is run
        assert "import wharfinger" not in file.read()
    assert os.path.exists(entering.__file__)  # noqa: PTH110
