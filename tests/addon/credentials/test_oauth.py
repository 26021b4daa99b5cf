"""Tokens of an authorization server that others wrote: authlib's, with its own checks of what we send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from standins.oauth import Client, Oauth
from wharfinger.credentials.fetching import fetch
from wharfinger.credentials.sources import Asked, Environment, Means, NotFetched
from wharfinger.rules.models.credentials import Credential

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = (
    KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Oauth]:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    made = Oauth(PUBLIC)
    yield made
    made.close()


@pytest.fixture
def had(server: Oauth, tmp_path: Path) -> Any:
    """`had(kind=…)`: the credential's token, with the files that it is made of in the folder."""
    folder = tmp_path / "conf"
    folder.mkdir(mode=0o700)

    def having(**written: Any) -> Any:
        for name, text in {"secret": server.client.secret, "key": PRIVATE}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        held = {"hosts": ["api.example.com"], "token_url": f"{server.url}/token"} | written
        return fetch("K", Credential.model_validate(held), Asked(folder, Means(Environment({}))))

    having.folder = folder  # type: ignore[attr-defined]
    return having


CLIENT = {"kind": "oauth2", "client_id": "wharf", "client_secret": "file:secret"}


def test_client_credentials(server: Oauth, had: Any) -> None:
    fetched = had(**CLIENT, scopes=["read"])
    assert server.knows(fetched.secret.reveal())
    assert server.tokens[-1].scope == "read"


@pytest.mark.parametrize("secret", ["with space and + / : % &", "ümlaut-0123456789", "a" * 200])
def test_a_secret_of_any_characters_signs_in(server: Oauth, had: Any, secret: str) -> None:
    """RFC 6749 2.3.1: form-encoded, and taken apart so by the server."""
    server.client = Client("wharf", secret)
    assert server.knows(had(**CLIENT).secret.reveal())


def test_refresh_tokens_of_use_once_are_written_back_each_time(server: Oauth, had: Any) -> None:
    path: Path = had.folder / "refresh"
    path.write_text(server.given())
    path.chmod(0o600)
    seen = [path.read_text()]
    for _ in range(5):
        fetched = had(**CLIENT, refresh="file:refresh")
        assert server.knows(fetched.secret.reveal())
        seen.append(path.read_text())
        assert {*seen[-2:]} <= set(fetched.hidden)
    assert len(set(seen)) == 6
    assert [each.revoked for each in server.tokens if each.refresh_token in seen] == [True] * 5 + [False]
    path.write_text(seen[0])  # one that was used already
    with pytest.raises(NotFetched, match="refused with status 400"):
        had(**CLIENT, refresh="file:refresh")


def test_an_assertion_that_our_key_has_signed(server: Oauth, had: Any) -> None:
    jwt = {"kind": "jwt", "algorithm": "RS256", "key": "file:key", "claims": {"iss": "wharf", "sub": "user"}}
    assert server.knows(had(**jwt).secret.reveal())
    with pytest.raises(NotFetched, match="refused with status 400"):
        had(**jwt, audience="https://elsewhere.example/token")
    with pytest.raises(NotFetched, match="refused with status 400"):
        had(**(jwt | {"claims": {"iss": "nobody", "sub": "user"}}))


def test_who_does_not_sign_in_gets_nothing(server: Oauth, had: Any) -> None:
    with pytest.raises(NotFetched, match="refused with status 401"):
        had(**(CLIENT | {"client_id": "nobody"}))
    with pytest.raises(NotFetched, match="refused with status 401"):
        had(**(CLIENT | {"client_secret": "file:key"}))
    assert server.tokens == []
    assert server.refused == 2
