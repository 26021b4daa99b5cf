"""Vendors' own clients, through the proxy, to servers that others wrote and that check who signs in.

moto verifies the signature of each request against the keys that its IAM knows, once it is told to;
localstripe takes secret keys alone. What an agent gets done is done by our keys.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are imported without packages, stand-ins too

from standins.front import Front
from standins.running import wait

from tests.conftest import make_ca

boto3 = pytest.importorskip("boto3")
botocore = pytest.importorskip("botocore.exceptions")
config = pytest.importorskip("botocore.config")
stripe = pytest.importorskip("stripe")
transfer = pytest.importorskip("boto3.s3.transfer")

REGION = "eu-central-1"
CATALOGUE = json.dumps([{name: {"region": REGION}} for name in ("aws_dynamodb", "aws_s3", "aws_sts")])
STRIPE_KEY = "sk_test_Zk3vQ8m1X5b7N2c4R6t9"
AWS_HOSTS = tuple(f"{name}.{REGION}.amazonaws.com" for name in ("dynamodb", "s3", "sts", "wharf.s3"))
SETTINGS = """\
version: 1
listen: 127.0.0.1:0
console: 127.0.0.1:0
catalogue: {catalogue}
resolve: {resolve}
upstream: {{ca: {{"*": origin-root.pem}}}}
"""
OTHERS = (
    '  EXAMPLE_KEY: {from: "file:example.key", hosts: [api.example.com, files.example.com]}\n'
    '  OTHER_KEY: {from: "file:other.key", hosts: [other.example.com]}\n'
)
POLICY = "policy: everyday\ndescription: Vendors' clients\nallow: [{tools}]\n"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def proxied(proxy: Any) -> str:
    host, port = proxy.address
    return f"http://{proxy.agent}:{proxy.token()}@{host}:{port}"


# AWS


@pytest.fixture
def moto() -> Iterator[tuple[int, str, str]]:
    """A server that knows one user by one key, and nobody else: its port, and the key."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    url = f"http://127.0.0.1:{port}"
    here = {
        "endpoint_url": url,
        "region_name": REGION,
        "aws_access_key_id": "a",
        "aws_secret_access_key": "b",
    }
    iam = boto3.client("iam", **here)
    iam.create_user(UserName="wharf")
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="wharf", PolicyName="all", PolicyDocument=json.dumps(allowed))
    key = iam.create_access_key(UserName="wharf")["AccessKey"]
    from_now_on(url, b"0")
    yield port, key["AccessKeyId"], key["SecretAccessKey"]
    from_now_on(url, b"inf")  # it is one for all in this process
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", b""), timeout=10).close()
    server.stop()


def from_now_on(url: str, calls: bytes) -> None:
    """After so many calls, have moto look at who signs them."""
    asked = urllib.request.Request(f"{url}/moto-api/reset-auth", calls, {"Content-Type": "text/plain"})
    urllib.request.urlopen(asked, timeout=10).close()


@pytest.fixture
async def aws(start: Any, moto: tuple[int, str, str], tmp_path: Path) -> AsyncIterator[Any]:
    port, access, secret = moto
    folder = tmp_path / "ca"
    folder.mkdir()
    ca = make_ca(folder, AWS_HOSTS)
    async with Front(port, ca.context()) as front:
        resolve = json.dumps({f"{host}:443": f"127.0.0.1:{front.port}" for host in AWS_HOSTS})
        files = {
            "wharfinger.yaml": SETTINGS.format(resolve=resolve, catalogue=CATALOGUE),
            "origin-root.pem": ca.root.read_text(),
            "credentials.yaml": (
                "credentials:\n  AWS_CREDENTIALS: {kind: aws, access_key: file:access.key, "
                f"secret_key: file:secret.key, hosts: {json.dumps(AWS_HOSTS)}}}\n{OTHERS}"
            ),
            "access.key": access, "secret.key": secret,
            "policies/everyday.yaml": POLICY.format(
                tools=", ".join(f"{{tool: aws_{each}_*}}" for each in ("dynamodb", "s3", "sts"))
            ),
        }  # fmt: skip
        async with start(files) as proxy:
            proxy.front, proxy.key = front, (access, secret)
            yield proxy


