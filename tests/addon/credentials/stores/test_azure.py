"""Azure Key Vault: a stand-in that Azure's own SDK reads as well, and what signs in to it."""

import json
import time
from types import SimpleNamespace

import pytest
from standins.clouds import Azure
from standins.web import NONSENSE
from wharfinger.credentials.sources import NotFetched
from wharfinger.credentials.stores import azure as subject

VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
NEXT = "sk_next_9dR20PqMyjWDarjtT1zdp8ee"


@pytest.fixture
def server(close):
    made = close(Azure())
    made.secrets["stripe"] = [VALUE]
    made.secrets["both"] = [json.dumps({"a": VALUE})]
    return made


@pytest.fixture
def declared(server, source):
    return source(**login(server), client_secret=("application-secret-0123456789",))


def login(server, client="app-1"):
    return {
        "kind": "azure_vault", "address": server.url, "login_at": server.url, "tenant": server.tenant,
        "client_id": client,
    }  # fmt: skip


class OfStandIn:
    """Signs Azure's SDK in at the stand-in."""

    def __init__(self, server):
        self.server = server

    def get_token(self, *scopes, **more):
        made = self.server.token()
        return SimpleNamespace(token=made["access_token"], expires_on=int(time.time()) + made["expires_in"])


@pytest.fixture
def secured(close, test_ca):
    made = close(Azure(tls=test_ca.context()))
    made.secrets["stripe"] = [VALUE]
    return made


def test_the_stand_in_is_read_by_azures_own_sdk(secured, test_ca):
    """The SDK answers the challenge of the vault before it signs in."""
    sdk = pytest.importorskip("azure.keyvault.secrets")
    client = sdk.SecretClient(
        f"https://localhost:{secured.port}",
        OfStandIn(secured),
        verify_challenge_resource=False,
        connection_verify=str(test_ca.root),
        use_env_settings=False,
    )
    found = client.get_secret("stripe")
    assert (found.value, found.name, found.properties.version) == (VALUE, "stripe", "1")
    assert [asked.headers.get("authorization", "")[:6] for asked in secured.asked] == ["", "Bearer"]
    client.close()


def test_a_certificate_counts_only_with_its_own_root(secured, source, test_ca):
    at = f"https://localhost:{secured.port}"
    written = {**login(secured), "address": at, "login_at": at}
    (source.folder / "ca.pem").write_bytes(test_ca.root.read_bytes())
    proved = ("application-secret-0123456789",)
    assert source(**written, ca="ca.pem", client_secret=proved)("stripe").text == VALUE
    with pytest.raises(NotFetched, match="cannot be asked: ConnectError"):
        source(**written, client_secret=proved)("stripe")


def test_an_application_reads_the_newest_version_or_the_one_that_is_named(server, declared):
    found = declared("stripe")
    assert (found.text, found.version, found.expires) == (VALUE, "1", None)
    assert {server.tokens[0].value, "application-secret-0123456789"} == set(found.hidden)
    server.secrets["stripe"].append(NEXT)
    assert (declared("stripe").text, declared("stripe/1").text) == (NEXT, VALUE)
    assert declared("both#a").text == VALUE
    assert len(server.tokens) == 1


def test_a_workload_signs_in_by_its_token(server, source):
    assert source(**login(server, "app-2"), jwt=("eyJ.workload.token\n",))("stripe").text == VALUE
    assert "client_secret" not in server.asked[0].form


@pytest.mark.parametrize("client", ["", "0f0f"], ids=["the machine's", "one of several"])
def test_a_managed_identity_signs_in_by_the_metadata_server(server, source, monkeypatch, client):
    monkeypatch.setattr(subject, "METADATA", server.url)
    read = source(kind="azure_vault", address=server.url, **({"client_id": client} if client else {}))
    assert read("stripe").text == VALUE
    assert server.asked[0].query.get("client_id", "") == client


def test_a_secret_with_an_end_ends(server, declared):
    server.ends["stripe"] = int(time.time()) + 90
    assert declared("stripe").expires == server.ends["stripe"]


def test_a_token_is_replaced_before_its_end_and_when_it_was_revoked(server, declared, clock):
    declared("stripe")
    clock.ahead = 3600 - 59
    declared("stripe")
    assert len(server.tokens) == 2
    server.tokens.clear()
    with pytest.raises(NotFetched, match="refuses who asks"):
        declared("stripe")
    assert declared("stripe").text == VALUE


def test_who_may_not_is_told_without_a_word_of_what_was_tried(server, source):
    read = source(**login(server), client_secret=("wrong-secret-0123456789",))
    with pytest.raises(NotFetched, match=r"signing in to the source src was refused \(401\)") as caught:
        read("stripe")
    assert "wrong" not in str(caught.value)


def test_what_is_not_there_is_told(declared):
    with pytest.raises(NotFetched, match="has no such entry"):
        declared("gone")


@pytest.mark.parametrize("fault", [*NONSENSE, "reset"])
def test_an_answer_that_is_none_gives_nothing(server, declared, fault):
    declared("stripe")
    server.fault = fault
    with pytest.raises(NotFetched) as caught:
        declared("stripe")
    assert not any(text in str(caught.value) for text in (VALUE, "something-secret", server.tokens[0].value))
    server.fault = ""
    assert declared("stripe").text == VALUE


@pytest.mark.parametrize(
    ("address", "resource"),
    [
        ("https://acme.vault.azure.net", "https://vault.azure.net"),
        ("https://acme.vault.azure.cn", "https://vault.azure.cn"),
        ("https://acme.vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net"),
        ("https://vault.azure.cn.evil.example", "https://vault.azure.net"),
    ],
)
def test_a_token_is_for_the_cloud_that_the_vault_is_in(address, resource):
    declared = SimpleNamespace(address=address, ca="")
    assert subject.AzureVault("src", declared, SimpleNamespace(folder=None))._resource == resource
