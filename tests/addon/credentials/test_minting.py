"""Tokens are had from servers that check what they are sent, as the real ones do; every failure is told."""

from __future__ import annotations

import base64
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from wharfinger.credentials import minting
from wharfinger.credentials.fetching import fetch
from wharfinger.credentials.registry import Credentials, CredentialUnavailable
from wharfinger.credentials.sources import Asked, Environment, Means, NotFetched
from wharfinger.rules.models.credentials import Credential

SECRET = "client+secret/of:the%client"
FIRST, SECOND = "refresh_1_aaaaaaaaaaaaaaaa", "refresh_2_bbbbbbbbbbbbbbbb"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass
class Server:
    """A token endpoint: of OAuth 2 (RFC 6749), of Google's service accounts, and of GitHub's Apps."""

    public: str
    url: str = ""
    seen: list[str] = field(default_factory=list)
    refresh: str = FIRST
    rotates: bool = True
    life: Any = 3600
    reply: Callable[[], tuple[int, bytes]] | None = None
    tokens: int = 0

    def answer(self, path: str, headers: Any, form: dict[str, str]) -> tuple[int, bytes]:
        self.seen.append(path)
        if self.reply is not None:
            return self.reply()
        if path.startswith("/app/installations/456/"):
            return self._github(headers)
        if form.get("grant_type") == GRANT:
            claims = jwt.decode(
                form["assertion"], self.public, algorithms=["RS256"], audience=f"{self.url}/token"
            )
            good = claims["iss"] == "robot@example.iam" and claims["scope"] == "a b"
            return self._token() if good else (400, b"{}")
        login = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode().split(":")
        if [unquote(part) for part in login] != ["client", SECRET]:
            return 401, b'{"error": "invalid_client"}'
        if form["grant_type"] == "client_credentials":
            return self._token()
        if form["grant_type"] != "refresh_token" or form["refresh_token"] != self.refresh:
            return 400, b'{"error": "invalid_grant"}'
        if self.rotates:
            self.refresh = SECOND if self.refresh == FIRST else FIRST
        return self._token(refresh_token=self.refresh)

    def _github(self, headers: Any) -> tuple[int, bytes]:
        claims = jwt.decode(
            headers["authorization"].removeprefix("Bearer "), self.public, algorithms=["RS256"]
        )
        if claims["iss"] != "123" or claims["exp"] - claims["iat"] > 600:
            return 401, b"{}"
        self.tokens += 1
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        return 201, json.dumps({"token": f"ghs_{self.tokens:036}", "expires_at": until}).encode()

    def _token(self, **more: str) -> tuple[int, bytes]:
        self.tokens += 1
        held = {"access_token": f"token_{self.tokens:020}", "token_type": "Bearer", "expires_in": self.life}
        return 200, json.dumps({**held, **more}).encode()


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


@pytest.fixture
def server(keys: tuple[str, str]) -> Iterator[Server]:
    state = Server(keys[1])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            form = {k: v[0] for k, v in parse_qs(self.rfile.read(size).decode()).items()}
            status, body = state.answer(self.path, self.headers, form)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield state
        httpd.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "conf"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def declare(server: Server, folder: Path, keys: tuple[str, str]) -> Callable[..., Credential]:
    """`declare("oauth2", refresh=True)`: that credential, and its files."""
    account = {"client_email": "robot@example.iam", "private_key": keys[0], "private_key_id": "k1"}
    files = {
        "secret": SECRET,
        "refresh": FIRST,
        "app.pem": keys[0],
        "account": json.dumps(account | {"token_uri": f"{server.url}/token"}),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)

    def declared(kind: str, **more: Any) -> Credential:
        own: dict[str, Any] = {
            "oauth2": {
                "token_url": f"{server.url}/token",
                "client_id": "client",
                "client_secret": "file:secret",
            },
            "github_app": {
                "app_id": "123",
                "installation": "456",
                "key": "file:app.pem",
                "api_url": server.url,
            },
            "google": {"key": "file:account", "scopes": ("a", "b")},
        }[kind]
        return Credential.model_validate({"kind": kind, "hosts": ["api.example.com"], **own, **more})

    return declared


