"""The hooks move clients that no variable moves, and break no program."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from wharfinger.certs import hooks
from wharfinger.certs.authority import Authority
from wharfinger.certs.environment import ClientFiles, client_environment

PYTHONS = sorted(
    {sys.executable, *map(str, Path("/usr/bin").glob("python3.1[0-9]"))}
    | {str(path) for path in Path.home().glob(".pyenv/versions/3.1[0-9]*/bin/python3")}
)
"""Every Python that is at hand, from the oldest that the hook is for."""


@pytest.fixture
def client(authority: Authority, tmp_path: Path) -> ClientFiles:
    return ClientFiles.write(tmp_path / "clients", authority)


@pytest.fixture
def environment(client: ClientFiles) -> dict[str, str]:
    bare = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    return bare | client_environment("http://a:b@127.0.0.1:9", client, {})


def python(
    code: str, environment: dict[str, str], executable: str = sys.executable, *options: str
) -> subprocess.CompletedProcess[str]:
    command = [executable, *options, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


STRIPE = """
import stripe
stripe.api_key, stripe.api_base, stripe.max_network_retries = "sk_test_x", "https://localhost:{port}", 0
print(stripe.Balance.retrieve().object)
"""
REQUESTS = """
import requests
session = requests.Session()
session.trust_env = False
session.verify = requests.certs.where()
print(session.get("https://localhost:{port}/").json()["object"])
"""
HTTPX = """
import certifi, httpx, ssl
context = ssl.create_default_context(cafile=certifi.where())
print(httpx.Client(verify=context, trust_env=False).get("https://localhost:{port}/").json()["object"])
"""


@pytest.mark.parametrize("code", [STRIPE, REQUESTS, HTTPX], ids=["stripe", "requests", "httpx"])
def test_a_client_with_roots_of_its_own_trusts_the_proxy(
    code: str, environment: dict[str, str], authority: Authority, serve: Callable[[Authority, str], int]
) -> None:
    code = code.format(port=serve(authority, "localhost"))
    result = python(code, environment)
    assert result.stdout.strip() == "balance", result.stderr
    without = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    refused = python(code, without)
    assert refused.returncode != 0, "positive control: the client does not trust it by itself"
    assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr


def test_a_server_of_another_authority_is_still_refused(
    environment: dict[str, str], tmp_path: Path, serve: Callable[[Authority, str], int]
) -> None:
    other = Authority.create(tmp_path / "other")
    result = python(STRIPE.format(port=serve(other, "localhost")), environment)
    assert "CERTIFICATE_VERIFY_FAILED" in result.stderr


def test_another_host_name_is_still_refused(
    environment: dict[str, str], authority: Authority, serve: Callable[[Authority, str], int]
) -> None:
    result = python(STRIPE.format(port=serve(authority, "other.example")), environment)
    assert "CERTIFICATE_VERIFY_FAILED" in result.stderr


def test_pip_works_with_the_hook(
    environment: dict[str, str], authority: Authority, serve: Callable[[Authority, str], int]
) -> None:
    """pip brings a truststore of its own, which another one in place of `ssl.SSLContext` breaks."""
    port = serve(authority, "localhost")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries=0", "-d", "/nonexistent"]
    command += ["--index-url", f"https://localhost:{port}/simple", "no-such-package"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert "the GET request got Content-Type: appl" in result.stderr + result.stdout, (
        "pip has read the server's answer"
    )
    assert "RecursionError" not in result.stderr


@pytest.mark.parametrize("executable", PYTHONS)
def test_every_python_starts_with_the_hook(executable: str, environment: dict[str, str]) -> None:
    code = (
        "import sitecustomize, ssl; print(ssl.SSLContext.load_verify_locations.__module__, ssl.__spec__.name)"
    )
    result = python(code, environment, executable)
    assert (result.stdout.strip(), result.stderr) == ("sitecustomize ssl", "")


def test_ssl_is_not_imported_before_the_program_asks(environment: dict[str, str]) -> None:
    result = python("import sys; print('ssl' in sys.modules, 'socket' in sys.modules)", environment)
    assert result.stdout.split() == ["False", "False"]


def test_without_its_variable_the_hook_does_nothing(environment: dict[str, str]) -> None:
    del environment["WHARFINGER_CA"]
    result = python("import ssl; print(ssl.SSLContext.load_verify_locations)", environment)
    assert result.stdout.startswith("<method 'load_verify_locations' of '_ssl._SSLContext'")


def test_a_server_does_not_take_certificates_of_the_ca_from_its_clients(environment: dict[str, str]) -> None:
    code = """