def client(proxy: Any, service: str, key: tuple[str, str]) -> Any:
    return boto3.client(
        service,
        region_name=REGION,
        aws_access_key_id=key[0],
        aws_secret_access_key=key[1],
        verify=str(proxy.runtime.client.ca),
        config=config.Config(proxies={"https": proxied(proxy)}, retries={"total_max_attempts": 1}),
    )


async def test_boto3_does_its_work_and_moto_knows_our_key_by_its_signature(aws: Any) -> None:
    held = aws.placeholder("AWS_CREDENTIALS")

    def work() -> str:
        tables = client(aws, "dynamodb", (held, held))
        tables.create_table(
            TableName="t", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        )  # fmt: skip
        tables.put_item(TableName="t", Item={"k": {"S": "one"}, "n": {"N": "1"}})
        assert tables.get_item(TableName="t", Key={"k": {"S": "one"}})["Item"]["n"] == {"N": "1"}
        objects = client(aws, "s3", (held, held))
        objects.create_bucket(Bucket="wharf", CreateBucketConfiguration={"LocationConstraint": REGION})
        objects.put_object(Bucket="wharf", Key="a b/ü.txt", Body=b"x" * 200_000, Metadata={"by": "an-agent"})
        got = objects.get_object(Bucket="wharf", Key="a b/ü.txt")
        assert got["Body"].read() == b"x" * 200_000
        assert [each["Key"] for each in objects.list_objects_v2(Bucket="wharf")["Contents"]] == ["a b/ü.txt"]
        return str(client(aws, "sts", (held, held)).get_caller_identity()["Arn"])

    assert (await asyncio.to_thread(work)).endswith(":user/wharf")
    access, secret = aws.key
    sent = bytes(aws.front.sent)
    assert held.encode() not in sent
    assert secret.encode() not in sent
    assert set(re.findall(rb"Credential=([^/]+)/", sent)) == {access.encode()}
    kinds = [event["kind"] for event in await aws.settled()]
    assert kinds.count("outcome") == kinds.count("intent") >= 8


