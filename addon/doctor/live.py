"""Checks through a running proxy: that it refuses what is forbidden, and writes that down.

Without one, a proxy is started for the time of the check, as `up` would start it.
"""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from wharfinger.audit import reader
from wharfinger.control.client import Client
from wharfinger.doctor.findings import Finding, fail, ok, remark
from wharfinger.faults import Fault
from wharfinger.keeping.keys import Keys
from wharfinger.running.desk import DataFolder
from wharfinger.running.door import Door

HOST = "wharfinger-doctor.invalid"
"""A name that no rule allows, and that no server has (RFC 6761)."""
_START_SECONDS = 30.0
_ANSWER_SECONDS = 20.0


class NotStarted(Fault):
    """The proxy of the check did not start."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a proxy says of itself, and whose agents it has."""

    status: Mapping[str, Any]
    agents: tuple[Mapping[str, Any], ...]


@contextlib.contextmanager
def a_proxy(configuration: Path, data: Path, *, served: bool) -> Iterator[Standing]:
    """The running proxy, or one that is ended with the block. Raises `NotStarted`."""
    if served:
        yield _standing(data)
        return
    with tempfile.TemporaryDirectory(prefix="wharfinger-doctor-") as folder:
        ready, said = Path(folder) / "ready", Path(folder) / "said"
        command = [
            sys.executable, "-m", "wharfinger.cli.main", "up",
            "--config", str(configuration), "--ready-file", str(ready),
        ]  # fmt: skip
        with said.open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _await(process, ready, said)
            yield _standing(data)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(process: subprocess.Popen[bytes], ready: Path, said: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > end:
            words = said.read_text(errors="replace").strip() or "it said nothing"
            raise NotStarted(f"a proxy does not start here:\n{words}", "mend what is named")
        time.sleep(0.05)


def _standing(data: Path) -> Standing:
    with Client.connect(data, 15) as client:
        status: Any = client.do("status")
        rows: Any = client.do("agents.list")
    return Standing(status, tuple(rows))


def status(standing: Standing) -> Iterator[Finding]:
    """How the proxy is."""
    said = standing.status
    yield ok("proxy", f"process {said['pid']} serves on {said['proxy']}, console {said['console']}")
    for missed in said["self_test"]:
        yield fail("self-test", f"all is refused, for {missed}", "mend it; the test is made again by itself")
    if said["refused_reload"]:
        text = "the last reload was refused: the configuration in force is an older one"
        yield fail("proxy", text, "wharfinger check, then wharfinger reload")
    if said["observed"]:
        text = f"policies of {', '.join(said['observed'])} observe: not all they deny is refused"
        yield remark("policies", text, "end `mode: observe` once you have seen enough")
    if said["denials"]:
        text = f"{said['denials']} emergency denials are in force"
        yield remark("denials", text, "wharfinger deny list")
    if said["book"] != "writable":
        yield fail("book", f"it cannot be written, so all is refused: {said['book']}", "mend it and restart")


def refusal(standing: Standing, data: Path) -> Iterator[Finding]:
    """Whether a forbidden request is refused, an unknown agent turned away, and both written down."""
    proxy = str(standing.status["proxy"])
    yield from _stranger(proxy)
    row = next((row for row in standing.agents if row["status"] == "active" and row["id"]), None)
    if row is None:
        yield remark("refusal", "there is no active agent to try it with", "declare one in agents.yaml")
        return
    token = Keys.open(data).agent_token(row["id"], row["generation"])
    door = Door(row["name"], token, proxy)
    trusted = ssl.create_default_context(cafile=str(DataFolder(data).client / "bundle.pem"))
    try:
        answer = _get(f"https://{HOST}/", door.url, trusted)
    except httpx2.HTTPError as error:
        why = str(error) or type(error).__name__
        yield fail("refusal", f"the proxy gave no answer to a forbidden request: {why}", "restart it")
        return
    decision = answer.headers.get("wharfinger-decision", "")
    if answer.status_code != 403 or not decision.startswith("d_"):
        yield fail(
            "refusal",
            f"a request to {HOST} was answered {answer.status_code}, not refused with 403",
            f"look at what the policies of {row['name']} allow: wharfinger explain "
            f"--agent {row['name']} GET https://{HOST}/",
        )
    elif not _written(DataFolder(data).audit, decision):
        yield fail("refusal", f"the refusal {decision} is not in the book", "wharfinger audit verify")
    else:
        yield ok("refusal", f"a forbidden request of {row['name']} was refused, and is in the book")


def _stranger(proxy: str) -> Iterator[Finding]:
    try:
        answer = _get(f"http://{HOST}/", proxy, None)
    except httpx2.HTTPError as error:
        why = str(error) or type(error).__name__
        yield fail("identity", f"{proxy} gave no answer to a request without a token: {why}", "restart it")
        return
    if answer.status_code == 407:
        yield ok("identity", "a request without an agent's token was turned away")
    else:
        text = f"a request without an agent's token was answered {answer.status_code}, not 407"
        yield fail("identity", text, f"see that {proxy} is this proxy, and restart it")


def _get(url: str, proxy: str, trusted: ssl.SSLContext | None) -> httpx2.Response:
    verify = trusted if trusted is not None else True
    with httpx2.Client(proxy=proxy, verify=verify, trust_env=False, timeout=_ANSWER_SECONDS) as client:
        return client.get(url)


def _written(folder: Path, decision: str) -> bool:
    end = time.monotonic() + 2
    while True:
        found = reader.tail(folder, 500)
        if any(record.members.get("decision") == decision and record.kind == "denied" for record in found):
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
