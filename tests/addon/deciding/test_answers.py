"""A refusal in the shape that the program which asked shows: JSON for SDKs, text for git, flat for npm."""

from __future__ import annotations

import orjson
import pytest
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.gate import answer
from wharfinger.rules.types import Code, Decision, Request, Verdict

SAID = "No rule allows this. Ask the operator."
DENIED = Decision(Verdict.DENY, Code.DENIED, "no rule allows this", "Ask the operator.", "digest")


def told(*programs: str) -> Answer:
    fields = (("Host", "registry.npmjs.org"), *(("User-Agent", program) for program in programs))
    return answer("d_1", DENIED, Request("bot", "GET", "https", "registry.npmjs.org", 443, "/x", fields))


@pytest.mark.parametrize("programs", [(), ("curl/8",), ("yarn/4.1 npm/? node/v22",), ("pnpm/9 npm/?",)])
def test_sdks_find_an_object_under_error(programs: tuple[str, ...]) -> None:
    said = orjson.loads(told(*programs).body())
    assert said["error"] == {"type": "wharfinger", "code": "denied", "message": SAID}
    assert said["message"] == SAID


def test_npm_shows_error_as_it_is_so_it_is_the_message() -> None:
    """It puts `body.error` behind the status: of an object it says `[object Object]`."""
    said = orjson.loads(told("npm/11.19.1 node/v22.23.3 linux x64 workspaces/false").body())
    assert (said["error"], said["message"], said["decision"]) == (SAID, SAID, "d_1")


def test_git_shows_text_alone() -> None:
    refused = told("git/2.39.5")
    assert refused.body() == f"wharfinger: {SAID}\n".encode()
    assert ("Content-Type", "text/plain; charset=utf-8") in refused.headers(0)
