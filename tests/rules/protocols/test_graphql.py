"""GraphQL: each root field of what would run is a call; what servers may read otherwise is refused.

Vectors of P04, P05 and P08 (THREATS.md). Every row was seen red with the line broken that keeps it; the
comment before each group says which.
"""

# ruff: noqa: E501 - tables of documents
from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import json
import subprocess
import sys
from typing import Any
from urllib.parse import urlencode

import pytest
from wharfinger.rules.protocols import graphql, graphql_document
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.requests.refusal import Refused

KNOWN = "query Known($id: ID!) { issue(id: $id) { title } }"
KNOWN_HASH = hashlib.sha256(KNOWN.encode()).hexdigest()
TOOLS = f"""
    api: tracker
    base: https://api.example.com
    persisted: {{"{KNOWN_HASH}": "{KNOWN}", known-1: "{KNOWN}"}}
    tools:
      - tool: issue_get
        effect: read
        input: {{id: string}}
        run: {{type: graphql, url: /graphql, operation: query, field: issue, args: {{id: "${{id}}"}}}}
      - tool: issue_list
        effect: read
        input: {{first: {{type: integer, required: false}}, filter: {{type: object, required: false}}}}
        run:
          type: graphql
          url: /graphql
          operation: query
          field: issues
          args: {{first: "${{first}}", filter: "${{filter}}"}}
          types: {{filter: IssueFilter}}
          select: "{{ nodes {{ id }} }}"
      - tool: issue_close
        effect: write
        input: {{id: string, reason: {{type: string, required: false}}}}
        run:
          type: graphql
          url: /graphql
          operation: mutation
          field: issueUpdate
          args: {{id: "${{id}}", input: {{state: CLOSED, reason: "${{reason}}"}}}}
          types: {{input: IssueUpdateInput!}}
      - tool: issue_delete
        effect: destructive
        run:
          {{type: graphql, url: /graphql, operation: mutation, field: issueDelete, args: {{id: "${{id}}"}}, select: none}}
      - tool: issue_watch
        effect: read
        run: {{type: graphql, url: /graphql, operation: subscription, field: issueChanged, args: {{id: "${{id}}"}}}}
      - tool: introspect
        effect: read
        run: {{type: graphql, url: /graphql, operation: query, field: __schema, select: "{{ types {{ name }} }}"}}
"""
JSON = {"Content-Type": "application/json"}
GET_1 = [("issue_get", {"id": "1"})]
DELETE_1 = [("issue_delete", {"id": "1"})]
DELETE = 'mutation { issueDelete(id: "1") }'
ISSUE = '{ issue(id: "1") { title } }'


@pytest.fixture(scope="module")
def toolset(compile_tools: Any) -> Any:
    made, problems = compile_tools(TOOLS)
    assert not problems.errors, list(map(str, problems.errors))
    return made


@pytest.fixture(scope="module")
def send(toolset: Any, make_request: Any) -> Any:
    def sent(body: object, fields: Any = JSON, line: str = "POST https://api.example.com/graphql") -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return toolset.recognise(make_request(line, fields, data))

    return sent


@pytest.fixture(scope="module")
def get(toolset: Any, make_request: Any) -> Any:
    def got(body: bytes = b"", **query: str) -> Any:
        line = f"GET https://api.example.com/graphql?{urlencode(query)}"
        return toolset.recognise(make_request(line, JSON if body else {}, body))

    return got


def calls(read: Any) -> list[tuple[str, Any]]:
    assert read.refusal is None, read.refusal
    return [(call.tool, call.inputs) for call in read.calls]


def members(query: str, **more: object) -> dict[str, object]:
    return {"query": query, **more}


