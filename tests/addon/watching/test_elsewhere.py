"""What is had of a proxy elsewhere goes to that address alone, over TLS that is trusted."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from wharfinger.certs.authority import Authority
from wharfinger.faults import Fault
from wharfinger.watching.elsewhere import Api, client

ASKED: list[str] = []


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ASKED.append(self.path)
        body = json.dumps({"steps": [], "note": "told"} if self.path.endswith("steps") else []).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "ca")


@pytest.fixture
def url(authority: Authority, tmp_path: Path) -> Iterator[str]:
    """A console with a certificate of an authority of its own."""
    (tmp_path / "leaf.pem").write_bytes(authority.leaf("localhost").pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.pem")
    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    ASKED.clear()
    yield f"https://localhost:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_console_of_ones_own_authority(url: str, authority: Authority) -> None:
    with client(url, "wt_x", authority.certificate_file) as found:
        assert Api(found).waiting() == []
        assert Api(found).retell({"decision": "d_1/../x"}) == {"steps": [], "note": "told"}
    assert ASKED == ["/api/v1/approvals", "/api/v1/audit/d_1%2F..%2Fx/steps"]


def test_without_it_nothing_is_asked(url: str, tmp_path: Path) -> None:
    other = Authority.create(tmp_path / "other")
    for trusted in (None, other.certificate_file):
        with client(url, "wt_x", trusted) as found, pytest.raises(Fault):
            Api(found).waiting()
    assert ASKED == []


def test_a_file_that_is_no_authority(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("no certificate")
    for name in ("empty", "text", "missing"):
        with pytest.raises(Fault, match="no certificate"):
            client("https://console.example.com", "wt_x", tmp_path / name)


@pytest.mark.parametrize(
    "url", ["http://console.example.com", "ftp://localhost", "https://a:b@localhost", "x"]
)
def test_an_address_that_will_not_do(url: str) -> None:
    with pytest.raises(Fault):
        client(url, "wt_x")
