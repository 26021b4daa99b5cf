"""The live view on a terminal in earnest (tmux), before a proxy in earnest: keys, sizes, filters, answers.

With WHARFINGER_SCREENSHOTS=FOLDER what is shown is kept there as pictures, as `docs/images` holds them.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text
from staging import apis
from staging.stage import Agent, Operator, Watch, until
from staging.terminal import Terminal
from staging.world import APPROVER, World
from wharfinger.watching.board import SETTLED

REFUND = """\
import os, stripe
stripe.api_key = os.environ["STRIPE_API_KEY"]
try:
    print(stripe.Refund.create(payment_intent="pi_1", amount={amount}).id)
except stripe.StripeError as error:
    print(type(error).__name__, error.user_message)
"""
MANY = """\
import http.client, os, sys, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
import base64, ssl
for path in sys.argv[1:]:
    made = http.client.HTTPSConnection(proxy.hostname, proxy.port, context=ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]))
    made.set_tunnel("api.stripe.com", headers={{"Proxy-Authorization": "Basic " + base64.b64encode(f"{{proxy.username}}:{{proxy.password}}".encode()).decode()}})
    made.request("GET", path, headers={{"Authorization": "Bearer " + os.environ["STRIPE_API_KEY"]}})
    print(made.getresponse().status)
"""  # noqa: E501
Open = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    """Open terminals with a command of an operator's on them."""
    opened: list[Terminal] = []

    def open_(
        operator: Operator, *arguments: str, width: int = 140, height: int = 40, **more: str
    ) -> Terminal:
        environment = operator.environment | {"WHARFINGER_PERSON": APPROVER} | more
        environment = {name: value for name, value in environment.items() if name != "COLUMNS"}
        socket = tmp_path / f"t{len(opened)}"
        opened.append(
            Terminal.open(socket, operator.typed(*arguments), environment, width=width, height=height)
        )
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


def refund(agent: Agent, amount: int) -> subprocess.Popen[str]:
    """The official package, asking for a refund: allowed to 5000, held to 50000, denied above."""
    return agent.begin(sys.executable, "-c", REFUND.format(amount=amount))


def _token(operator: Operator) -> str:
    args = [sys.executable, "-m", "wharfinger.cli.main", "tokens", "add", "--config", str(operator.folder)]
    ran = subprocess.run(
        [*args, "watch", "--as", "alice"],
        env=operator.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


def _settle() -> None:
    """Let a question be there for as long as it takes until a key answers it."""
    time.sleep(SETTLED + 0.1)


def keep(shown: Terminal, name: str) -> None:
    """Keep what is on the terminal as a picture, where one is asked for."""
    if folder := os.environ.get("WHARFINGER_SCREENSHOTS"):
        picture = Console(record=True, width=140, file=io.StringIO())
        picture.print(Text.from_ansi(shown.screen(styled=True)), overflow="crop", no_wrap=True)
        text = picture.export_svg(title=f"wharfinger {name.partition('-')[0]}")
        text = re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL)  # nothing is fetched to look at it
        (Path(folder) / f"{name}.svg").write_text(text)


def test_a_held_call_is_shown_at_once_and_answered_by_keys(
    operator: Operator, agent: Agent, terminal: Open
) -> None:
    """One is approved with a key and sent; one is denied with a reason, which the agent is told."""
    watch = Watch(operator, apis.STRIPE)
    view = terminal(operator, "watch")
    view.shows("connected")
    first = refund(agent, 6001)
    shown = view.shows("1 of 1 that wait")
    assert "amount = 6001" in shown
    assert not watch.connected
    keep(view, "watch-question")
    _settle()
    view.press("a")
    view.shows("is approved")
    assert agent.end(first).out == "re_6001\n"
    view.shows("200 completed")
    second = refund(agent, 6002)
    view.shows("amount = 6002")
    _settle()
    view.press("d")
    view.type("ask again on Monday, q a d")
    view.shows("Monday, q a d")
    view.press("Enter")
    ran = agent.end(second)
    assert ran.out.startswith("PermissionError Bob has denied this: ask again on Monday, q a d"), ran.said
    view.shows("is denied")
    view.hides("that wait")
    view.press("q")
    view.shows("ended with 0")


