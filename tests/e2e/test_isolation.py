"""`run`, isolated as by default: nothing but the door leads out, as root and as an ordinary user."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from staging.ground import Nested, ground
from staging.stage import PATIENCE, until
from staging.world import World

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be an ordinary user as well"),
]
FETCH = ("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "https://docs.python.org/3/")
LOOP = "trap 'echo caught; exit 9' TERM; echo started; while :; do sleep 0.05; done"

type Findings = Mapping[str, str]
type Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module", params=["root", "ordinary"])
def operator(world: World, request: pytest.FixtureRequest) -> Iterator[Nested]:
    """A running proxy; its configuration lies in the folder that the agent works in."""
    root = Path(tempfile.mkdtemp(prefix="wf-isolation-"))
    root.chmod(0o755)
    opened = Nested.open(world, root, ordinary=request.param == "ordinary")
    try:
        opened.people()
        opened.start()
        yield opened
    finally:
        opened.stop()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def begin(operator: Nested) -> Iterator[Begin]:
    """Starts commands isolated; what a test leaves running ends with it."""

    def start(*command: str, **streams: int) -> subprocess.Popen[str]:
        given = operator.typed("run", "--agent", "bot", "--as", "alice", "--isolate", "--", *command)
        where = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(
            given, env=operator.environment, cwd=operator.work, text=True, start_new_session=True,
            **where | streams,
        )  # fmt: skip
        undo.enter_context(process)
        undo.callback(process.kill)
        return process

    with contextlib.ExitStack() as undo:
        yield start


@pytest.fixture(scope="module")
def attacked(operator: Nested) -> tuple[Findings, Findings]:
    """What the attacker's script has found inside, and the same script outside."""
    with tempfile.TemporaryFile() as file, ground(operator, file.fileno()) as (path, variables):
        file.write(b"of another process")
        file.flush()
        attack = (sys.executable, str(operator.work / "attack.py"), str(path))
        inside = operator.isolated(*attack, descriptors=(file.fileno(),), **variables)
        outside = operator.outside(*attack, descriptors=(file.fileno(),), **variables)
    assert inside.code == 0, inside.said
    assert outside.code == 0, outside.said
    return inside.json, outside.json


def test_no_way_leads_out(attacked: tuple[Findings, Findings]) -> None:
    inside, _ = attacked
    assert {name: why for name, why in inside.items() if why == "out"} == {}
    assert len(inside) > 90


def test_the_same_script_gets_out_without_a_sandbox(
    operator: Nested, attacked: tuple[Findings, Findings]
) -> None:
    """So that its failure inside shows something: what fails here fails for want of root, or of a network."""
    _, outside = attacked
    elsewhere = {
        "counted", "crypto_socket", "dns_by_name", "icmp_socket", "kernel_modules", "make_an_interface",
        "sysrq",
        "the_first_process_shows_the_host", "devices", "metadata_address", "dns_server", "broadcast",
        "multicast", "udp_route_to_the_internet", "udp6_route_to_the_internet", "vsock",
        "vsock_with_high_bits", "control_groups", "a_route", "another_interface",
    }  # fmt: skip
    of_root = {
        "core_pattern", "fsopen", "kernel_log", "make_a_device", "packet_socket", "pivot_root",
        "push_input_into_a_terminal", "push_input_with_high_bits", "raw_icmp", "read_3", "kernel_switches",
        "ptrace_another_process",
        "write_into_the_system", "write_our_code", "capabilities", "secrets_of_the_kernel", "bpf",
        "perf_events", "mount", "open_tree", "chroot", "enter_a_namespace", "fault_handling",
    }  # fmt: skip
    stuck = {name for name, why in outside.items() if why != "out"}
    assert stuck <= elsewhere | (of_root if operator.ordinary else set())


def test_there_is_no_interface_but_loopback_and_every_packet_stays_on_it(
    attacked: tuple[Findings, Findings],
) -> None:
    """The namespace's own counters: nothing was sent by anything else, for there is nothing else."""
    inside, _ = attacked
    names = [line.partition(":")[0].strip() for line in inside["counted"].splitlines()[2:]]
    assert names == ["lo"]


