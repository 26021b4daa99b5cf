"""A loopback proxy that answers every request itself and keeps what it was sent.

Clients run unmodified, with `HTTPS_PROXY` set and a throw-away CA in their trust bundles, so that what
is recorded is what they send to the real host, byte for byte. No request goes any further.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as a client sent it, and the host it believed it was talking to."""

    host: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def as_json(self) -> dict[str, Any]:
        try:
            body: dict[str, str] = {"body": self.body.decode("utf-8")}
        except UnicodeDecodeError:
            body = {"body_base64": base64.b64encode(self.body).decode("ascii")}
        return {
            "host": self.host,
            "method": self.method,
            "target": self.target,
            "headers": [list(pair) for pair in self.headers],
            **body,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What the recorder replies with."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Answer:
        return cls(json.dumps(value).encode(), status=status)

    @classmethod
    def events(cls, *events: tuple[str, Any]) -> Answer:
        """Server-sent events; a value that is a string is sent as it stands."""
        text = "".join(
            (f"event: {name}\n" if name else "")
            + f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n"
            for name, value in events
        )
        return cls(text.encode(), "text/event-stream")


type Replier = Callable[[Recorded], Answer]


class Recorder:
    """The proxy; `requests` holds what came since `clear`, `reply` decides the answers."""

    def __init__(self, folder: Path, hosts: tuple[str, ...]) -> None:
        self.bundle = folder / "ca.pem"
        self.requests: list[Recorded] = []
        self.reply: Replier = lambda _: Answer.json({})
        self.tls = _server_context(folder, self.bundle, hosts)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextlib.contextmanager
    def running(self) -> Iterator[Recorder]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(5)


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        authority = ""

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

        def do_CONNECT(self) -> None:
            self.authority = self.path.removesuffix(":443")
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            self.connection = recorder.tls.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb", -1)
            self.wfile = self.connection.makefile("wb", 0)
            self.close_connection = False

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                super().handle()

        def answer(self) -> None:
            if self.headers.get("Expect", "").lower() == "100-continue":
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request = Recorded(
                self.authority, self.command, self.path, tuple(self.headers.items()), self._read_body()
            )
            recorder.requests.append(request)
            answer = recorder.reply(request)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 (http.server's names)

        def _read_body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

    return Handler


def _server_context(folder: Path, bundle: Path, hosts: tuple[str, ...]) -> ssl.SSLContext:
    """A context with a leaf for all `hosts`, under a CA that lives as long as the recording."""
    now = datetime.now(UTC)

    def certificate(
        subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, *, ca: bool
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        )

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    subject_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    ca = (
        certificate("recorder", "recorder", ca_key, ca=True)
        .add_extension(usage, critical=True)
        .add_extension(subject_id, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    leaf = (
        certificate("recorded", "recorder", key, ca=False)
        .add_extension(names, critical=False)
        .add_extension(authority_id, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    bundle.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    chain = folder / "leaf.pem"
    chain.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + leaf.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context
