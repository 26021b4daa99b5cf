"""Agents trust the public roots and our CA; nobody trusts roots whose keys are out."""

import shutil
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from wharfinger.certs import build, bundle
from wharfinger.certs.authority import Authority
from wharfinger.certs.errors import CertificateError, TrustError

NOW = datetime.now(UTC)


def root(name: str, kind: x509.ObjectIdentifier = NameOID.COMMON_NAME) -> bytes:
    key = build.new_key()
    subject = x509.Name([x509.NameAttribute(kind, name)])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 7, NOW, NOW + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def names(path: Path) -> int:
    return path.read_bytes().count(b"BEGIN CERTIFICATE")


PUBLIC = Path(certifi.where()).read_bytes().count(b"BEGIN CERTIFICATE")


def test_the_bundle_holds_public_roots_and_our_own(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "bundle.pem"
    bundle.write(path, authority)
    assert names(path) == PUBLIC + 1
    assert path.read_bytes().startswith(authority.trusted_pem)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert b"PRIVATE" not in path.read_bytes()


def test_the_bundle_holds_earlier_authorities_and_the_operators_roots(
    authority: Authority, tmp_path: Path
) -> None:
    rotated = Authority.rotate(authority.folder)
    corporate = tmp_path / "corp.pem"
    corporate.write_bytes(b"a comment\n" + root("Corp Root"))
    path = tmp_path / "bundle.pem"
    bundle.write(path, rotated, [corporate])
    assert names(path) == PUBLIC + 3


def test_upstreams_are_never_vouched_for_by_our_own_authority(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "upstream.pem"
    corporate = tmp_path / "corp.pem"
    corporate.write_bytes(root("Corp Root"))
    bundle.write_roots(path, corporate)
    assert names(path) == PUBLIC + 1
    assert authority.trusted_pem not in path.read_bytes()


def test_the_public_roots_are_sound() -> None:
    assert bundle.check_roots(Path(certifi.where()).read_bytes()) == []


@pytest.mark.parametrize(
    "name", ["emSign ECC Root CA - G3", "emSign Root CA - C1", "EMSIGN ECC Root CA - C3"]
)
def test_a_root_whose_key_is_out_is_named(name: str) -> None:
    assert bundle.check_roots(root("Good Root") + root(name)) == [name]


def test_a_root_without_a_common_name_is_named_by_its_subject() -> None:
    assert bundle.check_roots(root("eMudhra Technologies Limited", NameOID.ORGANIZATION_NAME)) == [
        "O=eMudhra Technologies Limited"
    ]


def test_an_operators_file_with_such_a_root_is_refused(tmp_path: Path) -> None:
    corporate = tmp_path / "corp.pem"
    corporate.write_bytes(root("Corp Root") + root("emSign Root CA - G1"))
    with pytest.raises(TrustError, match="compromised: emSign Root CA - G1"):
        bundle.write_roots(tmp_path / "upstream.pem", corporate)
    assert not (tmp_path / "upstream.pem").exists()


@pytest.mark.parametrize(
    "contents", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_an_operators_file_without_a_certificate_is_refused(tmp_path: Path, contents: bytes) -> None:
    corporate = tmp_path / "corp.pem"
    corporate.write_bytes(contents)
    with pytest.raises(TrustError, match=r'corp\.pem" holds no certificate'):
        bundle.write_roots(tmp_path / "upstream.pem", corporate)


def test_an_operators_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r'corp\.pem" cannot be read: no such file'):
        bundle.write_roots(tmp_path / "upstream.pem", tmp_path / "corp.pem")


def test_a_bundle_that_cannot_be_written_leaves_the_old_one(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "bundle.pem"
    path.mkdir()
    with pytest.raises(CertificateError, match="cannot be written"):
        bundle.write(path, authority)
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


@pytest.mark.skipif(shutil.which("keytool") is None, reason="needs Java's keytool")
def test_java_reads_its_trust_store(authority: Authority, tmp_path: Path) -> None:
    bundle.write(tmp_path / "bundle.pem", authority)
    bundle.write_java(tmp_path / "bundle.p12", tmp_path / "bundle.pem")
    command = ["keytool", "-list", "-keystore", tmp_path / "bundle.p12", "-storepass", "changeit"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert listing.count("trustedCertEntry") == PUBLIC + 1
