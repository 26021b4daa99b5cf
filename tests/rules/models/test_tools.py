"""Tool files: their two forms, their short forms, and what is wrong in them, each in its place."""

# ruff: noqa: E501 - tables of messages
from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.auth import Auth
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.types import Place


def read(text: str) -> ToolFile:
    problems = Problems()
    file = read_model(ToolFile, Source("t.yaml", text.encode()), problems)
    assert file is not None, list(map(str, problems))
    return file


RUN = "run: {method: GET, url: 'https://a.example/x'}"


def test_one_tool_alone_is_a_file_with_one() -> None:
    file = read(f"tool: t\ndescription: d\nbase: https://a.example\nauth: own\n{RUN}")
    (tool,) = file.tools
    assert (file.base, file.auth is not None and file.auth.own) == (("https://a.example",), True)
    assert (tool.tool, tool.description, tool.run.method) == ("t", "d", ("GET",))
    assert tool.position.line == 1
    assert tool.run.at("url").line == 5


@pytest.mark.parametrize(
    ("written", "place", "name", "form"),
    [
        ("{secret: K}", Place.HEADER, "Authorization", "Bearer ${secret}"),
        ("{secret: K, in: header}", Place.HEADER, "Authorization", "Bearer ${secret}"),
        ("{secret: K, name: X-Api-Key}", Place.HEADER, "X-Api-Key", "${secret}"),
        ("{secret: K, name: authorization}", Place.HEADER, "authorization", "Bearer ${secret}"),
        ("{secret: K, format: 'token ${secret}'}", Place.HEADER, "Authorization", "token ${secret}"),
        ("{secret: K, in: basic}", Place.BASIC, "Authorization", "${secret}"),
        ("{secret: K, in: basic, format: 'x:${secret}'}", Place.BASIC, "Authorization", "x:${secret}"),
        ("{secret: K, in: query, name: key}", Place.QUERY, "key", "${secret}"),
    ],
)
def test_where_a_credential_goes(written: str, place: Place, name: str, form: str) -> None:
    auth = read(f"tool: t\nauth: {written}\n{RUN}").auth
    assert isinstance(auth, Auth)
    assert (auth.secret, auth.place, auth.name, auth.format) == ("K", place, name, form)


def test_a_type_alone_is_an_input() -> None:
    (tool,) = read(
        f"tool: t\ninput: {{a: integer, b: {{type: [string, array], required: false}}}}\n{RUN}"
    ).tools
    assert [(spec.types, spec.required) for spec in tool.input.values()] == [
        (("integer",), True), (("string", "array"), False),
    ]  # fmt: skip


@pytest.mark.parametrize(("written", "has", "streams"), [("", False, False), (", body: null", True, False),
                                                         (", body: stream", True, True), (", body: {a: stream}", True, False)])  # fmt: skip
