"""Batches: each request within is a call, recognised as if it had been sent alone; one unknown denies all."""

from __future__ import annotations

import json
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from typing import Any

import pytest

TOOLS = """
    api: graph
    base: https://graph.example.com
    auth: {secret: GRAPH_TOKEN}
    tools:
      - tool: get_message
        input: {id: string}
        run: {method: GET, url: "/v1.0/me/messages/${id}"}
      - tool: send_mail
        run: {method: POST, url: /v1.0/me/sendMail, body: {subject: "${subject}"}}
      - tool: wipe
        run: {method: DELETE, url: "/v1.0/users/${id}", auth: {secret: OTHER}}
      - tool: masked
        run: {method: GET, url: /v1.0/masked}
        redact: ["$.secret"]
      - tool: batch
        effect: write
        run: {type: batch, url: "/v1.0/$batch", format: json, below: /v1.0}
      - tool: parts
        effect: write
        run: {type: batch, url: /batch, format: multipart}
"""
JSON = {"Content-Type": "application/json"}
READ = {"id": "1", "method": "GET", "url": "/me/messages/7"}
SEND = {"id": "2", "method": "POST", "url": "/me/sendMail", "headers": JSON, "body": {"subject": "hi"}}


@pytest.fixture(scope="module")
def recognise(compile_tools: Any, make_request: Any) -> Any:
    toolset, problems = compile_tools(TOOLS)
    assert not problems.errors, problems.errors

    def recognised(*requests: object, **more: object) -> Any:
        data = json.dumps({"requests": requests, **more}).encode()
        return toolset.recognise(make_request("POST https://graph.example.com/v1.0/$batch", JSON, data))

    return recognised


def test_each_request_is_a_call(recognise: Any) -> None:
    read = recognise(READ, SEND)
    assert read.refusal is None
    assert [(call.tool, call.inputs) for call in read.calls] == [
        ("get_message", {"id": "7"}),
        ("send_mail", {"subject": "hi"}),
    ]
    assert [[fit.tool.name for fit in part.fitting] for part in read.parts] == [
        ["get_message", "batch"],
        ["send_mail", "batch"],
    ]


def test_an_absolute_url_to_the_same_host_is_the_same(recognise: Any) -> None:
    read = recognise({**READ, "url": "https://GRAPH.example.com:443/v1.0/me/messages/7"})
    assert (read.refusal, read.calls[0].tool) == (None, "get_message")


ODD = {
    "unknown": {"method": "GET", "url": "/me/other"},
    "another method": {**READ, "method": "PUT"},
    "small method": {**READ, "method": "get"},
    "another host": {**READ, "url": "https://evil.example.com/v1.0/me/messages/7"},
    "another port": {**READ, "url": "https://graph.example.com:8443/v1.0/me/messages/7"},
    "another scheme": {**READ, "url": "http://graph.example.com/v1.0/me/messages/7"},
    "user in the URL": {**READ, "url": "https://a@graph.example.com/v1.0/me/messages/7"},
    "a host by two slashes": {**READ, "url": "//evil.example.com/me/messages/7"},
    "above the base": {**READ, "url": "/../v1.0/me/messages/7"},
    "a reference": {**READ, "url": "$1/messages"},
    "a reference with a slash": {**READ, "url": "/$1"},
    "a batch": {"method": "POST", "url": "/$batch", "headers": JSON, "body": {"requests": [READ]}},
    "a login": {**READ, "headers": {"Authorization": "Bearer x"}},
    "a login by CGI": {**READ, "headers": {"x_api_key": "x"}},
    "a cookie": {**READ, "headers": {"Cookie": "a=b"}},
    "a reason": {**READ, "headers": {"Wharfinger-Reason": "because"}},
    "a method override": {**SEND, "headers": {**JSON, "X-HTTP-Method-Override": "DELETE"}},
    "an override in the query": {**READ, "url": "/me/messages/7?_method=DELETE"},
    "a field that does not pass": {**READ, "headers": {"X-Odd": "1"}},
    "connection control": {**READ, "headers": {"Connection": "close"}},
    "another host field": {**READ, "headers": {"Host": "evil.example.com"}},
    "a header twice": {**READ, "headers": {"Accept": "a", "accept": "b"}},
    "a line end": {**READ, "headers": {"Accept": "a\r\nX: b"}},
    "text for a body": {**SEND, "body": "{}"},
    "null for a body": {**SEND, "body": None},
    "another type of body": {**SEND, "headers": {"Content-Type": "text/plain"}},
    "another member": {**READ, "verb": "DELETE"},
    "no request": "GET /",
    "another credential": {"method": "DELETE", "url": "/users/7"},
    "masked fields": {"method": "GET", "url": "/masked"},
}