# What is read: the positive control, and every way to ask for a field


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(members(ISSUE), GET_1, id="anonymous"),
        pytest.param(members("query Q " + ISSUE, operationName="Q"), GET_1, id="named"),
        pytest.param(members(ISSUE, operationName=""), GET_1, id="empty name"),
        pytest.param(members(ISSUE, variables=None, operationName=None, extensions={}), GET_1, id="nulls"),
        pytest.param(members(DELETE), DELETE_1, id="mutation"),
        pytest.param(
            members('subscription { issueChanged(id: "1") { id } }'),
            [("issue_watch", {"id": "1"})],
            id="subscription",
        ),
        # red when `_chosen` takes the first operation
        pytest.param(
            members(f"query A {ISSUE} {DELETE.replace('mutation', 'mutation B')}", operationName="B"),
            DELETE_1,
            id="operationName chooses",
        ),
        # red when `_collect` reads no alias's own name, no fragments, or fragments on query types only
        pytest.param(members('mutation { issue: issueDelete(id: "1") }'), DELETE_1, id="alias hides"),
        pytest.param(
            members('mutation { ...F } fragment F on Mutation { issueDelete(id: "1") }'),
            DELETE_1,
            id="fragment on the root",
        ),
        pytest.param(
            members('mutation { ... { ... on Anything { issueDelete(id: "1") } } }'), DELETE_1, id="inline"
        ),
        pytest.param(
            members(
                'mutation { ...A } fragment B on M { issueDelete(id: "1") } fragment A on M { ...B ...B }'
            ),
            DELETE_1,
            id="fragments in fragments",
        ),
        # red when `@skip` drops the field
        pytest.param(
            members('mutation { issueDelete(id: "1") @skip(if: true) }'), DELETE_1, id="skipped counts"
        ),
        pytest.param(
            members("mutation($x: Boolean!) { issueDelete(id: 1) @include(if: $x) }", variables={"x": False}),
            None,
            id="included counts, and a number is not text",
        ),
        # red when only the first field is read
        pytest.param(
            members('mutation { a: issueDelete(id: "1") b: issueDelete(id: "2") }'),
            [*DELETE_1, ("issue_delete", {"id": "2"})],
            id="two of one",
        ),
        # red when equal response keys are not merged
        pytest.param(
            members('mutation { issueDelete(id: "1") issueDelete(id: "1") }'), DELETE_1, id="merged"
        ),
        # red when only the first of a batch is read
        pytest.param([members(ISSUE), members(DELETE)], [*GET_1, *DELETE_1], id="batch"),
        # red when `__typename` is a call beside others
        pytest.param(members('{ __typename issue(id: "1") { id } }'), GET_1, id="typename beside"),
        pytest.param(members("{ __typename }"), [("introspect", {})], id="typename alone"),
        pytest.param(members("{ __schema { types { name } } }"), [("introspect", {})], id="schema"),
        pytest.param(members('{ __type(name: "X") { name } }'), [("introspect", {})], id="type"),
    ],
)
def test_root_fields_are_calls(send: Any, body: object, expected: Any) -> None:
    read = send(body)
    if expected is None:
        assert read.refusal is not None
    else:
        assert calls(read) == expected


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    [
        ("query($n: Int) { issues(first: $n) { id } }", {"n": 3}, {"first": 3}),
        ("query($n: Int = 5) { issues(first: $n) { id } }", {}, {"first": 5}),
        ("query($n: Int = 5) { issues(first: $n) { id } }", {"n": 3}, {"first": 3}),
        ("query($n: Int) { issues(first: $n) { id } }", {}, {}),
        ("{ issues(filter: {state: OPEN, not: [1, 2.5, true, null]}) { id } }", {},
         {"filter": {"state": "OPEN", "not": [1, 2.5, True, None]}}),
        ("query($s: S, $t: T) { issues(filter: {a: $s, b: [$s, $t]}) { id } }", {"t": "x"},
         {"filter": {"b": [None, "x"]}}),
        ('{ issues(filter: {a: "caf\\u00e9 \\u{1F600}"}) { id } }', {}, {"filter": {"a": "café 😀"}}),
        ('{ issues(filter: {a: """\n    one\n      two\n"""}) { id } }', {}, {"filter": {"a": "one\n  two"}}),
        ("{ issues(first: 1,,, ) # a comment { }\n { id } }", {}, {"first": 1}),
    ],
)  # fmt: skip
def test_arguments_are_inputs(send: Any, query: str, variables: object, expected: Any) -> None:
    """Red when defaults go before what is given, or an absent variable is null."""
    assert calls(send(members(query, variables=variables))) == [("issue_list", expected)]


def test_constants_choose_and_inputs_do_not(send: Any) -> None:
    closing = 'mutation { issueUpdate(id: "1", input: {state: CLOSED}) { id } }'
    assert calls(send(members(closing))) == [("issue_close", {"id": "1"})]
    assert send(members(closing.replace("CLOSED", "OPEN"))).refusal.reason.endswith("no known tool")
    beyond = send(members('mutation { issueDelete(id: "1", force: true) }'))
    assert [call.tool for call in beyond.calls] == ["issue_delete"]
    assert "beyond the tool's template" in beyond.refusal.reason


