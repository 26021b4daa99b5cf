"""What kept a denied request from going out: told for each call, what decided it first, nothing secret."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules.policies.nearest import MOST, nearest

TOOLS = """
    api: shop
    base: https://shop.example.com
    tools:
      - tool: pay
        input:
          amount: integer
          to: {type: string, required: false}
          pin: {type: string, required: false, sensitive: true}
        run:
          method: POST
          url: /pay
          encoding: json
          body: {amount: "${amount}", to: "${to}", pin: "${pin}"}
      - tool: item
        effect: read
        run: {type: jsonrpc, url: /rpc, method: item.get, params: {id: "${id}"}}
    """
JSON = {"Content-Type": "application/json"}
PAY = "POST https://shop.example.com/pay"
RPC = "POST https://shop.example.com/rpc"


def near(make: Any, rules: str, line: str, body: bytes) -> list[str]:
    """What is told, without the file's name."""
    world = make({"tools/shop.yaml": TOOLS, "policies/main.yaml": f"policy: main\n{rules}"})
    decision = world.decide(line, JSON, body, explain=True)
    request = world.request(line, JSON, body)
    told = map(str, nearest(world.configuration, request, decision))
    return [text.replace("policies/main.yaml", "") for text in told]


TOLD = {
    "a bound": (
        "allow: [{tool: pay, when: {max_amount: 50}}]",
        b'{"amount": 77}',
        [":2 would allow this if amount were at most 50 (it is 77)"],
    ),
    "a bound of an ask": (
        "ask: [{tool: pay, when: input.amount < 50}]",
        b'{"amount": 77}',
        [":2 would ask for approval of this if amount were less than 50 (it is 77)"],
    ),
    "the nearer one first": (
        "allow:\n  - {tool: pay, when: {max_amount: 5, to: a}}\n  - {tool: pay, when: {max_amount: 50}}",
        b'{"amount": 77, "to": "b"}',
        [
            ":4 would allow this if amount were at most 50 (it is 77)",
            ':3 would allow this if amount were at most 5 (it is 77) and to were equal to "a" (it is "b")',
        ],
    ),
    "an input that is left out": (
        "allow: [{tool: pay, when: {to: a}}]",
        b'{"amount": 77}',
        [":2 cannot be evaluated, which denies; it could if to were given (it is left out)"],
    ),
    "a denial": (
        'allow: [{tool: pay}]\ndeny: [{tool: pay, when: input.to == "a"}]',
        b'{"amount": 77, "to": "a"}',
        [':3 would not deny this if to were other than "a" (it is "a")'],
    ),
    "a denial of all": ("deny: [{tool: pay}]", b'{"amount": 77}', [":2 always denies this"]),
    "a denial that is understood in part": (
        'deny: [{tool: pay, when: input.to == "a" && input.amount % 2 == 1}]',
        b'{"amount": 77, "to": "a"}',
        [
            ':2 would not deny this if to were other than "a" (it is "a")'
            " or the rest of its condition did not hold"
        ],
    ),
    "a denial that is not understood": (
        "deny: [{tool: pay, when: input.amount % 2 == 1}]",
        b'{"amount": 77}',
        [":2 would not deny this if it did not hold that input.amount % 2 == 1"],
    ),
    "what decided before what fails": (
        "allow: [{tool: pay, when: {to: a}}, {tool: pay, when: {pin: x}}]\ndeny: [{tool: pay}]",
        b'{"amount": 77}',
        [
            ":3 always denies this",
            ":2 cannot be evaluated, which denies; it could if to were given (it is left out)",
            ":2 cannot be evaluated, which denies; it could if pin were given (it is left out)",
        ],
    ),
    "a sensitive input": (
        "allow: [{tool: pay, when: {pin: x}}]",
        b'{"amount": 77, "pin": "7351"}',
        [':2 would allow this if pin were equal to "x"'],
    ),
    "a pattern": (
        "allow: [{tool: pay}]\ndeny_patterns: [IBAN]",
        b'{"amount": 77, "to": "IBAN"}',
        [":3 would not deny this if the request held nothing that its patterns forbid"],
    ),
    "what goes out": ("allow: [{tool: pay}]", b'{"amount": 77}', []),
    "no rule at all": ("allow: [{tool: item}]", b'{"amount": 77}', []),
}


@pytest.mark.parametrize(("rules", "body", "wanted"), TOLD.values(), ids=TOLD)
def test_what_is_told(make: Any, rules: str, body: bytes, wanted: list[str]) -> None:
    assert near(make, rules, PAY, body) == wanted


def test_each_call_of_a_request_has_its_own(make: Any) -> None:
    element = '{"jsonrpc": "2.0", "id": %d, "method": "item.get", "params": {"id": "%s"}}'
    body = f"[{', '.join(element % (number, name) for number, name in enumerate('abc'))}]".encode()
    told = near(make, "allow: [{tool: item, when: {id: {in: [b]}}}]", RPC, body)
    assert told == [f':2 would allow this if id were equal to "b" (it is "{name}")' for name in "ac"]


def test_no_more_than_a_few_are_told(make: Any) -> None:
    rules = "allow:\n" + "".join(f"  - {{tool: pay, when: {{max_amount: {n}}}}}\n" for n in range(9))
    assert len(near(make, rules, PAY, b'{"amount": 77}')) == MOST