@pytest.mark.parametrize("name", ODD)
def test_p08_one_that_is_odd_denies_all(recognise: Any, name: str) -> None:
    """THREATS P08, for batches; the positive control is `test_each_request_is_a_call`."""
    for requests in ((ODD[name],), (READ, ODD[name]), (ODD[name], SEND)):
        assert recognise(*requests).refusal is not None


def test_fields_around_a_batch_change_nothing_within(compile_tools: Any, make_request: Any) -> None:
    """Servers may hand them down, and the tools within would not see them. Red when only those are asked."""
    toolset, problems = compile_tools("""
        base: https://graph.example.com
        tools:
          - tool: get_message
            effect: read
            input: {prefer: {type: string, required: false, enum: [odata.maxpagesize=5]},
                    team: {type: string, required: false}}
            run: {method: GET, url: /me, headers: {Prefer: "${prefer}", X-Team: "${team}"}}
          - {tool: batch, effect: write, run: {type: batch, url: /$batch, format: json}}
    """)
    assert not problems.errors
    inner = {"id": "1", "method": "GET", "url": "/me", "headers": {"Prefer": "odata.maxpagesize=5"}}
    data = json.dumps({"requests": [inner]}).encode()

    def refusal(**fields: str) -> Any:
        line = "POST https://graph.example.com/$batch"
        return toolset.recognise(make_request(line, {**JSON, **fields}, data)).refusal

    assert refusal() is None
    assert '"prefer" stands around' in refusal(Prefer="respond-async").reason
    assert '"x-team" stands around' in refusal(**{"X-Team": "other"}).reason
    assert '"sudo" changes the identity' in refusal(Sudo="root").reason
    assert refusal(Accept="application/json") is None


def test_the_envelope_is_read_strictly(recognise: Any) -> None:
    assert recognise().refusal is not None
    assert recognise(READ, other=1).refusal is not None
    assert recognise(*[READ] * 257).refusal is not None
    assert recognise(*[READ] * 256).refusal is None


def parts(*messages: str, boundary: str = "b1") -> bytes:
    head = "Content-Type: application/http\r\nContent-ID: <1>\r\n\r\n"
    body = "".join(f"--{boundary}\r\n{head}{message}\r\n" for message in messages)
    return f"{body}--{boundary}--\r\n".encode()


GET = "GET /v1.0/me/messages/7 HTTP/1.1\r\nAccept: application/json\r\n\r\n"
SUBJECT = '{"subject": "hi"}'
POST = 'POST /v1.0/me/sendMail\r\nContent-Type: application/json\r\n\r\n{"subject": "hi"}'


@pytest.fixture(scope="module")
def recognise_parts(compile_tools: Any, make_request: Any) -> Any:
    toolset, _ = compile_tools(TOOLS)

    def recognised(data: bytes, written: str = "multipart/mixed; boundary=b1") -> Any:
        fields = {"Content-Type": written}
        return toolset.recognise(make_request("POST https://graph.example.com/batch", fields, data))

    return recognised


def test_parts_of_a_body_are_requests_too(recognise_parts: Any) -> None:
    read = recognise_parts(parts(GET, POST))
    assert read.refusal is None
    assert [call.tool for call in read.calls] == ["get_message", "send_mail"]


