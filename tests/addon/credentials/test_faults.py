"""Faults of whatever a credential is had from: each ends in time, gives no value, and is told plainly."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from standins.faulty import ENDLESS, FAULTS, SAID, SLOW, Faulty
from wharfinger.credentials import asking
from wharfinger.credentials.registry import Credentials, CredentialUnavailable
from wharfinger.credentials.sources import CommandSource, Environment
from wharfinger.credentials.stores import aws
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.models.sources import DeclaredSource

VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
LATER = "2099-01-01T00:00:00Z"
TOKEN = jwt.encode({"exp": 4070908800}, "k" * 32, algorithm="HS256")
GOOD = json.dumps({
    "access_token": VALUE, "token_type": "Bearer", "expires_in": 3600, "token": VALUE, "expires_at": LATER,
    "id_token": TOKEN, "data": {"ttl": 0, "data": {"value": VALUE}, "metadata": {"version": 1}},
    "SecretString": VALUE, "VersionId": "1", "Parameter": {"Value": VALUE, "Version": 1},
    "payload": {"data": base64.b64encode(VALUE.encode()).decode()}, "value": VALUE, "id": "x/1",
}).encode()  # fmt: skip
"""What each of the servers would be happy to have said."""
ROLE = (
    "<AssumeRoleResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleResult><Credentials>"
    f"<AccessKeyId>ASIAROLEROLEROLE</AccessKeyId><SecretAccessKey>{VALUE}</SecretAccessKey>"
    f"<SessionToken>session-0123456789</SessionToken><Expiration>{LATER}</Expiration>"
    "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
).encode()
KEYS = {"access_key": "file:access", "secret_key": "file:secret"}
STORES: dict[str, dict[str, Any]] = {
    "vault by a token": {"kind": "vault", "token": "file:secret"},
    "aws_secrets": {"kind": "aws_secrets", "region": "eu-central-1", **KEYS},
    "aws_parameters": {"kind": "aws_parameters", "region": "eu-central-1", **KEYS},
    "google_secrets": {"kind": "google_secrets", "project": "acme", "key": "file:account"},
    "azure_vault": {
        "kind": "azure_vault", "tenant": "t", "client_id": "a", "client_secret": "file:secret",
        "login_at": "@",
    },
}  # fmt: skip
MINTED: dict[str, dict[str, Any]] = {
    "oauth2": {"kind": "oauth2", "token_url": "@/token", "client_id": "a", "client_secret": "file:secret"},
    "oauth2 by a refresh token": {
        "kind": "oauth2", "token_url": "@/token", "client_id": "a", "client_secret": "file:secret",
        "refresh": "file:refresh",
    },
    "github_app": {"kind": "github_app", "app_id": "1", "installation": "2", "key": "file:key", "api_url": "@"},  # noqa: E501
    "google": {"kind": "google", "key": "file:account", "scopes": ["a"]},
    "google's ID token": {"kind": "google", "key": "file:account", "audience": "https://a.example"},
    "azure by a secret": {
        "kind": "azure", "tenant": "t", "client_id": "a", "scopes": ["s"], "client_secret": "file:secret",
        "api_url": "@",
    },
    "azure by a certificate": {
        "kind": "azure", "tenant": "t", "client_id": "a", "scopes": ["s"], "certificate": "file:pair",
        "api_url": "@",
    },
    "jwt, exchanged": {
        "kind": "jwt", "algorithm": "RS256", "key": "file:key", "token_url": "@/token", "claims": {"a": "b"},
    },
    "a role of AWS": {"kind": "aws", **KEYS, "role": "arn:aws:iam::123456789012:role/r", "api_url": "@/sts"},
}  # fmt: skip
WAYS = (*STORES, *MINTED)


def good(path: str) -> bytes:
    body = ROLE if path == "/sts" else GOOD
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )


@pytest.fixture(scope="module")
def pems() -> tuple[str, str]:
    """A private key, and a certificate for it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    certificate = made.not_valid_after(datetime(2099, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def server() -> Iterator[Faulty]:
    made = Faulty(good)
    yield made
    made.close()


type Load = Callable[[str], Any]


@pytest.fixture
def load(server: Faulty, tmp_path: Path, pems: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Load:
    """Have the credential K by one of the ways, from the server: what is wrong, and the registry."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    folder = tmp_path / "conf"
    folder.mkdir(mode=0o700)
    account = {"client_email": "a@b.iam", "private_key": pems[0], "private_key_id": "k"}
    files = {
        "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "access": "AKIAIOSFODNN7EXAMPLE",
        "key": pems[0], "pair": pems[1] + pems[0], "refresh": "refresh-0123456789",
        "account": json.dumps(account | {"token_uri": f"{server.url}/token"}),
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)

    async def loading(way: str, url: str = "") -> Any:
        written = json.loads(
            json.dumps(STORES.get(way) or MINTED[way]).replace('"@', f'"{url or server.url}')
        )
        sources = {}
        if way in STORES:
            sources["src"] = DeclaredSource.model_validate({"address": url or server.url, **written})
            written = {"from": "src:prod#value" if "vault by" in way else "src:prod"}
        credential = Credential.model_validate({"hosts": ["api.example.com"], **written})
        credentials = Credentials(Environment({}))  # another each time: a client keeps its time limit
        return await credentials.load({"K": credential}, folder, (), sources), credentials

    return loading


def none_of_it(problems: Any, credentials: Credentials) -> None:
    assert len(problems) == 1
    assert SAID.decode() not in str(problems[0])
    assert VALUE not in str(problems[0])
    with pytest.raises(CredentialUnavailable) as unavailable:
        credentials.current("K")
    assert SAID.decode() not in str(unavailable.value)
    assert credentials.failures["K"] >= 1


@pytest.mark.parametrize("way", WAYS)
async def test_the_control_is_had_from_a_server_without_faults(load: Load, way: str) -> None:
    problems, credentials = await load(way)
    assert problems == ()
    held = credentials.current("K").reveal()
    assert (VALUE in held) or held == TOKEN


@pytest.mark.parametrize("way", WAYS)
async def test_no_fault_of_a_server_gives_a_value_or_is_waited_for(
    load: Load, server: Faulty, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be waited for goes on until the test ends, so a wait without a bound would be seen."""
    elsewhere = Faulty(good)
    server.elsewhere = elsewhere.url
    try:
        for fault in FAULTS:
            server.fault = fault
            seconds = 0.1 if fault in SLOW else 10.0
            monkeypatch.setattr(asking, "SECONDS", seconds)
            monkeypatch.setattr(aws, "_SECONDS", seconds)
            monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
            problems, credentials = await load(way)
            none_of_it(problems, credentials)
            expected = {
                "is oversized": "answered more than", "never ends": "answered more than",
                "sends a bomb": "answered in an encoding",
                **dict.fromkeys(SLOW, "took longer than 0.1 seconds"),
            }.get(fault, "")  # fmt: skip
            assert expected in problems[0].message, (fault, problems[0].message)
        assert elsewhere.asked == []
    finally:
        elsewhere.close()


@pytest.mark.parametrize("way", WAYS)
async def test_a_dead_server_and_a_name_that_is_none_are_told(load: Load, way: str) -> None:
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{dead.getsockname()[1]}"
        if way not in {"google_secrets", "google", "google's ID token"}:  # their key says where it is
            problems, credentials = await load(way, url)
            none_of_it(problems, credentials)
            assert "cannot be asked: ConnectError" in problems[0].message


async def test_a_name_that_is_looked_up_for_ever_is_not_waited_for(
    load: Load, server: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look-up runs in a thread, which no time-out ends: it must not be waited for at the end, either."""
    stop = threading.Event()

    def stuck(*_: Any, **__: Any) -> Any:
        stop.wait(60)
        raise socket.gaierror("stopped")

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    monkeypatch.setattr(asking, "SECONDS", 0.1)
    try:
        problems, credentials = await load("oauth2", server.url.replace("127.0.0.1", "localhost"))
        assert not stop.is_set()
        none_of_it(problems, credentials)
        assert "took longer than" in problems[0].message
    finally:
        stop.set()


@pytest.mark.parametrize("way", ["vault by a token", "azure_vault", *MINTED])
async def test_what_has_ended_already_is_no_value(
    load: Load, server: Faulty, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = json.loads(GOOD)
    if way == "vault by a token":
        held["data"]["metadata"]["deletion_time"] = "2020-01-01T00:00:00Z"
    elif way == "azure_vault":
        held["attributes"] = {"exp": 1577836800}
    else:
        ended = jwt.encode({"exp": 1577836800}, "k" * 32, algorithm="HS256")
        held |= {"expires_in": -1, "expires_at": "2020-01-01T00:00:00Z", "id_token": ended}
    monkeypatch.setitem(globals(), "GOOD", json.dumps(held).encode())
    monkeypatch.setitem(globals(), "ROLE", ROLE.replace(LATER.encode(), b"2020-01-01T00:00:00Z"))
    problems, credentials = await load(way)
    none_of_it(problems, credentials)
    assert "ended" in problems[0].message or "no token that holds" in problems[0].message


COMMANDS = {
    "says nothing": ("sleep 60", "took longer than"),
    "drips": ("while :; do printf x; sleep 0.05; done", "took longer than"),
    "leaves one behind that drips": ("(while :; do printf x; sleep 0.05; done) & exit 0", "took longer than"),
    "never ends": ("exec cat /dev/zero", "prints more than"),
    "fails": (f"echo {SAID.decode()}; exit 3", "exit code 3"),
    "is killed": ("kill -9 $$", "signal 9"),
    "says nothing and ends": (":", "empty"),
    "gives no text": (r"printf '\377\376'", "does not give text"),
    "gives two lines": (f"printf '{VALUE}\\nX-Evil: 1'", "line"),
    "gives too little": ("printf sk_1", "fewer than 16 bytes"),
}


@pytest.mark.parametrize("fault", COMMANDS)
async def test_no_fault_of_a_command_gives_a_value_or_is_waited_for(
    script: Any, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, told = COMMANDS[fault]
    monkeypatch.setattr(CommandSource.__init__, "__defaults__", (0.3,))
    credentials = Credentials(Environment({}))
    credential = Credential.model_validate({"from": f"exec:[{script(body)}]", "hosts": ["a.example.com"]})
    problems = await credentials.load({"K": credential}, tmp_path)
    none_of_it(problems, credentials)
    assert told in problems[0].message


def fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)


FILES: dict[str, Callable[[Path], Any]] = {
    "is not there": lambda _: None,
    "is a pipe that nobody writes to": fifo,
    "never ends": lambda path: path.symlink_to("/dev/zero"),
    "is a folder": lambda path: path.mkdir(),
    "is empty": lambda path: path.write_bytes(b""),
    "is no text": lambda path: path.write_bytes(b"\xff\xfe" * 20),
    "is of two lines": lambda path: path.write_text(f"{VALUE}\nX-Evil: 1\n"),
    "is oversized": lambda path: path.write_text("x" * 100_000),
    "is half written": lambda path: path.write_text("sk_"),
}


@pytest.mark.parametrize("fault", FILES)
async def test_no_fault_of_a_file_gives_a_value_or_is_waited_for(tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "conf"
    folder.mkdir(mode=0o700)
    FILES[fault](folder / "key")
    if (folder / "key").is_file() and not (folder / "key").is_symlink():
        (folder / "key").chmod(0o600)
    credentials = Credentials(Environment({}))
    credential = Credential.model_validate({"from": "file:key", "hosts": ["a.example.com"]})
    none_of_it(await credentials.load({"K": credential}, folder), credentials)


def test_every_fault_is_one_of_the_table() -> None:
    """The control of the control: the table is not empty, and each name stands once."""
    assert len(set(FAULTS)) == len(FAULTS) > 20
    assert set(SLOW) | set(ENDLESS) < set(FAULTS)
    assert time.time() < 4070908800