def had(credential: Credential, folder: Path) -> Any:
    return fetch("K", credential, Asked(folder, Means(Environment({}))))


@pytest.mark.parametrize(
    ("kind", "more"),
    [("oauth2", {}), ("oauth2", {"refresh": "file:refresh"}), ("github_app", {}), ("google", {})],
)
def test_a_token_is_had(declare: Any, folder: Path, server: Server, kind: str, more: Any) -> None:
    began = time.time()
    fetched = had(declare(kind, **more), folder)
    assert fetched.secret.reveal() in {f"token_{1:020}", f"ghs_{1:036}"}
    assert began + 3500 < fetched.expires <= time.time() + 3600
    assert began + 2800 < fetched.due < fetched.expires
    secrets = {"oauth2": SECRET, "github_app": "PRIVATE KEY", "google": "PRIVATE KEY"}
    assert any(secrets[kind] in text for text in fetched.hidden)


def test_a_refresh_token_that_is_replaced_is_written_back(declare: Any, folder: Path, server: Server) -> None:
    credential = declare("oauth2", refresh="file:refresh")
    for held in (SECOND, FIRST, SECOND):
        fetched = had(credential, folder)
        assert (folder / "refresh").read_text() == held == server.refresh
        assert held in fetched.hidden
    assert (folder / "refresh").stat().st_mode & 0o777 == 0o600


def test_one_that_cannot_be_written_back_gives_no_token(
    declare: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(minting.private, "replace", full)
    with pytest.raises(NotFetched, match="cannot be written"):
        had(declare("oauth2", refresh="file:refresh"), folder)


@pytest.mark.parametrize("kind", ["oauth2", "github_app", "google"])
@pytest.mark.parametrize(
    "reply",
    [
        (500, b"oops"),
        (302, b""),
        (401, b'{"error": "invalid_client", "secret": "echo_of_a_secret"}'),
        (200, b""),
        (200, b"echo_of_a_secret"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"access_token": "", "token": ""}'),
        (200, b'{"access_token": 7, "token": 7}'),
        (200, b'{"access_token": "token_00000000000000", "expires_in": 0, "token": "ghs_00000000000000000"}'),
        (200, b'{"access_token": "token_00000000000000", "expires_in": -1, "token": "ghs_00000000000000000",'
              b' "expires_at": "2020-01-01T00:00:00Z"}'),
        (200, b'{"access_token": "token_00000000000000", "expires_in": "x"}'),
        (200, b'{"access_token": "token_00000000000000", "token_type": "mac"}'),
        (200, b'{"access_token": "' + b"x" * 70_000 + b'"}'),
    ],
)  # fmt: skip
def test_what_is_no_token_is_none(declare: Any, folder: Path, server: Server, kind: str, reply: Any) -> None:
    server.reply = lambda: reply
    with pytest.raises(NotFetched) as failed:
        had(declare(kind), folder)
    assert "echo_of_a_secret" not in f"{failed.value.message}{failed.value.hint}"


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("google", "account", "{}"),
        ("google", "account", "no json"),
        ("github_app", "app.pem", "no key"),
        ("google", "account", json.dumps({"client_email": "a", "private_key": "b", "private_key_id": "c",
                                          "token_uri": "http://evil.example/token"})),
    ],
)  # fmt: skip
def test_a_key_that_is_none_is_told(declare: Any, folder: Path, kind: str, name: str, text: str) -> None:
    credential = declare(kind)
    (folder / name).write_text(text)
    with pytest.raises(NotFetched, match="key"):
        had(credential, folder)


def test_a_key_goes_nowhere_without_tls(declare: Any, folder: Path, keys: tuple[str, str]) -> None:
    credential = declare("google")
    account = {"client_email": "a", "private_key": keys[0], "private_key_id": "c"}
    (folder / "account").write_text(json.dumps(account | {"token_uri": "http://evil.example/token"}))
    with pytest.raises(NotFetched, match="token_uri"):
        had(credential, folder)


