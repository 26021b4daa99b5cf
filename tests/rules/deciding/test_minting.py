"""A tool that answers with a new secret is called only where it is known where that stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wharfinger.rules.types import Verdict

URL = "POST https://rpc.example.com/rpc"
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def decided(make: Any) -> Any:
    def deciding(returns: str, *methods: str) -> Any:
        world = make(
            {
                "tools/rpc.yaml": f"""
                api: rpc
                base: https://rpc.example.com
                tools:
                  - tool: make_key
                    effect: write
                    run: {{type: jsonrpc, url: /rpc, method: make_key}}
                    {returns}
                  - {{tool: count, effect: read, run: {{type: jsonrpc, url: /rpc, method: count}}}}
                """,
                "policies/main.yaml": "policy: main\nallow: [{tool: make_key}, {tool: count}]\n",
            }
        )
        calls = [{"jsonrpc": "2.0", "id": number, "method": name} for number, name in enumerate(methods)]
        return world.decide(URL, HEADERS, json.dumps(calls if len(calls) > 1 else calls[0]).encode())

    return deciding


LOCATED = 'returns: {secret: "$.result.key", as: STRIPE_API_KEY}'


def test_one_whose_place_is_declared_goes_out(decided: Any) -> None:
    decision = decided(LOCATED, "make_key")
    assert decision.verdict is Verdict.ALLOW, decision.reason
    assert decision.response.returns is not None


@pytest.mark.parametrize(
    ("returns", "methods"), [("returns: secret", ["make_key"]), (LOCATED, ["make_key", "count"])]
)
def test_one_that_could_stand_anywhere_does_not(decided: Any, returns: str, methods: list[str]) -> None:
    decision = decided(returns, *methods)
    assert decision.verdict is Verdict.DENY
    assert "where it stands in the answer is not declared" in decision.reason


def test_others_go_out_alone_and_together(decided: Any) -> None:
    assert decided("returns: secret", "count").verdict is Verdict.ALLOW
    assert decided("returns: secret", "count", "count").verdict is Verdict.ALLOW