# What is refused


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        # red when `_chosen` falls back to the first operation
        (members(f"query A {ISSUE} query B {ISSUE}"), "operationName does not choose"),
        (members(f"query A {ISSUE} query B {ISSUE}", operationName=""), "operationName does not choose"),
        (members(f"query A {ISSUE} {ISSUE}", operationName="A"), "operationName does not choose"),
        (members(f"query A {ISSUE}", operationName="B"), "no such operation"),
        (members(f"query A {ISSUE} query A {ISSUE}", operationName="A"), "two operations of one name"),
        (members(ISSUE, operationName=5), "operationName is not text"),
        # red when one unknown part is left out
        (members('mutation { issueDelete(id: "1") repositoryDelete(id: "1") }'), "operation 2 of 2"),
        ([members(ISSUE), members("{ viewer { id } }")], "operation 2 of 2"),
        (members("mutation { __typename }"), "no known tool"),
        (members('query { issueDelete(id: "1") }'), "no known tool"),
        # red when response keys are not compared
        (
            members('mutation { a: issueDelete(id: "1") a: issueDelete(id: "2") }'),
            "two things under one name",
        ),
        (members('{ a: issue(id: "1") { id } a: issues { id } }'), "two things under one name"),
        (members("{ issues(first: 1) { id } issues(first: true) { id } }"), "two things under one name"),
        # red when `DIRECTIVES` is not asked, at each level
        (members(f"query @live {ISSUE}"), "directive"),
        (members('{ issue(id: "1") @export(as: "x") { id } }'), "directive"),
        (members('{ issue(id: "1") { id @export(as: "x") } }'), "directive"),
        (members("query($a: ID @x) { issue(id: $a) { id } }"), "directive"),
        (members("{ ...F @x } fragment F on Query { __typename }"), "directive"),
        # red when fragments are followed blindly
        (members("{ ...F } fragment F on Query { ...F }"), "contain themselves"),
        (members("{ ...F } fragment F on Q { ...G } fragment G on Q { ...F }"), "contain themselves"),
        (members("{ ...F }"), "fragment that it does not have"),
        (members("{ ...F } fragment F on Q { a } fragment F on Q { b }"), "two fragments"),
        # red when arguments and keys are made a dict without counting them
        (members('mutation { issueDelete(id: "1", id: "2") }'), "an argument twice"),
        (members("{ issues(filter: {a: 1, a: 2}) { id } }"), "a key twice"),
        (members("query($a: ID, $a: ID) { issue(id: $a) { id } }"), "a variable twice"),
        # red when undeclared variables are dropped
        (members(ISSUE, variables={"secret": "x"}), "does not declare"),
        (members(ISSUE, variables=[]), "variables are not an object"),
        (members(ISSUE, variables='{"a": 1}'), "variables are not an object"),
        # red when numbers are made by int() and float()
        (members("{ issues(first: 9223372036854775808) { id } }"), "out of range"),
        (members("{ issues(filter: {a: 1e400}) { id } }"), "out of range"),
        # red without `_TWO_WAYS`
        (members("{ issue(id: 1) { id } # \u2028 } { issueDelete(id: 1)\n }"), "different ways"),
        (members("{ issues { id } #\r issue\n }"), "different ways"),
        (members("{ iss\ufeffues { id } }"), "different ways"),
        # red when members beyond the known pass
        (members(ISSUE, Query=DELETE), "members beyond"),
        (members(ISSUE, operation_name="x"), "members beyond"),
        (members(ISSUE, map={"0": []}), "members beyond"),
        ({"variables": {}}, "not hold just one document"),
        ({"query": None}, "not hold just one document"),
        ({"query": ["{ a }"]}, "not hold just one document"),
        ([5], "not a GraphQL request"),
        ([], "asks for nothing"),
        (5, "not a GraphQL request"),
        (members(""), "not GraphQL"),
        (members("{}"), "asks for nothing"),
        ([members(ISSUE), members("{ }")], "asks for nothing"),
        (members("{ issue(id: 01) { id } }"), "not GraphQL"),
        (members("type Query { a: Int }"), "more than operations"),
        (members(f"{ISSUE} extend type Query @x"), "directive"),
        (members(f"{ISSUE} extend type Query {{ a: Int }}"), "more than operations"),
        (members('{ issue(id: "\\uD800") { id } }'), "not GraphQL"),
        # red when extensions are not read
        (members(ISSUE, extensions={"persistedQuery": {}}), "version and sha256Hash"),
        (members(ISSUE, extensions={"tracing": True}), "extensions that are not known"),
        (members(ISSUE, extensions=[1]), "extensions that are not known"),
        (members(ISSUE, extensions={"clientLibrary": {"name": []}}), "extensions that are not known"),
    ],
)
def test_what_is_no_plain_request_is_refused(send: Any, body: object, reason: str) -> None:
    assert reason in send(body).refusal.reason


