"""Recorded calls, decided again: the same policy changes nothing, another changes what it should."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.reader import Record
from wharfinger.replaying.comparing import Change, Tally, compare
from wharfinger.replaying.recorded import decided
from wharfinger.replaying.source import NotReadable, events
from wharfinger.rules.types import Origin, Request, Verdict


@pytest.fixture
def again(recording):
    """Decide what a recorder holds again, under other files."""

    def decide(recorder, jobs=1, **changed) -> Tally:
        return compare(recorder.lines, recording.configuration(**changed)[1], jobs)

    return decide


def policy(rules: str) -> dict[str, str]:
    return {"policies__main": f"policy: main\n{rules}\n"}


def unmatched(line: str, agent: str = "bot") -> Request:
    method, _, url = line.partition(" ")
    host, slash, target = url.removeprefix("https://").partition("/")
    return Request(agent, method, "https", host, 443, slash + target or "/", (("Host", host),))


def fill(recorder) -> None:
    """One of everything, decided in every way."""
    assert recorder.call("pay", {"amount": 50, "to": "a"}) is Verdict.ALLOW
    assert recorder.call("pay", {"amount": 500, "to": "a", "tags": ["x", 1]}) is Verdict.ASK
    assert recorder.call("pay", {"amount": 501, "to": "é\u2028"}) is Verdict.DENY
    assert recorder.call("get", {"path": "a/b c/d", "q": "1&2"}) is Verdict.ALLOW
    assert recorder.call("ask_rpc", {"id": "7"}) is Verdict.ALLOW
    assert recorder.request(unmatched("GET https://docs.example.org/a/b")) is Verdict.ALLOW
    assert recorder.request(unmatched("GET https://docs.example.org/a?b=c&d")) is Verdict.ALLOW
    assert recorder.request(unmatched("POST https://docs.example.org/a")) is Verdict.DENY
    assert recorder.request(unmatched("GET https://elsewhere.example.org/")) is Verdict.DENY


def test_the_same_policy_decides_the_same(recorder, again):
    fill(recorder)
    tally = again(recorder)
    assert (tally.calls, tally.same, tally.skipped) == (9, 9, 0)
    assert not tally.changes
    assert not tally.undecidable


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"amount": st.integers(-(2**63), 2**63 - 1) | st.integers(90, 510), "to": st.text(max_size=40)},
            optional={
                "note": st.text(max_size=40),
                "tags": st.lists(st.text(max_size=5) | st.integers(0, 9) | st.booleans(), max_size=4),
            },
        ),
        max_size=5,
    )
)
def test_whatever_was_recorded_whole_is_decided_the_same(recording, calls):
    recorder = recording.recorder()
    for inputs in calls:
        recorder.call("pay", inputs)
    tally = compare(recorder.lines, recording.configuration()[1], 1)
    assert not tally.changes
    assert tally.same == len(calls)


def test_other_rules_are_told_by_what_they_change(recorder, again):
    for amount in (10, 60, 70, 300):
        recorder.call("pay", {"amount": amount, "to": "a"})
    recorder.call("pay", {"amount": 10, "to": "a"}, agent="other")
    tally = again(recorder, **policy("allow: [{tool: pay, when: {max_amount: 50}}]"))
    reason = "no rule allows this"
    assert tally.changes == {
        Change(Verdict.ALLOW, Verdict.DENY, "pay", "bot", reason): 2,
        Change(Verdict.ASK, Verdict.DENY, "pay", "bot", reason): 1,
    }
    assert tally.examples[Change(Verdict.ALLOW, Verdict.DENY, "pay", "bot", reason)] == ["d_1", "d_2"]
    assert tally.same == 2
    opened = again(recorder, **policy("allow: [{tool: pay}]"))
    assert opened.changes == {
        Change(Verdict.ASK, Verdict.ALLOW, "pay", "bot", "policies/main.yaml:2"): 1,
    }


def test_time_agent_and_reason_are_those_of_the_call(recorder, again):
    for days in (0, 3):
        recorder.call("pay", {"amount": 1, "to": "a"}, days=days)
    clock = 'allow: [{tool: pay, when: \'within("Mon-Fri 08:00-18:00", "UTC")\'}]'
    tally = again(recorder, **policy(clock))
    assert [tally.examples[change] for change in tally.changes] == [["d_1"]]
    recorder.call("pay", {"amount": 1, "to": "a"}, agent="other")
    tally = again(recorder, **policy('allow: [{tool: pay, when: agent.name == "bot"}]'))
    assert [tally.examples[change] for change in tally.changes] == [["d_2"]]
    recorder.call("pay", {"amount": 1, "to": "a"}, reason="because")
    tally = again(recorder, **policy("allow: [{tool: pay, when: {require_reason: true}}]"))
    assert (tally.same, sum(tally.changes.values())) == (1, 3)


def test_what_cannot_be_known_is_undecidable(recorder, again, recording):
    recorder.call("sign_in", {"password": "hunter2"})
    recorder.call("pay", {"amount": 1, "to": "x" * 600})
    recorder.call("pay", {"amount": 1, "to": "a"})
    recorder.call("get", {"path": "a"})
    things = recording.files["tools/things.yaml"]
    tools = things.replace("- tool: pay", "- tool: paid").replace('"/files/', '"/documents/')
    rules = policy("allow: [{tool: '*'}]")
    assert again(recorder, **rules, tools__things=tools).undecidable == {
        ("sign_in", 'the input "password" is recorded as a keyed digest'): 1,
        ("pay", "there is no such tool any more"): 2,
        ("get", "the tool's requests go elsewhere now"): 1,
    }
    assert again(recorder, **rules).undecidable == {
        ("sign_in", 'the input "password" is recorded as a keyed digest'): 1,
        ("pay", 'the input "to" was cut'): 1,
    }
    stricter = things.replace("to: string", "to: {type: string, enum: [b]}")
    assert ("pay", "its inputs make no request of the tool as it is now") in again(
        recorder, **rules, tools__things=stricter
    ).undecidable


def test_a_path_that_a_tool_fits_now_is_decided_only_if_that_is_all_there_was(recorder, again):
    recorder.request(unmatched("GET https://docs.example.org/a/b"))
    recorder.request(unmatched("GET https://docs.example.org/a/b?x=1"))
    run = "{method: GET, url: 'https://docs.example.org/a/b', query: {x: '${x}'}, extra: allow}"
    tool = f"tool: docs\ninput: {{x: {{type: string, required: false}}}}\nrun: {run}\n"
    tally = again(recorder, tools__docs=tool, **policy("deny: [{tool: docs}]"))
    assert sum(tally.changes.values()) == 1
    assert sum(tally.undecidable.values()) == 1


def test_denials_that_are_not_policys_are_left_out(recorder, again):
    request = recorder.held.tools["pay"].fill({"amount": 1, "to": "a"}).request("bot")
    assert recorder.request(request, origin=Origin.PROXY) is Verdict.DENY  # no credential was presented
    tally = again(recorder)
    assert (tally.skipped, tally.same) == (1, 0)
    assert not tally.changes


def test_several_processes_come_to_the_same(recorder, again):
    for amount in range(1200):
        recorder.call("pay", {"amount": amount, "to": "a"})
    rules = policy("allow: [{tool: pay, when: {max_amount: 50}}]")
    one, two = again(recorder, **rules), again(recorder, jobs=2, **rules)
    assert one == two
    assert one.calls == 1200
    assert sum(one.changes.values()) == 450


def test_each_decision_counts_once(recorder, again):
    recorder.call("pay", {"amount": 300, "to": "a"})
    first = json.loads(recorder.lines[0])
    second = {**first, "kind": "intent", "verdict": "allow"}
    other = {"kind": "outcome", "decision": "d_0", "time": first["time"]}
    lines = [json.dumps(each).encode() for each in (first, second, other)]
    found = list(decided(Record(line, "x", 1) for line in lines))
    assert [record.members["kind"] for record in found] == ["held"]


def test_a_file_that_is_none_says_so(tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"x" * 2_000_000)
    with pytest.raises(BookDamaged):
        list(events(None, file, None))
    with pytest.raises(NotReadable):
        list(events(None, tmp_path, None))


def test_an_event_that_tells_nothing_is_counted(recorder, again):
    recorder.call("pay", {"amount": 1, "to": "a"})
    for broken in ({"time": "soon"}, {"verdict": "perhaps"}, {"calls": [{}]}, {"port": {}}, {"cut": 1}):
        recorder.lines.append(json.dumps({**json.loads(recorder.lines[0]), **broken}).encode())
    tally = again(recorder)
    assert (tally.calls, tally.same, sum(tally.undecidable.values())) == (6, 1, 5)
