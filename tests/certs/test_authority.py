"""One private authority for an installation, and leaves that strict clients accept."""

import ipaddress
import os
import shutil
import socket
import ssl
import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from wharfinger.certs import authority as module
from wharfinger.certs import build
from wharfinger.certs.authority import Authority, AuthorityError
from wharfinger.certs.errors import CertificateError

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


def extension[T: x509.ExtensionType](certificate: x509.Certificate, kind: type[T]) -> x509.Extension[T]:
    return certificate.extensions.get_extension_for_class(kind)


def test_the_key_is_private_and_the_certificate_public(authority: Authority) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in authority.folder.iterdir()}
    assert modes == {"ca.pem": 0o600, "ca-cert.pem": 0o644}
    assert stat.S_IMODE(authority.folder.stat().st_mode) == 0o700
    assert b"PRIVATE" not in authority.certificate_file.read_bytes()


def test_the_key_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Authority.create(tmp_path / "ca")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "ca" / "ca.pem").stat().st_mode) == 0o600


def test_the_ca_signs_leaves_only_and_lives_at_most_a_year(authority: Authority) -> None:
    certificate = authority.certificate
    constraints = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign) == (True, True, True)
    assert not usage.value.digital_signature
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=365)
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)


def test_no_two_installations_have_the_same_name(tmp_path: Path) -> None:
    first, second = (Authority.create(tmp_path / name).certificate for name in "ab")
    assert first.subject != second.subject
    assert first.public_key() != second.public_key()


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.stripe.com", x509.DNSName("api.stripe.com")),
        ("_dmarc.example.com", x509.DNSName("_dmarc.example.com")),
        ("xn--bcher-kva.example", x509.DNSName("xn--bcher-kva.example")),
        ("127.0.0.1", x509.IPAddress(ipaddress.ip_address("127.0.0.1"))),
        ("2001:db8::1", x509.IPAddress(ipaddress.ip_address("2001:db8::1"))),
        (".".join(["a" * 60] * 4), x509.DNSName(".".join(["a" * 60] * 4))),
    ],
)
def test_a_leaf_is_for_one_host_and_for_servers_only(
    authority: Authority, host: str, name: x509.GeneralName
) -> None:
    leaf = authority.leaf(host)
    alternative = extension(leaf.certificate, x509.SubjectAlternativeName)
    assert list(alternative.value) == [name]
    assert alternative.critical == (not list(leaf.certificate.subject))
    assert not extension(leaf.certificate, x509.BasicConstraints).value.ca
    assert [usage.dotted_string for usage in extension(leaf.certificate, x509.ExtendedKeyUsage).value] == [
        "1.3.6.1.5.5.7.3.1"
    ]
    life = leaf.certificate.not_valid_after_utc - leaf.certificate.not_valid_before_utc
    assert life <= timedelta(days=197)
    leaf.certificate.verify_directly_issued_by(authority.certificate)


def test_a_leaf_does_not_use_the_key_of_the_ca(authority: Authority) -> None:
    leaf = authority.leaf("a.example")
    assert leaf.certificate.public_key() == leaf.key.public_key() != authority.certificate.public_key()
    assert repr(leaf).startswith("<"), "a leaf's repr does not show its key"


@pytest.mark.parametrize(
    "host", ["", "*.example.com", "a..b", "a b", "a\x00b", "bücher.example", "[::1]", "-" * 300, "a/b"]
)
def test_no_leaf_is_made_for_what_is_no_host(authority: Authority, host: str) -> None:
    with pytest.raises(AuthorityError, match="no host name"):
        authority.leaf(host)