@pytest.mark.parametrize(
    ("body", "fields", "reason"),
    [
        (b'{"query": "{ issues { id } }", "query": "mutation { issueDelete(id: 1) }"}', JSON, "key twice"),
        (b'{"query": "{ a }", "qu\\u0065ry": "{ b }"}', JSON, "key twice"),
        (b'\xef\xbb\xbf{"query": "{ issues { id } }"}', JSON, "not JSON"),
        (b"{ issues { id } }", {"Content-Type": "application/graphql"}, "kind that is not read"),
        (b'{"query": "{ issues { id } }"}', {"Content-Type": "text/plain"}, "not JSON"),
        (b'{"query": "{ issues { id } }"}', {}, "no Content-Type"),
        (b"query=%7B+issues+%7B+id+%7D+%7D", {"Content-Type": "application/x-www-form-urlencoded"}, "not JSON"),
        (b"--x\r\n\r\n--x--", {"Content-Type": "multipart/form-data; boundary=x"}, "not well formed"),
        (b"", JSON, "not JSON"),
    ],
)  # fmt: skip
def test_a_body_is_strict_json(send: Any, body: bytes, fields: Any, reason: str) -> None:
    assert reason in send(body, fields).refusal.reason


@pytest.mark.parametrize(
    "document",
    [
        "{" + " ".join(f'a{i}: issue(id: "1") {{ id }}' for i in range(10_000)) + "}",
        "{" + " ".join(f"a{i}: issues {{ id }}" for i in range(300)) + "}",
        "{ issues " + "{ a " * 300 + "}" * 300 + " }",
        "{ issues(filter: " + "[" * 200 + "]" * 200 + ") { id } }",
        "{" * 50_000,
        "{ issues(first: " + "[" * 100_000,
        "#\n" * 5_000 + "{ issues { id } }",
        '{ issues(filter: {a: "' + "x" * 300_000 + '"}) { id } }',
        "{ ...F0 } " + " ".join(f"fragment F{i} on Q {{ ...F{i + 1} }}" for i in range(100)),
    ],
    ids=range(9),
)
def test_what_is_too_much_is_refused(send: Any, document: str) -> None:
    """Red, each, when its limit is raised: tokens, operations, depth, comments, length, fragments."""
    assert send(members(document)).refusal is not None


def test_documents_of_a_batch_are_limited_together(send: Any) -> None:
    large = "{ issues { " + "id " * 3_000 + "} }"
    assert calls(send([members(large)] * 2))
    assert "too large together" in send([members(large)] * 4).refusal.reason