def test_calls_are_filtered_shown_in_full_and_survive_other_sizes(
    world: World, operator: Operator, agent: Agent, terminal: Open
) -> None:
    view = terminal(operator, "watch", "--tool", "stripe_create_refund")
    view.shows("only tool=stripe_create_refund")
    assert agent.end(refund(agent, 101)).out == "re_101\n"
    assert "PermissionError" in agent.end(refund(agent, 60_001)).out
    shown = view.shows("200 completed")
    view.shows("deny")
    assert "work.yaml" in shown
    view.press("/")
    view.type("verdict=deny")
    view.press("Enter")
    view.hides("200 completed")
    view.press("/")
    view.press(*["BSpace"] * 12)
    view.type("verdict=allow")
    view.press("Enter")
    view.shows("200 completed")
    view.press("Enter")
    view.shows("decision  redactions  audit position  events")
    view.shows("policies/work.yaml")
    view.shows("every step")
    view.press("NPage")
    view.shows("decided again, with the same verdict")
    view.press("PPage")
    view.shows("every step")
    keep(view, "watch-decision")
    view.press("Right")
    view.shows("put in")
    assert "STRIPE_API_KEY" in view.screen()
    keep(view, "watch-redactions")
    view.press("Right")
    view.shows("wharfinger audit show d_")
    for width, height in ((30, 6), (1, 1), (200, 60), (80, 24)):
        view.resize(width, height)
    view.shows("wharfinger audit show d_")
    assert max(map(len, view.screen().splitlines())) <= 80
    view.press("?")
    view.shows("Escape takes it back")
    view.press("Escape")
    view.press("Escape")
    view.hides("audit position")
    assert world.keys["STRIPE_API_KEY"] not in view.screen()
    view.press("q")
    view.shows("ended with 0")


def test_nothing_hostile_reaches_the_terminal(operator: Operator, agent: Agent, terminal: Open) -> None:
    """Titles, colours, cursor moves, bidi and line ends, in all that an agent can make the log hold."""
    view = terminal(operator, "watch", "--agent", "bot", width=150, height=50)
    view.shows("connected")
    evil = "%1b%5d0;owned%07%1b%5b2J%1b%5b31mred%e2%80%ae%0d%0agone%c2%9b41m"
    paths = [f"/v1/{evil}", f"/v1/refunds/{evil}?{evil}={evil}", "/v1/\x1b"]
    agent.run(sys.executable, "-c", MANY.format(), *(path for path in paths if path.isprintable()))
    refunding = "7003, reason='\\x1b]0;owned\\x07\\u202e'"
    agent.run(sys.executable, "-c", REFUND.replace("{amount}", refunding))
    until("all of it was told", lambda: view.screen().count(" deny ") > 2)
    for text in (view.screen(styled=True), view._tmux("display-message", "-p", "#{pane_title}")):
        assert "owned" not in text.partition("\x1b]")[2]
        assert "\x07" not in text
        assert "\u202e" not in text
    assert "owned" not in view._tmux("display-message", "-p", "#{pane_title}")
    view.press("Enter")
    for _ in range(4):
        view.shows("audit position")
        view.press("Right")
    view.press("q")
    view.shows("ended with 0")


def test_a_terminal_does_what_it_is_told_where_nobody_prevents_it(operator: Operator, tmp_path: Path) -> None:
    """What the test above would see."""
    raw = Terminal.open(tmp_path / "raw", ["printf", "\\033]0;owned\\007"], operator.environment)
    try:
        raw.shows("ended with 0")
        until("a title", lambda: "owned" in raw._tmux("display-message", "-p", "#{pane_title}"))
    finally:
        raw.close()