def test_a_dead_server_is_told(declare: Any, folder: Path) -> None:
    credential = declare("oauth2", token_url="http://127.0.0.1:9/token")
    with pytest.raises(NotFetched, match="cannot be asked"):
        had(credential, folder)


# In the registry


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_token_is_replaced_ahead_of_its_end_by_one_flight(
    declare: Any, folder: Path, server: Server, clock: Clock
) -> None:
    credentials = Credentials(Environment({}), clock)
    assert await credentials.load({"K": declare("oauth2")}, folder) == ()
    first = credentials.current("K").reveal()
    for _ in range(20):
        await credentials.ready(["K"])
    assert server.tokens == 1
    clock.ahead = 3000
    for _ in range(20):
        await credentials.ready(["K", "K"])  # the old one holds: nobody waits
        assert credentials.current("K").reveal() == first
    await credentials._flight("K")
    assert server.tokens == 2
    assert credentials.current("K").reveal() != first
    assert {first, credentials.current("K").reveal(), SECRET} <= set(credentials.redactions())


async def test_one_that_is_about_to_end_is_not_relied_on(
    declare: Any, folder: Path, server: Server, clock: Clock
) -> None:
    """Between the decision and the first byte it would end, and the request be refused for that."""
    credentials = Credentials(Environment({}), clock)
    await credentials.load({"K": declare("oauth2")}, folder)
    first = credentials.current("K").reveal()
    clock.ahead = 3599
    assert credentials.current("K").reveal() == first
    await credentials.ready(["K"])
    assert credentials.current("K").reveal() != first


async def test_one_that_has_ended_is_waited_for(
    declare: Any, folder: Path, server: Server, clock: Clock
) -> None:
    credentials = Credentials(Environment({}), clock)
    await credentials.load({"K": declare("oauth2")}, folder)
    first = credentials.current("K").reveal()
    clock.ahead = 4000
    with pytest.raises(CredentialUnavailable, match="has expired"):
        credentials.current("K")
    await credentials.ready(["K"])
    assert credentials.current("K").reveal() != first


async def test_a_failed_fetch_is_a_reason_and_never_an_old_token(
    declare: Any, folder: Path, server: Server, clock: Clock
) -> None:
    credentials = Credentials(Environment({}), clock)
    await credentials.load({"K": declare("oauth2")}, folder)
    first = credentials.current("K").reveal()
    server.reply = lambda: (503, b"")
    clock.ahead = 3000
    await credentials.refresh("K")
    assert credentials.current("K").reveal() == first  # which still holds
    assert "503" in credentials.standings()[0].problem
    asked = len(server.seen)
    await credentials.ready(["K"])
    assert not credentials._flights  # not again at once
    assert len(server.seen) == asked
    clock.ahead = 4000
    await credentials.ready(["K"])
    with pytest.raises(CredentialUnavailable, match=r"has expired: .*503"):
        credentials.current("K")
    server.reply = None
    clock.ahead = 4010
    await credentials.ready(["K"])
    assert credentials.current("K").reveal() != first
    assert not credentials.standings()[0].problem


async def test_a_file_that_is_replaced_is_taken_over_without_a_reload(
    declare: Any, folder: Path, clock: Clock
) -> None:
    credentials = Credentials(Environment({}), clock)
    declared = Credential.model_validate({"from": "file:secret", "hosts": ["api.example.com"]})
    await credentials.load({"K": declared}, folder)
    (folder / "secret").write_text("another_value_of_its_own")
    await credentials.ready(["K"])
    assert credentials.current("K").reveal() == SECRET
    clock.ahead = 60
    await credentials.ready(["K"])
    await credentials._flight("K")
    assert credentials.current("K").reveal() == "another_value_of_its_own"
    assert SECRET in credentials.redactions()
