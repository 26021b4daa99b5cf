"""`check`, `test` and whatever else reads a configuration: all problems, where they are, nothing started."""

import json

import pytest
from wharfinger.cli.main import COMMANDS

BROKEN = {
    "tab": ("agents", "agents:\n\trobot: {owner: alice}\n", "agents.yaml:2:1: error: not YAML", "spaces"),
    "control": ("agents", "agents: \x00\n", "agents.yaml:1:9: error: control character U+0000", "remove it"),
    "twice": (
        "agents",
        "agents:\n  robot: {owner: alice}\n  robot: {owner: bob}\n",
        'agents.yaml:3:3: error: duplicate key "robot"',
        "line 2",
    ),
    "unknown key": (
        "agents",
        "agents:\n  robot: {owner: alice, polices: [things]}\n",
        'agents.yaml:2:25: error: unknown key "polices"',
        'did you mean "policies"?',
    ),
    "unknown policy": (
        "agents",
        "agents:\n  robot: {owner: alice, policies: [thing]}\n",
        'agents.yaml:2:36: error: there is no policy "thing"',
        'did you mean "things"?',
    ),
    "unknown owner": (
        "agents",
        "agents:\n  robot: {owner: alise, policies: [things]}\n",
        'agents.yaml:2:18: error: there is no person "alise"',
        'did you mean "alice"?',
    ),
    "a word for false": (
        "wharfinger",
        "version: 1\naudit: {durable: no}\n",
        'wharfinger.yaml:2:18: error: "no" may be read as a yes or no',
        "quote it",
    ),
    "version": (
        "wharfinger",
        "version: 2\n",
        "wharfinger.yaml:1:10: error: ",
        "version: 1",
    ),
    "not supported yet": (
        "agents",
        'agents: {bot: {owner: alice, token: "sha256:0"}}\n',
        'agents.yaml:1:30: error: "token" is not supported yet',
        "leave it out",
    ),
    "catalogue": (
        "wharfinger",
        "version: 1\ncatalogue: [githb]\n",
        'wharfinger.yaml:2:13: error: there is no built-in tool file "githb"',
        'did you mean "github"?',
    ),
    "empty": ("wharfinger", "", "wharfinger.yaml: error: the file is empty", "write its keys"),
    "no settings": ("wharfinger", None, "wharfinger.yaml: error: there is no such file", "wharfinger init"),
    "a value": (
        "credentials",
        "credentials:\n  EXAMPLE_KEY: {from: sk_topsecret, hosts: [api.example.com]}\n",
        "credentials.yaml:2:23: error: the value of a credential is never written in a file",
        "env:NAME",
    ),
    "all hosts": (
        "credentials",
        'credentials:\n  EXAMPLE_KEY: {from: env:EXAMPLE_KEY, hosts: ["*"]}\n',
        "credentials.yaml:2:16: error: a credential cannot go to all hosts",
        "list the hosts",
    ),
    "tool": (
        "policies__things",
        "policy: things\nallow:\n  - tool: get_thnig\n",
        'policies/things.yaml:3:11: error: there is no tool "get_thnig"',
        'did you mean "get_thing"?',
    ),
    "every host": (
        "policies__things",
        "policy: things\ntools: [unmatched]\n",
        'policies/things.yaml:2:9: error: "unmatched" is no tool',
        "lists its hosts",
    ),
    "condition": (
        "policies__things",
        "policy: things\nallow:\n  - tool: get_thing\n    when: input.sise > 4\n",
        'policies/things.yaml:4:11: error: "sise" is not an input of "get_thing"',
        "the inputs are: id",
    ),
    "pattern": (
        "policies__things",
        'policy: things\nallow:\n  - tool: get_thing\ndeny_patterns: ["a(?=b)"]\n',
        'policies/things.yaml:4:17: error: "a(?=b)" is not a pattern',
        "re2",
    ),
    "limits": (
        "policies__things",
        "policy: things\nallow:\n  - tool: get_thing\nlimits:\n  - {tool: get_thing, calls: 20/week}\n",
        'policies/things.yaml:5:30: error: "20/week" is not an amount in a window',
        "20/hour",
    ),
}


@pytest.fixture(params=BROKEN.values(), ids=BROKEN)
def broken(request, configure):
    name, text, said, hint = request.param
    return configure(**{name: text}), said, hint


def test_check_says_where_and_what_and_how_to_mend_it(type_, broken):
    folder, said, hint = broken
    ran = type_("check", "--config", folder)
    assert ran.code == 2
    assert said in ran.err
    after = ran.err.split(said)[1].split("\n")
    assert after[1].startswith("  hint: ")
    assert hint in after[1]
    assert "topsecret" not in ran.err
    assert "Traceback" not in ran.err


def test_nothing_is_started_on_a_broken_configuration(type_, broken, home, places):
    folder, said, _ = broken
    ran = type_("up", "--config", folder, "--ready-file", home / "ready")
    assert ran.code == 2
    assert said in ran.err
    assert not places.state.exists()
    assert not (home / "ready").exists()


COMMANDS_ON_IT = {
    "test": ("test",),
    "explain": ("explain", "--agent", "robot", "GET", "https://api.example.com/"),
    "env": ("env", "--agent", "robot"),
    "tools": ("tools", "list"),
    "call": ("call", "--agent", "robot", "--tool", "get_thing"),
    "agents": ("agents", "list"),
    "people": ("people", "list"),
    "approvals": ("approvals", "list"),
    "ca": ("ca", "show"),
    "rotate": ("ca", "rotate"),
}


