"""Each form of each kind of event: what its own definition asks for, whatever an agent sent."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from wharfinger.audit.chain import ascii_json, seal
from wharfinger.audit.reader import Record
from wharfinger.exporting.formats import COLUMNS, FORMATS

LOG = "abcdef01"
TARGET = {"method": "POST", "scheme": "https", "host": "api.stripe.com", "port": 443, "path": "/v1/refunds"}
WHO = {"agent": "support", "agent_id": "ag_1", "run": "r_1", "confinement": "isolated"}
CALL = {"tool": "refund_payment", "effect": "write", "inputs": {"amount_cents": 5}}
EVENTS: dict[str, dict[str, Any]] = {
    "segment": {"kind": "segment", "log": LOG * 4, "segment": 1, "tree": [], "open": {}},
    "started": {"kind": "started", "policy_digest": "5" * 64, "detail": {"proxy": "http://127.0.0.1:8080"}},
    "intent": {"kind": "intent", "decision": "d_1", **WHO, "calls": [CALL], "verdict": "allow",
               "code": "allowed", "reason": "allowed by x", "rules": ["p.yaml:4"], **TARGET},
    "denied": {"kind": "denied", "decision": "d_2", **WHO, "verdict": "deny", "code": "denied",
               "reason": "no rule allows this", **TARGET, "method": "DELETE", "count": 3},
    "held": {"kind": "held", "decision": "d_3", **WHO, "calls": [CALL], "verdict": "ask", **TARGET,
             "approval": "a_1"},
    "approval": {"kind": "approval", "approval": "a_1", "state": "approved", "person": "alice"},
    "outcome": {"kind": "outcome", "decision": "d_1", **WHO, "outcome": "completed", "status": 200,
                "address": "192.0.2.1:443", "response_bytes": 12, "findings": {"own secret": 1}},
    "failed": {"kind": "outcome", "decision": "d_1", "outcome": "upstream_failed",
               "address": "[2001:db8::1]:443"},
    "control": {"kind": "control", "person": "alice", "action": "reload", "detail": {"files": 3}},
    "notice": {"kind": "notice", "action": "approvals.flood", "reason": "too many", "agent": "support"},
    "stopped": {"kind": "stopped", "reason": "signal SIGTERM"},
}  # fmt: skip
HOSTILE = "=cmd|' /C calc'!A0\r\n\x1b[2J\u202e\u2028|a=b\\\x00\U0001f600<script>\""


def record(members: dict[str, Any], seq: int = 7) -> Record:
    body = {"version": 1, "seq": seq, "prev": "0" * 64, "id": f"e_{LOG}_{seq}",
            "time": "2026-01-14T12:00:00.250000Z", "mono_ns": 1, **members}  # fmt: skip
    return Record(seal(ascii_json(json.dumps(body).encode())), "book-000001.jsonl", 1)


@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("name", FORMATS)
def test_every_event_is_one_line_of_printable_ascii(name: str, kind: str) -> None:
    line = FORMATS[name].line(record(EVENTS[kind]))
    assert re.fullmatch(r"[ -~]+", line)
    assert LOG in line
    many = FORMATS[name].batch([record(EVENTS[kind]), record(EVENTS[kind], 8)])
    if name == "cloudevents":
        assert [one["id"] for one in json.loads(many)] == [f"e_{LOG}_7", f"e_{LOG}_8"]
    else:
        assert many.decode().splitlines()[0] == line


@pytest.mark.parametrize("name", FORMATS)
def test_what_an_agent_sends_breaks_out_of_none(name: str) -> None:
    hostile = {**EVENTS["denied"], "reason": HOSTILE, "path": HOSTILE, "agent": HOSTILE}
    hostile["calls"] = [{**CALL, "tool": HOSTILE, "inputs": {HOSTILE: HOSTILE}}]
    line = FORMATS[name].line(record(hostile))
    assert re.fullmatch(r"[ -~]+", line)


def test_jsonl_is_the_stored_form() -> None:
    one = record(EVENTS["intent"])
    assert FORMATS["jsonl"].line(one).encode() == one.line


def test_csv_has_a_head_and_no_formula() -> None:
    chosen = FORMATS["csv"]
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", 'a"b,c']
    lines = [chosen.line(record({**EVENTS["denied"], "reason": text})) for text in hostile]
    rows = list(csv.DictReader(io.StringIO("\n".join([chosen.head, *lines]))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["reason"] for row in rows] == [
        "'=1+1", "'+1", "'-1", "'@SUM(A1)", "\\u0009=1", "\\u000d=1", " =1", 'a"b,c',
    ]  # fmt: skip
    assert (rows[0]["seq"], rows[0]["host"], rows[0]["verdict"]) == ("7", "api.stripe.com", "deny")


def test_cef_escapes_what_it_must() -> None:
    text = "a|b=c\\d\ne"
    line = FORMATS["cef"].line(record({**EVENTS["intent"], "reason": text, "calls": [{"tool": text}]}))
    head = re.split(r"(?<!\\)\|", line, maxsplit=7)
    assert head[:5] == ["CEF:0", "wharfinger", "wharfinger", head[3], "allowed"]
    assert head[5] == "intent a\\|b=c\\\\d\\\\u000ae"
    assert head[6] == "2"
    assert " reason=a|b\\=c\\\\d\\\\u000ae " in head[7]
    assert "rt=1768392000250" in head[7]
    assert "cs1Label=decision cs1=d_1" in head[7]


def test_cef_tells_addresses_by_their_kind() -> None:
    assert " dst=192.0.2.1 " in FORMATS["cef"].line(record(EVENTS["outcome"]))
    assert " c6a3=2001:db8::1 " in FORMATS["cef"].line(record(EVENTS["failed"]))


def made(name: str, kind: str) -> dict[str, Any]:
    return dict(json.loads(FORMATS[name].line(record(EVENTS[kind]))))


def test_cloudevents_hold_the_stored_event() -> None:
    one = made("cloudevents", "denied")
    assert one["data"] == record(EVENTS["denied"]).members
    assert (one["specversion"], one["type"], one["subject"]) == ("1.0", "wharfinger.audit.denied", "d_2")
    assert (one["source"], one["id"]) == (f"/wharfinger/log/{LOG}", f"e_{LOG}_7")


def test_ecs_puts_things_where_they_belong() -> None:
    one = made("ecs", "outcome")
    assert one["ecs"] == {"version": "8.11.0"}
    assert one["event"]["outcome"] == "success"
    assert one["http"]["response"] == {"status_code": 200, "bytes": 12}
    assert one["destination"] == {"ip": "192.0.2.1"}
    assert one["wharfinger"] == record(EVENTS["outcome"]).members
    denied = made("ecs", "denied")
    assert denied["event"]["type"] == ["access", "denied"]
    assert denied["url"]["domain"] == "api.stripe.com"


def test_ocsf_says_who_did_what_and_what_came_of_it() -> None:
    denied = made("ocsf", "denied")
    assert (denied["class_uid"], denied["activity_id"], denied["type_uid"]) == (6003, 4, 600304)
    assert (denied["status_id"], denied["status_code"], denied["severity_id"]) == (2, "denied", 3)
    assert denied["unmapped"]["verdict"] == "deny"
    assert denied["actor"] == {"app_name": "support", "app_uid": "ag_1", "session": {"uid": "r_1"}}
    assert (denied["count"], denied["time"]) == (3, 1768392000250)
    assert made("ocsf", "intent")["status_id"] == 1
    assert made("ocsf", "started")["type_uid"] == 600203
    assert made("ocsf", "control")["actor"] == {"user": {"name": "alice"}}


@pytest.mark.parametrize("kind", EVENTS)
def test_ocsf_leaves_nothing_out(kind: str) -> None:
    one = made("ocsf", kind)
    text = json.dumps(one)
    for name, value in EVENTS[kind].items():
        assert json.dumps(value)[1:-1] in text or one["unmapped"][name] == value, name


@pytest.mark.parametrize("kind", EVENTS)
def test_ocsf_is_valid_by_its_own_schema(kind: str) -> None:
    """Against the schema of version 1.3.0 as the project publishes it."""
    ocsf = pytest.importorskip("ocsf_json_schema", reason="of the development requirements")
    import jsonschema

    one = made("ocsf", kind)
    schema = ocsf.OcsfJsonSchemaEmbedded(ocsf.get_ocsf_schema(version="1.3.0"))
    name = {6002: "application_lifecycle", 6003: "api_activity"}[one["class_uid"]]
    form = schema.get_class_schema(name, one["metadata"].get("profiles", []))
    wrong = [error.message for error in jsonschema.Draft202012Validator(form).iter_errors(one)]
    assert wrong == []
    assert list(jsonschema.Draft202012Validator(form).iter_errors({**one, "activity_id": "x"}))