def test_a_batch_that_is_too_long_is_not_read(send: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Red when the parts are counted only once each of them has been read."""
    read: list[object] = []
    monkeypatch.setattr(graphql, "_document", lambda *given: read.append(given))
    assert "more than 256" in send([members(ISSUE)] * 257).refusal.reason
    assert not read


@pytest.mark.parametrize("document", [KNOWN, KNOWN[:-1], "{ a(b: " + "[" * 20_000])
def test_reading_a_document_leaves_nothing_to_the_collector(document: str) -> None:
    """Red when the tokens, which name each other, are not taken apart."""
    with contextlib.suppress(Refused):
        graphql_document._read(document, None)
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(Refused):
            graphql_document._read(document, None)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_what_a_variable_holds_is_not_multiplied(toolset: Any, make_request: Any) -> None:
    """256 fields may name one variable, and what is kept of each call holds it: 256 times its size.

    Red when nothing counts how often a variable is used.
    """
    fields = " ".join(f"a{number}: issues(filter: {{x: [$text]}}) {{ id }}" for number in range(200))
    query = f'query($text: String = "{"y" * 4_000}") {{ {fields} }}'

    def sent(text: str | None) -> Any:
        body = members(query, variables={} if text is None else {"text": text})
        data = json.dumps(body).encode()
        return toolset.recognise(make_request("POST https://api.example.com/graphql", JSON, data), 500_000)

    assert len(calls(sent("x" * 1_000))) == 200
    assert "too often" in sent("x" * 3_000).refusal.reason
    assert "too often" in sent(None).refusal.reason
    several = [members(query, variables={"text": "x" * 1_000})] * 3
    line = "POST https://api.example.com/graphql"
    read = toolset.recognise(make_request(line, JSON, json.dumps(several).encode()), 500_000)
    assert "too often" in read.refusal.reason


def test_only_the_operation_that_runs_is_gathered(send: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many operations may share one large fragment. Red when each of them is gathered: 150 times the work."""
    real, gathered = graphql_document._operation, []
    monkeypatch.setattr(graphql_document, "_operation", lambda *given: gathered.append(1) or real(*given))
    many = " ".join(f"query Q{number} {{ ...F }}" for number in range(150))
    shared = " ".join(f'a{number}: issue(id: "{number}") {{ id }}' for number in range(150))
    document = f"{many} fragment F on Query {{ {shared} }}"
    assert len(calls(send(members(document, operationName="Q7")))) == 150
    assert gathered == [1]


# GET


def test_a_query_may_come_by_get(get: Any) -> None:
    asked = "query($id: ID!) { issue(id: $id) { id } }"
    assert calls(get(query=asked, variables='{"id": "1"}')) == GET_1
    assert calls(get(documentId="known-1", variables='{"id": "1"}')) == GET_1


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"query": DELETE}, "cannot be sent by GET"),
        ({"query": 'subscription { issueChanged(id: "1") { id } }'}, "cannot be sent by GET"),
        ({"query": ISSUE, "variables": '{"a": 1, "a": 2}'}, "key twice"),
        ({"query": ISSUE, "variables": "x"}, "not JSON"),
        ({"query": ISSUE, "Query": DELETE}, "part of the request"),
        ({"query": ISSUE, "id": "known-1"}, "part of the request"),
        ({"query[]": ISSUE}, "not plain"),
        ({}, "just one document"),
    ],
)
def test_what_get_may_not_ask(get: Any, query: dict[str, str], reason: str) -> None:
    assert reason in get(**query).refusal.reason


def test_a_get_with_a_body_is_refused(get: Any) -> None:
    assert "a body beside" in get(json.dumps(members(DELETE)).encode(), query=ISSUE).refusal.reason


@pytest.mark.parametrize("name", ["query", "operationName", "OPERATIONNAME", "documentId", "extensions"])
def test_a_post_has_nothing_of_the_request_in_its_url(send: Any, name: str) -> None:
    line = f"POST https://api.example.com/graphql?{name}=x"
    assert "part of the request" in send(members(ISSUE), line=line).refusal.reason


# Persisted documents


def persisted(digest: object) -> dict[str, object]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}


@pytest.mark.parametrize(
    "asked",
    [persisted(KNOWN_HASH), {"documentId": "known-1"}, {"id": KNOWN_HASH}, {"queryId": "known-1"}],
)
def test_a_persisted_document_of_the_file_is_known(send: Any, asked: Any) -> None:
    assert calls(send({**asked, "variables": {"id": "1"}})) == GET_1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (persisted("0" * 64), "persisted query is not known"),
        ({"documentId": "other"}, "persisted query is not known"),
        ({"documentId": 5}, "more than one way"),
        ({"documentId": "known-1", "id": "known-1"}, "more than one way"),
        ({**persisted(KNOWN_HASH), "id": "known-1"}, "more than one way"),
        # red when the hash is not compared with that of the document
        ({"query": ISSUE, **persisted(KNOWN_HASH)}, "not that of its document"),
        ({"query": ISSUE, "id": "known-1"}, "just one document"),
    ],
)
def test_other_persisted_documents_are_refused(send: Any, body: object, reason: str) -> None:
    assert reason in send(body).refusal.reason


def test_a_hash_beside_its_own_document_is_fine(send: Any) -> None:
    digest = hashlib.sha256(ISSUE.encode()).hexdigest()
    assert calls(send(members(ISSUE, **persisted(digest)))) == GET_1


# Texts, filling in, loading


