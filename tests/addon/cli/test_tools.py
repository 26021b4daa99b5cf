"""`tools` shows what is loaded; `call` puts placeholders where credentials go, and nowhere else."""

import base64

import pytest
from wharfinger.authoring import checking, snapshot
from wharfinger.cli.call import with_placeholders

LIST = "api: example\nbase: https://api.example.com\n"
AUTHS = {
    "header": ("{secret: EXAMPLE_KEY}", ("Authorization", "Bearer PH"), ""),
    "named": ("{secret: EXAMPLE_KEY, name: X-Api-Key}", ("X-Api-Key", "PH"), ""),
    "basic": (
        '{secret: EXAMPLE_KEY, in: basic, format: "robot:${secret}"}',
        ("Authorization", "Basic " + base64.b64encode(b"robot:PH").decode()),
        "",
    ),
    "query": ("{secret: EXAMPLE_KEY, in: query, name: key}", None, "?key=PH"),
}


@pytest.mark.parametrize(("auth", "field", "query"), AUTHS.values(), ids=AUTHS)
def test_a_placeholder_stands_where_the_tool_declares_it(configure, auth, field, query):
    run = f'{{method: GET, url: "/t/${{id}}", auth: {auth}}}'
    folder = configure(
        tools__things=f"{LIST}tools:\n  - tool: get_thing\n    run: {run}\n",
        policies__things="policy: things\nallow: [{tool: get_thing}]\n",
    )
    loaded = checking.check(snapshot.read(folder)).configuration
    assert loaded is not None
    tool = loaded.tools["get_thing"]
    filled = tool.fill({"id": "1"})
    sent = with_placeholders(tool, filled, {"EXAMPLE_KEY": "PH", "HOME": "/x"})
    assert sent.url == f"https://api.example.com/t/1{query}"
    assert sent.headers == (() if field is None else (field,))
    assert with_placeholders(tool, filled, {}) == filled


def test_list(type_, configure):
    folder = configure()
    rows = type_("tools", "list", "--config", folder, "--json").json
    assert [(row["name"], row["effect"], row["methods"], row["urls"], row["builtin"]) for row in rows] == [
        ("create_thing", "write", ["POST"], ["https://api.example.com/things"], False),
        ("delete_thing", "destructive", ["DELETE"], ["https://api.example.com/things/${id}"], False),
        ("get_thing", "read", ["GET"], ["https://api.example.com/things/${id}"], False),
    ]
    lines = type_("tools", "list", "--config", folder, "*_thing", "--effect", "read").out.splitlines()
    assert len(lines) == 1
    assert lines[0].split() == [
        "get_thing", "read", "GET", "https://api.example.com/things/${id}", "tools/things.yaml:5:5",
    ]  # fmt: skip


def test_list_says_if_there_are_none(type_, configure):
    assert "none of 3 tools matches" in type_("tools", "list", "--config", configure(), "nix*").out
    bare = configure(
        "bare", tools__things=None, policies__things=None, agents="agents: {}\n", credentials=None
    )
    assert "catalogue" in type_("tools", "list", "--config", bare).out


def test_names_are_never_cut(type_, configure, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert "https://api.example.com/things/${id}" in type_("tools", "list", "--config", configure()).out


def test_show(type_, configure):
    folder = configure()
    shown = type_("tools", "show", "create_thing", "--config", folder).out
    assert "POST https://api.example.com/things" in shown
    assert "size (integer, optional)" in shown
    assert "EXAMPLE_KEY in header Authorization" in shown
    as_json = type_("tools", "show", "create_thing", "--config", folder, "--json").json
    assert as_json["inputs"]["size"] == {"type": "integer", "required": False, "sensitive": False}
    missing = type_("tools", "show", "get_thin", "--config", folder)
    assert (missing.code, 'did you mean "get_thing"?' in missing.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--agent", "nobody", "--tool", "get_thing"), 'there is no agent "nobody"'),
        (("--agent", "robot", "--tool", "get_thin"), 'did you mean "get_thing"?'),
        (("--agent", "robot", "--tool", "get_thing"), '"id" is missing'),
        (("--agent", "robot", "--tool", "get_thing", "--input", "{"), "--input is not JSON"),
        (("--agent", "robot", "--tool", "get_thing", "--input", "[1]"), "not a JSON object"),
        (("--agent", "robot", "--tool", "get_thing", "--input", "@nowhere.json"), "cannot be read"),
        (("--agent", "robot", "--tool", "get_thing", "--input", '{"id": 5}'), "id"),
        (("--agent", "robot", "--tool", "get_thing", "--input", '{"id": "a/b"}'), "slash"),
    ],
)
def test_a_call_that_cannot_be_made_is_wrong_usage(type_, configure, places, arguments, said):
    ran = type_("call", "--config", configure(), *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert not places.state.exists()


def test_an_authority_is_shown_and_rotated_by_an_admin(type_, home):
    assert type_("init", "--for", "empty", "--person", "alice").code == 0
    none = type_("ca", "show")
    assert (none.code, "yet" in none.err) == (1, True)
    assert type_("ca", "rotate").code == 0
    first = type_("ca", "show", "--json").json
    ran = type_("ca", "rotate")
    assert ran.code == 0, ran.err
    second = type_("ca", "show", "--json").json
    assert second["certificates"][1:] == first["certificates"]
    assert second["certificates"][0]["sha256"] in ran.out
    assert type_("ca", "show", "--pem").out.count("BEGIN CERTIFICATE") == 2
    assert "in use" in type_("ca", "show").out
    events = type_("audit", "search", "--kind", "control", "ca.rotate").out
    assert events.count("ca.rotate") == 2
    assert "alice" in events


def test_an_approver_rotates_nothing(type_, configure, monkeypatch):
    folder = configure()
    assert type_("people", "key", "alice", "--no-passphrase", "--config", folder).code == 0
    as_bob = ("people", "key", "bob", "--no-passphrase", "--as", "alice", "--config", folder)
    assert type_(*as_bob).code == 0
    refused = type_("ca", "rotate", "--as", "bob", "--config", folder)
    assert (refused.code, "needs the role admin" in refused.err) == (1, True)
    assert type_("ca", "show", "--config", folder).code == 1
    nobody = type_("ca", "rotate", "--config", folder)
    assert (nobody.code, "several keys" in nobody.err) == (1, True)


def test_call_says_that_it_speaks_no_websocket(type_, configure):
    run = "{type: websocket, url: wss://api.example.com/live, auth: {secret: EXAMPLE_KEY}}"
    folder = configure(
        tools__things=f"{LIST}tools:\n  - {{tool: get_thing, effect: read, run: {run}}}\n",
        policies__things="policy: things\nallow: [{tool: get_thing}]\n",
    )
    typed = type_("call", "--config", folder, "--agent", "robot", "--tool", "get_thing")
    assert (typed.code, "does not speak" in typed.err) == (2, True)
