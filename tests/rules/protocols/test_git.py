"""git by its refs: what a push changes is read before its pack; what can be read otherwise is refused."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.protocols.git import MAX_LINE, PUSH_TYPE, Opening, Pushed, pushed, report
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Request

TOOLS = """
    api: git
    base: https://git.example.com
    auth: {secret: GIT_TOKEN, in: basic, format: "x:${secret}"}
    tools:
      - tool: git_fetch
        effect: read
        run: {type: git, url: "/${owner}/${repo}", service: fetch, extra: deny}
      - tool: git_push
        effect: write
        run: {type: git, url: "/${owner}/${repo}.git", service: push, extra: deny}
"""
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
OLD, NEW, NONE = "1" * 40, "2" * 40, "0" * 40
SENT = {"Content-Type": "application/x-git-receive-pack-request"}
FETCHED = {"Content-Type": "application/x-git-upload-pack-request"}
PACK = b"PACK\0\0\0\2" + bytes(range(256)) * 40


def line(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return b"%04x%b" % (len(data) + 4, data)


def push(
    *commands: str, able: str = "report-status", options: tuple[str, ...] = (), pack: bytes = PACK
) -> bytes:
    first, *rest = commands
    body = line(f"{first}\0 {able}") + b"".join(map(line, rest)) + b"0000"
    if options:
        body += b"".join(map(line, options)) + b"0000"
    return body + pack


CREATE = f"{NONE} {NEW} refs/heads/agent/x"
UPDATE = f"{OLD} {NEW} refs/heads/main"
DELETE = f"{OLD} {NONE} refs/tags/v1"


@pytest.fixture(scope="module")
def tools(compile_tools: Any) -> Any:
    toolset, problems = compile_tools(TOOLS)
    assert not problems.errors
    return toolset


@pytest.fixture(scope="module")
def recognise(tools: Any, make_request: Any) -> Any:
    def recognised(data: bytes, path: str = "acme/shop.git", fields: Any = SENT) -> Any:
        return tools.recognise(
            make_request(f"POST https://git.example.com/{path}/git-receive-pack", fields, data)
        )

    return recognised


@pytest.mark.parametrize("path", ["acme/shop", "acme/shop.git"])
def test_reading_and_fetching_is_one_tool_however_the_url_is_written(
    tools: Any, make_request: Any, path: str
) -> None:
    at = f"https://git.example.com/{path}"
    for request in (
        make_request(f"GET {at}/info/refs?service=git-upload-pack", {"Git-Protocol": "version=2"}),
        make_request(f"GET {at}/info/refs?service=git-receive-pack"),
        make_request(f"POST {at}/git-upload-pack", {**FETCHED, "Content-Encoding": "gzip"}, b"\x1f\x8b"),
    ):
        read = tools.recognise(request)
        assert read.refusal is None
        assert [(call.tool, call.inputs) for call in read.calls] == [
            ("git_fetch", {"owner": "acme", "repo": "shop"})
        ]


def test_rules_about_pushes_see_the_reading_that_comes_before_one(tools: Any, make_request: Any) -> None:
    read = tools.recognise(
        make_request("GET https://git.example.com/acme/shop/info/refs?service=git-receive-pack")
    )
    (part,) = read.parts
    assert [fit.tool.name for fit in part.fitting] == ["git_fetch", "git_push"]
    assert part.fitting[1].refusal is None
    assert part.fitting[1].call.inputs["refs"] == []
    fetching = tools.recognise(
        make_request("GET https://git.example.com/acme/shop/info/refs?service=git-upload-pack")
    )
    assert [fit.tool.name for fit in fetching.fitting] == ["git_fetch"]


@pytest.mark.parametrize("path", ["acme/shop", "acme/shop.git"])
def test_a_push_is_its_refs(recognise: Any, path: str) -> None:
    read = recognise(push(CREATE, UPDATE, DELETE, able="report-status atomic agent=git/2.39"), path)
    assert read.refusal is None
    (call,) = read.calls
    assert call.tool == "git_push"
    assert call.inputs == {
        "owner": "acme",
        "repo": "shop",
        "refs": ["refs/heads/agent/x", "refs/heads/main", "refs/tags/v1"],
        "actions": ["create", "update", "delete"],
        "deletes": 1,
        "options": [],
        "atomic": True,
        "changes": [
            {"ref": "refs/heads/agent/x", "action": "create", "old": NONE, "new": NEW},
            {"ref": "refs/heads/main", "action": "update", "old": OLD, "new": NEW},
            {"ref": "refs/tags/v1", "action": "delete", "old": OLD, "new": NONE},
        ],
    }


def test_options_are_read_where_they_are_announced(recognise: Any) -> None:
    read = recognise(push(UPDATE, able="push-options", options=("ci.skip", "mr=1")))
    assert read.calls[0].inputs["options"] == ["ci.skip", "mr=1"]
    valued = push(UPDATE, able="atomic push-options=1", options=("ci.skip",))
    assert recognise(valued).calls[0].inputs["options"] == ["ci.skip"]
    assert Opening().feed(valued) == len(valued) - len(PACK)
    assert recognise(push(UPDATE, able="agent=push-options")).calls[0].inputs["options"] == []
    shallow = line(f"shallow {OLD}") + push(UPDATE)
    assert recognise(shallow).calls[0].inputs["refs"] == ["refs/heads/main"]
    longer = push(f"{'0' * 64} {'a' * 64} refs/heads/a", able="object-format=sha256")
    assert recognise(longer).calls[0].inputs["actions"] == ["create"]


ODD = {
    "nothing": b"",
    "no length": b"zz" + push(UPDATE),
    "a small length": b"0003" + push(UPDATE),
    "a delimiter": b"0001" + push(UPDATE),
    "an empty line": b"0004" + push(UPDATE),
    "cut short": push(UPDATE, pack=b"")[:-6],
    "no flush": push(UPDATE, pack=b"")[:-4],
    "no change, and a pack": b"0000" + PACK,
    "a ref twice": push(UPDATE, UPDATE),
    "from nothing to nothing": push(f"{NONE} {NONE} refs/heads/x"),
    "ids of two lengths": push(f"{OLD} {'2' * 64} refs/heads/x"),
    "capital ids": push(f"{'A' * 40} {'B' * 40} refs/heads/x"),
    "two blanks": push(f"{OLD}  {NEW} refs/heads/x"),
    "a tab": push(f"{OLD}\t{NEW} refs/heads/x"),
    "two lines in one": push(f"{UPDATE}\n{DELETE}"),
    "abilities in a later line": push(CREATE, f"{UPDATE}\0 push-options"),
    "a certificate": line("push-cert\0 report-status\n") + push(UPDATE),
    "shallow in the middle": push(CREATE, f"shallow {OLD}"),
    "shallow of something else": line("shallow HEAD") + push(UPDATE),
    "announced options missing": push(UPDATE, able="push-options", pack=b""),
    "announced options missing, with a value": push(UPDATE, able="push-options=1", pack=b""),
    "too many options": push(UPDATE, able="push-options", options=("a",) * 257),
    "a second list of abilities": push(UPDATE, able="atomic\0push-options", options=("a",)),
    "abilities parted by a tab": push(UPDATE, able="atomic\tpush-options", options=("a",)),
    "abilities that are not ASCII": push(UPDATE, able="agent=é"),
    "a line that is too long": b"fff1" + f"{UPDATE}\0".encode().ljust(65_517, b"a") + b"0000",
    **{
        f"the ref {ref!r}": push(f"{OLD} {NEW} {ref}")
        for ref in (
            "", "HEAD", "main", "refs", "refs/", "refs//heads/x", "refs/heads/", "refs/heads/../main",
            "refs/heads/a..b", "refs/heads/.x", "refs/heads/x.", "refs/heads/x.lock", "refs/heads/a b",
            "refs/heads/a~1", "refs/heads/a^", "refs/heads/a:b", "refs/heads/a?", "refs/heads/*",
            "refs/heads/[a", "refs/heads/a\\b", "refs/heads/a@{1}", "refs/heads/a\x7f", "/refs/heads/a",
            "refs/heads/agent/\x01", "refs/heads/x.lock/y",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_p04_what_git_could_read_otherwise_is_refused(recognise: Any, name: str) -> None:
    """The positive controls are the tests above."""
    read = recognise(ODD[name])
    assert read.refusal is not None, read.calls


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Content-Type": "application/octet-stream"},
        {**SENT, "Content-Encoding": "gzip"},
        {**SENT, "Content-Encoding": "identity"},
    ],
)
def test_a_push_is_sent_as_git_sends_it(recognise: Any, fields: Any) -> None:
    assert recognise(push(UPDATE), fields=fields).refusal is not None


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?service=git-other",
        "?service=git-upload-pack&x=1",
        "?x=git-upload-pack",
        "?service=git-upload-pack&service=git-receive-pack",
    ],
)
def test_the_dumb_protocol_is_not_spoken(tools: Any, make_request: Any, query: str) -> None:
    for request in (
        make_request(f"GET https://git.example.com/acme/shop/info/refs{query}"),
        make_request("GET https://git.example.com/acme/shop/HEAD"),
        make_request("GET https://git.example.com/acme/shop/objects/info/packs"),
    ):
        read = tools.recognise(request)
        assert read.refusal is not None or read.winner is None


def test_the_empty_push_by_which_git_tries_its_login_is_reading(tools: Any, recognise: Any) -> None:
    read = recognise(b"0000")
    assert (read.refusal, [fit.tool.name for fit in read.fitting]) == (None, ["git_fetch", "git_push"])


def test_an_opening_is_as_good_as_the_whole(tools: Any, make_request: Any) -> None:
    data = push(CREATE, DELETE, able="push-options", options=("a",))
    whole = make_request("POST https://git.example.com/acme/shop/git-receive-pack", SENT, data)
    streamed = tools.streams(replace(whole, body=None))
    assert streamed is not None
    end = streamed.opening().feed(data)
    opened = tools.recognise(replace(whole, body=None, opening=data[:end]))
    assert opened.calls[0].inputs == tools.recognise(whole).calls[0].inputs
    assert data[end:] == PACK
    assert tools.recognise(replace(whole, body=None)).refusal is not None
    probe = make_request("POST https://git.example.com/acme/shop/git-receive-pack", SENT, None)
    assert tools.recognise(replace(probe, opening=b"0000")).refusal is not None
    known = replace(probe, opening=b"0000", headers=(*probe.headers, ("Content-Length", "4")))
    assert tools.recognise(known).refusal is None
    for other in (
        "GET https://git.example.com/acme/shop/info/refs",
        "POST https://git.example.com/a/b/git-upload-pack",
    ):
        assert tools.streams(make_request(other, SENT, None)) is None


@given(st.lists(st.integers(1, 60), min_size=1, max_size=30), st.booleans())
def test_its_end_is_found_however_the_bytes_arrive(sizes: list[int], options: bool) -> None:
    data = push(
        CREATE, UPDATE, able="push-options" if options else "atomic", options=("x",) if options else ()
    )
    whole, opening, at = Opening().feed(data), Opening(), 0
    found = None
    while found is None:
        size = sizes[at % len(sizes)]
        found = opening.feed(data[at : at + size])
        at += size
    assert found == whole == len(data) - len(PACK)


def test_an_opening_has_a_limit() -> None:
    opening = Opening()
    many = b"".join(line(f"{OLD} {NEW} refs/heads/{number:06}") for number in range(4_000))
    with pytest.raises(Refused, match="more than"):
        opening.feed(many)
    with pytest.raises(Refused, match="length"):
        Opening().feed(b"PACK")


@given(st.binary(max_size=200))
def test_whatever_the_bytes_it_is_refused_or_read(noise: bytes) -> None:
    try:
        end = Opening().feed(noise + push(UPDATE))
    except Refused:
        return
    assert end is None or end > 0


@pytest.mark.parametrize(
    "changes",
    [
        [{"ref": "refs/heads/a", "action": "create", "old": NONE, "new": NEW}],
        [
            {"ref": "refs/heads/a", "action": "update", "old": OLD, "new": NEW},
            {"ref": "refs/heads/b", "action": "delete", "old": OLD, "new": NONE},
        ],
    ],
)
def test_filled_in_it_is_read_back_the_same(tools: Any, changes: Any) -> None:
    filled = tools["git_push"].fill({"owner": "o", "repo": "r", "changes": changes})
    call = tools.recognise(filled.request("a")).calls[0]
    assert call.inputs["changes"] == changes
    with pytest.raises(Refused):
        tools["git_push"].fill({"owner": "o", "repo": "r", "changes": changes, "refs": ["refs/heads/main"]})
    with pytest.raises(Refused):
        tools["git_push"].fill({"owner": "o", "repo": "r", "changes": [{**changes[0], "action": "delete"}]})


def test_a_fetch_is_sent_as_git_sends_it(tools: Any, make_request: Any) -> None:
    at = "https://git.example.com/acme/shop"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for request in (
        make_request(f"POST {at}/git-upload-pack", {}, b"0000"),
        make_request(f"POST {at}/git-upload-pack", form, b"_method=DELETE"),
        make_request(f"POST {at}/git-upload-pack", SENT, b"0000"),
        make_request(f"GET {at}/info/refs?service=git-upload-pack", form, b"_method=DELETE"),
    ):
        assert tools.recognise(request).refusal is not None
    assert tools.recognise(make_request(f"POST {at}/git-upload-pack", FETCHED, b"0000")).refusal is None


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("able", ["push-options", "push-options=1", "agent=push-options", "xpush-options"])
def test_options_are_read_where_git_reads_them(recognise: Any, tmp_path: Path, able: str) -> None:
    """What policy sees of options is what a hook of git's own receive-pack sees."""
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    hook = bare / "hooks" / "pre-receive"
    hook.write_text('#!/bin/sh\necho "first=$GIT_PUSH_OPTION_0" > "$GIT_DIR/told"\nexit 1\n')
    hook.chmod(0o755)
    options = ("ci.skip",) if able.startswith("push") else ()
    made = f"{NONE} {EMPTY_TREE} refs/heads/x"
    pack = b"PACK\0\0\0\2\0\0\0\0"
    data = push(made, able=able, options=options, pack=pack + hashlib.sha1(pack).digest())
    said = subprocess.run(
        ["git", "-c", "receive.advertisePushOptions=true", "receive-pack", "--stateless-rpc", str(bare)],
        input=data, capture_output=True, check=False,
    )  # fmt: skip
    told = bare / "told"
    seen = told.read_text().strip().removeprefix("first=") if told.exists() else ""
    assert recognise(data).calls[0].inputs["options"] == ([seen] if seen else []), said
    assert bool(seen) == able.startswith("push")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_itself_takes_what_is_written(tools: Any, tmp_path: Path) -> None:
    """A branch of an object that is there, by a request that was filled in, given to receive-pack."""
    bare, work = tmp_path / "bare.git", tmp_path / "work"

    def run(*command: str, given: bytes | None = None) -> bytes:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        return subprocess.run(["git", *who, *command], input=given, check=True, capture_output=True).stdout

    run("init", "-q", "-b", "main", str(work))
    run("-C", str(work), "commit", "-q", "--allow-empty", "-m", "first")
    run("clone", "-q", "--bare", str(work), str(bare))
    head = run("-C", str(bare), "rev-parse", "main").decode().strip()
    change = {"ref": "refs/heads/made", "action": "create", "old": NONE, "new": head}
    filled = tools["git_push"].fill({"owner": "o", "repo": "r", "changes": [change]})
    said = run("receive-pack", "--stateless-rpc", str(bare), given=filled.body)
    assert b"ok refs/heads/made" in said
    assert run("-C", str(bare), "rev-parse", "made").decode().strip() == head


