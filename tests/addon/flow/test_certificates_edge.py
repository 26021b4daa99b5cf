"""A client certificate opens the connections of the tools that it is for, and no others."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from wharfinger.authoring import snapshot
from wharfinger.running import wiring

from tests.conftest import Origin

FILES = {
    "tools/example.yaml": """\
api: example
base: https://api.example.com
tools:
  - tool: get_item
    description: Read an item by certificate
    effect: read
    run: {method: GET, url: "/items/${id}", auth: {secret: CERT, in: tls}}
  - tool: get_both
    description: Read an item by certificate and key
    effect: read
    run: {method: GET, url: "/both/${id}", auth: [{secret: EXAMPLE_KEY}, {secret: CERT, in: tls}]}
  - tool: get_plain
    description: Read an item by key alone
    effect: read
    run: {method: GET, url: "/plain/${id}", auth: {secret: EXAMPLE_KEY}}
""",
    "credentials.yaml": """\
credentials:
  CERT: {kind: mtls, certificate: "file:client.pem", key: "file:client.key", hosts: [api.example.com]}
  EXAMPLE_KEY: {from: "file:example.key", hosts: [api.example.com, files.example.com]}
  OTHER_KEY: {from: "file:other.key", hosts: [other.example.com]}
""",
    "policies/everyday.yaml": (
        "policy: everyday\ndescription: Certificates\ntools: [get_item, get_both, get_plain]\n"
    ),
}


def made(name: str, issuer: Any = None) -> tuple[Any, x509.Certificate]:
    """A key and its certificate; without an `issuer` one that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    above, by = (subject, key) if issuer is None else (issuer[1].subject, issuer[0])
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(above, subject, key.public_key(), x509.random_serial_number(), start,
                                start + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(issuer is None, None), critical=True)
        .sign(by, hashes.SHA256())
    )  # fmt: skip
    return key, certificate


def pem(thing: Any) -> str:
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM).decode()
    return str(
        thing.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    )


@pytest.fixture(scope="module")
def issuer() -> Any:
    return made("clients' root")


@pytest.fixture
async def strict(test_ca: Any, issuer: Any) -> AsyncIterator[Origin]:
    """An origin that serves nobody without a certificate of that root."""
    context = test_ca.context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=pem(issuer[1]))
    server = Origin(context)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def certified(start: Any, strict: Origin, issuer: Any, tmp_path: Path) -> Any:
    key, certificate = made("client", issuer)
    from tests.addon.flow.conftest import SETTINGS

    files = {
        **FILES,
        "wharfinger.yaml": SETTINGS.format(port=strict.port, plain=strict.port),
        "client.pem": pem(certificate),
        "client.key": pem(key),
    }
    (tmp_path / "config").mkdir(mode=0o700)
    (tmp_path / "config" / "client.pem").touch(mode=0o600)
    async with start(files) as proxy:
        yield proxy, pem(key)


async def test_it_opens_the_connections_of_its_tools_alone(certified: Any, strict: Origin) -> None:
    proxy, key = certified
    assert (await proxy.request("GET", "/items/1", key=False)).status == 200
    assert (await proxy.request("GET", "/both/1")).status == 200
    tunnel = await proxy.connect()
    assert (await tunnel.request("GET", "/items/2", key=False)).status == 200
    assert (await tunnel.request("GET", "/items/3", key=False)).status == 200
    before = len(strict.requests)
    assert (await tunnel.request("GET", "/plain/1")).status == 502  # it has no part in that connection
    assert len(strict.requests) == before
    assert not [line for line in key.splitlines()[1:-1] if line in repr(await proxy.settled())]


async def test_a_connection_is_the_credentials(certified: Any, strict: Origin) -> None:
    proxy, _ = certified
    tunnel = await proxy.connect()
    for _ in range(3):
        assert (await tunnel.request("GET", "/items/2", key=False)).status == 200
    with_certificate = strict.connections
    assert (await tunnel.request("GET", "/both/1")).status == 200
    assert strict.connections == with_certificate + 1


@pytest.mark.parametrize("fault", ["no certificate", "no key", "another's key", "ended"])
async def test_one_that_cannot_be_used_is_told(
    certified: Any, tmp_path: Path, issuer: Any, fault: str
) -> None:
    proxy, _ = certified
    folder = proxy.folder
    if fault == "no certificate":
        (folder / "client.pem").write_text("x")
    elif fault == "no key":
        (folder / "client.key").write_text("x")
    elif fault == "another's key":
        (folder / "client.key").write_text(pem(made("another")[0]))
    else:
        key, old = issuer[0], x509.CertificateBuilder()
        past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        ended = (
            old.issuer_name(issuer[1].subject).subject_name(issuer[1].subject).public_key(key.public_key())
            .serial_number(7).not_valid_before(past).not_valid_after(past + datetime.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        (folder / "client.pem").write_text(pem(ended))
        (folder / "client.key").write_text(pem(key))
    found = await proxy.runtime.credentials.refresh("CERT")
    assert len(found) == 1
    assert "BEGIN" not in str(found[0])


@pytest.mark.parametrize(
    ("auth", "kind"),
    [
        ("{secret: CERT}", "mtls"),
        ("{secret: EXAMPLE_KEY, in: tls}", "bearer"),
        ("{secret: CERT, in: sigv4}", "mtls"),
    ],
)
def test_a_kind_has_its_own_place(tmp_path: Path, auth: str, kind: str) -> None:
    from tests.addon.flow.conftest import OTHERS, SETTINGS, write_folder

    files = {**OTHERS, **FILES, "wharfinger.yaml": SETTINGS.format(port=1, plain=1)}
    files["tools/example.yaml"] = files["tools/example.yaml"].replace("{secret: CERT, in: tls}", auth, 1)
    write_folder(tmp_path, files)
    with pytest.raises(wiring.CannotStart, match=f"is of the kind {kind}, which does not go with"):
        wiring.load(snapshot.read(tmp_path))


@pytest.mark.parametrize(
    ("value", "shown"), [("Negotiate", None), ("NTLM TlRMTVNTUAAC", None), ("Basic realm=a", "Basic realm=a")]
)
async def test_challenges_that_bind_connections_are_stripped(
    proxy: Any, origin: Any, reply: Any, value: str, shown: str | None
) -> None:
    origin.answer = lambda _: reply(status=401, headers=[("WWW-Authenticate", value)])
    answered = await proxy.request("GET", "/items/1")
    assert (answered.status, answered.headers.get("www-authenticate")) == (401, shown)


@pytest.mark.parametrize("host", ["api.example.com", "plain.example.com"])
@pytest.mark.parametrize("value", ["NTLM TlRMTVNTUAAB", "Negotiate YII="])
async def test_logins_that_bind_connections_are_refused(
    proxy: Any, origin: Any, plain_origin: Any, host: str, value: str
) -> None:
    if host == "api.example.com":
        answered = await proxy.request("GET", "/items/1", [("Authorization", value)], key=False)
        assert (answered.status, answered.code) == (403, "misuse")
    else:
        raw = (
            f"GET http://{host}/x HTTP/1.1\r\nHost: {host}\r\nAuthorization: {value}\r\n"
            f"Proxy-Authorization: {proxy.proxy_auth()}\r\n\r\n"
        )
        assert b'"misuse"' in await proxy.plain(raw.encode())
    assert not origin.requests
    assert not plain_origin.requests
