"""A refusal in the shape that the program which asked shows: JSON for SDKs, text for git, flat for npm."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.refusing import refusal
from wharfinger.rules.types import Code, Decision, Request, Verdict

SAID = "No rule allows this. Ask the operator."
DENIED = Decision(Verdict.DENY, Code.DENIED, "no rule allows this", "Ask the operator.", "digest")


def told(*programs: str) -> Answer:
    fields = (("Host", "registry.npmjs.org"), *(("User-Agent", program) for program in programs))
    return refusal("d_1", DENIED, Request("bot", "GET", "https", "registry.npmjs.org", 443, "/x", fields))


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


@pytest.mark.parametrize("read", [True, False], ids=["whole", "its opening"])
def test_git_shows_a_refused_push_by_its_report(*, read: bool) -> None:
    opening = f"{'1' * 40} {'2' * 40} refs/heads/main\0report-status".encode()
    data = b"%04x%b0000" % (len(opening) + 4, opening)
    fields = (
        ("Host", "github.com"),
        ("User-Agent", "git/2.39.5"),
        ("Content-Type", "application/x-git-receive-pack-request"),
        ("Content-Length", str(len(data) + 1000)),
    )
    given = {"body": data} if read else {"body": None, "opening": data}
    asked = Request("bot", "POST", "https", "github.com", 443, "/a/b.git/git-receive-pack", fields, **given)
    refused = refusal("d_1", replace(DENIED, protocol="git"), asked)
    assert refused.http_status == 200, "of a status that is not good git shows nothing else"
    lines = ["unpack wharfinger: denied\n", f"ng refs/heads/main wharfinger: {SAID}\n"]
    report = "".join(f"{len(line) + 4:04x}{line}" for line in lines) + "0000"
    assert refused.body() == report.encode()
    fields_ = dict(refused.headers(0))
    assert fields_["Content-Type"] == "application/x-git-receive-pack-result"
    assert fields_["Wharfinger-Decision"] == "d_1"
    down = refusal("d_1", replace(DENIED, code=Code.UNAVAILABLE, protocol="git"), asked)
    assert (down.http_status, down.body()) == (502, f"wharfinger: {SAID}\n".encode())
    assert refusal("d_1", DENIED, asked).http_status == 403, "at a URL where nobody speaks git"