def test_texts_of_documents_are_searched(send: Any, get: Any) -> None:
    """Escapes hide nothing from patterns. Red when the document's strings are not given on."""
    hidden = '{ issue(id: "1") { comments(like: "\\u0042EGIN") { id } } }'
    assert "BEGIN" in send(members(hidden)).texts
    asked = "query($f: F) { issues(filter: $f) { id } }"
    assert "BEGIN" in get(query=asked, variables='{"f": {"a": "\\u0042EGIN"}}').texts


@pytest.mark.parametrize(
    ("tool", "inputs"),
    [
        ("issue_get", {"id": "1"}),
        ("issue_get", {"id": 'a"b\\c\n\u2028\ufeff\x7f😀 # } {'}),
        ("issue_list", {"first": 3, "filter": {"a b": [1, None, "x"]}}),
        ("issue_list", {}),
        ("issue_close", {"id": "1"}),
        ("issue_delete", {"id": "1"}),
        ("issue_watch", {"id": "1"}),
        ("introspect", {}),
    ],
)
def test_a_tool_filled_in_is_recognised(toolset: Any, tool: str, inputs: Any) -> None:
    filled = toolset[tool].fill(inputs)
    assert calls(toolset.recognise(filled.request("a"))) == [(tool, inputs)]


def test_typed_arguments_are_variables(toolset: Any) -> None:
    assert json.loads(toolset["issue_close"].fill({"id": "1"}).body) == {
        "query": 'mutation($input: IssueUpdateInput!) { issueUpdate(id: "1", input: $input) { __typename } }',
        "variables": {"input": {"state": "CLOSED"}},
    }
    assert json.loads(toolset["issue_delete"].fill({"id": "1"}).body) == {"query": DELETE}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("operation: subscription", "operation: subscribe", "is no operation"),
        ("field: issueChanged", "field: issue-changed", "no name in GraphQL"),
        ("{filter: IssueFilter}", "{filter: 'Issue Filter'}", 'the type of "filter"'),
        ("{filter: IssueFilter}", "{other: ID}", 'the type of "other"'),
        ('"{ nodes { id } }"', '"nodes"', "not one selection set"),
        ('"{ nodes { id } }"', '"{ id } } mutation { x"', "not one selection set"),
        ('"{ nodes { id } }"', '"{ id @live }"', "not one selection set"),
        ("effect: destructive", "description: Delete", "effect"),
        ("known-1: ", f"{'0' * 64}: ", "SHA-256"),
        ("known-1: ", "known-2: '{', known-1: ", "not GraphQL"),
        ("operation: subscription,", "", "operation"),
    ],
)
def test_what_is_wrong_is_found_when_loaded(compile_tools: Any, old: str, new: str, problem: str) -> None:
    assert old in TOOLS
    try:
        _, problems = compile_tools(TOOLS.replace(old, new))
        said = "\n".join(map(str, problems.errors))
    except AssertionError as error:  # the file is no model, and says why
        said = str(error)
    assert problem in said


@pytest.mark.parametrize("text", ["ID", "ID!", "[ID]", "[ID!]!", "[[Int!]!]!"])
def test_types(text: str) -> None:
    assert graphql.is_type(text)
    assert not graphql.is_type(text + "!!")
    assert not graphql.is_type("[" + text)


def test_short_documents_are_kept_and_long_ones_are_not() -> None:
    assert graphql_document.read(KNOWN) is graphql_document.read(KNOWN)
    long = KNOWN + "#" * graphql_document.KEPT_LENGTH
    assert graphql_document.read(long) is not graphql_document.read(long)


def test_only_what_needs_it_imports_the_parser() -> None:
    """graphql-core takes a quarter of a second to import, which no command may pay that reads no document."""
    program = (
        "import sys\n"
        "from wharfinger.rules.recognition.recognise import Toolset\n"
        "Toolset().prepare()\n"
        "print('graphql' in sys.modules)\n"
        "from wharfinger.rules.protocols import graphql\n"
        "graphql.SPEECH.prepare()\n"
        "print('graphql' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]


def test_a_toolset_prepares_what_its_tools_need(toolset: Any) -> None:
    prepared: list[bool] = []
    speech = dataclasses.replace(graphql.SPEECH, prepare=lambda: prepared.append(True))
    tools = [dataclasses.replace(tool, speech=speech) for tool in toolset]
    Toolset(tools).prepare()
    assert prepared == [True]
