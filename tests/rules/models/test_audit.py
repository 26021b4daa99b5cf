from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from wharfinger.rules.models.audit import Audit


def test_what_there_is_without_a_word() -> None:
    audit = Audit.model_validate({})
    assert (audit.durable, audit.keep, audit.checkpoints, audit.sinks) == (True, None, (), ())


def test_places_are_taken_as_written() -> None:
    audit = Audit.model_validate({
        "keep": "90d",
        "checkpoints": ["file:/mnt/elsewhere/checkpoints", "https://example.com/cp", "stdout"],
        "sinks": [
            {"to": "https://siem.example.com/in", "format": "ocsf", "token": "siem-token"},
            {"to": "syslog+tls://logs.example.com:6514", "ca": "ca.pem"},
            {"to": "syslog+udp://[::1]:514"},
            {"to": "unix:/dev/log"},
        ],
    })  # fmt: skip
    assert audit.keep == timedelta(days=90)
    assert audit.checkpoints[0] == "file:/mnt/elsewhere/checkpoints"
    assert [sink.format for sink in audit.sinks] == ["ocsf", "jsonl", "jsonl", "jsonl"]
    assert Audit.model_validate({"checkpoints": "stdout"}).checkpoints == ("stdout",)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"checkpoints": ["file:relative"]}, "whole path"),
        ({"checkpoints": ["file:/folder/"]}, "whole path"),
        ({"checkpoints": ["http://example.com/"]}, "not https"),
        ({"checkpoints": ["stderr"]}, "place for checkpoints"),
        ({"checkpoints": [1]}, "place for checkpoints"),
        ({"sinks": [{"to": "ftp://x"}]}, "place for events"),
        ({"sinks": [{"to": "syslog+tls://logs.example.com"}]}, "host and a port"),
        ({"sinks": [{"to": "syslog+tls://logs.example.com:6514/x"}]}, "host and a port"),
        ({"sinks": [{"to": "syslog+udp://user@x:1"}]}, "host and a port"),
        ({"sinks": [{"to": "syslog+udp://x:99999"}]}, "host and a port"),
        ({"sinks": [{"to": "https://user:pass@example.com/"}]}, "user"),
        ({"sinks": [{"to": "unix:/dev/log", "format": "xml"}]}, "jsonl"),
        ({"sinks": [{"format": "ecs"}]}, "to"),
        ({"keep": "forever"}, "duration"),
        ({"chain": True}, "chain"),
    ],
)
def test_what_is_wrong_is_told(written: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Audit.model_validate(written)
