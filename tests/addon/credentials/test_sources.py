"""Sources: the value and nothing else, or a plain reason that quotes none of it."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.credentials.sources import (
    Asked,
    CommandSource,
    Environment,
    EnvironmentSource,
    FileSource,
    Means,
    NotFetched,
    text,
)

VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


def put(path, content=VALUE, mode=0o600):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


@pytest.fixture
def private(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return folder


# env


def test_a_variable_is_taken_out_of_the_environment_when_read(monkeypatch):
    monkeypatch.setenv("WHARFINGER_TEST_KEY", VALUE)
    environment = Environment()
    found = EnvironmentSource("WHARFINGER_TEST_KEY", environment)
    assert found.fetch().text == VALUE
    assert "WHARFINGER_TEST_KEY" not in os.environ
    assert found.fetch().text == VALUE
    assert VALUE not in repr(found) + repr(vars(environment))


TAKE = """\
from pathlib import Path
from wharfinger.credentials.sources import Environment
assert Environment().take("WHARFINGER_TEST_KEY") == "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
print(Path("/proc/self/environ").read_text())
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")
def test_a_variable_that_was_taken_is_not_in_proc_either():
    """What a process was started with can be read there as long as it runs; other variables stay."""
    variables = {"WHARFINGER_TEST_KEY": VALUE, "WHARFINGER_TEST_KEY_2": "other"}
    said = subprocess.run(
        [sys.executable, "-c", TAKE], env=variables, capture_output=True, text=True, check=True
    ).stdout
    assert VALUE not in said
    assert "WHARFINGER_TEST_KEY_2=other" in said


def test_a_variable_that_is_not_set_is_named():
    with pytest.raises(NotFetched, match='"KEY" is not set') as caught:
        EnvironmentSource("KEY", Environment({})).fetch()
    assert caught.value.hint == "set KEY where the proxy is started"


def test_other_variables_stay():
    variables = {"KEY": VALUE, "OTHER": "x"}
    EnvironmentSource("KEY", Environment(variables)).fetch()
    assert variables == {"OTHER": "x"}


def test_two_credentials_may_share_a_variable_even_at_once():
    for _ in range(50):
        found = EnvironmentSource("KEY", Environment({"KEY": VALUE}))
        with ThreadPoolExecutor(8) as pool:
            assert {each.text for each in pool.map(EnvironmentSource.fetch, [found] * 8)} == {VALUE}


# file


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (VALUE, VALUE),
        (f"{VALUE}\n", VALUE),
        (f"{VALUE}\r\n", VALUE),
        (f"{VALUE}\n\n", f"{VALUE}\n"),
        (f" {VALUE} ", f" {VALUE} "),
        (f"{VALUE}\r", f"{VALUE}\r"),
        ("", ""),
        ("\n", ""),
    ],
)
def test_exactly_one_line_break_at_the_end_is_not_part_of_the_value(private, content, value):
    assert FileSource(put(private / "key", content)).fetch().text == value


@given(st.text(alphabet=st.characters(exclude_characters="\r", exclude_categories=["Cs"])))
def test_what_is_read_is_what_was_written(value):
    assert text(value.encode() + b"\n", "x") == value
    assert text(value.encode() + b"\r\n", "x") == value


def _linked(private, path):
    put(private / "real")
    path.symlink_to("real")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder, path: None, "is not there"),
        (lambda folder, path: put(path, mode=0o640), "open to other users"),
        (lambda folder, path: put(path, mode=0o604), "open to other users"),
        (lambda folder, path: put(path, mode=0o622), "open to other users"),
        (_linked, "is a symbolic link"),
        (lambda folder, path: path.mkdir(), "is not a regular file"),
        (lambda folder, path: os.mkfifo(path, 0o600), "is not a regular file"),
        (lambda folder, path: put(path, VALUE * 300), "is longer than"),
        (lambda folder, path: put(path, b"\xff\xfe" + VALUE.encode()), "does not give text"),
        (lambda folder, path: [put(path), folder.chmod(0o777)], "may be written by others"),
        (lambda folder, path: [put(path), folder.chmod(0o770)], "may be written by others"),
    ],
)
def test_a_file_that_is_not_as_it_must_be_is_refused_with_a_remedy(private, make, message):
    make(private, private / "key")
    with pytest.raises(NotFetched, match=message) as caught:
        FileSource(private / "key").fetch()
    assert caught.value.hint
    assert VALUE not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_another_users_file_or_folder_is_refused(private):
    path = put(private / "key")
    os.chown(path, 12345, -1)
    with pytest.raises(NotFetched, match="belongs to user 12345"):
        FileSource(path).fetch()
    os.chown(path, 0, -1)
    os.chown(private, 12345, -1)
    with pytest.raises(NotFetched, match=r"the folder .* belongs to user 12345"):
        FileSource(path).fetch()


def test_a_sticky_folder_that_all_may_write_will_do(private):
    path = put(private / "key")
    private.chmod(0o1777)
    assert FileSource(path).fetch().text == VALUE


# which


def test_the_source_is_the_one_named(declare, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    environment = Environment({})

    def named(text):
        return Asked(tmp_path, Means(environment)).source(declare(text).source)

    assert named("env:KEY") == EnvironmentSource("KEY", environment)
    assert named("file:keys/a") == FileSource(tmp_path / "keys/a")
    assert str(named("file:/run/a").path) == "/run/a"
    assert str(named("file:~/a").path) == "/home/me/a"
    assert named("exec:[/bin/op, read, 'a b']") == CommandSource(("/bin/op", "read", "a b"))


def test_a_command_gives_what_it_prints(declare, script, tmp_path):
    path = script(f"echo {VALUE}")
    asked = Asked(tmp_path, Means(Environment({})))
    assert asked.source(declare(f"exec:[{path}]").source).fetch().text == VALUE


def test_a_command_that_fails_says_so_and_shows_nothing(script):
    path = script(f"echo {VALUE}; echo {VALUE} >&2; exit 3")
    with pytest.raises(NotFetched, match="ended with exit code 3") as caught:
        CommandSource((path,)).fetch()
    assert VALUE not in str(caught.value)


def test_a_command_that_prints_no_text_is_refused(script):
    with pytest.raises(NotFetched, match="does not give text"):
        CommandSource((script(r"printf '\377\376'"),)).fetch()
