"""Stores of secrets elsewhere: declared whole, named where credentials come from, and never quoted."""

import pytest
from wharfinger.rules.configuration import Sources, load
from wharfinger.rules.documents.problems import ConfigurationError
from wharfinger.rules.models.origins import Place
from wharfinger.rules.schema import schemas

SETTINGS = b"version: 1\n"
VAULT = "vault: {kind: vault, address: 'https://vault.example', token: 'env:T'}"


def problems(text, settings=SETTINGS):
    try:
        load(Sources({"wharfinger.yaml": settings, "credentials.yaml": text.encode()}))
    except ConfigurationError as error:
        return [f"{p.position.line}:{p.position.column} {p.message}" for p in error.problems]
    return []


def sources(written):
    return problems(f"sources: {{s: {{{written}}}}}")


GOOD = [
    "kind: vault, address: 'https://v.example', token: 'file:t'",
    "kind: vault, address: 'http://127.0.0.1:8200', role_id: r, secret_id: 'exec:[/bin/x]', refresh: 10s",
    "kind: vault, address: 'https://v.example', role: wharf, login_at: k8s, namespace: team, ca: ca.pem",
    "kind: vault, address: 'https://v.example', role: wharf, jwt: 'file:/run/jwt'",
    "kind: aws_secrets, region: eu-central-1",
    "kind: aws_parameters, region: eu-central-1, profile: p",
    "kind: aws_secrets, region: eu, access_key: 'env:A', secret_key: 'store:B', session_token: 'env:C'",
    "kind: google_secrets, project: acme",
    "kind: google_secrets, project: acme, key: 'file:robot.json'",
    "kind: azure_vault, address: 'https://acme.vault.azure.net'",
    "kind: azure_vault, address: 'https://acme.vault.azure.net', client_id: c",
    "kind: azure_vault, address: 'https://acme.vault.azure.net', tenant: t, client_id: c, jwt: 'file:jwt'",
]


@pytest.mark.parametrize("written", GOOD)
def test_each_way_to_sign_in_is_taken(written):
    assert sources(written) == []


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("kind: consul, address: 'https://a'", "google_secrets"),
        ("kind: vault, token: 'env:T'", 'missing key "address"'),
        ("kind: aws_secrets", 'missing key "region"'),
        ("kind: google_secrets", 'missing key "project"'),
        ("kind: vault, address: 'http://v.example', token: 'env:T'", "not an https URL"),
        ("kind: vault, address: 'https://u:p@v.example', token: 'env:T'", "not an https URL"),
        ("kind: vault, address: 'https://v.example?x=1', token: 'env:T'", "not an https URL"),
        ("kind: azure_vault, address: 'https://a.example', login_at: 'http://l.example'", "not an https URL"),
        ("kind: vault, address: 'https://v.example'", "not a way to sign in"),
        ("kind: vault, address: 'https://v.example', role_id: r", "not a way to sign in"),
        ("kind: vault, address: 'https://v.example', token: 'env:T', role: r", "not a way to sign in"),
        ("kind: aws_secrets, region: eu, access_key: 'env:A'", "not a way to sign in"),
        ("kind: azure_vault, address: 'https://a.example', client_id: c, tenant: t", "not a way to sign in"),
        (
            "kind: vault, address: 'https://v.example', token: 'env:T', region: eu",
            "does not go with the kind",
        ),
        ("kind: google_secrets, project: p, profile: x", "does not go with the kind"),
        ("kind: vault, address: 'https://v.example', token: 's:a/b'", "not in a source itself"),
        ("kind: vault, address: 'https://v.example', token: hvs-secret-1", "never written in a file"),
        ("kind: vault, address: 'https://v.example', password: hvs-secret-1", 'unknown key "password"'),
        ("kind: vault, address: 'https://v.example', token: 'env:T', refresh: 10", "expected a duration"),
    ],
)
def test_what_is_not_whole_is_told_without_a_value(written, told):
    found = sources(written)
    assert any(told in each for each in found), found
    assert "hvs-secret" not in str(found)


@pytest.mark.parametrize("name", ["env", "file", "exec", "store", "keyring", "Vault", "a.b", "1a", "x" * 33])
def test_a_name_is_plain_and_none_of_those_that_are_always_there(name):
    assert problems(f"sources: {{'{name}': {{kind: google_secrets, project: p}}}}") != []


def credential(origin, declared=VAULT):
    return problems(f"credentials: {{K: {{from: '{origin}', hosts: [a.example]}}}}\nsources: {{{declared}}}")


@pytest.mark.parametrize(
    "origin",
    [
        "vault:stripe/live", "vault:stripe/live#key", "store:STRIPE", "keyring:stripe/alice",
        "vault:arn:aws:secretsmanager:eu:1:secret:a-b#k", "vault:/prod/a", "vault:a@3",
    ],
)  # fmt: skip
def test_an_origin_in_a_declared_source_is_taken(origin):
    assert credential(origin) == []


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ("vaults:secret-1/a", "never written in a file"),
        ("sk_live:secret-1", "never written in a file"),
        ("https://secret-1.example", "never written in a file"),
        ("Vault:secret-1", "never written in a file"),
        ("vault:", "never written in a file"),
        ("vault:secret-1/../a", "not a place in a source"),
        ("vault:secret-1//a", "not a place in a source"),
        ("vault:secret-1#", "not a place in a source"),
        ("vault:secret-1#a#b", "not a place in a source"),
        ("vault:secret-1?version=1", "not a place in a source"),
        ("vault:secret-1%2f..", "not a place in a source"),
        ("vault:sécret-1", "not a place in a source"),
        ("store:secret-1/../a", "store: needs the name of an entry"),
        ("keyring:secret-1", "keyring: needs a service and a user"),
        ("keyring:/secret-1", "keyring: needs a service and a user"),
    ],
)
def test_an_origin_that_is_nowhere_is_told_and_not_quoted(origin, told):
    found = credential(origin)
    assert any(told in each for each in found), found
    assert "secret-1" not in str(found)


def test_a_source_that_is_broken_is_one_problem_only():
    """What names it is not reported as well."""
    (found,) = credential("vault:a", "vault: {kind: vault, address: 'https://v.example'}")
    assert "not a way to sign in" in found


def test_a_channel_may_name_a_source_and_not_that_of_a_credential():
    settings = b"version: 1\nchannels: {webhook: {url: 'https://h.example/x', secret: 'vault:hooks#key'}}\n"
    assert problems(f"sources: {{{VAULT}}}", settings) == []
    assert any("never written" in each for each in problems("credentials: {}", settings))
    both = f"credentials: {{K: {{from: 'vault:hooks#key', hosts: [a.example]}}}}\nsources: {{{VAULT}}}"
    assert any("has the same source" in each for each in problems(both, settings))


@pytest.mark.parametrize(
    ("text", "place"),
    [("a/b", ("a/b", "")), ("a#b", ("a", "b")), ("/a", ("/a", "")), ("", None), (".", None), ("a b", None)],
)
def test_a_place_is_a_path_and_a_field(text, place):
    found = Place.of(text)
    assert (None if found is None else (found.path, found.field)) == place


def test_editors_know_sources():
    schema = schemas()["credentials.yaml"] if "credentials.yaml" in schemas() else schemas()["credentials"]
    assert "sources" in schema["properties"]