@pytest.mark.parametrize("command", COMMANDS_ON_IT.values(), ids=COMMANDS_ON_IT)
def test_every_command_refuses_a_broken_configuration_and_touches_nothing(type_, configure, places, command):
    folder = configure(agents="agents:\n  robot: {owner: nobody}\n")
    ran = type_(*command, "--config", folder)
    assert ran.code == 2, ran.err
    assert 'there is no person "nobody"' in ran.err
    assert not places.state.exists()


@pytest.mark.parametrize("command", COMMANDS_ON_IT.values(), ids=COMMANDS_ON_IT)
def test_every_command_says_if_there_is_no_configuration(type_, places, command):
    ran = type_(*command)
    assert ran.code == 2
    assert "wharfinger init" in ran.err


def test_run_has_an_exit_code_of_its_own_for_it(type_, configure):
    folder = configure(agents="agents:\n  robot: {owner: nobody}\n")
    assert type_("run", "--no-isolate", "--config", folder, "--agent", "robot", "--", "true").code == 125
    assert (
        type_("run", "--no-isolate", "--config", folder / "nowhere", "--agent", "robot", "--", "true").code
        == 125
    )


def test_all_problems_of_all_files_come_at_once(type_, configure):
    folder = configure(
        **{name: text for name, text, _, _ in (BROKEN[k] for k in ("unknown key", "version", "all hosts"))}
    )
    ran = type_("check", "--config", folder)
    for key in ("unknown key", "version", "all hosts"):
        assert BROKEN[key][2] in ran.err


def test_what_is_good_is_said_in_a_line_and_a_digest(type_, configure):
    ran = type_("check", "--config", configure())
    assert ran.code == 0
    first, second = ran.out.splitlines()
    assert first == "ok: 1 agent, 1 policy, 3 tools, 1 credential, 3 tests passed"
    assert second.startswith("policy digest ")


def test_check_for_programs(type_, configure):
    assert type_("check", "--config", configure(), "--format", "json").json["ok"] is True
    folder = configure("other", agents=BROKEN["unknown key"][1])
    ran = type_("check", "--config", folder, "--format", "json")
    assert ran.code == 2
    assert ran.json["ok"] is False
    (error,) = (problem for problem in ran.json["problems"] if problem["severity"] == "error")
    assert (error["file"], error["line"], error["column"]) == ("agents.yaml", 2, 25)


def test_check_for_github(type_, configure):
    ran = type_("check", "--config", configure(agents=BROKEN["unknown key"][1]), "--format", "github")
    assert ran.code == 2
    assert "::error file=agents.yaml,line=2,col=25::unknown key" in ran.out.splitlines()[-1]


FAILING = """\
policy: things
allow:
  - tool: get_thing
tests:
  - {agent: robot, call: get_thing, input: {id: a}, expect: deny}
  - {agent: robot, call: delete_thing, input: {id: a}, expect: deny}
"""


def test_a_failing_policy_test_fails_test_and_check_and_up(type_, configure, places):
    folder = configure(policies__things=FAILING)
    ran = type_("test", "--config", folder)
    assert ran.code == 1
    assert "FAIL  policies/things.yaml:5:5: expected deny, got allow by policies/things.yaml:3" in ran.out
    assert ran.out.endswith("1 passed, 1 failed\n")
    as_json = type_("test", "--config", folder, "--format", "json")
    assert (as_json.code, as_json.json["ok"]) == (1, False)
    assert [row["passed"] for row in as_json.json["tests"]] == [False, True]
    assert type_("check", "--config", folder).code == 2
    assert type_("up", "--config", folder).code == 2
    assert not places.state.exists()


def test_passing_tests(type_, configure):
    ran = type_("test", "--config", configure())
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "3 passed, 0 failed")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(type_, command):
    if command in {"demo", "schema"}:
        pytest.importorskip(f"wharfinger.cli.{COMMANDS[command][0]}")
    ran = type_(command, "--help")
    assert ran.code == 0
    assert "Usage: wharfinger " + command in ran.out


def test_help_lists_every_command(type_):
    ran = type_("--help")
    assert [name for name in COMMANDS if f"  {name} " not in ran.out] == []


@pytest.mark.parametrize("arguments", [("nonsense",), ("check", "--nonsense"), ("explain",), ("env",)])
def test_wrong_usage_is_2(type_, arguments):
    assert type_(*arguments).code == 2


def test_explain_offline(type_, configure):
    folder = configure()
    base = ("explain", "--config", folder, "--offline", "--agent", "robot", "--json")
    got = type_(*base, "GET", "https://api.example.com/things/t1")
    assert (got.code, got.json["verdict"], got.json["calls"][0]["inputs"]) == (0, "allow", {"id": "t1"})
    body = json.dumps({"name": "a"})
    asked = type_(*base, "POST", "https://api.example.com/things", "-d", body)
    assert (asked.json["verdict"], asked.json["ask"]["people"]) == ("ask", ["alice", "bob"])
    denied = type_(*base, "DELETE", "https://api.example.com/things/t1", "--expect", "allow")
    assert (denied.code, denied.json["verdict"]) == (1, "deny")
    checked = type_("check", "--config", folder, "--format", "json")
    assert denied.json["policy_digest"] == checked.json["digest"]


@pytest.mark.parametrize("url", ["api.example.com", "ftp://x/", "https://"])
def test_explain_of_what_is_no_url(type_, configure, url):
    ran = type_("explain", "--config", configure(), "--offline", "--agent", "robot", "GET", url)
    assert ran.code in {1, 2}
    assert ran.err.startswith("error: ")
