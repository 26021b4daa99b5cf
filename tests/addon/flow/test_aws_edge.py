"""AWS's own client signs with placeholders; what the API gets is signed with the real key alone."""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")
auth = pytest.importorskip("botocore.auth")
awsrequest = pytest.importorskip("botocore.awsrequest")
config = pytest.importorskip("botocore.config")
credentials = pytest.importorskip("botocore.credentials")
exceptions = pytest.importorskip("botocore.exceptions")

ACCESS, SECRET, TOKEN = (
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "FwoGZXIvYXdzEBYaDHqa0AP3real",
)
FILES = {
    "tools/aws.yaml": """\
api: aws
base: https://api.example.com
auth: {secret: AWS, in: sigv4}
headers: {pass: [X-Amz-User-Agent, Amz-Sdk-Invocation-Id, Amz-Sdk-Request]}
tools:
  - tool: list_tables
    description: List tables
    effect: read
    input: {limit: {type: integer, required: false}}
    run:
      method: POST
      url: "/"
      headers: {X-Amz-Target: DynamoDB_20120810.ListTables}
      body: {Limit: "${limit}"}
      encoding: json
  - tool: put_object
    description: Put an object
    effect: write
    run: {method: PUT, url: "/bucket/${key}", encoding: any, extra: allow}
""",
    "credentials.yaml": """\
credentials:
  AWS:
    kind: aws
    access_key: "file:access.key"
    secret_key: "file:secret.key"
    session_token: "file:session.key"
    hosts: [api.example.com]
    env: [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY]
  EXAMPLE_KEY: {from: "file:example.key", hosts: [api.example.com, files.example.com]}
  OTHER_KEY: {from: "file:other.key", hosts: [other.example.com]}
""",
    "policies/everyday.yaml": (
        "policy: everyday\ndescription: Signed calls\nallow: [{tool: list_tables}, {tool: put_object}]\n"
    ),
    "access.key": ACCESS,
    "secret.key": SECRET,
    "session.key": TOKEN,
}


@pytest.fixture
async def keyed(start: Any) -> Any:
    async with start(FILES) as proxy:
        yield proxy


def client(proxy: Any, service: str, key: str) -> Any:
    host, port = proxy.address
    return boto3.client(
        service,
        region_name="eu-central-1",
        endpoint_url="https://api.example.com",
        aws_access_key_id=key,
        aws_secret_access_key=key,
        verify=str(proxy.runtime.client.ca),
        config=config.Config(
            proxies={"https": f"http://{proxy.agent}:{proxy.token()}@{host}:{port}"},
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        ),
    )


def check(sent: Any, service: str) -> None:
    """Sign what arrived with the real key, by the vendor's library, and compare."""
    fields = {name.lower(): value for name, value in sent.headers}
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
        r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})",
        fields["authorization"],
    )
    assert found is not None
    assert (found[1], found[3], found[4]) == (ACCESS, "eu-central-1", service)
    assert fields["x-amz-security-token"] == TOKEN
    signed = found[5].split(";")
    url = f"https://api.example.com{sent.target}"
    request = awsrequest.AWSRequest(method=sent.method, url=url, data=sent.body)
    for name in signed:
        request.headers[name] = fields[name]
    request.context["timestamp"] = fields["x-amz-date"]
    kind = auth.S3SigV4Auth if service == "s3" else auth.SigV4Auth
    signer = kind(credentials.Credentials(ACCESS, SECRET, TOKEN), service, "eu-central-1")
    again = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    assert found[6] == again


async def test_a_call_of_the_json_protocol(keyed: Any, origin: Any, reply: Any) -> None:
    origin.answer = lambda _: reply(body=b'{"TableNames": []}')
    dynamo = client(keyed, "dynamodb", keyed.placeholder("AWS"))
    answer = await asyncio.to_thread(dynamo.list_tables, Limit=1)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    (sent,) = origin.requests
    assert sent.body == b'{"Limit": 1}'
    check(sent, "dynamodb")
    shown = repr(await keyed.settled())
    assert not [text for text in (SECRET, TOKEN, ACCESS) if text in shown]


@pytest.mark.parametrize("body", [b"hello", b"x" * 200_000])
async def test_an_object_is_put(keyed: Any, origin: Any, reply: Any, body: bytes) -> None:
    origin.answer = lambda _: reply(body=b"", headers=[("ETag", '"x"')])
    s3 = client(keyed, "s3", keyed.placeholder("AWS"))
    await asyncio.to_thread(s3.put_object, Bucket="bucket", Key="a b+c.txt", Body=body)
    (sent,) = origin.requests
    fields = {name.lower(): value for name, value in sent.headers}
    assert body in sent.body or fields["x-amz-content-sha256"] == hashlib.sha256(sent.body).hexdigest()
    check(sent, "s3")


async def test_a_key_of_its_own_is_refused(keyed: Any, origin: Any) -> None:
    dynamo = client(keyed, "dynamodb", "AKIAMINEMINEMINEMINE")
    with pytest.raises(exceptions.ClientError) as refused:
        await asyncio.to_thread(dynamo.list_tables)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert not origin.requests


async def test_the_answer_gives_no_key_away(keyed: Any, origin: Any, reply: Any) -> None:
    told = f'{{"TableNames": ["{SECRET}", "{TOKEN}", "{ACCESS}"]}}'.replace("/", "\\/")
    origin.answer = lambda _: reply(body=told.encode())
    dynamo = client(keyed, "dynamodb", keyed.placeholder("AWS"))
    names = (await asyncio.to_thread(dynamo.list_tables))["TableNames"]
    assert not {SECRET, TOKEN, ACCESS} & set(names)
