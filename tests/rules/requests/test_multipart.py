"""Multipart bodies: one reading, the same as that of the servers behind; everything else is refused."""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules import digests
from wharfinger.rules.requests import bodies, multipart
from wharfinger.rules.requests.bodies import Media
from wharfinger.rules.requests.multipart import Field
from wharfinger.rules.requests.refusal import Refused

B = "xYzZY"
TYPE = f"multipart/form-data; boundary={B}"
GOOD = (
    b'--xYzZY\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
    b'--xYzZY\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nhello\r\n--xYzZY--\r\n"
)
TOOL = """
    base: https://api.example.com
    tools:
      - tool: upload
        input:
          purpose: string
          file: object
          tags: {type: array, required: false}
          count: {type: integer, required: false}
        run:
          method: POST
          url: /files
          encoding: multipart
          body: {purpose: "${purpose}", file: "${file}", tags: "${tags}", meta: {count: "${count}"}}
"""


def read(data: bytes, written: str = TYPE) -> bodies.Body:
    return bodies.read_as((written,), data)


def part(head: bytes, content: bytes = b"x") -> bytes:
    return b"--xYzZY\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def whole(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--xYzZY--\r\n"


NAMED = b'Content-Disposition: form-data; name="a"'


def test_fields_and_files_are_values() -> None:
    body = read(GOOD)
    assert (body.media, body.problem) == (Media.MULTIPART, "")
    assert body.value == {
        "purpose": "assistants",
        "file": {
            "name": "a.txt",
            "size": 5,
            "type": "text/plain",
            "sha256": hashlib.sha256(b"hello").hexdigest(),
        },
    }


ODD: dict[str, tuple[str, bytes]] = {
    "no boundary": ("multipart/form-data", GOOD),
    "empty boundary": ('multipart/form-data; boundary=""', GOOD),
    "boundary with blanks": ('multipart/form-data; boundary="x Y"', GOOD),
    "boundary twice": (f"{TYPE}; boundary=other", GOOD),
    "another parameter": (f"{TYPE}; type=x", GOOD),
    "another charset": (f"{TYPE}; charset=utf-16", GOOD),
    "another boundary": ("multipart/form-data; boundary=other", GOOD),
    "preamble": (TYPE, b"hello\r\n" + GOOD),
    "empty line before": (TYPE, b"\r\n" + GOOD),
    "epilogue": (TYPE, GOOD + b"x"),
    "epilogue of a line": (TYPE, GOOD + b"\r\n"),
    "second body": (TYPE, GOOD + GOOD),
    "no end": (TYPE, GOOD.removesuffix(b"--xYzZY--\r\n")),
    "no parts": (TYPE, b"--xYzZY--\r\n"),
    "LF only": (TYPE, GOOD.replace(b"\r\n", b"\n")),
    "one LF": (TYPE, GOOD.replace(b"\r\n", b"\n", 1)),
    "LF in a head": (TYPE, whole(part(NAMED + b"\nContent-Type: text/plain"))),
    "blanks after the boundary": (TYPE, GOOD.replace(b"--xYzZY\r\n", b"--xYzZY \r\n", 1)),
    "boundary in content": (TYPE, whole(part(NAMED, b"one --xYzZY two"))),
    "boundary after LF in content": (TYPE, whole(part(NAMED, b"one\n--xYzZY\n\ntwo"))),
    "longer boundary in content": (TYPE, whole(part(NAMED, b"one\r\n--xYzZYzz\r\ntwo"))),
    "name twice": (TYPE, whole(part(NAMED + b'; name="b"'))),
    "no name": (TYPE, whole(part(b"Content-Disposition: form-data"))),
    "empty name": (TYPE, whole(part(b'Content-Disposition: form-data; name=""'))),
    "unquoted name with a blank": (TYPE, whole(part(b"Content-Disposition: form-data; name=a b"))),
    "name in single quotes": (TYPE, whole(part(b"Content-Disposition: form-data; name='a'"))),
    "half a quote": (TYPE, whole(part(b'Content-Disposition: form-data; name=a"'))),
    "nothing for a name": (TYPE, whole(part(b"Content-Disposition: form-data; name="))),
    "a charset for all": (
        TYPE,
        whole(part(NAMED), part(b'Content-Disposition: form-data; name="_charset_"', b"x")),
    ),
    "escaped name": (TYPE, whole(part(b'Content-Disposition: form-data; name="a\\"b"'))),
    "percent-encoded quote": (TYPE, whole(part(b'Content-Disposition: form-data; name="a%22b"'))),
    "extended file name": (TYPE, whole(part(NAMED + b"; filename*=UTF-8''b.txt"))),
    "both file names": (TYPE, whole(part(NAMED + b"; filename=\"a\"; filename*=UTF-8''b"))),
    "both file names, one broken": (TYPE, whole(part(NAMED + b"; filename=a; filename*=utf-8''a%FF"))),
    "an extended file name of another charset": (
        TYPE,
        whole(part(NAMED + b"; filename=a; filename*=iso-8859-1''a")),
    ),
    "file name twice": (TYPE, whole(part(NAMED + b'; filename="a"; filename="b"'))),
    "two dispositions": (TYPE, whole(part(NAMED + b'\r\nContent-Disposition: form-data; name="b"'))),
    "another disposition": (TYPE, whole(part(b'Content-Disposition: attachment; name="a"'))),
    "no disposition": (TYPE, whole(part(b"Content-Type: text/plain"))),
    "folded header": (TYPE, whole(part(b'Content-Disposition: form-data;\r\n name="a"'))),
    "blank before the colon": (TYPE, whole(part(b'Content-Disposition : form-data; name="a"'))),
    "another header": (TYPE, whole(part(NAMED + b"\r\nX-Field: 1"))),
    "base64": (TYPE, whole(part(NAMED + b"\r\nContent-Transfer-Encoding: base64", b"eA=="))),
    "quoted-printable": (TYPE, whole(part(NAMED + b"\r\nContent-Transfer-Encoding: quoted-printable"))),
    "another length": (TYPE, whole(part(NAMED + b"\r\nContent-Length: 9"))),
    "a charset": (TYPE, whole(part(NAMED + b"\r\nContent-Type: text/plain; charset=utf-7"))),
    "nested": (TYPE, whole(part(NAMED + b"\r\nContent-Type: multipart/mixed; boundary=q"))),
    "a message": (TYPE, whole(part(NAMED + b"\r\nContent-Type: message/rfc822"))),
    "not UTF-8": (TYPE, whole(part(NAMED, b"\xff"))),
    "name not UTF-8": (TYPE, whole(part(b'Content-Disposition: form-data; name="\xff"'))),
    "control in a name": (TYPE, whole(part(b'Content-Disposition: form-data; name="a\x01"'))),
    "NUL in a file name": (TYPE, whole(part(NAMED + b'; filename="a\x00.txt"'))),
    "invisible in a name": (TYPE, whole(part('Content-Disposition: form-data; name="a\u202eb"'.encode()))),
    "name in two shapes": (TYPE, whole(part(NAMED), part(NAMED.replace(b'"a"', b'"a[b]"')))),
    "too many parts": (TYPE, whole(*[part(NAMED)] * (multipart.MAX_PARTS + 1))),
}


