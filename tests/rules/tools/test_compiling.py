"""Files of tools are compiled, or every problem is reported where it stands."""

from __future__ import annotations

import re
from typing import Any

import pytest
from wharfinger.rules.types import Effect


def tool(run: str, rest: str = "") -> str:
    return f"tool: t\nrun: {{{run}}}\n{rest}\n"


def problems_of(compile_tools: Any, *texts: str, **more: Any) -> list[str]:
    _, problems = compile_tools(*texts, **more)
    return [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (tool('method: GET, url: "/x"'), "names no base"),
        (tool('method: GET, url: "ftp://a.example/x"'), "is not a URL"),
        (tool('method: GET, url: "https://a.example/${a}${b}"'), "side by side"),
        (tool('method: GET, url: "https://a.example/x", query: {a: "${"}'), "no variable"),
        (tool('method: GET, url: "https://a.example/x?a=1", query: {a: "1"}'), "URL and in the query"),
        (tool('method: POST, url: "https://a.example/x", body: {a: "${x...}"}'), "for paths only"),
        (tool('method: POST, url: "https://a.example/x", body: {"a[b]": 1, a: 2}'), "stands twice"),
        (tool('method: POST, url: "https://a.example/x", encoding: any, body: {a: 1}'), "is not read"),
        (tool('method: POST, url: "https://a.example/x", encoding: text, body: {a: 1}'), "one text"),
        (tool('method: POST, url: "https://a.example/x", encoding: form, body: "x"'), "must be a mapping"),
        (
            tool('method: GET, url: "https://a.example/x", headers: {Authorization: x}'),
            "cannot stand in a template",
        ),
        (
            tool('method: GET, url: "https://a.example/x", headers: {Wharfinger-Reason: x}'),
            "cannot stand in a template",
        ),
        (
            tool('method: GET, url: "https://a.example/${amount}"', "input: {amonut: string}"),
            'did you mean "amount"',
        ),
        (
            tool('method: GET, url: "https://a.example/${a}"', "input: {a: {required: false}}"),
            "cannot be left out",
        ),
        (tool('method: GET, url: "https://a.example/${a}"', "input: {a: array}"), "stands in text"),
        (
            tool('method: GET, url: "https://${a}.example/"', "input: {a: {required: false}}"),
            "cannot be left out",
        ),
        (tool('method: GET, url: "https://a.example/${a...}"', "input: {a: integer}"), "must be text"),
        (tool('method: GET, url: "https://a.example/${a}"', "reason: ${b}"), "not an input of type string"),
        (tool('method: GET, url: "https://a.example/${a}"', "headers: {pass: [Stripe-Account]}"), "unseen"),
        (
            "api: x\nbase: https://a.example\nheaders: {pass: [Stripe-Account]}\n"
            + "tools: [{tool: t, run: {method: GET, url: /x}}]",
            "unseen",
        ),
        (
            "api: x\nbase: https://a.example\nheaders: {pass: [Host]}\n"
            + "tools: [{tool: t, run: {method: GET, url: /x}}]",
            "ends at the proxy",
        ),
        (
            "api: x\nbase: https://a.example\nheaders: {pass: [Authorization]}\n"
            + "tools: [{tool: t, run: {method: GET, url: /x}}]",
            "auth: own",
        ),
        (
            "api: x\nbase: [https://a.example/v1, https://b.example/v2]\n"
            + "tools: [{tool: t, run: {method: GET, url: /x}}]",
            "differ in their paths",
        ),
    ],
)
def test_problems(compile_tools: Any, text: str, said: str) -> None:
    found = problems_of(compile_tools, text)
    assert any(said in problem for problem in found), found
    assert all(problem.startswith("tools/0.yaml:") for problem in found)


def test_all_problems_at_once(compile_tools: Any) -> None:
    text = """
        api: x
        base: https://a.example
        tools:
          - {tool: a, run: {method: GET, url: "/${x}${y}", query: {a: "${"}}, reason: "${z}"}
          - {tool: b, run: {method: GET, url: "//x"}}
        """
    assert len(problems_of(compile_tools, text)) == 4


def test_names_and_shapes_of_the_users_must_differ(compile_tools: Any) -> None:
    one = tool('method: GET, url: "https://a.example/${a}"')
    assert any("there twice" in p for p in problems_of(compile_tools, one, one))
    other = tool('method: [GET, PUT], url: "https://a.example/${b}"').replace("tool: t", "tool: u")
    assert any("match the same requests" in p for p in problems_of(compile_tools, one, other))
    for differs in (
        'method: PUT, url: "https://a.example/${b}"',
        'method: GET, url: "https://a.example/x${b}"',
        'method: GET, url: "https://a.example:444/${b}"',
        'method: GET, url: "https://a.example/${b}?x=1"',
        'method: GET, url: "https://a.example/${b:encoded}"',
        'method: GET, url: "https://a.example/${b}/"',
    ):
        assert not problems_of(compile_tools, one, tool(differs).replace("tool: t", "tool: u"))


