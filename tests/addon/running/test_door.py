"""The variables that name doors to APIs: for whom they are there, and what they say."""

from __future__ import annotations

import pytest
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.running.door import Door

FILES = {
    "wharfinger.yaml": "version: 1\ndoors: [{listen: 127.0.0.1:8101, to: https://api.example.com}]\n",
    "tools/one.yaml": """\
api: example
base: https://api.example.com/v1
base_env: {EXAMPLE_URL: https://api.example.com/v1, EXAMPLE_ROOT: https://api.example.com}
tools:
  - {tool: get_item, run: {method: GET, url: "/items/${id}"}}
""",
}


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return load(Sources({name: text.encode() for name, text in FILES.items()}))


def test_outside_of_a_sandbox_its_token_stands_in_front_of_the_path(configuration: Configuration) -> None:
    assert dict(Door("bot", "wa_t", "http://127.0.0.1:8080").base_urls(configuration)) == {
        "EXAMPLE_ROOT": "http://127.0.0.1:8101/wharfinger-agent/bot/wa_t",
        "EXAMPLE_URL": "http://127.0.0.1:8101/wharfinger-agent/bot/wa_t/v1",
    }


def test_in_one_the_socket_says_who_it_is(configuration: Configuration) -> None:
    assert dict(Door("bot", None, "http://127.0.0.1:9128").base_urls(configuration)) == {
        "EXAMPLE_ROOT": "http://127.0.0.1:8101",
        "EXAMPLE_URL": "http://127.0.0.1:8101/v1",
    }


@pytest.mark.parametrize("proxy", ["http://10.200.0.1:8080", "http://0.0.0.0:8080", "http://proxy.example:1"])
def test_whoever_is_elsewhere_has_no_door(configuration: Configuration, proxy: str) -> None:
    assert dict(Door("bot", "wa_t", proxy).base_urls(configuration)) == {}