def test_what_dotnet_sends_is_read() -> None:
    """Its HttpClient writes plain words without quotes, the boundary with, and the file name twice."""
    field = b"Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=purpose"
    file = b"Content-Disposition: form-data; name=file; filename=a.txt; filename*=utf-8''a.txt"
    body = read(
        whole(part(field, b"assistants"), part(file, b"hello")), f'multipart/form-data; boundary="{B}"'
    )
    assert body.problem == ""
    assert [(each.name, each.filename) for each in body.parts] == [("purpose", None), ("file", "a.txt")]
    utf8 = part(b'Content-Disposition: form-data; name="_charset_"', b"UTF-8")
    assert read(whole(utf8, part(NAMED))).problem == ""


@pytest.mark.parametrize("name", ODD)
def test_p05_what_could_be_read_in_two_ways_is_refused(name: str) -> None:
    """THREATS P05, for multipart bodies; `test_fields_and_files_are_values` is the positive control."""
    written, data = ODD[name]
    body = read(data, written)
    assert body.problem, name
    assert body.value is None


@pytest.fixture(scope="module")
def tools(compile_tools: Any) -> Any:
    toolset, problems = compile_tools(TOOL)
    assert not problems.errors
    return toolset


def test_they_are_inputs_of_a_tool(tools: Any, make_request: Any) -> None:
    call = tools.recognise(make_request("POST https://api.example.com/files", {"Content-Type": TYPE}, GOOD))
    assert call.refusal is None
    assert call.calls[0].inputs["purpose"] == "assistants"
    assert call.calls[0].inputs["file"]["size"] == 5


def test_a_file_is_no_text_and_a_text_no_file(tools: Any, make_request: Any) -> None:
    swapped = whole(
        part(b'Content-Disposition: form-data; name="purpose"; filename="x"'),
        part(b'Content-Disposition: form-data; name="file"'),
    )
    for data in (swapped, whole(*[part(NAMED.replace(b'"a"', b'"purpose"'))] * 2)):
        request = make_request("POST https://api.example.com/files", {"Content-Type": TYPE}, data)
        assert tools.recognise(request).refusal is not None
    json_instead = make_request(
        "POST https://api.example.com/files",
        {"Content-Type": "application/json"},
        b'{"purpose":"a","file":{"size":1}}',
    )
    assert tools.recognise(json_instead).refusal is not None


def test_filled_in_it_is_read_back_the_same_and_always_written_the_same(tools: Any) -> None:
    values = {
        "purpose": "a b & c",
        "file": {"name": "a.txt", "type": "text/plain", "content": "line\r\nline"},
        "tags": ["x", "y"],
        "count": 3,
    }
    filled = tools["upload"].fill(values)
    assert filled == tools["upload"].fill(values)
    read_back = tools.recognise(filled.request("a")).calls[0].inputs
    assert (read_back["count"], read_back["tags"], read_back["file"]["size"]) == (3, ["x", "y"], 10)


