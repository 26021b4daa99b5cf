"""The authority is where it must be, and is found wherever else it is."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from wharfinger.certs import bundle
from wharfinger.certs.authority import Authority
from wharfinger.certs.environment import ClientFiles
from wharfinger.doctor import trust
from wharfinger.doctor.findings import Grade
from wharfinger.doctor.machine import Place


@pytest.fixture
def authority(installed: Place) -> Authority:
    made = Authority.create(installed.data / "ca")
    ClientFiles.write(installed.data / "client", made)
    return made


def test_nothing_is_there_yet(installed: Place) -> None:
    assert [each.grade for each in trust.of_agents(installed)] == [Grade.REMARK]
    assert not [*trust.of_others(installed)]


def test_what_agents_are_given_trusts_it(installed: Place, authority: Authority) -> None:
    assert [each.grade for each in trust.of_agents(installed)] == [Grade.OK]


@pytest.mark.parametrize("name", ["bundle.pem", "bundle.p12"])
def test_a_file_of_agents_that_does_not(installed: Place, authority: Authority, name: str) -> None:
    (installed.data / "client" / name).write_bytes(b"")
    (found,) = trust.of_agents(installed)
    assert (found.grade, name in found.text, bool(found.remedy)) == (Grade.FAIL, True, True)


def pem(authority: Authority, path: Path) -> None:
    path.write_bytes(b"# a comment\n" + authority.trusted_pem)


def openssl_trusted(authority: Authority, path: Path) -> None:
    body = base64.encodebytes(authority.certificate.public_bytes(Encoding.DER) + b"\x30\x00")
    path.write_bytes(b"-----BEGIN TRUSTED CERTIFICATE-----\n" + body + b"-----END TRUSTED CERTIFICATE-----\n")


def database(authority: Authority, path: Path) -> None:
    """As NSS and Java's older stores have it: DER among other bytes."""
    path.write_bytes(b"\0" * 999 + authority.certificate.public_bytes(Encoding.DER) + b"\0" * 999)


def java(authority: Authority, path: Path) -> None:
    pem(authority, path.with_name("roots.pem"))
    bundle.write_java(path, path.with_name("roots.pem"))


@pytest.mark.parametrize(
    "store",
    [
        ("etc/ssl/certs/ca-certificates.crt", pem),
        ("usr/local/share/ca-certificates/mine.crt", pem),
        ("etc/pki/tls/certs/ca-bundle.crt", openssl_trusted),
        ("etc/ssl/certs/java/cacerts", java),
        ("usr/lib/jvm/jdk-17/lib/security/cacerts", database),
        ("home/.pki/nssdb/cert9.db", database),
        ("home/.mozilla/firefox/x.default/cert9.db", database),
    ],
    ids=lambda store: store[0],
)
def test_a_store_of_others_that_trusts_it_is_named(
    installed: Place,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    store: tuple[str, Callable[[Authority, Path], None]],
) -> None:
    name, write = store
    stores = trust.stores
    monkeypatch.setattr(trust, "stores", lambda root, home: stores(tmp_path, tmp_path / "home"))
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Authority.create(tmp_path / "another"), path)
    assert [each.grade for each in trust.of_others(installed)] == [Grade.OK]
    write(authority, path)
    (found,) = trust.of_others(installed)
    assert (found.grade, str(path) in found.text, bool(found.remedy)) == (Grade.FAIL, True, True)


def test_an_earlier_authority_counts_as_well(
    installed: Place, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "roots.pem"
    pem(authority, store)
    Authority.rotate(installed.data / "ca")
    monkeypatch.setattr(trust, "stores", lambda root, home: [(store, "remove it")])
    assert [each.grade for each in trust.of_others(installed)] == [Grade.FAIL]
