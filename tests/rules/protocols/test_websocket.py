"""WebSockets as calls: the handshake is one, a message is one where a tool declares it, else it passes."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from wharfinger.rules import cases
from wharfinger.rules.configuration import Sources, load
from wharfinger.rules.decide import decide
from wharfinger.rules.protocols import websocket
from wharfinger.rules.requests import handshake
from wharfinger.rules.requests.placeholders import Owner, Placeholders
from wharfinger.rules.types import Facts, Message, Origin, Verdict

TOOLS = """
    api: live
    base: https://api.example.com
    auth: {secret: LIVE_KEY, optional: true}
    tools:
      - tool: talk
        effect: write
        run: {type: websocket, url: "wss://api.example.com/talk/${room}", query: {model: "${model}"}}
      - tool: say
        effect: write
        input: {text: string, loud: {type: boolean, required: false}}
        run: {type: websocket, url: "/talk/${room}", message: {type: say, text: "${text}", loud: "${loud}"}}
      - tool: sing
        effect: write
        run:
          type: websocket
          url: /talk/${room}
          message: {type: sing, song: {name: "${name}"}}
          extra: allow
      - tool: listen
        effect: read
        run: {type: websocket, url: "wss://api.example.com/news"}
      - tool: read_talk
        run: {method: GET, url: "/talk/${room}", query: {model: "${model}"}}
      - tool: read_page
        run: {method: GET, url: "/pages/${page}"}