def test_a_service_that_git_does_not_have_is_told(compile_tools: Any) -> None:
    with pytest.raises(AssertionError, match="no service of git"):
        compile_tools("""
            base: https://git.example.com
            tools: [{tool: a, effect: read, run: {type: git, url: "/${r}", service: clone}}]
        """)


def test_inputs_of_another_type_and_a_missing_effect_are_told(compile_tools: Any) -> None:
    _, problems = compile_tools("""
        base: https://git.example.com
        tools:
          - {tool: b, effect: read, input: {refs: string}, run: {type: git, url: "/${r}", service: push}}
          - {tool: c, run: {type: git, url: "/c/${r}", service: push}}
    """)
    told = "\n".join(map(str, problems.errors))
    assert "type array here" in told
    assert "the effect" in told


# Refusing


def asked(data: bytes, **fields: str) -> Pushed | None:
    """What is read of a push that holds this."""
    given = {"Content-Type": PUSH_TYPE, "Content-Length": str(len(data)), **fields}
    sent = tuple((name.replace("_", "-"), value) for name, value in given.items() if value)
    target = "/acme/shop.git/git-receive-pack"
    return pushed(Request("bot", "POST", "https", "git.example.com", 443, target, sent, None, opening=data))


def lines(data: bytes) -> list[bytes]:
    """What stands before the first flush."""
    found, at = [], 0
    while (length := int(data[at : at + 4], 16)) > 0:
        assert 4 < length <= MAX_LINE
        found.append(data[at + 4 : at + length])
        at += length
    assert data[at:] == b"0000"
    return found


