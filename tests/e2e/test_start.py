"""What `up` says when it cannot start: plainly, with the remedy; and that nothing is left running then."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from staging.stage import Operator, Ran, until

type Spoil = Callable[[Operator], None]


def _chmod(path: str, mode: int) -> Spoil:
    return lambda operator: (operator.folder / path).chmod(mode)


def _replace(path: str, old: str, new: str) -> Spoil:
    def spoil(operator: Operator) -> None:
        file = operator.folder / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    return spoil


def _credentials(operator: Operator) -> None:
    """One that others may read, one that is not there, and an empty one."""
    secrets = operator.folder / "secrets"
    (secrets / "github").chmod(0o644)
    (secrets / "slack").unlink()
    (secrets / "openai").write_text("\n")


def _flip(operator: Operator) -> None:
    """Change one byte in the middle of the book."""
    (segment,) = sorted((operator.data / "audit").glob("*.jsonl"))
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)


TEST = "  - {agent: bot, call: github_delete_repo, input: {owner: a, repo: b}, expect: "
CASES: dict[str, tuple[Spoil, int, tuple[str, ...]]] = {
    "credentials that cannot be read": (
        _credentials, 1,
        ("GITHUB_TOKEN", "secrets/github", "chmod 600", "SLACK_BOT_TOKEN", "/bin/cat", "OPENAI_API_KEY"),
    ),
    "a data folder that others may write": (_chmod("data", 0o777), 1, ("data", "chmod")),
    "a CA folder that others may write": (_chmod("data/ca", 0o777), 1, ("data/ca", "chmod")),
    "a CA key that others may read": (_chmod("data/ca/ca.pem", 0o644), 1, ("ca.pem", "chmod 600")),
    "an installation key that others may read": (_chmod("data/installation.key", 0o644), 1, ("chmod 600",)),
    "a book that was changed": (_flip, 1, ("changed", "audit verify")),
    "a mistake in a file": (
        _replace("agents.yaml", "owner: alice", "ownr: alice"), 2, ("agents.yaml:", "error:", "hint:"),
    ),
    "a test of a policy that fails": (
        _replace("policies/work.yaml", f"{TEST}deny", f"{TEST}allow"), 2, ("expected allow, got deny",),
    ),
}  # fmt: skip


def _up(operator: Operator, **variables: str) -> Ran:
    """`up`, which is expected to end by itself."""
    ready = operator.logs / "never"
    key = {"STRIPE_API_KEY": operator.world.keys["STRIPE_API_KEY"]}
    ran = operator.run("up", "--ready-file", str(ready), expect=None, **(key | variables))
    assert ran.code in {1, 2}, ran.said
    assert not ready.exists()
    assert not _left(operator)
    assert "Traceback" not in ran.said
    assert all(secret not in ran.said for secret in operator.world.keys.values())
    return ran


def _left(operator: Operator) -> list[str]:
    """Processes that still have to do with this configuration."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(operator.folder) + "/" in line:
            found.append(line)
    return found


@pytest.fixture
def copy(separate: Callable[..., Operator]) -> Operator:
    """A configuration and a data folder to spoil."""
    return separate()


@pytest.mark.parametrize("what", CASES)
def test_what_is_wrong_is_said_and_nothing_starts(copy: Operator, what: str) -> None:
    spoil, code, said = CASES[what]
    spoil(copy)
    ran = _up(copy)
    assert ran.code == code, ran.said
    for part in said:
        assert part in ran.err


def test_a_variable_that_is_not_set(copy: Operator) -> None:
    key = copy.world.keys["STRIPE_API_KEY"]
    ran = copy.run("up", expect=1)
    assert '"STRIPE_API_KEY" is not set' in ran.err
    assert "set STRIPE_API_KEY where the proxy is started" in ran.err
    assert key not in ran.said


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("which", ["listen", "console"])
def test_a_port_that_is_taken(copy: Operator, taken: int, which: str) -> None:
    _replace("wharfinger.yaml", f"{which}: 127.0.0.1:0", f"{which}: 127.0.0.1:{taken}")(copy)
    ran = _up(copy)
    assert ran.code == 1
    assert f'cannot listen on "127.0.0.1:{taken}": address already in use' in ran.err
    assert f"{which}:" in ran.err


def test_a_second_proxy_on_the_same_data(operator: Operator) -> None:
    """The first one goes on."""
    assert operator.up is not None
    ready = operator.logs / "second"
    key = {"STRIPE_API_KEY": operator.world.keys["STRIPE_API_KEY"]}
    ran = operator.run("up", "--ready-file", str(ready), expect=1, **key)
    assert str(operator.up.pid) in ran.err
    assert not ready.exists()
    assert operator.up.poll() is None
    assert operator.run("agents", "list").code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_in_good_order(copy: Operator, number: int) -> None:
    """Asked to end, it says so in the book, takes the office with it, and ends with 0."""
    told = copy.start()
    assert copy.stop(number) == 0
    assert copy.events()[-1]["kind"] == "stopped"
    until("the office has ended", lambda: not _left(copy))
    for url in (told["proxy"], told["console"]):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 5).close()
