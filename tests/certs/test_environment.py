"""Every client that the environment can move goes out through the proxy and trusts it."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from wharfinger.certs.authority import Authority
from wharfinger.certs.environment import (
    BUNDLE_VARIABLES,
    CA_VARIABLES,
    UNSET,
    ClientFiles,
    client_environment,
)

PROXY = "http://coder:tok_en-1@127.0.0.1:8080"
PATH = os.environ["PATH"]


@pytest.fixture
def client(authority: Authority, tmp_path: Path) -> ClientFiles:
    return ClientFiles.write(tmp_path / "with space", authority)


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}")


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={"PATH": PATH, "HOME": "/nonexistent"} | environment,
        check=False,
    )


def test_the_proxy_is_set_in_both_cases_and_for_grpc(client: ClientFiles) -> None:
    environment = client_environment(PROXY, client, {})
    assert {name for name, value in environment.items() if value == PROXY} == {
        "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "grpc_proxy", "GIT_CONFIG_VALUE_0",
    }  # fmt: skip
    assert environment["NO_PROXY"] == environment["no_proxy"] == "localhost,127.0.0.1,::1"


def test_no_variable_leads_round_the_proxy(client: ClientFiles) -> None:
    environment = client_environment(PROXY, client, {"ALL_PROXY": "socks5://other"})
    assert not UNSET & set(environment)
    assert {"ALL_PROXY", "all_proxy"} <= UNSET
    assert "169.254" not in environment["NO_PROXY"]


def test_what_replaces_a_store_gets_the_bundle_and_what_adds_gets_the_ca(client: ClientFiles) -> None:
    environment = client_environment(PROXY, client, {})
    assert {environment[name] for name in BUNDLE_VARIABLES} == {str(client.bundle)}
    assert {environment[name] for name in CA_VARIABLES} == {str(client.ca)}
    assert all(Path(environment[name]).is_file() for name in (*BUNDLE_VARIABLES, *CA_VARIABLES, "WGETRC"))
    assert client.bundle.read_bytes() != client.ca.read_bytes()


def test_every_value_is_text_that_an_environment_can_hold(client: ClientFiles) -> None:
    environment = client_environment(PROXY, client, {}, {"github.com": ("x", "ghp_ph")})
    assert all(isinstance(value, str) and "\0" not in value for value in environment.values())


def test_what_was_set_before_is_kept(client: ClientFiles) -> None:
    before = {
        "NODE_OPTIONS": "--max-old-space-size=512",
        "PYTHONPATH": "/mine:/yours",
        "JAVA_TOOL_OPTIONS": "-Xmx1g",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "me",
        "WGETRC": "/mine/wgetrc",
    }
    environment = client_environment(PROXY, client, before)
    assert environment["NODE_OPTIONS"].startswith("--max-old-space-size=512 --require=")
    assert environment["PYTHONPATH"].endswith("/hooks/python:/mine:/yours")
    assert environment["JAVA_TOOL_OPTIONS"].startswith("-Xmx1g -D")
    assert "GIT_CONFIG_KEY_0" not in environment
    assert environment["GIT_CONFIG_KEY_1"] == "http.proxy"
    assert int(environment["GIT_CONFIG_COUNT"]) > 1
    assert "WGETRC" not in environment


def test_a_run_within_a_run_adds_nothing_twice(client: ClientFiles) -> None:
    once = client_environment(PROXY, client, {})
    twice = client_environment(PROXY, client, once)
    for name in ("NODE_OPTIONS", "PYTHONPATH", "JAVA_TOOL_OPTIONS"):
        assert twice[name] == once[name]


@pytest.mark.parametrize("count", ["", "x", "-1", "٣"])
def test_a_broken_count_of_git_settings_is_replaced(client: ClientFiles, count: str) -> None:
    environment = client_environment(PROXY, client, {"GIT_CONFIG_COUNT": count})
    assert environment["GIT_CONFIG_KEY_0"] == "http.proxy"


@needs("git")
def test_git_goes_by_https_with_its_placeholder(client: ClientFiles) -> None:
    environment = client_environment(
        PROXY, client, {}, {"git.example.com": ("x-access-token", "ghp_placeholder")}
    )

    def ask(*command: str) -> str:
        return run(["git", *command], environment).stdout.strip()

    assert ask("config", "http.proxy") == PROXY
    assert ask("config", "http.proxyAuthMethod") == "basic"
    assert ask("config", "http.version") == "HTTP/1.1"
    for host in ("github.com", "git.example.com"):
        for spelling in (f"git@{host}:o/r.git", f"ssh://git@{host}/o/r.git", f"git://{host}/o/r.git"):
            assert ask("ls-remote", "--get-url", spelling) == f"https://{host}/o/r.git"
    header = ask("config", "--get-urlmatch", "http.extraHeader", "https://git.example.com/o/r.git")
    login = base64.b64encode(b"x-access-token:ghp_placeholder").decode()
    assert header == f"Authorization: Basic {login}"
    assert ask("config", "--get-urlmatch", "http.extraHeader", "https://github.com/o/r.git") == ""


@needs("curl")
@needs("node")
@pytest.mark.parametrize("program", ["curl", "python", "wget", "node", "java"])
def test_a_client_trusts_the_proxy_and_not_without_the_environment(
    program: str,
    client: ClientFiles,
    authority: Authority,
    serve: Callable[[Authority, str], int],
    tmp_path: Path,
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    url = f"https://localhost:{serve(authority, 'localhost')}/"
    java = tmp_path / "Get.java"
    java.write_text(
        "public class Get { public static void main(String[] a) throws Exception {"
        " System.out.print(new String(new java.net.URI(a[0]).toURL().openStream().readAllBytes())); } }"
    )
    command = {
        "curl": ["curl", "-sS", url],
        "python": ["python", "-c", f"import urllib.request as u; print(u.urlopen({url!r}).read().decode())"],
        "wget": ["wget", "-q", "-O-", url],
        "node": ["node", "-e", f"fetch({url!r}).then(r => r.text()).then(console.log)"],
        "java": ["java", str(java), url],
    }[program]
    without = run(command, {})
    assert without.returncode != 0, "positive control: nothing else trusts the server"
    result = run(command, client_environment(PROXY, client, {}))
    assert json.loads(result.stdout)["object"] == "balance", result.stderr


def test_the_files_are_written_once_and_again_only_when_they_change(
    client: ClientFiles, authority: Authority, tmp_path: Path
) -> None:
    hook = client.hooks / "preload.cjs"
    before = hook.stat().st_ino
    assert ClientFiles.write(tmp_path / "with space", authority) == client
    assert hook.stat().st_ino == before
