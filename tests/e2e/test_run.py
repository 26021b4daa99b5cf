"""`run`: a command behind the proxy, its exit code its own, its environment without a real key."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from staging import apis
from staging.stage import PATIENCE, Agent, Operator, Ran, Watch, until
from staging.world import World
from wharfinger.isolation import landlock
from wharfinger.keeping import lock

TELL = "import json, os; print(json.dumps(dict(os.environ)))"
"""A command that prints its environment."""
LOOP = "trap 'echo caught; exit 9' TERM; echo started; while :; do sleep 0.05; done"

needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")


def behind(operator: Operator, *command: str, **variables: str) -> Ran:
    """`run` as alice's key allows it."""
    return operator.run(
        "run", "--no-isolate", "--agent", "bot", "--as", "alice", "--", *command, expect=None, **variables
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 7"), 7),
        (("sh", "-c", "exit 125"), 125),
        (("sh", "-c", "kill -TERM $$"), 128 + signal.SIGTERM),
        (("sh", "-c", "kill -KILL $$"), 128 + signal.SIGKILL),
        (("/etc/hostname",), 126),
        (("/nowhere/at-all",), 127),
        (("not-a-command-of-any-kind",), 127),
    ],
)
def test_the_exit_code_is_the_commands_own(operator: Operator, command: tuple[str, ...], code: int) -> None:
    assert behind(operator, *command).code == code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--agent", "nobody", "--as", "alice"), 'there is no agent "nobody"'),
        (("--agent", "bot", "--as", "mallory"), "mallory"),
        (("--agent", "bot"), "--as NAME"),
    ],
)
def test_own_failures_are_125(operator: Operator, arguments: tuple[str, ...], said: str) -> None:
    ran = operator.run("run", "--no-isolate", *arguments, "--", "echo", "ran", expect=125)
    assert said in ran.err
    assert "ran" not in ran.out


def test_a_broken_configuration_is_125(separate: Callable[..., Operator]) -> None:
    ran = separate(agents="agents: {bot: {ownr: alice}}\n").run(
        "run", "--no-isolate", "--agent", "bot", "--", "true", expect=125
    )
    assert "agents.yaml:1:" in ran.err


def test_signals_are_passed_on(operator: Operator) -> None:
    process = operator.begin("run", "--no-isolate", "--agent", "bot", "--as", "alice", "--", "sh", "-c", LOOP)
    out = operator.logs / f"run-{operator.count}.out"
    until("the command has started", lambda: "started" in out.read_text())
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 9
    assert out.read_text() == "started\ncaught\n"


def test_real_keys_are_taken_out_and_named(world: World, operator: Operator) -> None:
    """In whatever variable and form; those that have a placeholder hold it."""
    real = world.keys["STRIPE_API_KEY"]
    login = base64.b64encode(f"{real}:".encode()).decode()
    ran = behind(
        operator, sys.executable, "-c", TELL,
        STRIPE_API_KEY=real, PAYMENTS_KEY=real, LOGIN=f"Basic {login}", HARMLESS="1",
        GH=f"x {world.keys['GITHUB_TOKEN']} y",
    )  # fmt: skip
    given = ran.json
    assert given["STRIPE_API_KEY"].startswith("sk_test_")
    assert given["HARMLESS"] == "1"
    assert not {"PAYMENTS_KEY", "LOGIN", "GH"} & set(given)
    assert "note: taken out, they hold credentials: GH, LOGIN, PAYMENTS_KEY" in ran.err
    for secret in (*world.keys.values(), login):
        assert secret not in ran.said


def test_says_what_is_not_protected(operator: Operator) -> None:
    assert "not isolated" in behind(operator, "true").err


@pytest.mark.skipif(not landlock.is_there(), reason="the kernel has no Landlock, or an old one")
def test_our_own_files_are_hidden_from_it_and_its_events_say_so(operator: Operator) -> None:
    """Keys, configuration and data; as no boundary, and not called one."""
    watch = Watch(operator, apis.DOCS)
    keys = operator.home / ".local/state/wharfinger/people/alice.key"
    ours = (keys, operator.folder / "agents.yaml", operator.data / "store.db")
    for path in ours:
        assert path.is_file()
        assert behind(operator, "cat", str(path)).code != 0
    fetch = "import urllib.request as u; print(u.urlopen('https://docs.python.org/3/').status)"
    ran = behind(operator, sys.executable, "-c", fetch)
    assert ran.out == "200\n", ran.said
    assert "Landlock, no wall, hides" in ran.err
    assert [event["confinement"] for event in watch.events() if event["kind"] == "intent"] == ["landlock"]


