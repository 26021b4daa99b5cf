"""Commands that print a secret: only those nobody else could have written, and nothing of them shows."""

import os
import time
from pathlib import Path

import pytest
from wharfinger.credentials import command
from wharfinger.credentials.command import CommandFailed, check_path, output


def alive(group):
    """The processes of a process group that still run; see proc_pid_stat(5)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, found = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(found) == group and state != "Z":
            yield stat


def run(*argv, limit=100, timeout=5.0):
    return output(argv, limit=limit, timeout=timeout)


def test_the_output_is_returned(script):
    assert run(script("echo one; echo two")) == b"one\ntwo\n"


def test_arguments_are_not_read_by_a_shell(script):
    assert run(script('printf "%s|" "$@"'), "a b", "$HOME", "`id`", ";x") == b"a b|$HOME|`id`|;x|"


def test_the_environment_is_minimal_and_the_folder_is_the_root(script, monkeypatch):
    monkeypatch.setenv("STRIPE_API_KEY", "x")
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    lines = run(script("pwd; env"), limit=2000).decode().splitlines()
    assert lines[0] == "/"
    names = {line.partition("=")[0] for line in lines[1:]}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "HOME", "USER", "LOGNAME", "LANG"}


@pytest.mark.parametrize(("home", "shown"), [("/data", "/data"), ("here", "/"), ("", "/")])
def test_a_user_without_an_entry_runs_commands_too(script, monkeypatch, home, shown):
    """As in containers that run as any number: OpenShift, docker run --user."""
    monkeypatch.setattr(command.os, "geteuid", lambda: 2**31 - 7)
    monkeypatch.setenv("HOME", home)
    assert run(script('echo "$HOME $USER $LOGNAME"')).decode().split() == [shown, "2147483641", "2147483641"]


def test_nothing_is_read_from_our_input_and_errors_go_nowhere(script, capfd):
    assert run(script("cat; echo seen >&2; echo done")) == b"done\n"
    assert capfd.readouterr() == ("", "")


def test_no_file_of_ours_is_inherited(script):
    with Path("/dev/null").open() as file:
        os.set_inheritable(file.fileno(), True)
        assert (
            run(script(f"test -e /proc/self/fd/{file.fileno()} && echo open || echo closed")) == b"closed\n"
        )


def test_the_limit_is_exact(script):
    assert run(script("printf 12345"), limit=5) == b"12345"
    with pytest.raises(CommandFailed, match="prints more than 4 bytes"):
        run(script("printf 12345"), limit=4)


def test_an_endless_output_is_cut_off(script):
    with pytest.raises(CommandFailed, match="prints more than"):
        run(script("yes"))


@pytest.mark.parametrize(
    ("body", "message"), [("exit 7", "ended with exit code 7"), ("kill -9 $$", "was killed by signal 9")]
)
def test_failure_is_told_by_its_status(script, body, message):
    with pytest.raises(CommandFailed, match=message):
        run(script(f"echo value; {body}"))


@pytest.mark.parametrize(
    "body",
    [
        "sleep 60",
        "exec >&-; sleep 60",
        "sleep 60 & echo value",
        "trap '' TERM INT; sleep 60",
        "printf x; sleep 60",
    ],
)
def test_a_slow_command_is_ended_with_all_it_started(script, body, tmp_path):
    path = script(f"echo $$ > {tmp_path}/pid; {body}")
    started = time.monotonic()
    with pytest.raises(CommandFailed, match=r"took longer than 0\.3 seconds"):
        run(path, timeout=0.3)
    assert time.monotonic() - started < 3
    group = int((tmp_path / "pid").read_text())
    time.sleep(0.05)
    assert not list(alive(group))


# who could have written it


@pytest.mark.parametrize("path", ["op", "./op", "bin/op", "", "~/op"])
def test_a_relative_path_is_refused(path):
    with pytest.raises(CommandFailed, match="is not an absolute path"):
        check_path(path)


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_a_program_that_others_may_write_is_refused(script, mode):
    path = script("echo x", mode=mode)
    with pytest.raises(CommandFailed, match=f'"{path}" may be written by others') as caught:
        run(path)
    assert caught.value.hint == f'chmod go-w "{path}"'


def test_a_folder_that_others_may_write_is_refused_however_far_up(tmp_path, script):
    path = script("echo x")
    tmp_path.chmod(0o777)
    with pytest.raises(CommandFailed, match=f'"{tmp_path}" may be written by others'):
        run(path)
    tmp_path.chmod(0o1777)
    assert run(path) == b"x\n"


def test_a_link_is_judged_by_where_it_stands_and_where_it_leads(tmp_path, script):
    path = script("echo x")
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    link = open_folder / "get"
    link.symlink_to(path)
    assert run(str(link)) == b"x\n"
    open_folder.chmod(0o777)
    with pytest.raises(CommandFailed, match="may be written by others"):
        run(str(link))
    open_folder.chmod(0o755)
    (tmp_path / "bin").chmod(0o777)
    with pytest.raises(CommandFailed, match="may be written by others"):
        run(str(link))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_another_users_program_is_refused(script):
    path = script("echo x")
    os.chown(path, 12345, -1)
    with pytest.raises(CommandFailed, match="belongs to user 12345"):
        run(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "no such file"),
        (lambda p: p.mkdir(), "is not a program"),
        (lambda p: [p.touch(), p.chmod(0o644)], "is not a program"),
        (lambda p: p.symlink_to(p), "cannot be run"),
        (lambda p: os.mkfifo(p, 0o755), "is not a program"),
        (lambda p: [p.write_bytes(b"\x7fELF rubbish"), p.chmod(0o755)], "cannot be run"),
    ],
)
def test_what_cannot_be_run_is_said_plainly(tmp_path, make, message):
    make(tmp_path / "x")
    with pytest.raises(CommandFailed, match=message):
        run(str(tmp_path / "x"))
