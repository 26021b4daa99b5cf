"""`people key`: a key serves every installation, and nothing is left of one that was refused."""

import pytest
from wharfinger.keeping import people

PEOPLE = "people: {alice: {role: admin}, bob: {role: viewer}}\nteams: {approvers: [alice]}\n"


@pytest.fixture
def installations(configure):
    """Two configurations of one user's, each with a data folder of its own."""
    settings = "version: 1\nlisten: 127.0.0.1:0\nconsole: 127.0.0.1:0\ndata: ./data\n"
    return [configure(name, wharfinger=settings, people=PEOPLE) for name in ("first", "second")]


def keys_of(type_, folder):
    rows = type_("people", "list", "--json", "--config", folder).json
    return {row["name"]: [key["fingerprint"] for key in row["keys"]] for row in rows}


def test_a_key_that_is_there_is_registered_with_another_installation(type_, places, installations):
    first, second = installations
    assert type_("people", "key", "alice", "--no-passphrase", "--config", first).code == 0
    written = people.path_of(places.state, "alice").read_bytes()
    ran = type_("people", "key", "alice", "--config", second)
    assert ran.code == 0, ran.err
    assert "using the key that is there" in ran.out
    assert people.path_of(places.state, "alice").read_bytes() == written
    assert keys_of(type_, second) == keys_of(type_, first)
    again = type_("people", "key", "alice", "--config", second)
    assert again.code == 1
    assert 'is registered already, for "alice"' in again.err
    assert people.path_of(places.state, "alice").read_bytes() == written


def test_an_admin_signs_for_the_key_of_another(type_, places, installations):
    folder = installations[0]
    assert type_("people", "key", "alice", "--no-passphrase", "--config", folder).code == 0
    refused = type_("people", "key", "bob", "--no-passphrase", "--config", folder)
    assert refused.code == 1
    assert "have an admin sign for it: --as ADMIN" in refused.err
    assert not people.path_of(places.state, "bob").exists()
    assert type_("people", "key", "bob", "--no-passphrase", "--as", "alice", "--config", folder).code == 0
    assert all(keys_of(type_, folder).values())


def test_no_key_is_left_where_the_one_who_signs_has_none(type_, places, installations):
    ran = type_("people", "key", "bob", "--no-passphrase", "--as", "alice", "--config", installations[0])
    assert ran.code == 1
    assert 'there is no key of "alice"' in ran.err
    assert not people.path_of(places.state, "bob").exists()


def test_a_key_that_is_not_registered_here_signs_for_nobody(type_, places, installations):
    first, second = installations
    assert type_("people", "key", "alice", "--no-passphrase", "--config", first).code == 0
    ran = type_("people", "key", "bob", "--no-passphrase", "--as", "alice", "--config", second)
    assert ran.code == 1
    assert "begin with: wharfinger people key alice" in ran.err
    assert not people.path_of(places.state, "bob").exists()
    assert not any(keys_of(type_, second).values())