@pytest.mark.skipif(not landlock.is_there(), reason="the kernel has no Landlock, or an old one")
def test_what_lies_in_the_working_folder_is_not_said_to_be_hidden(operator: Operator) -> None:
    """There the command has to work; so the person is warned, and events say `none`."""
    mark = operator.mark()
    fetch = (sys.executable, "-c", "import urllib.request as u; u.urlopen('https://docs.python.org/3/')")
    ran = subprocess.run(
        operator.typed("run", "--no-isolate", "--agent", "bot", "--as", "alice", "--", *fetch),
        env=operator.environment, cwd=operator.folder, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "move it out of the command's reach" in ran.stderr
    assert "Landlock" not in ran.stderr
    operator.mark()
    assert [event["confinement"] for event in operator.events(mark) if event["kind"] == "intent"] == ["none"]


@pytest.mark.parametrize(
    ("options", "way_out"),
    [
        pytest.param((), "http://127.0.0.1:9128", marks=needs_bubblewrap),
        (("--no-isolate",), "http://bot:wr_"),
    ],
)
def test_shows_the_environment_and_runs_nothing(
    operator: Operator, options: tuple[str, ...], way_out: str
) -> None:
    """In a sandbox the door says who it is, so that no token is needed; elsewhere the token is the run's."""
    ran = operator.run("run", "--agent", "bot", "--as", "alice", *options, "--print", "--", "echo", "ran")
    told = dict(line.partition("=")[::2] for line in ran.out.splitlines())
    assert told["HTTPS_PROXY"].startswith(way_out)
    assert "ran" not in told


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--isolate", "--no-isolate"), "opposites"),
        (("--isolate=docker",), '"docker" is no kind of isolation'),
        (("--no-isolate", "--write", "/tmp"), "for a sandbox"),
    ],
)
def test_what_cannot_be_meant_is_125(operator: Operator, options: tuple[str, ...], said: str) -> None:
    ran = operator.run("run", "--agent", "bot", "--as", "alice", *options, "--", "echo", "ran", expect=125)
    assert said in ran.err
    assert "ran" not in ran.out


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_reason_of_the_run_counts_for_its_calls(operator: Operator) -> None:
    """A tool that requires a reason is refused without one, saying how to give it, and allowed with."""
    watch = Watch(operator, apis.PYPI)
    fetch = ("curl", "-sS", "https://pypi.org/simple/requests/")
    ran = behind(operator, *fetch)
    assert "reason" in json.loads(ran.out)["message"]
    assert not watch.connected
    args = ("--agent", "bot", "--as", "alice", "--reason", "nightly update")
    assert "stand-in" in operator.run("run", "--no-isolate", *args, "--", *fetch).out
    (intent,) = [event for event in watch.events() if event["kind"] == "intent"]
    assert intent["calls"][0]["reason"] == "nightly update"
    assert intent["run"]
    assert all("nightly" not in str(seen.headers) for seen in watch.requests)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_a_runs_token_ends_with_it(operator: Operator, agent: Agent) -> None:
    """What a run held opens nothing once it is over."""
    fetch = ("curl", "-sS", "-o", "/dev/null", "-w", "%{http_connect}", "https://docs.python.org/3/")
    ran = behind(operator, sys.executable, "-c", TELL)
    kept = ran.json["HTTPS_PROXY"]
    assert kept != agent.environment["HTTPS_PROXY"]
    assert behind(operator, *fetch).out == "200"
    assert agent.run(*fetch, HTTPS_PROXY=kept, https_proxy=kept).out == "407"


def _listening(operator: Operator) -> bool:
    """Whether a proxy holds the control socket of this data folder."""
    with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
        sock.connect(str(operator.data / "control.sock"))
        return True
    return False