def test_whether_there_is_a_body(written: str, has: bool, streams: bool) -> None:
    (tool,) = read(f"tool: t\nrun: {{method: PUT, url: 'https://a.example/x'{written}}}").tools
    assert (tool.run.has_body, tool.run.stream) == (has, streams)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{}",
            [
                '1:1 missing key "tools"',
            ],
        ),
        (
            "tools: []",
            [
                "1:8 the list is empty | write at least 1",
            ],
        ),
        (
            "tool: t",
            [
                '1:1 missing key "run"',
            ],
        ),
        (
            "tool: t\nrun: {}",
            [
                '2:6 missing key "method"',
                '2:6 missing key "url"',
            ],
        ),
        (
            "tool: unmatched\nrun: {method: get, url: ''}",
            [
                '1:7 the name "unmatched" stands for requests that no tool fits | choose another name',
                '2:15 "get" is not a method | write it in capitals: "GET"',
                "2:25 the text is empty",
            ],
        ),
        (
            "tool: t\nrun: {method: [GET, CONNECT], url: /x, encoding: xml, redirects: [A:1], bodyy: 1}",
            [
                '2:15 the method "CONNECT" never passes the proxy | use another method',
                '2:50 expected "json", "form", "multipart", "text" or "any", not "xml"',
                '2:66 "A:1" is not a host | write the exact name in small letters, without a port',
                '2:73 unknown key "bodyy" | did you mean "body"?',
            ],
        ),
        (
            "tool: t\nrun: {method: GET, url: /x, headers: {A: x, a: y}}",
            [
                '2:38 the header "a" stands twice | names of headers have no case: keep one',
            ],
        ),
        (
            "tool: t\nrun: {method: GET, url: /x, headers: {b c: y}, extra: maybe, query: x}",
            [
                '2:39 "b c" is not a header\'s name | write the name alone',
                '2:55 expected "allow" or "deny", not "maybe"',
                '2:69 expected a mapping, not "x"',
            ],
        ),
        (
            "tool: t\ninput:\n  a: int\n  b: {type: [string, integer], max: 5}\n  c: {type: integer, enum: [x]}\n  d: {pattern: '('}\n  e: {type: integer, min: 3, max: 2}\n  f: {type: integer, pattern: x}\n  1g: string\n  h: {type: boolean, min: 1}\n  i: {optional: true}\n  j: {type: []}\n  k: {type: [string, string]}\n  l: {min: true}\nrun: {method: GET, url: /x}\n",
            [
                '3:6 expected "string", "integer", "number", "boolean", "array" or "object", not "int" | did you mean "integer"?',
                "4:6 an input of several types cannot have enum, pattern, min or max | drop them",
                "5:6 the enum has values that are not of type integer: ['x']",
                '6:16 "(" is not a pattern: missing ): ( | see github.com/google/re2/wiki/Syntax',
                '7:6 "min" 3 is greater than "max" 2 | swap them',
                '8:6 "pattern" is for text, and the type is "integer" | drop the pattern',
                '9:3 "1g" is not a name | use letters, digits and `_`, not beginning with a digit',
                '10:6 "min" and "max" are for numbers, text and arrays, and the type is "boolean"',
                '11:7 unknown key "optional" | write `required: false`',
                '12:13 expected "string", "integer", "number", "boolean", "array" or "object", or a list of them',
                "13:13 a type stands twice | write each once",
                "14:12 expected a number",
            ],
        ),
        (
            "tool: t\nauth: owned\nrun: {method: GET, url: /x, auth: {}}",
            [
                '2:7 auth "owned" is not known | write "own", or a mapping like {secret: NAME}',
                '3:35 missing key "secret" | name a credential of credentials.yaml, or write `auth: own`',
            ],
        ),
        (
            "tool: t\nauth: {secret: K, in: cookie}\nrun: {method: GET, url: /x, auth: {secret: K, in: query}}",
            [
                '2:7 missing key "name" | name the cookie that holds the credential',
                '3:35 missing key "name" | name the query parameter that holds the credential',
            ],
        ),
        (
            "tool: t\nauth: {secret: K, in: hedder, format: Bearer}\nrun: {method: GET, url: /x, auth: {secret: K, own: true, format: 'é${secret}'}}",
            [
                '2:23 expected "header", "basic", "query", "path", "cookie", "body", "sigv4", "hmac" or "tls", not "hedder" | did you mean "header"?',
                '2:39 the format "Bearer" does not hold "${secret}" once | write it like "Bearer ${secret}"',
                '3:47 unknown key "own" | known keys: also, clock, digest, encoding, format, in, key, name, optional, secret, sign, time',
                "3:66 the format has characters that a header cannot hold | use printable ASCII",
            ],
        ),
        (
            "api: x\nbase: 5\nheaders: {pass: X, vol: []}\ntools: [{tool: a, effect: reed, approved: false, reason: 5, run: {method: GET, url: /x}}, {name: b}]",
            [
                "2:7 expected a text or a list of texts",
                '3:17 expected a list, not "X" | write it in brackets: […]',
                '3:20 unknown key "vol" | known keys: pass, volatile',
                '4:27 expected "read", "write" or "destructive", not "reed" | did you mean "read"?',
                '4:58 expected text, not "5" | quote it if it is text: "5"',
                '4:91 missing key "run"',
                '4:91 missing key "tool"',
                '4:92 unknown key "name" | write `tool`',
            ],
        ),
    ],
)
def test_every_problem_is_told_in_its_place(told: Any, text: str, expected: list[str]) -> None:
    assert told(ToolFile, text) == expected
