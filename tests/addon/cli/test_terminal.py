"""What is asked on a terminal, and what is typed there."""

from __future__ import annotations

import asyncio
import sys

import pytest
from wharfinger.keeping import people

ON_A_TERMINAL = "import pty, sys, os; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


async def talk(*arguments: str, said: list[tuple[str, str]]) -> tuple[int, str]:
    """Type a command on a terminal of its own, and each answer when its question stands there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ON_A_TERMINAL, sys.executable, "-m", "wharfinger.cli.main", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    shown = ""
    try:
        async with asyncio.timeout(30):
            for question, answer in said:
                while question not in shown:
                    part = await process.stdout.read(1000)
                    assert part, shown
                    shown += part.decode()
                shown = shown.split(question, 1)[1]
                await asyncio.sleep(0.1)  # getpass throws away what was typed before its prompt
                process.stdin.write(answer.encode() + b"\n")
                await process.stdin.drain()
            shown += (await process.stdout.read()).decode()
            return await process.wait(), shown
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


PASSPHRASE = [("new passphrase", "correct horse"), ("the same again", "correct horse")]


async def test_init_asks_what_for_and_for_a_passphrase(places, monkeypatch):
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_0123456789abcdef")
    code, shown = await talk(
        "init",
        "--person",
        "alice",
        said=[
            ("What is it for?", "3"),
            ("where is STRIPE_API_KEY read from?", ""),
            ("where is GITHUB_TOKEN read from?", "ghp_typed_by_mistake"),
            ("where is GITHUB_TOKEN read from?", ""),
            ("where is SLACK_BOT_TOKEN read from?", "file:/run/secrets/slack"),
            ("where is OPENAI_API_KEY read from?", ""),
            ("where is ANTHROPIC_API_KEY read from?", ""),
            *PASSPHRASE,
        ],
    )
    assert code == 0, shown
    assert "made the key of alice, encrypted" in shown
    assert "next: wharfinger run --agent agent" in shown
    assert not people.unprotected(places.state, "alice")
    written = (places.config / "credentials.yaml").read_text()
    assert 'from: "env:STRIPE_API_KEY"' in written
    assert 'from: "file:/run/secrets/slack"' in written
    assert "GITHUB_TOKEN" not in written


async def test_two_passphrases_that_differ_write_nothing(places):
    code, shown = await talk(
        "init",
        "--for",
        "empty",
        said=[("new passphrase", "one"), ("the same again", "two")],
    )
    assert (code, "not the same" in shown) == (2, True)
    assert not places.config.exists()


async def test_the_passphrase_is_asked_for_when_a_command_is_signed(places, spawn):
    await talk("init", "--for", "coding-signed-in", "--person", "alice", said=PASSPHRASE)
    command = ("agents", "suspend", "agent", "--as", "alice")
    without = await spawn(*command)
    assert (without.code, "no terminal to ask" in without.err) == (1, True)
    code, shown = await talk(*command, said=[("passphrase of alice's key", "wrong horse")])
    assert (code, "does not open" in shown) == (1, True)
    code, shown = await talk(*command, said=[("passphrase of alice's key", "correct horse")])
    assert (code, "agent is suspended" in shown) == (0, True), shown


@pytest.mark.parametrize("answer", ["9", "x"])
async def test_an_answer_that_is_none_is_asked_for_again(places, answer):
    code, shown = await talk(
        "init",
        "--no-passphrase",
        "--person",
        "alice",
        said=[("What is it for?", answer), ("What is it for?", "4")],
    )
    assert code == 0, shown