"""
ASKING = dict(websocket.FIELDS)
TALK = "GET https://api.example.com/talk/7?model=small"
NEWS = "GET https://api.example.com/news"


@pytest.fixture(scope="module")
def toolset(compile_tools: Any) -> Any:
    made, problems = compile_tools(TOOLS)
    assert not problems.errors
    return made


@pytest.fixture(scope="module")
def recognise(toolset: Any, make_request: Any) -> Any:
    def recognised(line: str, message: bytes | None = None, kind: Message = Message.TEXT) -> Any:
        request = make_request(line, ASKING)
        if message is not None:
            request = replace(request, body=message, message=kind)
        return toolset.recognise(request)

    return recognised


def calls(read: Any) -> list[tuple[str, dict[str, Any]]]:
    assert read.refusal is None, read.refusal
    return [(call.tool, dict(call.inputs)) for call in read.calls]


def test_a_handshake_is_the_tool_that_opens_the_connection(recognise: Any) -> None:
    assert calls(recognise(TALK)) == [("talk", {"room": "7", "model": "small"})]
    assert [fit.tool.name for fit in recognise(TALK).fitting] == ["talk"]


def test_a_plain_request_at_the_same_url_is_no_websocket(toolset: Any, make_request: Any) -> None:
    assert calls(toolset.recognise(make_request(TALK))) == [("read_talk", {"room": "7", "model": "small"})]
    assert toolset.recognise(make_request(NEWS)).calls[0].tool == "unmatched"


@pytest.mark.parametrize("line", ["GET https://api.example.com/pages/1", "GET https://api.example.com/x",
                                  "GET https://elsewhere.example.com/talk/7"])  # fmt: skip
def test_a_handshake_is_no_plain_tool_and_never_unmatched_and_allowed(recognise: Any, line: str) -> None:
    read = recognise(line)
    assert ([call.tool for call in read.calls], read.refusal) == (["unmatched"], websocket.UNOPENED)


def test_a_message_is_the_tool_of_its_constants(recognise: Any) -> None:
    assert calls(recognise(TALK, b'{"type": "say", "text": "a"}')) == [("say", {"room": "7", "text": "a"})]
    sung = recognise(TALK, b'{"type": "sing", "song": {"name": "b", "key": "C"}}')
    assert calls(sung) == [("sing", {"room": "7", "name": "b"})]
    assert dict(sung.calls[0].extras) == {"song.key": "C"}


REFUSED = {
    "no known tool": (b'{"type": "dance"}', Message.TEXT, "is no known tool"),
    "another shape": (b'["say"]', Message.TEXT, "is no known tool"),
    "an input of another type": (b'{"type": "say", "text": 1}', Message.TEXT, "is not text"),
    "an input too few": (b'{"type": "say"}', Message.TEXT, '"text" is missing'),
    "more than the template": (b'{"type": "say", "text": "a", "b": 1}', Message.TEXT, "beyond the tool"),
    "not JSON": (b"say a", Message.TEXT, "not JSON"),
    "nothing": (b"", Message.TEXT, "not JSON"),
    "two documents": (b"{}{}", Message.TEXT, "not JSON"),
    "a key twice": (b'{"type": "sing", "type": "say", "text": "a"}', Message.TEXT, "not JSON"),
    "binary": (b'{"type": "say", "text": "a"}', Message.BINARY, "not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_any_other_message_is_refused_where_messages_are_calls(recognise: Any, case: str) -> None:
    message, kind, reason = REFUSED[case]
    read = recognise(TALK, message, kind)
    assert read.refusal is not None
    assert reason in read.refusal.reason
    assert not read.passes


def test_a_message_too_long_to_parse_is_refused(toolset: Any, make_request: Any) -> None:
    request = replace(make_request(TALK, ASKING), body=b'{"type": "say", "text": "a"}', message=Message.TEXT)
    assert toolset.recognise(request, 28).refusal is None
    assert "longer than the 27 bytes" in toolset.recognise(request, 27).refusal.reason


@pytest.mark.parametrize(
    ("line", "message", "kind"),
    [(NEWS, b"anything", Message.TEXT), (NEWS, b"\xff", Message.BINARY), (TALK, b"ping", Message.CONTROL)],
)
def test_a_message_that_is_no_call_passes_as_part_of_its_connection(
    recognise: Any, line: str, message: bytes, kind: Message
) -> None:
    read = recognise(line, message, kind)
    assert read.passes
    assert calls(read) == calls(recognise(line))


@pytest.mark.parametrize(
    ("tool", "inputs", "message"),
    [
        ("talk", {"room": "7", "model": "small"}, None),
        ("say", {"room": "7", "text": "ä", "loud": True}, Message.TEXT),
        ("sing", {"room": "7", "name": "b"}, Message.TEXT),
        ("listen", {}, None),
    ],
)
def test_filled_in_and_recognised_it_is_the_same(
    toolset: Any, tool: str, inputs: dict[str, Any], message: Message | None
) -> None:
    request = toolset[tool].fill(inputs).request("a")
    assert request.message is message
    assert calls(toolset.recognise(request)) == [(tool, inputs)]


WRONG = {
    "a message alone": (
        "{type: websocket, url: wss://a.example/x, message: {a: b}}", "that no tool opens"),
    "a plain URL": ("{type: websocket, url: https://a.example/x}", "not the URL of a WebSocket"),
    "a method": ("{type: websocket, url: wss://a.example/x, method: GET}", 'does not go with'),
    "a body": ("{type: websocket, url: wss://a.example/x, body: {}}", 'does not go with'),
    "a query of a message": (
        "{type: websocket, url: wss://a.example/x, message: {a: b}, query: {c: d}}", "no query"),
    "a URL of a WebSocket for http": ("{method: GET, url: wss://a.example/x}", "is not a URL"),
    "a message for http": ("{method: GET, url: https://a.example/x, message: {}}", 'does not go with'),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_an_error_when_loaded(compile_tools: Any, case: str) -> None:
    run, message = WRONG[case]
    try:
        _, problems = compile_tools(f"tool: t\neffect: read\nrun: {run}\n")
        found = "\n".join(map(str, problems.errors))
    except AssertionError as error:
        found = str(error)
    assert message in found


def test_the_effect_has_to_be_said(compile_tools: Any) -> None:
    _, problems = compile_tools("tool: t\nrun: {type: websocket, url: wss://a.example/x}\n")
    assert any("does not follow from its method" in str(error) for error in problems.errors)


def test_a_message_with_another_credential_than_its_connection_is_an_error(compile_tools: Any) -> None:
    _, problems = compile_tools("""
        base: https://a.example
        tools:
          - {tool: a, effect: read, run: {type: websocket, url: /x, auth: {secret: ONE}}}
          - {tool: b, effect: read, run: {type: websocket, url: /x, message: {c: d}, auth: {secret: TWO}}}
        """)
    assert any("differ in `auth`" in str(error) for error in problems.errors)


# Decisions

MINE, OTHERS = "live_bXkgb3duIHBsYWNlaG9sZA0", "live_YW5vdGhlciBhZ2VudCdzIA0"
FILES = {
    "wharfinger.yaml": "version: 1\n",
    "agents.yaml": "agents:\n  bot: {owner: alice, policies: [main]}\n",
    "people.yaml": "people:\n  alice: {email: alice@example.com, role: admin}\n",
    "credentials.yaml": 'credentials:\n  LIVE_KEY: {from: "env:LIVE_KEY", hosts: [api.example.com]}\n',
    "tools/live.yaml": "",
    "policies/main.yaml": """
policy: main
allow:
  - tool: talk
  - tool: listen
  - tool: say
    when: {text: {contains: please}}
ask:
  - tool: sing
    approvers: [alice]
deny_patterns: [secret]
tests:
  - {agent: bot, call: say, input: {room: "1", text: "please"}, expect: allow}
  - {agent: bot, call: say, input: {room: "1", text: "now"}, expect: deny}
  - {agent: bot, call: talk, input: {room: "1", model: small}, expect: allow}