def test_the_door_leads_to_the_proxy_and_says_who_it_is(operator: Nested) -> None:
    """No credentials in the environment; the policy demands isolation, which it has nowhere else."""
    mark = operator.mark()
    assert operator.isolated(*FETCH).out == "200"
    assert operator.outside(*FETCH).out == "403"
    told = operator.isolated("sh", "-c", "echo $HTTPS_PROXY; cat /proc/1/cmdline | tr '\\0' ' '")
    assert told.out.splitlines()[0] == "http://127.0.0.1:9128"
    assert str(operator.home / ".ssh") not in told.out
    operator.mark()
    found = [event for event in operator.events(mark) if event["kind"] == "intent"]
    assert [(event["confinement"], event["identified_by"]) for event in found] == [("isolated", "socket")]
    assert found[0]["run"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 7"), 7),
        (("sh", "-c", "kill -KILL $$"), 128 + signal.SIGKILL),
        (("/etc/hostname",), 126),
        (("/nowhere/at-all",), 127),
    ],
)
def test_the_exit_code_is_the_commands_own(operator: Nested, command: tuple[str, ...], code: int) -> None:
    assert operator.isolated(*command).code == code


def test_signals_are_passed_on(begin: Begin) -> None:
    process = begin("sh", "-c", LOOP)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=PATIENCE)[0] == "caught\n"
    assert process.returncode == 9


def test_nothing_is_left_when_the_run_is_killed(operator: Nested, begin: Begin) -> None:
    """Neither its processes, those that left their session included, nor its token and door."""
    name = f"sleep 54{operator.ordinary:d}"
    process = begin("sh", "-c", f"setsid {name} & echo started; {name}")
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    until("it runs", lambda: _running(name))
    process.kill()
    process.communicate(timeout=PATIENCE)
    until("its processes have ended", lambda: not _running(name))
    until("the run has ended", lambda: _runs(operator) == 0)


def test_what_is_planted_in_the_working_folder_is_not_used(operator: Nested) -> None:
    """A configuration that the command leaves for its operator to find counts for nothing."""
    planted = "printf 'version: 1\\nlisten: 127.0.0.1:1\\n' > wharfinger.yaml"
    assert operator.isolated("sh", "-c", planted).code == 0
    try:
        found = operator.bare("check")
    finally:
        (operator.work / "wharfinger.yaml").unlink()
    assert found.code != 0
    assert "has not been trusted" in found.err


def test_the_users_own_folder_is_no_working_folder(operator: Nested) -> None:
    ran = operator.isolated("true", folder=operator.home)
    assert ran.code == 125
    assert "cd into the folder of a project" in ran.err


def test_without_bubblewrap_nothing_runs(operator: Nested) -> None:
    programs = operator.home / "programs"
    programs.mkdir()
    for name in ("env", "unshare", "sh", "mktemp", "mount", "mkdir", "umount", "rmdir", "setpriv"):
        (programs / name).symlink_to(str(shutil.which(name)))
    ran = operator.isolated("echo", "ran", PATH=str(programs))
    assert ran.code == 125
    assert "apt-get install bubblewrap" in ran.err
    assert "--no-isolate" in ran.err
    assert "ran" not in ran.out


def test_more_can_be_shown_and_written_but_no_keys(operator: Nested) -> None:
    extra = operator.home / "extra"
    (extra / "there").mkdir(parents=True, exist_ok=True)
    extra.chmod(0o777)
    write = ("--write", str(extra), "--read", str(operator.home / ".aws"))
    script = f"touch {extra}/made && ls {extra} && ! cat {operator.home}/.aws/credentials"
    ran = operator.isolated("sh", "-c", script, arguments=write)
    assert (ran.code, ran.out.split()) == (0, ["made", "there"]), ran.said


def test_the_terminal_is_the_commands_own(begin: Begin) -> None:
    """Its size is ours, what it writes is shown, its job control works, and it is another terminal."""
    outside, inside = os.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("4H", 33, 77, 0, 0))
    tests = " && ".join(f"test -t {handle}" for handle in (0, 1, 2))
    script = f"stty size; {tests} && : </dev/tty && echo terminal; read line; echo $line"
    process = begin("sh", "-c", script, stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    shown = _until_shown(outside, b"terminal")
    assert b"33 77" in shown
    os.write(outside, b"typed\r")
    assert b"typed" in _until_shown(outside, b"typed\r\ntyped")
    assert process.wait(PATIENCE) == 0
    os.close(outside)


def _running(name: str) -> bool:
    """Whether a process of this command line is there."""
    sought = name.encode().replace(b" ", b"\0") + b"\0"
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == sought:
                return True
        except OSError:
            continue
    return False


def _runs(operator: Nested) -> int:
    """How many runs the proxy has."""
    from wharfinger.control.client import Client

    with operator.as_user(), Client.connect(operator.data) as client:
        return int(client.do("status")["runs"])  # type: ignore[call-overload, index, arg-type]


def _until_shown(handle: int, wanted: bytes) -> bytes:
    shown = b""
    while wanted not in shown:
        assert select.select([handle], [], [], PATIENCE)[0], shown
        shown += os.read(handle, 4096)
    return shown
