"""What is signed with a placeholder reaches the API signed with the real key: webhooks, and S3."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from wharfinger.credentials import asymmetric

boto3 = pytest.importorskip("boto3")
config = pytest.importorskip("botocore.config")

ACCESS, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOOK = "whsec_0123456789abcdef0123456789"
FILES = {
    "tools/signed.yaml": """\
api: signed
base: https://api.example.com
auth: {secret: AWS, in: sigv4}
headers: {pass: [X-Amz-Decoded-Content-Length, X-Amz-Trailer, X-Amz-User-Agent, Amz-Sdk-Invocation-Id]}
tools:
  - tool: get_object
    description: Read an object
    effect: read
    run: {method: GET, url: "/bucket/${key}", extra: deny}
  - tool: put_object
    description: Put an object
    effect: write
    run: {method: PUT, url: "/bucket/${key}", encoding: any, extra: allow}
  - tool: upload_object
    description: Put a large object
    effect: write
    run: {method: PUT, url: "/large/${key}", encoding: any, body: stream}
  - tool: hook
    description: Tell of an event
    effect: write
    run:
      method: POST
      url: /hook
      body: {id: "${id}"}
      auth: {secret: HOOK, in: hmac, name: Stripe-Signature, sign: "${time}.${body}",
             format: "t=${time},v1=${signature}"}
  - tool: slack
    description: Tell of an event, with the time in a field of its own
    effect: write
    run:
      method: POST
      url: /slack
      body: {id: "${id}"}
      auth: {secret: HOOK, in: hmac, name: X-Slack-Signature, time: X-Slack-Request-Timestamp,
             sign: "v0:${time}:${body}", format: "v0=${signature}"}
""",
    "credentials.yaml": """\
credentials:
  AWS: {kind: aws, access_key: "file:access.key", secret_key: "file:secret.key", hosts: [api.example.com]}
  HOOK: {from: "file:hook.key", hosts: [api.example.com]}
  EXAMPLE_KEY: {from: "file:example.key", hosts: [api.example.com, files.example.com]}
  OTHER_KEY: {from: "file:other.key", hosts: [other.example.com]}