def test_a_users_tool_goes_before_a_built_in_one(compile_tools: Any, make_request: Any) -> None:
    own = tool('method: GET, url: "https://a.example/${a}"')
    built_in = own.replace("tool: t", "tool: u")
    toolset, problems = compile_tools(own, builtin=(built_in,))
    assert not problems.errors
    assert "goes before the built-in" in str(problems.warnings[0])
    read = toolset.recognise(make_request("GET https://a.example/x"))
    assert [fit.tool.name for fit in read.fitting] == ["t", "u"]
    toolset, problems = compile_tools(own, builtin=(own,))
    assert "takes the place of the built-in" in str(problems.warnings[0])
    assert len(toolset) == 1
    assert not toolset["t"].builtin


@pytest.mark.parametrize(
    ("run", "effect", "extra"),
    [
        ("method: GET", Effect.READ, True),
        ("method: [GET, HEAD]", Effect.READ, True),
        ("method: [GET, POST]", Effect.WRITE, False),
        ("method: POST", Effect.WRITE, False),
        ("method: DELETE", Effect.DESTRUCTIVE, False),
        ("method: [POST, DELETE]", Effect.DESTRUCTIVE, False),
        ("method: POST, extra: allow", Effect.WRITE, True),
        ("method: GET, extra: deny", Effect.READ, False),
    ],
)
def test_effect_and_extra(compile_tools: Any, run: str, effect: Effect, extra: bool) -> None:
    toolset, _ = compile_tools(tool(run + ', url: "https://a.example/x"'))
    assert toolset["t"].effect is effect
    assert toolset["t"].extra is extra


def test_the_digest_says_whether_templates_are_the_same(compile_tools: Any) -> None:
    base = 'method: POST, url: "https://a.example/x", body: {a: "${a}"}'

    def digest(text: str) -> str:
        toolset, problems = compile_tools(text)
        assert not problems.errors
        return str(toolset["t"].digest)

    same = {
        digest(tool(base)),
        digest("description: other\n" + tool(base)),
        digest(tool(base, "input: {a: string}")),
    }
    assert len(same) == 1
    others = [
        tool(base.replace("POST", "PUT")),
        tool(base.replace("/x", "/y")),
        tool(base.replace("{a:", "{b:")),
        tool(base + ", extra: allow"),
        tool(base + ", encoding: form"),
        tool(base + ", auth: {secret: X}"),
        tool(base + ", auth: own"),
        tool(base, "effect: read"),
        tool(base, "input: {a: integer}"),
        tool(base, "input: {a: {pattern: x}}"),
        tool(base, "input: {a: {enum: [x]}}"),
        tool(base, "input: {a: {sensitive: true}}"),
        tool(base, "redact: [$.a]"),
        tool(base, "headers: {pass: [X-A]}"),
    ]
    assert len({digest(text) for text in others} | same) == len(others) + 1


def test_bodies_are_written_as_the_built_in_file_of_the_base_does(compile_tools: Any) -> None:
    own = tool('method: POST, url: "https://a.example/x", body: {a: "${a}"}')
    built_in = """
        api: x
        base: https://a.example
        tools:
          - {tool: f1, run: {method: POST, url: /1, encoding: form, body: {a: "${a}"}}}
          - {tool: f2, run: {method: POST, url: /2, encoding: form, body: {a: "${a}"}}}
          - {tool: j1, run: {method: POST, url: /3, encoding: json, body: {a: "${a}"}}}
        """
    toolset, _ = compile_tools(own, builtin=(built_in,))
    assert toolset["t"].fill({"a": "b c"}).body == b"a=b%20c"
    toolset, _ = compile_tools(own)
    assert toolset["t"].fill({"a": "b c"}).body == b'{"a":"b c"}'


def asking(types: str) -> str:
    run = 'method: POST, url: "https://a.example/ask", encoding: json, body: {prompt: "${prompt}"}'
    return tool(run, f"input: {{prompt: {{type: {types}}}}}")


def test_an_input_may_be_of_several_types(compile_tools: Any) -> None:
    toolset, problems = compile_tools(asking("[string, array]"))
    assert not list(problems)
    assert toolset["t"].inputs["prompt"].kinds == ("string", "array")
    assert "prompt (string or array)" in toolset["t"].takes()


def test_several_types_are_part_of_the_digest(compile_tools: Any) -> None:
    several, one = (compile_tools(asking(types))[0]["t"] for types in ("[string, array]", "string"))
    assert several.digest != one.digest


@pytest.mark.parametrize(
    ("types", "said"),
    [
        (
            "[string, lst]",
            'expected "string", "integer", "number", "boolean", "array" or "object", not "lst"',
        ),
        ("[string, string]", "a type stands twice"),
        ("[]", "or a list of them"),
        ("[string, array], max: 5", "cannot have enum, pattern, min or max"),
        ("[string, array], enum: [a]", "cannot have enum, pattern, min or max"),
    ],
)
def test_several_types_that_cannot_be_are_errors(types: str, said: str, compile_tools: Any) -> None:
    with pytest.raises(AssertionError, match=re.escape(said)):
        compile_tools(asking(types))
