"""A person's key: where it lies, how it opens, what it proves."""

import pickle
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.clock import SystemClock
from wharfinger.keeping import people
from wharfinger.keeping.people import KeyProblem
from wharfinger.keeping.private import NotPrivate
from wharfinger.keeping.store import Store


def never(prompt: str) -> str:
    raise AssertionError("no passphrase is needed")


def test_a_key_is_its_owners_alone_and_is_never_overwritten(tmp_path) -> None:
    key = people.create(tmp_path / "state", "alice", None)
    path = people.path_of(tmp_path / "state", "alice")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with pytest.raises(KeyProblem, match="has a key already"):
        people.create(tmp_path / "state", "alice", None)
    assert people.load(tmp_path / "state", "alice", never).public == key.public
    assert people.unprotected(tmp_path / "state", "alice")


def test_a_passphrase_is_asked_for_and_has_to_be_right(tmp_path) -> None:
    key = people.create(tmp_path, "alice", "correct horse")
    text = people.path_of(tmp_path, "alice").read_bytes()
    assert text.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    assert not people.unprotected(tmp_path, "alice")
    prompts = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return "correct horse"

    assert people.load(tmp_path, "alice", ask).public == key.public
    assert prompts == ["passphrase of alice's key: "]
    with pytest.raises(KeyProblem, match="does not open"):
        people.load(tmp_path, "alice", lambda prompt: "wrong")
    with pytest.raises(KeyProblem, match="passphrase is empty"):
        people.create(tmp_path, "bob", "")


def test_a_key_that_others_can_read_is_refused(tmp_path) -> None:
    people.create(tmp_path, "alice", None)
    people.path_of(tmp_path, "alice").chmod(0o644)
    with pytest.raises(NotPrivate):
        people.load(tmp_path, "alice", never)


def test_a_missing_or_broken_key_is_said_with_its_remedy(tmp_path) -> None:
    with pytest.raises(KeyProblem) as caught:
        people.load(tmp_path, "alice", never)
    assert caught.value.hint == "make one with: wharfinger people key alice"
    people.create(tmp_path, "alice", None)
    people.path_of(tmp_path, "alice").write_bytes(b"junk")
    with pytest.raises(KeyProblem, match="does not open"):
        people.load(tmp_path, "alice", never)


@pytest.mark.parametrize("name", ["", ".", "..", "../bob", "a/b", ".hidden", "x" * 65, "a\x00b", "ä", "a b"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name) -> None:
    with pytest.raises(KeyProblem, match="cannot be the name"):
        people.path_of(tmp_path, name)


def test_nothing_shows_the_private_half(tmp_path) -> None:
    key = people.create(tmp_path, "alice", None)
    assert repr(key) == str(key) == "<key of alice>"
    with pytest.raises(TypeError, match="not to be copied"):
        pickle.dumps(key)


@settings(max_examples=50, deadline=None)
@given(message=st.binary(max_size=100), other=st.binary(max_size=100), purpose=st.sampled_from(["a", "b"]))
def test_a_signature_is_for_one_message_and_one_purpose(tmp_path_factory, message, other, purpose) -> None:
    key = people.create(tmp_path_factory.mktemp("k"), "alice", None)
    signature = key.sign(purpose, message)
    assert people.verify([b"x", key.public], purpose, message, signature)
    assert not people.verify([key.public], "c", message, signature)
    assert not people.verify([key.public], purpose, message, signature[:-1])
    assert people.verify([key.public], purpose, other, signature) == (other == message)
    assert not people.verify([], purpose, message, signature)


def test_keys_in_the_store(tmp_path) -> None:
    now = SystemClock().now()
    tmp_path.chmod(0o700)
    alice, bob = (people.create(tmp_path / "state", name, None) for name in ("alice", "bob"))
    with Store.open(tmp_path) as store:
        assert not store.run_sync(people.ever_registered)
        made = store.run_sync(people.register, "alice", alice.public, now)
        assert made.fingerprint.startswith("SHA256:")
        with pytest.raises(KeyProblem, match='registered already, for "alice"'):
            store.run_sync(people.register, "bob", alice.public, now)
        with pytest.raises(KeyProblem, match="not a public Ed25519 key"):
            store.run_sync(people.register, "bob", b"short", now)
        store.run_sync(people.register, "bob", bob.public, now)
        assert [key.person for key in store.run_sync(people.registered)] == ["alice", "bob"]
        assert store.run_sync(people.registered, "alice") == (made,)
        store.run_sync(people.revoke, made.fingerprint, now)
        assert store.run_sync(people.registered, "alice") == ()
        assert store.run_sync(people.ever_registered)
        with pytest.raises(KeyProblem, match="no key in use"):
            store.run_sync(people.revoke, made.fingerprint, now)