def test_a_changeset_is_read_through(recognise_parts: Any) -> None:
    inner = parts(POST, boundary="c1").decode()
    body = f"--b1\r\nContent-Type: multipart/mixed; boundary=c1\r\n\r\n{inner}\r\n--b1--\r\n".encode()
    read = recognise_parts(body)
    assert (read.refusal, [call.tool for call in read.calls]) == (None, ["send_mail"])
    coded = body.replace(b"boundary=c1\r\n", b"boundary=c1\r\nContent-Transfer-Encoding: base64\r\n", 1)
    assert "does not belong" in recognise_parts(coded).refusal.reason
    unknown = body.replace(b"sendMail", b"dropMail")
    assert recognise_parts(unknown).refusal is not None


def test_what_google_writes_in_python_is_read(recognise_parts: Any) -> None:
    """Its BatchHttpRequest, by the standard library's `email`: LF alone, and MIME-Version in every head."""

    def message(kind: str, **fields: str) -> MIMENonMultipart:
        made = MIMENonMultipart(*kind.split("/"))
        for name, value in fields.items():
            made[name.replace("_", "-")] = value
        return made

    whole = MIMEMultipart("mixed")
    for number, (line, content) in enumerate(
        (("GET /v1.0/me/messages/7", ""), ("POST /v1.0/me/sendMail", SUBJECT))
    ):
        inner = message("application/json", accept="application/json", Host="graph.example.com")
        if content:
            inner.set_payload(content)
            inner["content-length"] = str(len(content))
        outer = message("application/http", Content_Transfer_Encoding="binary", Content_ID=f"<a + {number}>")
        outer.set_payload(f"{line} HTTP/1.1\n{inner.as_string()}")
        whole.attach(outer)
    head, _, body = whole.as_string().partition("\n\n")
    written = f'multipart/mixed; boundary="{whole.get_boundary()}"'
    assert head
    read = recognise_parts(body.encode(), written)
    assert (read.refusal, [call.tool for call in read.calls]) == (None, ["get_message", "send_mail"])
    mixed = body.encode().replace(b"\n", b"\r\n", 3)
    assert recognise_parts(mixed, written).refusal is not None
    for old, new in (("sendMail", "dropMail"), ("MIME-Version: 1.0", "MIME-Version: 2.0")):
        assert recognise_parts(body.replace(old, new, 1).encode(), written).refusal is not None


@pytest.mark.parametrize(
    "message",
    [
        GET.replace("7", "7/x"),
        GET.replace("GET ", "GET  "),
        GET.replace("HTTP/1.1", "HTTP/2"),
        GET.replace("\r\nAccept", "\nAccept"),
        GET.replace("Accept:", "Accept :"),
        GET.replace("Accept: application/json", "Accept"),
        GET.replace("Accept", "Authorization"),
        GET.replace("Accept: application/json", "Content-Length: 5"),
        POST.replace("application/json", "application/json\r\nTransfer-Encoding: chunked"),
        POST.replace("{", ""),
        "",
    ],
)
def test_a_message_that_is_not_plain_denies_all(recognise_parts: Any, message: str) -> None:
    assert recognise_parts(parts(POST, message)).refusal is not None
    assert recognise_parts(parts(POST, POST)).refusal is None


def test_what_is_around_the_parts_is_strict(recognise_parts: Any) -> None:
    good = parts(GET)
    for data, written in (
        (good, "multipart/form-data; boundary=b1"),
        (good, "application/json"),
        (good.replace(b"application/http", b"text/plain"), "multipart/mixed; boundary=b1"),
        (
            good.replace(b"Content-ID: <1>", b"Content-Transfer-Encoding: base64"),
            "multipart/mixed; boundary=b1",
        ),
        (good.replace(b"\r\n", b"\n", 3), "multipart/mixed; boundary=b1"),
        (good + b"x", "multipart/mixed; boundary=b1"),
    ):
        assert recognise_parts(data, written).refusal is not None
