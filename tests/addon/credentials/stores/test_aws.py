"""AWS Secrets Manager and Systems Manager's parameters, against moto's server, set up by AWS's own SDK."""

import json
import logging
import os
import socket
import sys

import boto3
import pytest
from standins.web import NONSENSE, Said, Server
from wharfinger.credentials.sources import NotFetched

VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
NEXT = "sk_next_9dR20PqMyjWDarjtT1zdp8ee"
KEYS = {"access_key": ("AKIAIOSFODNN7EXAMPLE",), "secret_key": ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",)}
HERE = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-central-1"}


@pytest.fixture(scope="module")
def moto():
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def nobody_in_the_environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def declared(source, address, kind="aws_secrets", **more):
    return source(kind=kind, region="eu-central-1", address=address, **(KEYS | more))


def test_a_secret_is_read_and_so_is_the_next(moto, source):
    admin = boto3.client("secretsmanager", endpoint_url=moto, **HERE)
    admin.create_secret(Name="prod/stripe", SecretString=VALUE)
    read = declared(source, moto)
    first = read("prod/stripe")
    assert first.text == VALUE
    assert first.version
    assert KEYS["secret_key"][0] in first.hidden
    admin.put_secret_value(SecretId="prod/stripe", SecretString=NEXT)
    assert read("prod/stripe").text == NEXT
    assert read("prod/stripe").version != first.version


def test_a_field_of_a_secret_is_read(moto, source):
    admin = boto3.client("secretsmanager", endpoint_url=moto, **HERE)
    made = admin.create_secret(Name="prod/db", SecretString=json.dumps({"password": VALUE, "port": 5}))
    read = declared(source, moto)
    assert read("prod/db#password").text == VALUE
    assert read(f"{made['ARN']}#password").text == VALUE
    for field in ("gone", "port"):
        with pytest.raises(NotFetched, match="field"):
            read(f"prod/db#{field}")


def test_bytes_are_no_text(moto, source):
    admin = boto3.client("secretsmanager", endpoint_url=moto, **HERE)
    admin.create_secret(Name="bytes", SecretBinary=b"\x00\x01")
    with pytest.raises(NotFetched, match="has bytes there"):
        declared(source, moto)("bytes")


def test_a_parameter_is_read_decrypted_and_so_is_the_next(moto, source):
    admin = boto3.client("ssm", endpoint_url=moto, **HERE)
    admin.put_parameter(Name="/prod/stripe", Value=VALUE, Type="SecureString")
    read = declared(source, moto, "aws_parameters")
    assert (read("/prod/stripe").text, read("/prod/stripe").version) == (VALUE, "1")
    admin.put_parameter(Name="/prod/stripe", Value=NEXT, Type="SecureString", Overwrite=True)
    assert (read("/prod/stripe").text, read("/prod/stripe").version) == (NEXT, "2")


@pytest.mark.parametrize(
    ("kind", "told"),
    [("aws_secrets", "ResourceNotFoundException"), ("aws_parameters", "ParameterNotFound")],
)
def test_what_is_not_there_is_told_by_its_code(moto, source, kind, told):
    with pytest.raises(NotFetched, match=f"src cannot be read: {told}$|src cannot be read: {told}"):
        declared(source, moto, kind)("gone")


def test_keys_that_were_replaced_in_their_file_are_taken_over(moto, source):
    boto3.client("secretsmanager", endpoint_url=moto, **HERE).create_secret(Name="again", SecretString=VALUE)
    read = declared(source, moto)
    assert read("again").text == VALUE
    (source.folder / "secret_key.secret").write_text("another-secret-key-0123456789")
    assert "another-secret-key-0123456789" in read("again").hidden


def test_the_machines_own_keys_and_a_profile_sign_in(moto, source, tmp_path, monkeypatch):
    boto3.client("secretsmanager", endpoint_url=moto, **HERE).create_secret(Name="own", SecretString=VALUE)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = x\n"
        "[wharf]\naws_access_key_id = AKIAWHARF\naws_secret_access_key = y\n"
    )
    plain = {"kind": "aws_secrets", "region": "eu-central-1", "address": moto}
    assert source(**plain)("own").text == VALUE
    with pytest.raises(NotFetched, match="ProfileNotFound"):
        source(**plain, profile="gone")("own")


def test_nobody_who_signs_in_is_told(moto, source):
    with pytest.raises(NotFetched, match="NoCredentialsError"):
        source(kind="aws_secrets", region="eu-central-1", address=moto)("own")


@pytest.mark.parametrize("fault", [*(each for each in NONSENSE if each not in {"huge", "deep"}), "reset"])
@pytest.mark.parametrize("kind", ["aws_secrets", "aws_parameters"])
def test_an_answer_that_is_none_gives_nothing(source, close, fault, kind):
    server = close(Server(lambda asked: Said(200, {})))
    server.fault = fault
    with pytest.raises(NotFetched) as caught:
        declared(source, server.url, kind)("prod/stripe")
    assert "something-secret" not in str(caught.value)


def test_a_dead_endpoint_is_told(source):
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        with pytest.raises(NotFetched, match="cannot be asked: ConnectError"):
            declared(source, f"http://127.0.0.1:{dead.getsockname()[1]}")("x")


def test_an_endpoint_or_a_proxy_of_the_environment_is_not_asked(moto, source, monkeypatch):
    boto3.client("secretsmanager", endpoint_url=moto, **HERE).create_secret(Name="quiet", SecretString=VALUE)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert declared(source, moto)("quiet").text == VALUE


def test_without_the_library_it_says_what_to_install(source, monkeypatch):
    for name in ("botocore.config", "botocore.session"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(NotFetched, match="botocore is not installed") as caught:
        declared(source, "http://127.0.0.1:1")("x")
    assert caught.value.hint == "pip install 'wharfinger[aws]'"