def test_tui_starts_a_proxy_that_ends_with_it(separate: Callable[..., Operator], terminal: Open) -> None:
    operator = separate()
    key = {"STRIPE_API_KEY": operator.world.keys["STRIPE_API_KEY"]}
    view = terminal(operator, "tui", **key)
    view.shows("connected")
    agent = Agent.of(operator)
    held = refund(agent, 6003)
    view.shows("amount = 6003")
    _settle()
    view.press("a")
    view.shows("is approved")
    assert agent.end(held).out == "re_6003\n"
    view.shows("200 completed")
    keep(view, "tui")
    refused = terminal(operator, "tui", **key)
    refused.shows("look at it with: wharfinger watch")
    refused.shows("ended with 1")
    view.press("q")
    view.shows("ended with 0")
    assert "no proxy is running" in operator.run("reload", "--as", "alice", expect=1).err
    assert operator.events()[-1]["kind"] == "stopped"


def test_the_proxy_of_a_tui_that_is_killed_ends_in_good_order(
    separate: Callable[..., Operator], terminal: Open
) -> None:
    operator = separate()
    view = terminal(operator, "tui", STRIPE_API_KEY=operator.world.keys["STRIPE_API_KEY"])
    view.shows("connected")
    pids = view._tmux("list-panes", "-F", "#{pane_pid}").split()
    (child,) = subprocess.run(
        ["pgrep", "-P", pids[0]], capture_output=True, text=True, check=True
    ).stdout.split()
    os.kill(int(child), signal.SIGKILL)
    until("the proxy has ended", lambda: operator.events()[-1]["kind"] == "stopped")


def test_json_lines_here_and_elsewhere_are_the_same_events(operator: Operator, agent: Agent) -> None:
    """By the log's files and by the API: the same events of the same calls, and nothing else."""
    token = _token(operator)
    only = ("--json", "--tool", "stripe_create_refund")
    here = operator.begin("watch", *only)
    there = operator.begin("watch", *only, "--url", operator.told["console"], WHARFINGER_TOKEN=token)
    logs = [operator.logs / f"watch-{operator.count - back}.out" for back in (1, 0)]
    try:

        def both() -> list[list[dict[str, Any]]]:
            return [[json.loads(line) for line in log.read_text().splitlines()] for log in logs]

        def sent() -> list[list[dict[str, Any]]]:
            """What was let out; denials that repeat are told a second later."""
            return [[each for each in told if each["kind"] != "denied"] for told in both()]

        def tried() -> bool:
            assert "PermissionError" in agent.end(refund(agent, 60_002)).out
            return all(both())

        until("both have begun to tell", tried)
        agent.run(sys.executable, "-c", MANY.format(), "/v1/nothing")
        assert agent.end(refund(agent, 102)).out == "re_102\n"
        until("the outcome is told", lambda: all(told and told[-1]["kind"] == "outcome" for told in sent()))
        told = sent()
        assert told[0][-2:] == told[1][-2:]
        assert [event["kind"] for event in told[0][-2:]] == ["intent", "outcome"]
        assert {event["calls"][0]["tool"] for each in both() for event in each if "calls" in event} == {
            "stripe_create_refund"
        }
    finally:
        for process in (here, there):
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == -signal.SIGINT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("watch",), "this needs a terminal"),
        (("tui",), "this needs a terminal"),
        (("watch", "--json", "--url", "http://192.0.2.1:8081"), "in the clear"),
        (("watch", "--json", "--url", "nonsense"), "no address of a console"),
    ],
)
def test_what_cannot_be_shown_is_said(operator: Operator, arguments: tuple[str, ...], said: str) -> None:
    assert said in operator.run(*arguments, expect=2, WHARFINGER_TOKEN="wt_x").err


def test_without_a_token_nothing_is_told_of_a_proxy_elsewhere(operator: Operator) -> None:
    url = operator.told["console"]
    assert "needs a token" in operator.run("watch", "--json", "--url", url, expect=2).err
    ran = operator.run("watch", "--json", "--url", url, expect=1, WHARFINGER_TOKEN="wt_" + "A" * 43)
    assert ran.out == ""
