"""The keychain: read by the real library, with a backend of its own that encrypts what it keeps."""

import sys
from datetime import UTC, datetime

import keyring
import pytest
from keyring.backends import fail, null
from keyring.errors import KeyringLocked
from keyrings.alt.file import PlaintextKeyring
from wharfinger.credentials.own_store import FILE, OwnStore
from wharfinger.credentials.sources import Asked, Environment, Means, NotFetched
from wharfinger.rules.models.origins import origin

VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
NOW = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)


@pytest.fixture
def use(tmp_path):
    """Have the library use a backend, and another one afterwards."""
    before = keyring.get_keyring()

    def used(backend):
        keyring.set_keyring(backend)
        return backend

    yield used
    keyring.set_keyring(before)


@pytest.fixture
def real(use, tmp_path):
    backend = PlaintextKeyring()
    backend.file_path = str(tmp_path / "keyring.cfg")
    return use(backend)


def fetch(text, tmp_path):
    return Asked(tmp_path, Means(Environment({}))).source(origin(text)).fetch()


def test_an_entry_is_read_and_so_is_the_next(real, tmp_path):
    real.set_password("stripe", "alice", VALUE)
    found = fetch("keyring:stripe/alice", tmp_path)
    assert found.text == VALUE
    assert found.due is not None
    real.set_password("stripe", "alice", "next" + VALUE)
    assert fetch("keyring:stripe/alice", tmp_path).text == "next" + VALUE


def test_a_user_may_have_slashes(real, tmp_path):
    real.set_password("stripe", "a/b", VALUE)
    assert fetch("keyring:stripe/a/b", tmp_path).text == VALUE


def test_what_is_not_there_is_told(real, tmp_path):
    with pytest.raises(NotFetched, match='has no entry "stripe" for "bob"') as caught:
        fetch("keyring:stripe/bob", tmp_path)
    assert caught.value.hint == "keyring set stripe bob"


@pytest.mark.parametrize("backend", [null.Keyring, fail.Keyring], ids=["null", "fail"])
def test_no_keychain_is_told(use, tmp_path, backend):
    use(backend())
    with pytest.raises(NotFetched, match="there is no keychain here"):
        fetch("keyring:stripe/alice", tmp_path)


@pytest.mark.parametrize("error", [KeyringLocked(VALUE), RuntimeError(VALUE), OSError(VALUE)], ids=type)
def test_a_keychain_that_fails_says_nothing_of_what_it_held(real, tmp_path, monkeypatch, error):
    def failing(*arguments):
        raise error

    monkeypatch.setattr(PlaintextKeyring, "get_password", failing)
    with pytest.raises(NotFetched, match=f"cannot be read: {type(error).__name__}") as caught:
        fetch("keyring:stripe/alice", tmp_path)
    assert VALUE not in str(caught.value)


def test_without_the_library_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(NotFetched, match="keyring is not installed") as caught:
        fetch("keyring:stripe/alice", tmp_path)
    assert caught.value.hint == "pip install 'wharfinger[keyring]'"


def test_the_stores_key_lies_in_it(real, tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    OwnStore(data, pytest.fail).put("KEY", VALUE, NOW, key="keychain")
    assert [path.name for path in data.iterdir()] == [FILE]
    assert OwnStore(data, pytest.fail).get("KEY")[1] == VALUE
    backend = PlaintextKeyring()
    backend.file_path = str(tmp_path / "another.cfg")
    keyring.set_keyring(backend)
    with pytest.raises(NotFetched, match="has no entry"):
        OwnStore(data, pytest.fail).get("KEY")


def test_what_lies_there_in_the_keys_place_is_told(real, tmp_path, monkeypatch):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    OwnStore(data, pytest.fail).put("KEY", VALUE, NOW, key="keychain")
    for garbage in ("x", "AAAA", "no base64!"):
        monkeypatch.setattr(PlaintextKeyring, "get_password", lambda *_, held=garbage: held)
        with pytest.raises(NotFetched, match="not what was written there"):
            OwnStore(data, pytest.fail).get("KEY")