import certifi, ssl
def roots(kind):
    context = ssl.SSLContext(kind)
    context.load_verify_locations(certifi.where())
    return len(context.get_ca_certs())
print(roots(ssl.PROTOCOL_TLS_CLIENT) - roots(ssl.PROTOCOL_TLS_SERVER))
"""
    assert python(code, environment).stdout.strip() == "1"


@pytest.mark.parametrize("ca", ["/nonexistent/ca.pem", "/dev/null", "/", "relative"])
def test_a_missing_or_broken_ca_leaves_the_program_as_it_was(ca: str, environment: dict[str, str]) -> None:
    code = """
import certifi, ssl
print(len(ssl.create_default_context(cafile=certifi.where()).get_ca_certs()) > 100)
"""
    result = python(code, environment | {"WHARFINGER_CA": ca})
    assert (result.stdout.strip(), result.stderr) == ("True", "")


def test_a_sitecustomize_that_was_there_is_run_too(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.was_run = __name__; HERE = 1\n")
    environment["PYTHONPATH"] += f":{tmp_path}"
    result = python("import sys, sitecustomize; print(sys.was_run, sitecustomize.HERE)", environment)
    assert result.stdout.split() == ["sitecustomize", "1"], result.stderr


def test_errors_of_that_sitecustomize_are_told_as_ever(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("raise ValueError('theirs')\n")
    environment["PYTHONPATH"] += f":{tmp_path}"
    result = python("print('goes on')", environment)
    assert result.stdout.strip() == "goes on"
    assert "theirs" in result.stderr


NODE = """
const https = require('node:https'), http = require('node:http');
const { Agent } = require('node:https');
class Mine extends https.Agent { constructor(o) { super(o); this.mine = true; } }
function Old(o) { http.Agent.call(this, o); }
require('node:util').inherits(Old, http.Agent);
class Late extends http.Agent {
  constructor(o) { super(o); this.held = { protocol: 'https:' }; }
  get protocol() { return this.held.protocol; }
  set protocol(value) { if (this.held) this.held.protocol = value; }
}
const first = new https.Agent({ keepAlive: true });
const seen = [first, new Mine({ maxSockets: 3 }), new http.Agent(), new Old({}), https.Agent()];
console.log(JSON.stringify([
  seen.map((agent) => agent.options.proxyEnv === process.env),
  first instanceof https.Agent, seen[1] instanceof Mine, seen[1].mine, seen[1].maxSockets,
  Agent === https.Agent,
  new https.Agent({ proxyEnv: undefined }).options.proxyEnv === undefined,
  new Late({ maxSockets: 5 }).maxSockets,
]));
import('node:https').then((module) => console.log(module.Agent === https.Agent));
"""


OWN_NODE = Path(__file__).parents[2] / ".venv/share/node/node_modules/.bin/node"
"""One that takes `proxyEnv` (22.21 or newer)."""
NO_NODE = pytest.mark.skip(reason="needs node")
NODES = [path for path in (str(OWN_NODE) if OWN_NODE.exists() else None, shutil.which("node")) if path]


@pytest.mark.parametrize(
    "node", NODES or [pytest.param("", marks=NO_NODE)], ids=lambda path: Path(path).parent.name
)
def test_node_agents_are_given_the_proxy_of_the_environment(environment: dict[str, str], node: str) -> None:
    """Also one whose class cannot say its protocol yet, which Node asks of it then: it is made."""
    quiet = environment | {"NODE_NO_WARNINGS": "1"}  # Node 22 says that its proxies are experimental
    result = subprocess.run([node, "-e", NODE], capture_output=True, text=True, env=quiet, check=False)
    assert result.stderr == ""
    assert result.stdout.split() == ["[[true,true,true,true,true],true,true,true,3,true,true,5]", "true"]


def test_the_hooks_are_written_whole_and_only_for_their_owner_to_change(tmp_path: Path) -> None:
    hooks.materialise(tmp_path / "hooks")
    found = {
        str(path.relative_to(tmp_path / "hooks")): path.stat().st_mode & 0o777
        for path in (tmp_path / "hooks").rglob("*")
    }
    assert found == {"preload.cjs": 0o644, "python": 0o700, "python/sitecustomize.py": 0o644}


def test_a_hook_that_somebody_changed_is_written_again(tmp_path: Path) -> None:
    hooks.materialise(tmp_path)
    hook = tmp_path / "python" / "sitecustomize.py"
    right = hook.read_bytes()
    hook.write_bytes(b"import evil")
    hooks.materialise(tmp_path)
    assert hook.read_bytes() == right