def test_a_report_says_of_each_ref_that_it_was_not_changed() -> None:
    told_of = asked(push(CREATE, DELETE, able="report-status"))
    assert told_of is not None
    assert lines(report(told_of, "denied", "Not that.\nAsk.")) == [
        b"unpack denied\n",
        b"ng refs/heads/agent/x Not that. Ask.\n",
        b"ng refs/tags/v1 denied\n",
    ]


def test_on_the_side_band_the_message_goes_beside_the_report() -> None:
    told_of = asked(push(UPDATE, able="report-status-v2 side-band-64k agent=git/2.39"))
    assert told_of is not None
    said, told = lines(report(told_of, "denied", "Not that."))
    assert said == b"\2Not that.\n"
    assert told[:1] == b"\1"
    assert lines(told[1:]) == [b"unpack denied\n", b"ng refs/heads/main denied\n"]


def test_a_report_of_any_length_is_in_lines_that_git_takes() -> None:
    refs = [f"{NONE} {NEW} refs/heads/{'x' * 5000}/{n}" for n in range(30)]
    refs.append(f"{NONE} {NEW} refs/heads/{'y' * (MAX_LINE - 200)}")
    told_of = asked(push(*refs, able="report-status side-band-64k"))
    assert told_of is not None
    said, *told = lines(report(told_of, "denied " * 100, "m" * 100_000))
    assert len(said) <= MAX_LINE - 4
    inner = lines(b"".join(part[1:] for part in told))
    assert [each.split()[0] for each in inner] == [b"unpack", *[b"ng"] * 31]
    alone = asked(push(*refs))
    assert alone is not None
    assert len(report(alone, "denied", "m" * 60_000)) < 2 * len(push(*refs))


@pytest.mark.parametrize(
    "opening",
    [b"", b"0000", push(UPDATE, able="atomic"), push(UPDATE)[:50], b"PACK", push("x y z"), b"\0" * 100],
)
def test_what_waits_for_no_report_gets_none(opening: bytes) -> None:
    assert asked(opening) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"Content_Length": ""},
        {"Content_Length": str((1 << 20) + 1)},
        {"Content_Length": "x"},
        {"Content_Type": "application/x-git-upload-pack-request"},
    ],
)
def test_a_push_in_pieces_gets_none(fields: dict[str, str]) -> None:
    """git would take it for the answer to the first piece, and go on with the next."""
    names = {name.replace("_", "-"): value for name, value in fields.items()}
    assert asked(push(UPDATE)) is not None
    assert asked(push(UPDATE), **names) is None