""",
    "policies/everyday.yaml": (
        "policy: everyday\ndescription: Signed calls\n"
        "tools: [get_object, put_object, upload_object, hook, slack]\n"
    ),
    "access.key": ACCESS,
    "secret.key": SECRET,
    "hook.key": HOOK,
}
JSON = ("Content-Type", "application/json")
SIGNED_FIELDS = ("authorization", "stripe-signature")


@pytest.fixture
async def keyed(start: Any) -> Any:
    async with start(FILES) as proxy:
        yield proxy


def lower(sent: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in sent.headers}


async def nothing_shown(proxy: Any, *texts: str) -> None:
    shown = repr(await proxy.settled())
    assert not [text for text in (SECRET, HOOK, *texts) if text in shown]


# By template


@pytest.mark.parametrize("how", ["placeholder", "signature"])
async def test_a_webhook_is_signed_with_the_real_key(keyed: Any, origin: Any, how: str) -> None:
    key, body = keyed.placeholder("HOOK"), b'{"id":"evt_1"}'
    value = key
    if how == "signature":
        made = hmac.digest(key.encode(), b"1700000000." + body, "sha256").hex()
        value = f"t=1700000000,v1={made}"
    answered = await keyed.request("POST", "/hook", [JSON, ("Stripe-Signature", value)], body, key=False)
    assert answered.status == 200, answered.body
    (sent,) = origin.requests
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", lower(sent)["stripe-signature"])
    assert found is not None
    assert abs(int(found[1]) - time.time()) < 60
    assert found[2] == hmac.digest(HOOK.encode(), f"{found[1]}.".encode() + body, "sha256").hex()
    await nothing_shown(keyed, found[2])


async def test_the_time_in_a_field_of_its_own(keyed: Any, origin: Any) -> None:
    key, body = keyed.placeholder("HOOK"), b'{"id":"evt_1"}'
    made = hmac.digest(key.encode(), b"v0:17:" + body, "sha256").hex()
    fields = [JSON, ("X-Slack-Signature", f"v0={made}"), ("X-Slack-Request-Timestamp", "17")]
    answered = await keyed.request("POST", "/slack", fields, body, key=False)
    assert answered.status == 200, answered.body
    sent = lower(origin.requests[0])
    at = sent["x-slack-request-timestamp"]
    assert abs(int(at) - time.time()) < 60
    expected = hmac.digest(HOOK.encode(), f"v0:{at}:".encode() + body, "sha256").hex()
    assert sent["x-slack-signature"] == f"v0={expected}"


@pytest.mark.parametrize("value", ["mine", "t=1700000000,v1=" + "0" * 64, "t=1700000000", "other's"])
async def test_another_signature_is_refused(keyed: Any, origin: Any, value: str) -> None:
    if value == "other's":
        value = keyed.placeholder("HOOK", "second")
    answered = await keyed.request(
        "POST", "/hook", [JSON, ("Stripe-Signature", value)], b'{"id":"a"}', key=False
    )
    assert (answered.status, answered.code) == (403, "misuse")
    assert not origin.requests


async def test_without_a_signature_it_is_denied(keyed: Any, origin: Any) -> None:
    answered = await keyed.request("POST", "/hook", [JSON], b'{"id":"a"}', key=False)
    assert (answered.status, answered.code) == (403, "denied")
    assert not origin.requests


# AWS


def client(proxy: Any, **more: Any) -> Any:
    host, port = proxy.address
    return boto3.client(
        "s3",
        region_name="eu-central-1",
        endpoint_url="https://api.example.com",
        aws_access_key_id=proxy.placeholder("AWS"),
        aws_secret_access_key=proxy.placeholder("AWS"),
        verify=str(proxy.runtime.client.ca),
        config=config.Config(
            proxies={"https": f"http://{proxy.agent}:{proxy.token()}@{host}:{port}"},
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            **more,
        ),
    )


def signing_key(stamp: str) -> bytes:
    key = f"AWS4{SECRET}".encode()
    for part in (stamp[:8], "eu-central-1", "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def text_to_sign(sent: Any, algorithm: str, where: str) -> tuple[str, str]:
    """What the field says is signed, put together from what arrived, and the signature."""
    fields = lower(sent)
    found = re.search(r"SignedHeaders=([^,]+), Signature=([0-9a-f]+)$", fields["authorization"])
    assert found is not None
    names = found[1].split(";")
    path, _, query = sent.target.partition("?")
    canonical = "\n".join((
        sent.method, path, query, *(f"{name}:{fields[name]}" for name in names), "", found[1],
        fields["x-amz-content-sha256"],
    ))  # fmt: skip
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{algorithm}\n{fields['x-amz-date']}\n{where}\n{digest}", found[2]


def check(sent: Any) -> tuple[str, str]:
    """The seed of a request that is signed with the real key, and its stamp."""
    stamp = lower(sent)["x-amz-date"]
    where = f"{stamp[:8]}/eu-central-1/s3/aws4_request"
    text, signature = text_to_sign(sent, "AWS4-HMAC-SHA256", where)
    assert f"Credential={ACCESS}/{where}," in lower(sent)["authorization"]
    assert hmac.digest(signing_key(stamp), text.encode(), "sha256").hex() == signature
    return signature, stamp


async def test_a_signed_url_is_signed_anew(keyed: Any, origin: Any) -> None:
    s3 = client(keyed, signature_version="s3v4")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a.txt"}, ExpiresIn=60)
    parts = urlsplit(url)
    assert f"X-Amz-Credential={keyed.placeholder('AWS')}" in parts.query
    answered = await keyed.request("GET", f"{parts.path}?{parts.query}", key=False)
    assert answered.status == 200, answered.body
    (sent,) = origin.requests
    assert sent.target == "/bucket/a.txt"
    signature, _ = check(sent)
    await nothing_shown(keyed, signature)


async def test_a_url_signed_with_another_key_is_refused(keyed: Any, origin: Any) -> None:
    s3 = client(keyed, signature_version="s3v4")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a.txt"})
    target = url.removeprefix("https://api.example.com").replace(keyed.placeholder("AWS"), "AKIAMINEMINEMINE")
    answered = await keyed.request("GET", target, key=False)
    assert (answered.status, answered.code) == (403, "misuse")
    assert not origin.requests


def in_chunks(*datas: bytes) -> bytes:
    return b"".join(b"%x;chunk-signature=%b\r\n%b\r\n" % (len(d), b"0" * 64, d) for d in (*datas, b""))


@pytest.mark.parametrize("path", ["/bucket/a", "/large/a"], ids=["whole", "stream"])
async def test_signed_chunks_are_signed_anew(keyed: Any, origin: Any, path: str) -> None:
    key = keyed.placeholder("AWS")
    datas = [b"a" * 65536, b"b" * 1024]
    fields = [
        ("Authorization", f"AWS4-HMAC-SHA256 Credential={key}/20260114/eu-central-1/s3/aws4_request, "
         f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={'0' * 64}"),
        ("X-Amz-Date", "20260114T120000Z"),
        ("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("X-Amz-Decoded-Content-Length", str(sum(map(len, datas)))),
        ("Content-Encoding", "aws-chunked"),
    ]  # fmt: skip
    answered = await keyed.request("PUT", path, fields, in_chunks(*datas), key=False)
    assert answered.status == 200, answered.body
    (sent,) = origin.requests
    previous, stamp = check(sent)
    where = f"{stamp[:8]}/eu-central-1/s3/aws4_request"
    expected = b""
    for data in (*datas, b""):
        text = "\n".join((
            "AWS4-HMAC-SHA256-PAYLOAD", stamp, where, previous, hashlib.sha256(b"").hexdigest(),
            hashlib.sha256(data).hexdigest(),
        ))  # fmt: skip
        previous = hmac.digest(signing_key(stamp), text.encode(), "sha256").hex()
        expected += b"%x;chunk-signature=%b\r\n%b\r\n" % (len(data), previous.encode(), data)
    assert sent.body == expected


@pytest.mark.parametrize("path", ["/bucket/a", "/large/a"], ids=["whole", "stream"])
async def test_misshapen_chunks_are_not_sent_whole(keyed: Any, origin: Any, path: str) -> None:
    key = keyed.placeholder("AWS")
    fields = [
        ("Authorization", f"AWS4-HMAC-SHA256 Credential={key}/20260114/eu-central-1/s3/aws4_request, "
         f"SignedHeaders=host, Signature={'0' * 64}"),
        ("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("Content-Encoding", "aws-chunked"),
    ]  # fmt: skip
    tunnel = await keyed.connect()
    answered = await tunnel.request("PUT", path, fields, in_chunks(b"a" * 100)[:-9], key=False)
    assert answered.status >= 400
    assert not [sent for sent in origin.requests if sent.target == path]


async def test_a_signature_for_all_regions(keyed: Any, origin: Any) -> None:
    pytest.importorskip("awscrt")
    s3 = client(keyed, signature_version="s3v4a")
    await asyncio.to_thread(s3.get_object, Bucket="bucket", Key="a.txt")
    (sent,) = origin.requests
    fields = lower(sent)
    assert fields["authorization"].startswith(f"AWS4-ECDSA-P256-SHA256 Credential={ACCESS}/")
    where = f"{fields['x-amz-date'][:8]}/s3/aws4_request"
    text, signature = text_to_sign(sent, "AWS4-ECDSA-P256-SHA256", where)
    public = asymmetric.key(ACCESS, SECRET).public_key()
    public.verify(bytes.fromhex(signature), text.encode(), ec.ECDSA(hashes.SHA256()))
    assert fields["x-amz-region-set"]


async def test_a_signature_does_not_come_back(keyed: Any, origin: Any, reply: Any) -> None:
    """Not even from an API that says what it was sent."""

    def echo(seen: Any) -> Any:
        said = {name: value for name, value in seen.headers if name.lower() in SIGNED_FIELDS}
        fields = [
            ("Content-Type", "application/json"),
            *((f"X-Said-{i}", v) for i, v in enumerate(said.values())),
        ]
        return reply(body=json.dumps(said).encode(), headers=fields)

    origin.answer = echo
    s3 = client(keyed, signature_version="s3v4")
    target = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a.txt"})
    answers = [
        await keyed.request("GET", target.removeprefix("https://api.example.com"), key=False),
        await keyed.request(
            "POST", "/hook", [JSON, ("Stripe-Signature", keyed.placeholder("HOOK"))], b'{"id":"a"}', key=False
        ),
    ]
    for sent, answered in zip(origin.requests, answers, strict=True):
        assert answered.status == 200, answered.body
        said = next(value for name, value in sent.headers if name.lower() in SIGNED_FIELDS)
        signature = said.rpartition("=")[2]
        shown = repr((answered.headers, answered.body, await keyed.settled()))
        assert len(signature) == 64
        assert signature not in shown
        assert "[redacted]" in shown


async def test_no_half_of_a_signature_comes_back_in_a_part(start: Any, origin: Any, reply: Any) -> None:
    """It is masked before the part is cut out of what came, and the part has the length that it says."""

    def echo(seen: Any) -> Any:
        said = b"you sent " + (seen.header("authorization") or "").encode()
        return reply(206, said, [("Content-Range", f"bytes 0-{len(said) - 1}/{len(said)}")])

    origin.answer = echo
    ranged = FILES["tools/signed.yaml"].replace(
        'run: {method: GET, url: "/bucket/${key}", extra: deny}',
        'run: {method: GET, url: "/bucket/${key}", extra: deny, headers: {Range: "${range}"}}\n'
        "    input: {key: string, range: {type: string, required: false}}",
    )
    async with start(FILES | {"tools/signed.yaml": ranged}) as proxy:
        s3 = client(proxy, signature_version="s3v4")
        for size, hidden in ((20, 20), (74, 64)):
            got = await asyncio.to_thread(
                lambda size=size: s3.get_object(Bucket="bucket", Key="a", Range=f"bytes=-{size}")
            )
            body = got["Body"].read()
            assert got["ContentLength"] == len(body) == size
            assert body == (b"Signature=" + b"*" * 64)[-size:]
            assert body.count(b"*") == hidden
    assert len(origin.requests) == 2
