"""`replay` and `suggest`, as they are typed; and what `check`, `test` and `explain` say of rules."""

from __future__ import annotations

import json

import pytest
import yaml


@pytest.fixture
def events(recording, configure):
    """A file of recorded calls, and the configuration under which they were made."""
    names = {name: text for name, text in recording.files.items() if not name.startswith("policies/")}
    given = {name.removesuffix(".yaml").replace("/", "__"): text for name, text in names.items()}
    given["policies__main"] = recording.files["policies/main.yaml"]
    folder = configure(**given, policies__things=None)
    recorder = recording.recorder()
    for amount in (10, 20, 90, 300):
        recorder.call("pay", {"amount": amount, "to": "a", "note": "n", "tags": ["t"]})
    recorder.call("get", {"path": "a/b"})
    file = folder.parent / "events.jsonl"
    file.write_bytes(b"\n".join(recorder.lines) + b"\n")
    return folder, file


@pytest.fixture
def changed(events):
    folder = events[0].parent / "changed"
    folder.mkdir()
    rules = "allow: [{tool: pay, when: {max_amount: 50}}, {tool: get}]"
    (folder / "main.yaml").write_text(f"policy: main\n{rules}\n")
    return folder


def test_replay_tells_what_would_change(type_, events, changed):
    folder, file = events
    same = type_("replay", file, "--config", folder, "--jobs", "1", "--fail-on-change")
    assert (same.code, "5 calls: 0 would be decided otherwise, 5 the same" in same.out) == (0, True)
    ran = type_("replay", file, "--config", folder, "--policy", changed, "--jobs", "1")
    assert ran.code == 0
    assert "5 calls: 2 would be decided otherwise, 3 the same, 0 undecidable" in ran.out
    assert "d_2" in ran.out
    assert type_(
        "replay", file, "--config", folder, "--policy", changed, "--jobs", "1", "--fail-on-change"
    ).code == 1  # fmt: skip


def test_replay_for_programs(type_, events, changed):
    folder, file = events
    told = type_("replay", file, "--config", folder, "--policy", changed, "--jobs", "1", "--json").json
    assert (told["calls"], told["same"], told["changed"]) == (5, 3, 2)
    shared = {"now": "deny", "tool": "pay", "agent": "bot", "because": "no rule allows this", "count": 1}
    assert told["changes"] == [
        {"was": "allow", **shared, "examples": ["d_2"]},
        {"was": "ask", **shared, "examples": ["d_3"]},
    ]
    assert "limits that have counted nothing" in told["assumed"]


def test_replay_without_a_log_or_with_a_broken_policy(type_, events, changed):
    folder, file = events
    assert "there is no audit log" in type_("replay", "--config", folder).err
    (changed / "main.yaml").write_text("policy: main\nallow: [{tool: nothing}]\n")
    ran = type_("replay", file, "--config", folder, "--policy", changed)
    assert ran.code == 2
    assert 'there is no tool "nothing"' in ran.err


def test_a_suggestion_can_be_put_to_use(type_, events):
    folder, file = events
    ran = type_("suggest", file, "--config", folder)
    assert ran.code == 0
    assert "made of 4 requests; 4 different ones were decided again, and allowed" in ran.err
    assert yaml.safe_load(ran.out)["policy"] == "suggested_bot"
    (folder / "policies" / "suggested.yaml").write_text(ran.out)
    agents = folder / "agents.yaml"
    agents.write_text(agents.read_text().replace("[main]", "[suggested_bot]", 1))
    tested = type_("test", "--config", folder, "--require-coverage", "100")
    assert "0 failed" in tested.out
    assert type_("replay", file, "--config", folder, "--jobs", "1", "--json").json["changed"] == 1
    wider = type_("suggest", file, "--config", folder, "--include-denied")
    assert "max: 300" in wider.out


def test_a_suggestion_overwrites_nothing(type_, events):
    folder, file = events
    out = folder.parent / "out.yaml"
    assert type_("suggest", file, "--config", folder, "--out", out).code == 0
    assert yaml.safe_load(out.read_text())["policy"] == "suggested_bot"
    again = type_("suggest", file, "--config", folder, "--out", out)
    assert (again.code, "is there already" in again.err) == (2, True)
    assert type_("suggest", file, "--config", folder, "--agent", "other").code == 1