""",
}


@pytest.fixture(scope="module")
def deciding(make_request: Any) -> Any:
    files = {**FILES, "tools/live.yaml": textwrap.dedent(TOOLS).lstrip()}
    loaded = load(Sources({name: text.encode() for name, text in files.items()}))
    assert all(case.passed for case in cases.run(loaded))
    facts = Facts(
        Placeholders({MINE: Owner("bot", "LIVE_KEY"), OTHERS: Owner("other", "LIVE_KEY")}),
        origin=Origin.PROXY,
    )
    key = {"Authorization": f"Bearer {MINE}"}

    def made(line: str, message: bytes | None = None, kind: Message = Message.TEXT, **more: str) -> Any:
        request = replace(make_request(line, {**ASKING, **key, **more}), agent="bot")
        if message is not None:
            request = replace(request, body=message, message=kind)
        return decide(loaded, request, facts, datetime(2026, 1, 14, 12, tzinfo=UTC), explain=True)

    return made


def test_a_handshake_may_switch_and_a_plain_request_may_not(deciding: Any) -> None:
    decision = deciding(TALK)
    assert (decision.verdict, decision.response.switch) == (Verdict.ALLOW, True)
    assert [placement.credential for placement in decision.placements] == ["LIVE_KEY"]
    assert {"sec-websocket-key", "upgrade"}.isdisjoint(name.lower() for name, _ in decision.forward)
    assert decision.dropped == ()


def test_only_the_subprotocols_go_upstream(deciding: Any) -> None:
    decision = deciding(TALK, **{"Sec-WebSocket-Protocol": "chat", "Sec-WebSocket-Extensions": "x"})
    assert [name for name, _ in decision.forward if name.startswith("Sec-")] == ["Sec-WebSocket-Protocol"]


def test_a_key_of_the_agents_own_among_the_subprotocols_is_misuse(deciding: Any) -> None:
    for offered in handshake.LOGINS:
        decision = deciding(TALK, **{"Sec-WebSocket-Protocol": f"chat, {offered}sk-mine"})
        assert (decision.verdict, decision.code) == (Verdict.DENY, "misuse")


def test_nothing_is_put_into_a_message(deciding: Any) -> None:
    decision = deciding(TALK, b'{"type": "say", "text": "please"}')
    assert (decision.verdict, decision.placements) == (Verdict.ALLOW, ())
    assert [call.tool for call in decision.calls] == ["say"]


@pytest.mark.parametrize(
    ("line", "message", "code", "reason"),
    [
        (TALK, b'{"type": "say", "text": "now"}', "denied", "no rule allows this"),
        (TALK, b'{"type": "sing", "song": {"name": "a"}}', "denied", "cannot wait for approval"),
        (TALK, b'{"type": "say", "text": "please, the secret"}', "denied", "what a deny pattern forbids"),
        (
            TALK,
            b'{"type": "say", "text": "please, the s\\u0065cret"}',
            "denied",
            "what a deny pattern forbids",
        ),
        (TALK, b'{"type": "say", "text": "please %s"}' % MINE.encode(), "misuse", "does not belong"),
        (TALK, b'{"type": "dance", "with": "%s"}' % MINE.encode(), "misuse", "does not belong"),
        (NEWS, b"the secret", "denied", "what a deny pattern forbids"),
        (NEWS, b'"the s\\u0065cret"', "denied", "what a deny pattern forbids"),
        (NEWS, MINE.encode(), "misuse", "does not belong"),
        (NEWS, OTHERS.encode(), "misuse", "another agent's"),
    ],
)
def test_messages_are_denied_by_rules_patterns_and_placeholders(
    deciding: Any, line: str, message: bytes, code: str, reason: str
) -> None:
    decision = deciding(line, message)
    assert (decision.verdict, decision.code) == (Verdict.DENY, code)
    assert reason in decision.reason


def test_a_message_that_is_no_call_is_allowed_without_one(deciding: Any) -> None:
    decision = deciding(NEWS, b"hello")
    assert (decision.verdict, decision.calls, decision.placements) == (Verdict.ALLOW, (), ())


@pytest.mark.parametrize(
    ("mode", "verdict"), [("", Verdict.DENY), ("mode: observe\nuntil: 2026-01-20", Verdict.ALLOW)]
)
def test_patterns_of_a_policy_that_observes_keep_no_message_in(
    make_request: Any, mode: str, verdict: Verdict
) -> None:
    files = {
        **FILES,
        "agents.yaml": "agents:\n  bot: {owner: alice, policies: [main, other]}\n",
        "tools/live.yaml": textwrap.dedent(TOOLS).lstrip(),
        "policies/main.yaml": "policy: main\ntools: [listen]",
        "policies/other.yaml": f"policy: other\n{mode}\ndeny_patterns: [secret]",
    }
    loaded = load(Sources({name: text.encode() for name, text in files.items()}))
    facts = Facts(Placeholders({MINE: Owner("bot", "LIVE_KEY")}))
    request = make_request(NEWS, {**ASKING, "Authorization": f"Bearer {MINE}"})
    said = replace(request, agent="bot", body=b"the secret", message=Message.TEXT)
    assert decide(loaded, said, facts, datetime(2026, 1, 14, 12, tzinfo=UTC)).verdict is verdict