def test_a_proxy_of_its_own_ends_with_the_last_run(world: World, separate: Callable[..., Operator]) -> None:
    """Started for the first run, shared by the second, gone after both; its events are in the book."""
    operator = separate()
    mark = operator.mark()
    key = {"STRIPE_API_KEY": world.keys["STRIPE_API_KEY"]}
    first = operator.begin(
        "run", "--no-isolate", "--agent", "bot", "--as", "alice", "--", "sh", "-c", LOOP, **key
    )
    until("a proxy runs", lambda: _listening(operator) or first.poll() is not None)
    assert first.poll() is None, operator.logged()
    second = behind(operator, sys.executable, "-c", TELL, **key)
    assert second.code == 0, second.said
    assert second.json["STRIPE_API_KEY"].startswith("sk_test_")
    assert _listening(operator), "the first run still needs it"
    started = operator.logs / f"run-{operator.count}.out"
    until("the first command has started", lambda: "started" in started.read_text())
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE) == 9
    until("the proxy has ended", lambda: not _listening(operator))
    kinds = until("the book is closed", lambda: _closed(operator, mark))
    assert kinds.count("started") == 1
    proxy = second.json["HTTPS_PROXY"].rpartition(":")[2]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(proxy)), 5).close()


def test_runs_that_begin_at_once_share_the_proxy_that_one_of_them_starts(
    world: World, separate: Callable[..., Operator]
) -> None:
    operator = separate()
    mark = operator.mark()
    key = {"STRIPE_API_KEY": world.keys["STRIPE_API_KEY"]}
    runs = [
        operator.begin("run", "--no-isolate", "--agent", "bot", "--as", "alice", "--", "true", **key)
        for _ in range(4)
    ]
    assert [run.wait(PATIENCE) for run in runs] == [0] * 4, operator.logged()
    until("the proxy has ended", lambda: not _listening(operator))
    kinds = until("the book is closed", lambda: _closed(operator, mark))
    assert kinds.count("started") == 1


def test_a_run_waits_for_a_proxy_that_is_being_started(
    world: World, separate: Callable[..., Operator]
) -> None:
    operator = separate()
    key = {"STRIPE_API_KEY": world.keys["STRIPE_API_KEY"]}
    operator.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    proxy = operator.begin("up", **key)
    try:
        until("it has the folder", lambda: lock.holder(operator.data) is not None)
        ran = behind(operator, "true", **key)
        assert ran.code == 0, ran.said
        assert proxy.poll() is None
    finally:
        proxy.send_signal(signal.SIGTERM)
        assert proxy.wait(PATIENCE) == 0


def _closed(operator: Operator, mark: int) -> list[str]:
    kinds = [str(event["kind"]) for event in operator.events(mark)]
    return kinds if kinds[-1:] == ["stopped"] else []


def test_a_proxy_that_cannot_start_is_125(separate: Callable[..., Operator]) -> None:
    """Here for want of the variable that a credential is read from; what is missing is said."""
    operator = separate()
    ran = behind(operator, "echo", "ran")
    assert ran.code == 125
    assert '"STRIPE_API_KEY" is not set' in ran.err
    assert "ran" not in ran.out
    assert not _listening(operator)


def test_a_configuration_that_others_could_write_is_refused(separate: Callable[..., Operator]) -> None:
    operator = separate()
    path: Path = operator.folder / "agents.yaml"
    path.chmod(0o666)
    ran = operator.run("run", "--no-isolate", "--agent", "bot", "--", "true", expect=125)
    assert "agents.yaml" in ran.err
    assert "chmod" in ran.err


def test_an_unmodified_package_behind_run(world: World, operator: Operator, clients: Path) -> None:
    """The operator's shell holds the real key; the package in it gets a placeholder, and its refund."""
    watch = Watch(operator, apis.STRIPE)
    real = world.keys["STRIPE_API_KEY"]
    ran = behind(operator, sys.executable, str(clients / "use_stripe.py"), STRIPE_API_KEY=real)
    assert (ran.code, ran.json["answer"]) == (0, "re_1500"), ran.said
    (seen,) = watch.requests
    assert seen.header("authorization") == f"Bearer {real}"
    assert {event["run"] for event in watch.events() if event["kind"] == "intent"} != {""}
