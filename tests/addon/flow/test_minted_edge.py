"""Secrets that APIs make for an agent: it gets a placeholder each, which stands for it from then on."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

import pytest

KEY, TOKEN, REFRESH = (
    "sk_live_Zk3vQ8m1X5b7N2c4R6t9",
    "ghs_madeByTheApi_0123456789",
    "ghr_refresh_0123456789ab",
)
ACCESS, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ROLE = ("ASIAROLE000000000001", "role/secret+key/of/forty/characters/00001", "role&session/token==")
FILES = {
    "tools/example.yaml": """\
api: example
base: https://api.example.com
auth: {secret: EXAMPLE_KEY}
tools:
  - tool: get_item
    description: Read an item
    effect: read
    run: {method: GET, url: "/items/${id}"}
  - tool: make_token
    description: Make a token
    effect: write
    run: {method: POST, url: /token}
    returns: {secret: ["$.token", "$.refresh"], expires: "$.expires_in"}
  - tool: make_for_others
    description: Make a token for the files
    effect: write
    run: {method: POST, url: /token/files}
    returns: {secret: "$.token", as: FILES_KEY}
  - tool: make_somewhere
    description: Make a token, and say it somewhere
    effect: write
    run: {method: POST, url: /somewhere}
    returns: secret
""",
    "tools/files.yaml": """\
api: files
base: https://files.example.com
auth: {secret: FILES_KEY}
tools:
  - tool: download
    description: Download a file
    effect: read
    run: {method: GET, url: "/download/${name}"}
""",
    "tools/sts.yaml": """\
api: sts
base: https://other.example.com
auth: {secret: AWS, in: sigv4}
headers: {pass: [X-Amz-User-Agent, Amz-Sdk-Invocation-Id, Amz-Sdk-Request]}
tools:
  - tool: assume_role
    description: Assume a role
    effect: write
    run:
      method: POST
      url: /
      body: {Action: AssumeRole, Version: "2011-06-15", RoleArn: "${RoleArn}", RoleSessionName: "${name}"}
      encoding: form
    returns:
      format: xml
      keys: {access_key: Credentials/AccessKeyId, secret_key: Credentials/SecretAccessKey,
             session_token: Credentials/SessionToken}
      expires: Credentials/Expiration
  - tool: who_am_i
    description: Tell who is asking
    effect: read
    run: {method: POST, url: /, body: {Action: GetCallerIdentity, Version: "2011-06-15"}, encoding: form}
""",
    "credentials.yaml": """\
credentials:
  EXAMPLE_KEY: {from: "file:example.key", hosts: [api.example.com], placeholder: "sk_test_"}
  FILES_KEY: {from: "file:other.key", hosts: [files.example.com], placeholder: "ghs_"}
  AWS: {kind: aws, access_key: "file:access.key", secret_key: "file:secret.key", hosts: [other.example.com]}