async def test_a_download_in_parts_is_the_object_less_our_key_across_two_of_them(
    aws: Any, tmp_path: Path
) -> None:
    """What AWS's own transfer manager writes at offsets is what the object has there, but for the key."""
    held, (access, secret), size = aws.placeholder("AWS_CREDENTIALS"), aws.key, 256 << 10
    body = bytearray(range(256)) * (5 * size // 256) + b"and a rest"
    for edge in (size, 3 * size):
        body[edge - 15 : edge - 15 + len(secret)] = secret.encode()
    direct = boto3.client(
        "s3", region_name=REGION, endpoint_url=f"http://127.0.0.1:{aws.front._behind}",
        aws_access_key_id=access, aws_secret_access_key=secret,
    )  # fmt: skip

    def work() -> bytes:
        direct.create_bucket(Bucket="wharf", CreateBucketConfiguration={"LocationConstraint": REGION})
        direct.put_object(Bucket="wharf", Key="large", Body=bytes(body))
        objects, path = client(aws, "s3", (held, held)), tmp_path / "large"
        in_parts = transfer.TransferConfig(multipart_threshold=size, multipart_chunksize=size)
        objects.download_file("wharf", "large", str(path), Config=in_parts)
        last = objects.get_object(Bucket="wharf", Key="large", Range="bytes=-10")
        assert (last["Body"].read(), last["ContentLength"]) == (b"and a rest", 10)
        return path.read_bytes()

    got = await asyncio.to_thread(work)
    assert got == bytes(body).replace(secret.encode(), b"*" * len(secret))
    outcomes = [event for event in await aws.settled() if event["kind"] == "outcome"]
    assert [sum(event.get("findings", {}).values()) for event in outcomes].count(1) == 4


async def test_moto_takes_nobody_elses_signature(aws: Any) -> None:
    """The control: with our key and another secret, and with what the agent holds, it refuses."""
    port, (access, _) = aws.front._behind, aws.key
    for key in ((access, "another-secret-0123456789"), (aws.placeholder("AWS_CREDENTIALS"),) * 2):
        direct = boto3.client(
            "sts", region_name=REGION, endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=key[0], aws_secret_access_key=key[1],
        )  # fmt: skip
        with pytest.raises(botocore.ClientError, match=r"SignatureDoesNotMatch|InvalidClientTokenId"):
            await asyncio.to_thread(direct.get_caller_identity)


async def test_a_key_of_the_agents_own_is_refused_before_moto_hears_of_it(aws: Any) -> None:
    own = client(aws, "dynamodb", ("AKIAATTACKERATTACKER", "attacker-secret-0123456789"))
    with pytest.raises(botocore.ClientError, match="credential of your own"):
        await asyncio.to_thread(own.list_tables)
    assert not aws.front.sent


# Stripe


@pytest.fixture
def localstripe() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    program = Path(sys.executable).parent / "localstripe"
    if not program.exists():
        pytest.skip("there is no localstripe here")
    process = subprocess.Popen(
        [program, "--port", str(port), "--from-scratch"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def up() -> bool:
        with socket.socket() as looking:
            return looking.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait("localstripe", up)
        yield port
    finally:
        process.kill()
        process.wait(20)


async def test_stripes_client_does_its_work_with_our_key(
    start: Any, localstripe: int, test_ca: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Front(localstripe, test_ca.context()) as front:
        files = {
            "wharfinger.yaml": SETTINGS.format(
                resolve=json.dumps({"api.stripe.com:443": f"127.0.0.1:{front.port}"}), catalogue="[stripe]"
            ),
            "credentials.yaml": (
                'credentials:\n  STRIPE_API_KEY: {from: "file:stripe.key", hosts: [api.stripe.com], '
                f'placeholder: "sk_test_"}}\n{OTHERS}'
            ),
            "stripe.key": STRIPE_KEY,
            "policies/everyday.yaml": POLICY.format(tools="{tool: stripe_*}"),
        }
        async with start(files) as proxy:
            held = proxy.placeholder("STRIPE_API_KEY")
            monkeypatch.setattr(stripe, "ca_bundle_path", str(proxy.runtime.client.ca))
            ours = stripe.StripeClient(
                held,
                http_client=stripe.RequestsClient(proxy={"https": proxied(proxy)}),
                max_network_retries=0,
            )

            def work() -> None:
                made = ours.v1.customers.create(params={"name": "Ann Ö", "email": "ann@example.com"})
                assert ours.v1.customers.retrieve(made.id).name == "Ann Ö"
                ours.v1.customers.update(made.id, params={"metadata": {"by": "an agent"}})
                listed = ours.v1.customers.list(params={"limit": 3})
                assert [each.metadata["by"] for each in listed.data] == ["an agent"]
                with pytest.raises(stripe.InvalidRequestError):
                    ours.v1.customers.retrieve("cus_nobody")

            await asyncio.to_thread(work)
            sent = bytes(front.sent)
            keys = set(re.findall(rb"(?i)\r\nauthorization: ([^\r]+)\r\n", sent))
            assert keys == {b"Bearer " + STRIPE_KEY.encode()}
            assert held.encode() not in sent
            front.sent.clear()
            other = stripe.StripeClient(
                "sk_test_attacker0123456789",
                http_client=stripe.RequestsClient(proxy={"https": proxied(proxy)}), max_network_retries=0,
            )  # fmt: skip
            with pytest.raises(stripe.PermissionError, match="credential of your own"):
                await asyncio.to_thread(other.v1.customers.list)
            assert not front.sent
