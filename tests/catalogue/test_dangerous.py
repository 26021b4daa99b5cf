"""The most dangerous calls are recognised, and are destructive whoever reads them (dangerous.yaml)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.types import Effect, Request

CALLS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("dangerous.yaml").read_text())
FORM = "application/x-www-form-urlencoded"


def request_of(call: dict[str, Any]) -> Request:
    """The request as a client sends it: `json`, `form` or `graphql` is its body, `target` AWS's header."""
    method, url = call["request"].split(" ", 1)
    parts = urlsplit(url)
    headers = [("Host", parts.netloc)]
    body = b""
    if "target" in call:
        headers += [("X-Amz-Target", call["target"]), ("Content-Type", "application/x-amz-json-1.1")]
    elif "json" in call or "graphql" in call:
        headers.append(("Content-Type", "application/json"))
    if "json" in call:
        body = json.dumps(call["json"]).encode()
    elif "graphql" in call:
        body = json.dumps({"query": call["graphql"]}).encode()
    elif "form" in call:
        headers.append(("Content-Type", FORM))
        body = call["form"].encode()
    headers.append(("Content-Length", str(len(body))))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Request("agent", method, "https", parts.netloc, 443, target, tuple(headers), body)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call["tool"])
def test_a_dangerous_call_is_recognised_and_destructive(call: dict[str, Any], catalogue: Toolset) -> None:
    read = catalogue.recognise(request_of(call))
    assert read.refusal is None, read.refusal
    assert read.winner is not None
    assert read.winner.name == call["tool"]
    assert read.winner.effect is Effect.DESTRUCTIVE
    assert all(one.effect is Effect.DESTRUCTIVE for one in read.calls)


def test_there_are_a_hundred_of_them_and_more_of_many_apis(catalogue: Toolset) -> None:
    assert len({call["tool"] for call in CALLS}) == len(CALLS) >= 100
    counts = Counter(catalogue[call["tool"]].api for call in CALLS)
    assert len(counts) >= 50
    assert counts["github"] >= 10


def test_what_only_reads_is_not_marked(catalogue: Toolset) -> None:
    """The control: were all marked, the table would say nothing."""
    read = {"request": "GET https://api.github.com/repos/octo/hello"}
    winner = catalogue.recognise(request_of(read)).winner
    assert winner is not None
    assert winner.effect is Effect.READ