def test_a_leaf_is_kept_and_the_least_used_goes_first(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHED", 2)
    first, second = authority.leaf("one.example"), authority.leaf("two.example")
    assert authority.leaf("one.example") is first
    authority.leaf("three.example")
    assert authority.leaf("one.example") is first
    assert authority.leaf("two.example") is not second


def test_a_leaf_is_renewed_before_it_ends_and_never_outlives_the_ca(tmp_path: Path) -> None:
    clock = Clock()
    authority = Authority.create(tmp_path / "ca", clock)
    first = authority.leaf("a.example")
    clock.time += timedelta(days=88)
    assert authority.leaf("a.example") is first
    clock.time += timedelta(days=1, hours=1)
    assert authority.leaf("a.example") is not first
    clock.time = START + timedelta(days=360)
    last = authority.leaf("a.example").certificate
    assert last.not_valid_after_utc == authority.certificate.not_valid_after_utc
    clock.time = START + timedelta(days=365)
    with pytest.raises(AuthorityError, match="expired"):
        authority.leaf("a.example")


def test_opening_gives_the_same_authority(authority: Authority) -> None:
    again = Authority.open(authority.folder)
    assert again.certificate == authority.certificate
    assert Authority.open_or_create(authority.folder).certificate == authority.certificate
    again.leaf("a.example").certificate.verify_directly_issued_by(authority.certificate)


def test_a_missing_public_file_is_written_again(authority: Authority) -> None:
    authority.certificate_file.unlink()
    Authority.open(authority.folder)
    assert authority.certificate_file.read_bytes() == authority.trusted_pem


def test_creating_does_not_replace_an_authority(authority: Authority) -> None:
    before = (authority.folder / "ca.pem").read_bytes()
    with pytest.raises(AuthorityError, match="exists already"):
        Authority.create(authority.folder)
    assert (authority.folder / "ca.pem").read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_that_others_can_reach_is_refused(authority: Authority, mode: int) -> None:
    (authority.folder / "ca.pem").chmod(mode)
    with pytest.raises(CertificateError, match="can be reached by others") as refused:
        Authority.open(authority.folder)
    assert "chmod 600" in refused.value.hint


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_can_write_is_refused(authority: Authority, mode: int) -> None:
    authority.folder.chmod(mode)
    with pytest.raises(CertificateError, match="can be written by others"):
        Authority.open(authority.folder)
    with pytest.raises(CertificateError, match="can be written by others"):
        Authority.rotate(authority.folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", ["ca.pem", "."])
def test_what_belongs_to_another_is_refused(authority: Authority, name: str) -> None:
    os.chown(authority.folder / name, 12345, 12345)
    with pytest.raises(CertificateError, match="belongs to uid 12345"):
        Authority.open(authority.folder)


def test_a_symbolic_link_in_place_of_the_key_is_refused(authority: Authority, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.pem"
    (authority.folder / "ca.pem").rename(moved)
    (authority.folder / "ca.pem").symlink_to(moved)
    for use in (Authority.open, Authority.open_or_create):
        with pytest.raises(CertificateError, match="cannot be read"):
            use(authority.folder)


def test_a_missing_authority_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"cannot be read: no such file"):
        Authority.open(tmp_path)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _contents() -> dict[str, Callable[[Authority], bytes]]:
    def other_key(authority: Authority) -> bytes:
        return _pem(build.new_key()) + authority.trusted_pem

    def leaf(authority: Authority) -> bytes:
        return authority.leaf("a.example").pem

    def wide(_: Authority) -> bytes:
        key = build.new_key()
        name = x509.Name([])
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), 7, START, START + timedelta(days=9))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return _pem(key) + certificate.public_bytes(serialization.Encoding.PEM)

    return {
        "nothing": lambda _: b"",
        "noise": lambda _: b"\x00\xff",
        "no key": lambda authority: authority.trusted_pem,
        "no certificate": lambda _: _pem(build.new_key()),
        "another key": other_key,
        "an RSA key": lambda authority: _pem(rsa.generate_private_key(65537, 2048)) + authority.trusted_pem,
        "a leaf": leaf,
        "an authority over authorities": wide,
    }


@pytest.mark.parametrize("what", _contents())
def test_a_file_that_holds_no_usable_authority_is_refused(authority: Authority, what: str) -> None:
    contents = _contents()[what](authority)
    (authority.folder / "ca.pem").write_bytes(contents)
    with pytest.raises(AuthorityError) as refused:
        Authority.open(authority.folder)
    assert "ca rotate" in refused.value.hint
    assert "PRIVATE" not in str(refused.value)


def test_an_authority_out_of_date_is_refused(tmp_path: Path) -> None:
    clock = Clock()
    Authority.create(tmp_path / "ca", clock)
    clock.time = START - timedelta(hours=2)
    with pytest.raises(AuthorityError, match="not valid yet"):
        Authority.open(tmp_path / "ca", clock)
    clock.time = START + timedelta(days=364)
    with pytest.raises(AuthorityError, match="expired on 2027-02-28"):
        Authority.open(tmp_path / "ca", clock)


def test_rotation_keeps_the_old_certificate_trusted_until_it_expires(tmp_path: Path) -> None:
    clock = Clock()
    first = Authority.create(tmp_path / "ca", clock)
    clock.time += timedelta(days=200)
    second = Authority.rotate(tmp_path / "ca", clock)
    assert second.certificate != first.certificate
    assert second.trusted == (second.certificate, first.certificate)
    assert Authority.open(tmp_path / "ca", clock).trusted == second.trusted
    assert first.certificate.public_key() != Authority.open(tmp_path / "ca", clock).certificate.public_key()
    clock.time += timedelta(days=200)
    assert Authority.open(tmp_path / "ca", clock).trusted == (second.certificate,)
    assert x509.load_pem_x509_certificates(second.certificate_file.read_bytes()) == [second.certificate]


def test_rotation_mends_an_authority_that_has_expired_or_is_broken(tmp_path: Path) -> None:
    clock = Clock()
    Authority.create(tmp_path / "ca", clock)
    clock.time += timedelta(days=400)
    assert len(Authority.rotate(tmp_path / "ca", clock).trusted) == 1
    (tmp_path / "ca" / "ca.pem").write_bytes(b"broken")
    Authority.rotate(tmp_path / "ca", clock)
    Authority.open(tmp_path / "ca", clock)


def test_a_root_planted_in_the_public_file_is_not_trusted(authority: Authority) -> None:
    planted = authority.leaf("evil.example").certificate.public_bytes(serialization.Encoding.PEM)
    authority.certificate_file.write_bytes(authority.trusted_pem + planted)
    assert Authority.open(authority.folder).trusted == (authority.certificate,)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_strict_client_accepts_a_leaf(
    authority: Authority, serve: Callable[[Authority, str], int], host: str
) -> None:
    context = ssl.create_default_context(cafile=str(authority.certificate_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    port = serve(authority, host)
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        context.wrap_socket(raw, server_hostname=host) as tls,
    ):
        assert tls.version() == "TLSv1.3"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_finds_nothing_wrong_with_the_chain(authority: Authority, tmp_path: Path) -> None:
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(authority.leaf("api.example.com").pem)
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        "api.example.com",
    ]
    result = subprocess.run(
        [*command, "-CAfile", authority.certificate_file, leaf], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
