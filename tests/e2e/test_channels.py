"""The official Stripe package, held by the running proxy, and people who answer where they are asked."""

# ruff: noqa: E501 - what is shown and told

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are imported without packages

from staging import apis
from staging.stage import Agent, Operator, Watch
from standins import slack as slack_standin
from standins.hooks import SECRET, Receiver
from standins.mail import PASSWORD, USER, MailServer, parts
from standins.running import wait
from standins.slack import Slack, button

REFUND = """\
import os, stripe
stripe.api_key = os.environ["STRIPE_API_KEY"]
try:
    print(stripe.Refund.create(payment_intent="pi_1", amount={amount}).id)
except stripe.StripeError as error:
    print(type(error).__name__, error.user_message)
"""
PEOPLE = """\
people:
  alice: {role: admin, slack: U0000ALICE, email: alice@example.com}
  bob: {role: approver, slack: U00000BOB, email: bob@example.com}
teams:
  finance: [bob]
"""


@dataclass
class Town:
    """A running proxy, and everything by which it asks people."""

    operator: Operator
    agent: Agent
    slack: Slack
    mail: MailServer
    hooks: Receiver

    def refund(self, amount: int) -> subprocess.Popen[str]:
        """The official package asks for a refund that has to be approved."""
        return self.agent.begin(sys.executable, "-c", REFUND.format(amount=amount))

    def question(self, amount: int) -> tuple[tuple[str, str], dict[str, Any]]:
        """The message in Slack about this amount."""

        def look() -> Any:
            for place, message in self.slack.messages.items():
                if any(f"amount = {amount}" in text for text in slack_standin.texts(message)):
                    return place, message
            return None

        return wait(f"a question about {amount}", look)

    def letter(self, amount: int) -> tuple[str, str]:
        """Path of the link, and code, of the mail to bob about this amount."""

        def look() -> Any:
            for mail in reversed(self.letters):
                text = parts(mail)[0]
                if f"amount = {amount}" in text:
                    found = re.search(r"http://\S+(/approve/\S+)", text)
                    code = re.search(r"^  (\d{4}-\d{4})\r?$", text, re.MULTILINE)
                    assert found is not None
                    assert code is not None
                    return found[1], code[1]
            return None

        return wait(f"a mail about {amount}", look)

    @property
    def letters(self) -> list[EmailMessage]:
        """The mails about questions, the oldest first."""
        return [mail for _, mail in self.mail.mails if mail["Subject"].startswith("Approval needed")]

    @property
    def console(self) -> str:
        return str(self.operator.told["console"])

    def web(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, str]:
        """A request to the console, from nobody in particular."""
        at = urlsplit(self.console)
        connection = http.client.HTTPConnection(at.hostname or "", at.port or 0, timeout=10)
        given = {"Origin": self.console, "Content-Type": "application/x-www-form-urlencoded"} if form else {}
        connection.request(method, path, urlencode(form) if form else None, given | headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def approval(self, amount: int) -> dict[str, Any]:
        """The approval about this amount."""
        rows = self.operator.run("approvals", "list", "--all", "--json").json
        return next(
            row
            for row in rows
            if any(call["inputs"].get("amount") == amount for call in row["request"]["calls"])
        )


@pytest.fixture(scope="module")
def town(world: Any, used: Operator, test_ca: Any) -> Iterator[Town]:
    import shutil

    slack, hooks = Slack(), Receiver()
    mail = MailServer(test_ca.context(), "starttls")
    folder = world.configure("channels", people=PEOPLE)
    operator = Operator.at(world, folder)
    shutil.copytree(used.data, folder / "data", symlinks=True)
    shutil.copytree(used.home, operator.home, symlinks=True, dirs_exist_ok=True)
    secrets = {
        "bot": slack_standin.BOT_TOKEN, "app": slack_standin.APP_TOKEN, "hook": SECRET, "mail": PASSWORD,
        "signing": slack_standin.SIGNING_SECRET,
    }  # fmt: skip
    for name, value in secrets.items():
        path = folder / "secrets" / f"ops-{name}"
        path.touch(mode=0o600)
        path.write_text(value)
    settings = folder / "wharfinger.yaml"
    text = settings.read_text().replace(
        "resume_within: 5m", "resume_within: 5m, notify: [slack, email, webhook]"
    )
    channels = {
        "slack": {
            "channel": "C0123ABCD", "api": slack.url, "token": "file:secrets/ops-bot",
            "app_token": "file:secrets/ops-app", "signing_secret": "file:secrets/ops-signing",
        },
        "email": {
            "server": f"localhost:{mail.port}", "ca": str(test_ca.root), "user": USER,
            "password": "file:secrets/ops-mail", "from": "wharf@example.com",
        },
        "webhook": {"url": hooks.url, "secret": "file:secrets/ops-hook", "private": "127.0.0.0/8"},
    }  # fmt: skip
    settings.write_text(text + f"channels: {json.dumps(channels)}\n")
    operator.start()
    yield Town(operator, Agent.of(operator), slack, mail, hooks)
    operator.stop()
    for each in (slack, mail, hooks):
        each.close()


def test_approved_in_slack_and_answered(world: Any, town: Town):
    """Held, asked in Slack, approved by a button, sent once with the real key, and told in the message."""
    watch = Watch(town.operator, apis.STRIPE)
    refunding = town.refund(7101)
    place, message = town.question(7101)
    town.slack.send(town.slack.pressed(place, *button(message, "Approve"), "U00000BOB"))
    ran = town.agent.end(refunding)
    assert ran.out == "re_7101\n", ran.said
    (seen,) = watch.requests
    assert seen.header("authorization") == f"Bearer {world.keys['STRIPE_API_KEY']}"
    (intent,) = [event for event in watch.events() if event["kind"] == "intent"]
    assert intent["approvers"] == ["bob"]
    update = wait("the update", lambda: [u for u in town.slack.updates if u["ts"] == place[1]])[0]
    assert "This is approved by bob" in slack_standin.texts(update)
    kinds = wait(
        "webhooks", lambda: len(town.hooks.received) >= 2 and [h["type"] for h in town.hooks.received]
    )
    assert kinds[:2] == ["approval.pending", "approval.approved"]
    assert town.hooks.refused == 0


def test_denied_in_slack_by_http_with_a_reason(town: Town):
    """By signed interactivity through the console's address; the reason reaches the package's exception."""
    watch = Watch(town.operator, apis.STRIPE)
    refunding = town.refund(7102)
    place, message = town.question(7102)
    url = f"{town.console}/channels/slack"
    pressed = town.slack.pressed(place, *button(message, "Deny"), "U00000BOB")
    timestamp, signature, body = slack_standin.signed(pressed)
    assert slack_standin.deliver(url, timestamp, signature[:-1] + "x", body) == 401
    assert slack_standin.deliver(url, timestamp, signature, body) == 200
    assert slack_standin.deliver(url, timestamp, signature, body) == 401, "a replay"
    view = wait("the form", lambda: town.slack.views)[-1]
    submitted = town.slack.submitted(view, "ask again on Monday", "U00000BOB")
    assert slack_standin.deliver(url, *slack_standin.signed(submitted)) == 200
    ran = town.agent.end(refunding)
    assert ran.out.startswith("PermissionError Bob has denied this: ask again on Monday"), ran.said
    assert not watch.connected


def test_whoever_is_not_asked_is_told_so_and_nothing_happens(town: Town):
    """alice administers, but is not in the team that the rule names."""
    refunding = town.refund(7103)
    place, message = town.question(7103)
    town.slack.send(town.slack.pressed(place, *button(message, "Approve"), "U0000ALICE"))
    whisper = wait("a word to alice", lambda: [w for w in town.slack.whispers if w["user"] == "U0000ALICE"])[
        0
    ]
    assert "may not answer" in whisper["text"]
    assert town.approval(7103)["state"] == "pending"
    town.slack.send(town.slack.pressed(place, *button(message, "Approve"), "U00000BOB"))
    assert town.agent.end(refunding).out == "re_7103\n"


def test_approved_by_mail(town: Town):
    """The link shows, however often and by whomever it is opened; the code decides, once."""
    refunding = town.refund(7104)
    path, code = town.letter(7104)
    for _ in range(100):
        assert town.web("GET", path)[0] == 200
        assert town.web("HEAD", path)[0] == 200
    status, page = town.web(
        "GET", path, **{"User-Agent": "Slackbot-LinkExpanding 1.0", "Sec-Fetch-Site": "cross-site"}
    )
    assert status == 200
    assert "Somebody has to approve this" in page
    assert code not in page
    assert town.web("POST", path, {"code": "", "decision": "approve"})[0] == 400
    assert town.web("POST", path, {"code": "0000-0000", "decision": "approve"})[0] == 409
    assert (
        town.web("POST", path, {"code": code, "decision": "approve"}, Origin="https://evil.example")[0] == 403
    )
    assert town.web("OPTIONS", path)[0] in {403, 405}
    assert (
        len(town.operator.run("approvals", "show", town.approval(7104)["id"], "--json").json["history"]) == 1
    )
    status, page = town.web("POST", path, {"code": code, "decision": "approve", "reason": "seen"})
    assert (status, "This is approved" in page) == (200, True)
    assert town.agent.end(refunding).out == "re_7104\n"
    assert town.web("GET", path)[0] == 404
    assert town.web("POST", path, {"code": code, "decision": "approve"})[0] != 200


def test_a_link_in_a_request_is_misuse_and_recorded(town: Town):
    """An agent that has got hold of a link or a code cannot pass it on."""
    refunding = town.refund(7105)
    path, code = town.letter(7105)
    for text in (path.rpartition("/")[2], path[:40], code, path.rpartition("/")[2].encode().hex()):
        ran = town.agent.run(
            sys.executable, "-c",
            "import sys, httpx2; print(httpx2.get('https://docs.python.org/' + '?q=' + sys.argv[1]).status_code)",
            text,
        )  # fmt: skip
        assert ran.out == ("200\n" if text == path.rpartition("/")[2].encode().hex() else "403\n"), (
            text,
            ran.said,
        )
    town.operator.mark()  # by now, those that repeat are told
    denied = [e for e in town.operator.events() if e["kind"] == "denied" and e["code"] == "misuse"]
    assert sum(e.get("count", 1) for e in denied) >= 3
    assert "people decide by" in denied[-1]["reason"]
    place, message = town.question(7105)
    town.slack.send(town.slack.pressed(place, *button(message, "Approve"), "U00000BOB"))
    assert town.agent.end(refunding).out == "re_7105\n"


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_misuse_is_told_by_every_channel_once_and_never_with_the_value(town: Town):
    """A placeholder in a query, time and again: its agent is named in Slack, by mail and by webhook."""
    held = town.agent.run(sys.executable, "-c", "import os; print(os.environ['STRIPE_API_KEY'])").out.strip()
    sending = "import os, sys, httpx2\nfor _ in range(5): print(httpx2.get('https://docs.python.org/?q=' + os.environ['STRIPE_API_KEY']).status_code)"
    assert town.agent.run(sys.executable, "-c", sending).out == "403\n" * 5
    reason = "the request holds the placeholder for STRIPE_API_KEY where it does not belong"

    def told(message: dict[str, Any]) -> bool:
        return any(reason in text for text in slack_standin.texts(message))

    wait("word in Slack", lambda: [m for m in town.slack.messages.values() if told(m)])
    mailed = wait("a mail", lambda: [m for _, m in town.mail.mails if reason in text_of(m)])
    posted = wait(
        "a webhook",
        lambda: [
            h
            for h in town.hooks.received
            if h["type"] == "agent.misuse" and h["data"]["found"][0]["reason"] == reason
        ],
    )
    (message,) = (m for m in town.slack.messages.values() if told(m))
    (mail,) = mailed
    (hook,) = posted
    assert (mail["To"], mail["Subject"]) == ("alice@example.com", "Misuse: bot")
    assert (hook["data"]["found"][0]["agent"], hook["data"]["found"][0]["owner"]) == ("bot", "alice")
    assert held not in json.dumps([message, hook]) + text_of(mail) + str(mail.items())
    town.operator.mark()
    (event,) = (
        e for e in town.operator.events() if e.get("action") == "agents.misuse" and e["reason"] == reason
    )
    assert event["agent"] == "bot"


def test_a_channel_that_is_down_blocks_no_other_and_is_reported(town: Town):
    """Slack is cut off and the receiver of webhooks fails: the mail comes, and decides. Then Slack is back."""
    town.slack.down = "gone"
    town.hooks.answers += [(503, {})] * 3
    refunding = town.refund(7106)
    path, code = town.letter(7106)
    assert town.web("POST", path, {"code": code, "decision": "approve"})[0] == 200
    assert town.agent.end(refunding).out == "re_7106\n"
    refunding = town.refund(7107)
    town.letter(7107)
    told = wait(
        "word of it", lambda: [e for e in town.operator.events() if e.get("action") == "channels.down"]
    )
    assert {"channel": "slack"} in [event["detail"] for event in told]
    town.slack.down = ""
    place, message = town.question(7107)
    town.slack.send(town.slack.pressed(place, *button(message, "Approve"), "U00000BOB"))
    assert town.agent.end(refunding).out == "re_7107\n"
    wait(
        "word that it is up", lambda: [e for e in town.operator.events() if e.get("action") == "channels.up"]
    )


def test_the_process_of_the_channels_is_started_again(town: Town):
    """Killed in the middle of everything: what was asked is still answered."""
    refunding = town.refund(7108)
    place, message = town.question(7108)
    children = Path(f"/proc/{town.operator.told['pid']}/task/{town.operator.told['pid']}/children")
    pids = [
        pid
        for pid in children.read_text().split()
        if b"channels.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert len(pids) == 1
    subprocess.run(["kill", "-KILL", *pids], check=True)
    connections = town.slack.connections
    wait("another connection", lambda: town.slack.connections > connections and town.slack._sockets)
    town.slack.send(town.slack.pressed(place, *button(message, "Approve"), "U00000BOB"))
    assert town.agent.end(refunding).out == "re_7108\n"


def test_no_secret_of_a_channel_is_anywhere(town: Town):
    """Not in the book, not in the log, and not in the environment of any process."""
    book = b"".join(path.read_bytes() for path in (town.operator.data / "audit").rglob("*") if path.is_file())
    log = town.operator.logged().encode()
    for value in (
        slack_standin.BOT_TOKEN,
        slack_standin.APP_TOKEN,
        slack_standin.SIGNING_SECRET,
        SECRET,
        PASSWORD,
    ):
        assert value.encode() not in book + log
    assert b"wl_" not in book
    for mail in town.letters:
        code = re.search(r"^  (\d{4}-\d{4})\r?$", parts(mail)[0], re.MULTILINE)
        assert code is not None
        assert code[1].encode() not in book


def test_approved_on_a_terminal(town: Town):
    """`approvals watch`: the question comes up, and a key answers it; then a denial with a reason."""
    import os
    import pty
    import select
    import time

    pid, terminal = pty.fork()
    if pid == 0:
        typed = town.operator.typed("approvals", "watch", "--as", "bob")
        os.chdir(town.operator.home / "work")
        os.execve(typed[0], typed, town.operator.environment | {"TERM": "xterm", "LINES": "40"})
    shown = ""

    def screen(text: str) -> bool:
        nonlocal shown
        while select.select([terminal], [], [], 0.05)[0]:
            try:
                shown += os.read(terminal, 65536).decode(errors="replace")
            except OSError:  # it has ended
                break
        return text in shown

    try:
        wait("the board", lambda: screen("nothing waits for a person"))
        refunding = town.refund(7109)
        wait("the question", lambda: screen("amount = 7109"))
        time.sleep(1)
        os.write(terminal, b"a")
        wait("the answer", lambda: screen("is approved"), 5)
        assert town.agent.end(refunding).out == "re_7109\n"
        refunding = town.refund(7110)
        wait("the question", lambda: screen("amount = 7110"))
        time.sleep(1)
        os.write(terminal, b"d")
        wait("the prompt", lambda: screen("reason (Enter sends"))
        os.write(terminal, "nicht heute ö".encode())
        os.write(terminal, b"\r")
        assert "Bob has denied this: nicht heute ö" in town.agent.end(refunding).out
        os.write(terminal, b"q")
        wait("the end", lambda: screen("") and os.waitpid(pid, os.WNOHANG)[0] == pid)
    finally:
        os.close(terminal)