def test_check_gives_codes(type_, configure):
    idle = "policy: idle\ntools: [get_thing]\n"
    folder = configure(policies__idle=idle)
    ran = type_("check", "--config", folder)
    assert ran.code == 0
    assert 'policies/idle.yaml:1:9: warning: no agent has the policy "idle" [W302]' in ran.err
    told = type_("check", "--config", folder, "--format", "json").json
    assert ("W302", 1) in [(problem["code"], problem["line"]) for problem in told["problems"]]
    github = type_("check", "--config", folder, "--format", "github")
    assert "::warning file=policies/idle.yaml,line=1,col=9,title=W302::no agent has" in github.out


def test_check_remarks_on_a_key_in_a_file_and_does_not_repeat_it(type_, configure):
    key = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    run = f'{{method: GET, url: "https://files.example.com/x", headers: {{X-Api-Key: {key}}}}}'
    ran = type_("check", "--config", configure(tools__keyed=f"tool: keyed\nrun: {run}\n"))
    assert (ran.code, ran.err.count("[W505]")) == (0, 1)
    assert "tools/keyed.yaml:2:" in ran.err
    assert key not in ran.err + ran.out


def test_test_reports_coverage(type_, configure):
    policy = "policy: things\nallow: [{tool: get_thing}, {tool: create_thing}]\n"
    test = "tests:\n  - {agent: robot, call: get_thing, input: {id: t1}, expect: allow}\n"
    folder = configure(policies__things=policy + test)
    ran = type_("test", "--config", folder, "--coverage")
    assert ran.code == 0
    assert "50.0 % of 2 rules hold in some test" in ran.out
    rows = [line.split() for line in ran.out.splitlines()[-4:-1]]
    assert rows == [
        ["things", "1", "of", "2", "hold"],
        ["policies/things.yaml:2", "allow", "decided", "1", "1"],
        ["policies/things.yaml:2", "allow", "never", "reached"],
    ]
    assert type_("test", "--config", folder, "--require-coverage", "50").code == 0
    short = type_("test", "--config", folder, "--require-coverage", "51")
    assert (short.code, "50.0 %" in short.err) == (1, True)
    told = type_("test", "--config", folder, "--format", "json").json
    assert told["coverage"]["percent"] == 50.0
    assert [rule["state"] for rule in told["coverage"]["rules"]] == ["decided", "never reached"]


NEAR = """\
policy: things
allow:
  - tool: create_thing
    when: {max_size: 50, name: {in: [a, b]}}
  - tool: create_thing
    when: given("size") && input.size < 9 && has(call.reason)
ask:
  - tool: get_thing
    when: {id: {startswith: t}}
    approvers: [approvers]
deny:
  - tool: delete_thing
    when: input.id != "spare"
"""
NEAREST = {
    "an input": (
        ("POST", "things", '{"name": "a", "size": 77}'),
        [("size", "at most 50", "77"), ("size", "less than 9", "77"), ("call.reason", "given", None)],
    ),
    "several inputs": (
        ("POST", "things", '{"name": "x", "size": 77}'),
        [
            ("size", "at most 50", "77"),
            ("name", 'one of "a", "b"', '"x"'),
            ("size", "less than 9", "77"),
            ("call.reason", "given", None),
        ],
    ),
    "an input left out": (
        ("POST", "things", '{"name": "a"}'),
        [("size", "given", None)],
    ),
    "an ask": (("GET", "things/x1", ""), [("id", 'beginning with "t"', '"x1"')]),
    "a denial": (("DELETE", "things/x1", ""), [("id", 'equal to "spare"', '"x1"')]),
}


@pytest.mark.parametrize(("asked", "wanted"), NEAREST.values(), ids=NEAREST)
def test_explain_names_the_nearest_rule_and_what_kept_it(type_, configure, asked, wanted):
    folder = configure(policies__things=NEAR)
    method, path, body = asked
    line = ("explain", "--config", folder, "--agent", "robot", method, f"https://api.example.com/{path}")
    told = type_(*line, *(("-d", body) if body else ()), "--json").json
    assert told["verdict"] == "deny"
    assert [(row["input"], row["needs"], row["given"]) for row in told["nearest"]] == wanted
    shown = type_(*line, *(("-d", body) if body else ())).out
    assert "nearest" in shown
    assert told["nearest"][0]["rule"] in shown


def test_explain_has_nothing_nearest_for_what_goes_out(type_, configure):
    folder = configure()
    line = (
        "explain",
        "--config",
        folder,
        "--agent",
        "robot",
        "GET",
        "https://api.example.com/things/t1",
        "--json",
    )
    told = json.loads(type_(*line).out)
    assert (told["verdict"], told["nearest"]) == ("allow", [])
