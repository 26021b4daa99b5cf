"""Google Secret Manager: a stand-in that Google's own SDK reads as well, and what signs in to it."""

import json
import subprocess
import sys

import pytest
from standins.clouds import Google
from standins.web import NONSENSE
from wharfinger.credentials.sources import NotFetched
from wharfinger.credentials.stores import google as subject

VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
NEXT = "sk_next_9dR20PqMyjWDarjtT1zdp8ee"
SDK = """\
import sys, warnings
warnings.simplefilter("ignore")
from google.cloud import secretmanager_v1 as api
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import rest
from google.oauth2 import service_account
import json
account = json.loads(sys.stdin.read())
scopes = ["https://www.googleapis.com/auth/cloud-platform"]
credentials = service_account.Credentials.from_service_account_info(account, scopes=scopes)
transport = rest.SecretManagerServiceRestTransport(
    host=sys.argv[1], url_scheme="http", credentials=credentials
)
client = api.SecretManagerServiceClient(transport=transport)
answer = client.access_secret_version(name="projects/acme/secrets/stripe/versions/latest")
print(answer.payload.data.decode(), answer.name)
"""


@pytest.fixture
def server(close):
    made = close(Google())
    made.secrets["projects/acme/secrets/stripe"] = [VALUE]
    made.secrets["projects/acme/secrets/both"] = [json.dumps({"a": VALUE, "b": 7})]
    return made


@pytest.fixture
def declared(server, source):
    return source(kind="google_secrets", project="acme", address=server.url, key=(server.account,))


def test_the_stand_in_is_read_by_googles_own_sdk(server):
    pytest.importorskip("google.cloud.secretmanager_v1", exc_type=ImportError)
    ran = subprocess.run(
        [sys.executable, "-c", SDK, server.url.removeprefix("http://")],
        input=server.account, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.stdout.split() == [VALUE, "projects/acme/secrets/stripe/versions/1"], ran.stderr


def test_a_key_reads_the_newest_version_or_the_one_that_is_named(server, declared):
    found = declared("stripe")
    assert (found.text, found.version) == (VALUE, "1")
    assert server.tokens[0].value in found.hidden
    server.secrets["projects/acme/secrets/stripe"].append(NEXT)
    assert (declared("stripe").text, declared("stripe").version) == (NEXT, "2")
    assert declared("stripe@1").text == VALUE
    assert declared("both#a").text == VALUE
    assert len(server.tokens) == 1


def test_a_machine_of_googles_signs_in_by_its_metadata_server(server, source, monkeypatch):
    monkeypatch.setattr(subject, "METADATA", server.url)
    read = source(kind="google_secrets", project="acme", address=server.url)
    assert read("stripe").text == VALUE
    assert server.asked[0].headers["metadata-flavor"] == "Google"


def test_what_only_looks_like_a_metadata_server_is_none(server, source, monkeypatch):
    monkeypatch.setattr(subject, "METADATA", f"{server.url}/elsewhere")
    with pytest.raises(NotFetched, match="no metadata server"):
        source(kind="google_secrets", project="acme", address=server.url)("stripe")


def test_a_token_is_replaced_before_its_end_and_when_it_was_revoked(server, declared, clock):
    declared("stripe")
    clock.ahead = 3600 - 59
    declared("stripe")
    assert len(server.tokens) == 2
    server.tokens.clear()
    with pytest.raises(NotFetched, match=r"refuses who asks \(status 401\)"):
        declared("stripe")
    assert declared("stripe").text == VALUE


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gone", "has no such entry"),
        ("stripe@9", "has no such entry"),
        ("a/b", "has no folders"),
        ("both#gone", "no such field"),
        ("both#b", "a text in that field"),
        ("stripe#a", "no such field"),
    ],
)
def test_what_is_not_there_is_told(declared, text, told):
    with pytest.raises(NotFetched, match=told):
        declared(text)


@pytest.mark.parametrize("fault", [*NONSENSE, "reset"])
def test_an_answer_that_is_none_gives_nothing(server, declared, fault):
    declared("stripe")
    server.fault = fault
    with pytest.raises(NotFetched) as caught:
        declared("stripe")
    assert not any(text in str(caught.value) for text in (VALUE, "something-secret", server.tokens[0].value))
    server.fault = ""
    assert declared("stripe").text == VALUE


@pytest.mark.parametrize("fault", ["no json", "an empty object", "numbers", "an error", "huge"])
def test_a_login_that_is_none_gives_nothing(server, declared, fault):
    server.fault = fault
    with pytest.raises(NotFetched):
        declared("stripe")
    assert [asked.path for asked in server.asked] == ["/token"]