@given(
    st.lists(
        st.builds(
            Field,
            st.text(
                st.characters(exclude_characters='"\\%', categories=("L", "N", "P")), min_size=1, max_size=8
            ),
            st.binary(max_size=40),
            st.sampled_from(["", "text/plain", "image/png"]),
            st.sampled_from([None, "", "a.bin", "é.txt"]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_is_read(fields: list[Field]) -> None:
    body, written = multipart.write(fields)
    assert multipart.form(body, multipart.boundary(bodies.media_type(written)[1])) == fields


@given(st.binary(max_size=60), st.integers(0, len(GOOD)), st.integers(0, 3))
def test_whatever_the_bytes_it_never_raises(noise: bytes, at: int, cut: int) -> None:
    body = read(GOOD[:at] + noise + GOOD[at + cut :])
    assert body.problem or isinstance(body.value, dict)


def test_the_digest_is_of_the_parts_and_not_of_the_boundary() -> None:
    other = GOOD.replace(b"xYzZY", b"another")
    first = digests.body_form(read(GOOD), GOOD)
    assert digests.body_form(read(other, "multipart/form-data; boundary=another"), other) == first
    for changed in (GOOD.replace(b"hello", b"hallo"), GOOD.replace(b"a.txt", b"b.txt")):
        assert digests.body_form(read(changed), changed) != first


def test_files_do_not_count_for_what_is_parsed_and_fields_do() -> None:
    large = b"x" * 5_000
    assert not bodies.read_as((TYPE,), whole(part(NAMED + b'; filename="f"', large)), 1_000).problem
    assert bodies.read_as((TYPE,), whole(part(NAMED, large)), 1_000).problem


# What servers make of it

SENT: dict[str, list[Field]] = {
    "a field": [Field("a", b"1")],
    "blanks, quotes and line ends": [Field("a", b' "x"; y=1\r\n\r\n--\r\n'), Field("b b", b"")],
    "a file": [Field("f", b"\x00\xff\r\n", "application/octet-stream", "a b.bin")],
    "a file without a name": [Field("f", b"x", "text/plain", "")],
    "names beyond ASCII": [Field("é", "ü".encode()), Field("f", b"x", "text/plain", "日本.txt")],
    "the same name": [Field("a", b"1"), Field("a", b"2")],
    "brackets": [Field("a[b]", b"1"), Field("c[]", b"2")],
}


def _seen(fields: list[Field]) -> list[list[Any]]:
    return [[field.name, field.filename, hashlib.sha256(field.content).hexdigest()] for field in fields]


@pytest.mark.parametrize("name", SENT)
def test_werkzeug_reads_the_same(name: str) -> None:
    sansio = pytest.importorskip("werkzeug.sansio.multipart")
    data, written = multipart.write(SENT[name])
    decoder = sansio.MultipartDecoder(written.partition("boundary=")[2].encode())
    decoder.receive_data(data)
    found: list[list[Any]] = []
    while not isinstance(event := decoder.next_event(), sansio.Epilogue | sansio.NeedData):
        if isinstance(event, sansio.Field | sansio.File):
            found.append([event.name, getattr(event, "filename", None), b""])
        elif isinstance(event, sansio.Data):
            found[-1][2] += event.data
    assert [[n, f, hashlib.sha256(c).hexdigest()] for n, f, c in found] == _seen(SENT[name])


@pytest.mark.parametrize("name", SENT)
def test_the_standard_library_reads_the_same(name: str) -> None:
    data, written = multipart.write(SENT[name])
    message = email.message_from_bytes(
        b"Content-Type: " + written.encode() + b"\r\n\r\n" + data, policy=email.policy.HTTP
    )
    found = [part.get_payload(decode=True) for part in message.iter_parts()]
    assert found == [field.content for field in SENT[name]]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_node_reads_the_same() -> None:
    script = """
    const crypto = require('crypto');
    const out = [];
    const run = async () => {
      for (const [body, type] of JSON.parse(require('fs').readFileSync(0, 'utf8'))) {
        const headers = {'content-type': type};
        const form = await new Response(Buffer.from(body, 'base64'), {headers}).formData();
        const seen = [];
        for (const [name, value] of form.entries()) {
          const text = typeof value === 'string';
          const bytes = text ? Buffer.from(value) : Buffer.from(await value.arrayBuffer());
          seen.push([name, text ? null : value.name,
                     crypto.createHash('sha256').update(bytes).digest('hex')]);
        }
        out.push(seen);
      }
      console.log(JSON.stringify(out));
    };
    run();
    """
    import base64

    sent = [multipart.write(fields) for fields in SENT.values()]
    given_ = json.dumps([[base64.b64encode(body).decode(), written] for body, written in sent])
    ran = subprocess.run(
        ["node", "-e", script], input=given_, capture_output=True, text=True, timeout=50, check=True
    )
    assert json.loads(ran.stdout) == [_seen(fields) for fields in SENT.values()]


def test_a_form_that_cannot_be_written_is_refused() -> None:
    for field in (Field('a"b', b"x"), Field("a", b"x", "text/plain\r\nX: 1"), Field("", b"x")):
        with pytest.raises(Refused):
            multipart.write([field])
