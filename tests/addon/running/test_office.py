"""The office is a process of its own: it answers to its own names only, and goes with the proxy."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from wharfinger.faults import Fault
from wharfinger.rules.models.values import Endpoint
from wharfinger.running.listening import bind
from wharfinger.running.office import Office


async def get(office: Office, path: str, host: str | None = None) -> str:
    async with asyncio.timeout(10):
        while True:
            try:
                reader, writer = await asyncio.open_connection(*office.address)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            own = f"{office.address[0]}:{office.address[1]}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host or own}\r\nConnection: close\r\n\r\n".encode())
            answer = (await reader.read()).decode()
            writer.close()
            return answer


@pytest.fixture
async def office(tmp_path: Path):
    started = await Office.start(Endpoint("127.0.0.1", 0), tmp_path)
    yield started
    await started.stop()


async def test_it_says_that_no_proxy_serves(office: Office) -> None:
    health = await get(office, "/healthz")
    assert health.startswith("HTTP/1.1 503")
    assert '"unreachable"' in health


@pytest.mark.parametrize(
    "host", ["evil.example.com", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example.com"]
)
async def test_it_answers_to_its_own_names_only(office: Office, host: str) -> None:
    assert (await get(office, "/", host)).startswith("HTTP/1.1 421")


async def test_its_pages_load_nothing_from_elsewhere(office: Office) -> None:
    page = await get(office, "/sign-in")
    assert page.startswith("HTTP/1.1 200")
    assert "default-src 'none'" in page
    assert "://" not in page.partition("\r\n\r\n")[2]


async def test_it_makes_way_for_the_proxy(office: Office) -> None:
    await get(office, "/healthz")
    assert office._process.pid
    assert os.getpriority(os.PRIO_PROCESS, office._process.pid) > os.getpriority(os.PRIO_PROCESS, 0)


async def test_it_inherits_nothing_of_the_environment(office: Office) -> None:
    environ = Path(f"/proc/{office._process.pid}/environ").read_bytes()
    assert environ.split(b"\0") == [b"PYTHONDONTWRITEBYTECODE=1", b""]


async def test_it_goes_when_the_proxy_is_gone(office: Office) -> None:
    await get(office, "/")
    assert office._process.stdin is not None
    office._process.stdin.close()  # what the kernel does for a proxy that was killed
    async with asyncio.timeout(5):
        await office._process.wait()


async def test_a_taken_port_is_a_plain_fault(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        with pytest.raises(Fault, match="cannot listen on") as raised:
            await Office.start(Endpoint("127.0.0.1", taken.getsockname()[1]), tmp_path)
    assert "console:" in raised.value.hint