""",
    "policies/everyday.yaml": (
        "policy: everyday\ndescription: Tokens\n"
        "tools: [get_item, make_token, make_for_others, make_somewhere, download, assume_role, who_am_i]\n"
    ),
    "access.key": ACCESS,
    "secret.key": SECRET,
}
JSON = [("Content-Type", "application/json")]


@pytest.fixture
async def minting(start: Any) -> Any:
    async with start(FILES) as proxy:
        yield proxy


def answering(reply: Any, body: Any, *, headers: Any = JSON, status: int = 200) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: reply(status=status, body=raw, headers=headers)


def sent_key(origin: Any) -> str:
    return next(value for name, value in origin.requests[-1].headers if name.lower() == "authorization")


async def nothing_shown(proxy: Any, *texts: str) -> None:
    shown = repr(await proxy.settled())
    assert not [text for text in (KEY, TOKEN, REFRESH, SECRET, *texts) if text in shown]


async def use(
    proxy: Any, placeholder: str, target: str = "/items/1", host: str = "api.example.com", **more: Any
) -> Any:
    tunnel = await proxy.connect(host, **more)
    fields = [("Authorization", f"Bearer {placeholder}")]
    return await tunnel.request("GET", target, fields, host=host, key=False)


async def test_a_new_token_is_sealed_and_exchanged(minting: Any, origin: Any, reply: Any) -> None:
    body = {"token": TOKEN, "refresh": REFRESH, "expires_in": 600, "note": f"your token is {TOKEN}", "n": 1}
    origin.answer = answering(reply, body)
    answered = await minting.request("POST", "/token")
    assert answered.status == 200, answered.body
    made = answered.json
    assert TOKEN not in answered.body.decode()
    assert REFRESH not in answered.body.decode()
    assert made["token"].startswith("sk_test_")
    assert made["token"] != made["refresh"] != minting.placeholder()
    assert made["n"] == 1
    assert made["note"] == f"your token is {made['token']}"
    for name, value in (("token", TOKEN), ("refresh", REFRESH)):
        origin.answer = answering(reply, {"said": value})
        used = await use(minting, made[name])
        assert used.status == 200, used.body
        assert sent_key(origin) == f"Bearer {value}"
        assert used.json == {"said": made[name]}
    assert (await use(minting, minting.placeholder())).status == 200
    assert sent_key(origin) == f"Bearer {KEY}"
    await nothing_shown(minting)


async def test_it_goes_where_its_credential_goes(minting: Any, origin: Any, reply: Any, caplog: Any) -> None:
    origin.answer = answering(reply, {"token": TOKEN})
    made = (await minting.request("POST", "/token/files")).json["token"]
    assert made.startswith("ghs_")
    origin.answer = answering(reply, {})
    assert (await use(minting, made, "/download/a", "files.example.com")).status == 200
    assert sent_key(origin) == f"Bearer {TOKEN}"
    sent = len(origin.requests)
    for refused in (
        await use(minting, made, "/items/1"),
        await use(minting, made, "/download/a", "files.example.com", agent="second"),
        await use(minting, made.lower() + "x", "/download/a", "files.example.com"),
    ):
        assert (refused.status, refused.code) == (403, "misuse")
    tunnel = await minting.connect("files.example.com")
    elsewhere = await tunnel.request(
        "GET", f"/download/{made}", [("Authorization", f"Bearer {made}")], host="files.example.com", key=False
    )
    assert (elsewhere.status, elsewhere.code) == (403, "misuse")
    assert len(origin.requests) == sent
    for agent in ("bot", "second"):  # a placeholder elsewhere is an alarm, and says whose
        assert f"misuse by the agent {agent}: " in caplog.text
    assert made not in caplog.text


async def test_where_it_is_not_declared_the_call_is_refused(minting: Any, origin: Any) -> None:
    answered = await minting.request("POST", "/somewhere")
    assert (answered.status, answered.code) == (403, "denied")
    assert "new secret" in answered.json["error"]["message"]
    assert not origin.requests


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"other": TOKEN}, JSON),
        ({"token": {"value": TOKEN}}, JSON),
        ({"token": 7}, JSON),
        ({"token": "short"}, JSON),
        (TOKEN.encode(), JSON),
        ({"token": TOKEN, "x": "y" * 300_000}, JSON),
        ({"token": TOKEN}, [*JSON, ("Content-Encoding", "gzip")]),
    ],
    ids=["elsewhere", "object", "number", "short", "no json", "large", "encoded"],
)
async def test_what_cannot_be_sealed_is_withheld(
    minting: Any, origin: Any, reply: Any, body: Any, headers: Any
) -> None:
    origin.answer = answering(reply, body, headers=headers)
    tunnel = await minting.connect()
    tunnel.writer.write(minting.raw("POST", "/token"))
    back = b""
    while data := await asyncio.wait_for(tunnel.reader.read(65536), 20):  # until it is cut off
        back += data
    assert TOKEN.encode() not in back
    assert not back.endswith(b"0\r\n\r\n") or b'"code":"upstream"' in back.replace(b" ", b"")
    assert "withheld" in {event.get("outcome") for event in await minting.settled()}
    await nothing_shown(minting)


@pytest.mark.parametrize("name", ["X-Token", "Location", "ETag", "Link"])
async def test_it_is_taken_out_of_the_head_of_its_answer_too(
    minting: Any, origin: Any, reply: Any, name: str
) -> None:
    """The head comes first, and the secret is known only once the body has been read."""
    fields = [*JSON, (name, f"/tokens/{TOKEN}/x"), ("X-Other", "as it is")]
    origin.answer = answering(reply, {"token": TOKEN, "refresh": REFRESH}, headers=fields)
    tunnel = await minting.connect()
    tunnel.writer.write(minting.raw("POST", "/token"))
    head = await asyncio.wait_for(tunnel.reader.readuntil(b"\r\n\r\n"), 20)
    assert head.startswith(b"HTTP/1.1 200")
    assert b"as it is" in head
    assert TOKEN.encode() not in head
    await nothing_shown(minting)


async def test_an_answer_that_refuses_passes(minting: Any, origin: Any, reply: Any) -> None:
    origin.answer = answering(reply, {"error": "no"}, status=401)
    answered = await minting.request("POST", "/token")
    assert (answered.status, answered.json) == (401, {"error": "no"})


async def test_it_ends_when_its_api_says(minting: Any, origin: Any, reply: Any, monkeypatch: Any) -> None:
    origin.answer = answering(reply, {"token": TOKEN, "expires_in": 600})
    made = (await minting.request("POST", "/token")).json["token"]
    origin.answer = answering(reply, {"said": TOKEN})
    live, sent = minting.runtime.live, len(origin.requests)
    ahead = time.time() + 700
    monkeypatch.setattr(live.secrets.sealed, "_now", lambda: ahead)
    answered = await use(minting, made)
    assert answered.code == "unavailable"
    live.pass_time()
    answered = await use(minting, made)
    assert answered.status == 403
    assert len(origin.requests) == sent
    again = await use(minting, minting.placeholder())
    assert TOKEN.encode() not in again.body  # what has been sealed once is never shown


async def test_a_role_that_boto3_assumes(minting: Any, origin: Any, reply: Any) -> None:
    boto3 = pytest.importorskip("boto3")
    config = pytest.importorskip("botocore.config")
    access, secret, token = ROLE
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 900))
    space = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'
    assumed = (
        f"<AssumeRoleResponse {space}><AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::1:x</Arn>"
        f"<AssumedRoleId>A:x</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>{access}</AccessKeyId>"
        f"<SecretAccessKey>{secret}</SecretAccessKey>"
        f"<SessionToken>{token.replace('&', '&amp;')}</SessionToken>"
        f"<Expiration>{until}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
    told = (
        f"<GetCallerIdentityResponse {space}><GetCallerIdentityResult><Arn>arn:aws:sts::1:x</Arn>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
    origin.answer = lambda request: reply(
        body=(assumed if b"AssumeRole" in request.body else told).encode(),
        headers=[("Content-Type", "text/xml")],
    )
    host, port = minting.address

    def client(key: str, secret: str, token: str | None) -> Any:
        return boto3.client(
            "sts", region_name="eu-central-1", endpoint_url="https://other.example.com",
            aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token,
            verify=str(minting.runtime.client.ca),
            config=config.Config(
                proxies={"https": f"http://{minting.agent}:{minting.token()}@{host}:{port}"},
                retries={"total_max_attempts": 1},
            ),
        )  # fmt: skip

    key = minting.placeholder("AWS")
    given = await asyncio.to_thread(
        client(key, key, None).assume_role, RoleArn="arn:aws:iam::123456789012:role/x", RoleSessionName="bot"
    )
    keys = given["Credentials"]
    assert keys["AccessKeyId"] == keys["SecretAccessKey"] == keys["SessionToken"] != key
    assert not [text for text in ROLE if text in repr(given)]
    assert given["AssumedRoleUser"]["Arn"] == "arn:aws:sts::1:x"
    session = client(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    await asyncio.to_thread(session.get_caller_identity)
    fields = {name.lower(): value for name, value in origin.requests[-1].headers}
    assert re.match(rf"AWS4-HMAC-SHA256 Credential={access}/\d+/eu-central-1/sts/", fields["authorization"])
    assert fields["x-amz-security-token"] == token
    await nothing_shown(minting, *ROLE)
