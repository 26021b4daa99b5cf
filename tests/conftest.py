"""What many tests share: an origin that keeps its own record, and certificates for it."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import h11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import settings
from wharfinger.turns import Loop

settings.register_profile("shared", deadline=None)  # machines are shared: time is for the benches to judge
settings.load_profile("shared")

HOSTS = (
    "api.stripe.com",
    "api.github.com",
    "api.example.com",
    "other.example.com",
    "files.example.com",
    "localhost",
)


@dataclass(frozen=True)
class TestCa:
    """A certificate authority for origins, and one certificate for all their names."""

    __test__ = False
    root: Path
    chain: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain)
        return context


def make_ca(folder: Path, hosts: tuple[str, ...] = HOSTS) -> TestCa:
    now = datetime.datetime.now(datetime.UTC)

    def build(name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Name) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=2))
        )

    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "origin test root")])
    root = (
        build("origin test root", root_key, root_name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        build("origin", leaf_key, root_name)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    root_path, chain_path = folder / "origin-root.pem", folder / "origin-chain.pem"
    root_path.write_bytes(root.public_bytes(pem))
    chain_path.write_bytes(
        leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + leaf.public_bytes(pem)
    )
    return TestCa(root_path, chain_path)


@dataclass
class Seen:
    """One request, as the origin received it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[0] if len(values) == 1 else None


@dataclass
class Reply:
    """What the origin answers."""

    status: int = 200
    body: bytes = b'{"ok": true}'
    headers: list[tuple[str, str]] = field(default_factory=lambda: [("Content-Type", "application/json")])
    chunks: list[bytes] | None = None
    raw: bytes | None = None
    delay: float = 0.0


type Answer = Callable[[Seen], Reply | Awaitable[Reply]]


class Origin:
    """An HTTPS server that counts every byte it is sent and keeps every request."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self.requests: list[Seen] = []
        self.bytes_received = 0
        self.connections = 0
        self.answer: Answer = lambda _seen: Reply()
        self.hold_handshake: asyncio.Event | None = None
        self._server: asyncio.Server | None = None
        self._gate: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        inner = self._server.sockets[0].getsockname()[1]

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """Count raw bytes, and delay the handshake where a test asks for it."""
            self.connections += 1
            try:
                first = await reader.read(65536)
                self.bytes_received += len(first)
                if self.hold_handshake is not None:
                    await self.hold_handshake.wait()
                in_reader, in_writer = await asyncio.open_connection("127.0.0.1", inner)
                in_writer.write(first)

                async def pump(
                    source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, count: bool
                ) -> None:
                    try:
                        while data := await source.read(65536):
                            self.bytes_received += len(data) if count else 0
                            sink.write(data)
                            await sink.drain()
                    except OSError:
                        pass
                    finally:
                        sink.close()

                await asyncio.gather(
                    pump(reader, in_writer, count=True), pump(in_reader, writer, count=False)
                )
            except (OSError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        self._gate = await asyncio.start_server(relay, "127.0.0.1", 0)
        self.port = self._gate.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        for server in (self._gate, self._server):
            if server is not None:
                server.close()
                server.close_clients()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self.connections
        try:
            while await self._one(reader, writer, number):
                pass
        except (OSError, h11.RemoteProtocolError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        conn = h11.Connection(h11.SERVER)
        request: h11.Request | None = None
        body = bytearray()
        while True:
            event = conn.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(65536)
                if not data and request is None:
                    return False
                conn.receive_data(data)
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return False
        assert request is not None
        seen = Seen(
            request.method.decode(),
            request.target.decode(),
            [(name.decode(), value.decode("latin-1")) for name, value in request.headers.raw_items()],
            bytes(body),
            number,
        )
        self.requests.append(seen)
        made = self.answer(seen)
        reply = made if isinstance(made, Reply) else await made
        if reply.raw is not None:
            writer.write(reply.raw)
            await writer.drain()
            return False
        head = f"HTTP/1.1 {reply.status} OK\r\n" + "".join(f"{n}: {v}\r\n" for n, v in reply.headers)
        if reply.chunks is None:
            body_out = b"" if seen.method == "HEAD" else reply.body
            writer.write(f"{head}Content-Length: {len(reply.body)}\r\n\r\n".encode("latin-1") + body_out)
            await writer.drain()
            return True
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode("latin-1"))
        for chunk in reply.chunks:
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            await writer.drain()
            await asyncio.sleep(reply.delay)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test runs on the event loop that the proxy runs on."""
    return {"turns": Loop}


@pytest.fixture(scope="session")
def test_ca(tmp_path_factory: pytest.TempPathFactory) -> TestCa:
    return make_ca(tmp_path_factory.mktemp("origin-ca"))


@pytest.fixture
async def origin(test_ca: TestCa) -> AsyncIterator[Origin]:
    server = Origin(test_ca.context())
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def plain_origin() -> AsyncIterator[Origin]:
    server = Origin(None)
    await server.start()
    yield server
    await server.stop()
