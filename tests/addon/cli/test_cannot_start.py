"""What keeps a proxy from starting is said plainly, with its remedy, and nothing is left behind."""

from __future__ import annotations

import socket

import pytest
from wharfinger.keeping import lock, private
from wharfinger.keeping.keys import Keys

SECRET = "example-live-key-0123456789abcdef"
SETTINGS = "version: 1\nlisten: 127.0.0.1:{port}\nconsole: 127.0.0.1:{console}\n"


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


async def cannot(spawn, folder, places, **variables):
    ready = folder.parent / "ready"
    ran = await spawn("up", "--config", folder, "--ready-file", ready, **variables)
    assert ran.code == 1, ran.err
    assert "Traceback" not in ran.err
    assert SECRET not in ran.err
    assert not ready.exists()
    assert lock.holder(places.state / "data") is None
    return ran.err


async def test_a_credential_that_is_not_there(configure, spawn, places):
    said = await cannot(spawn, configure(), places)
    assert 'credential EXAMPLE_KEY: the environment variable "EXAMPLE_KEY" is not set' in said
    assert "hint: set EXAMPLE_KEY where the proxy is started" in said


async def test_every_credential_that_cannot_be_read_is_named(configure, spawn, places, tmp_path):
    loose = tmp_path / "loose"
    loose.write_text(SECRET)
    loose.chmod(0o644)
    folder = configure(
        credentials="credentials:\n"
        "  EXAMPLE_KEY: {from: env:EXAMPLE_KEY, hosts: [api.example.com]}\n"
        f'  LOOSE: {{from: "file:{loose}", hosts: [a.example.com]}}\n'
        f'  GONE: {{from: "file:{tmp_path}/gone", hosts: [a.example.com]}}\n'
        '  FAILS: {from: "exec:[/bin/false]", hosts: [a.example.com]}\n'
    )
    said = await cannot(spawn, folder, places, EXAMPLE_KEY="short")
    for name in ("EXAMPLE_KEY", "LOOSE", "GONE", "FAILS"):
        assert f"credential {name}: " in said
    assert said.count("hint: ") >= 4


@pytest.mark.parametrize("which", ["proxy", "console"])
async def test_a_port_that_is_taken(configure, spawn, places, taken, which):
    ports = {"port": 0, "console": 0} | {"port" if which == "proxy" else "console": taken}
    folder = configure(wharfinger=SETTINGS.format(**ports))
    said = await cannot(spawn, folder, places, EXAMPLE_KEY=SECRET)
    assert f'the {which} cannot listen on "127.0.0.1:{taken}": address already in use' in said
    assert "port 0 takes a free one" in said


async def test_a_data_folder_open_to_others(configure, spawn, places):
    private.folder(places.state / "data").chmod(0o755)
    said = await cannot(spawn, configure(), places, EXAMPLE_KEY=SECRET)
    assert "is open to other users (mode 0755)" in said
    assert "chmod 700" in said


@pytest.mark.parametrize("name", ["installation.key", "store.db"])
async def test_a_file_of_the_data_folder_open_to_others(configure, spawn, places, name):
    Keys.open(private.folder(places.state / "data"))
    (places.state / "data" / name).touch()
    (places.state / "data" / name).chmod(0o644)
    said = await cannot(spawn, configure(), places, EXAMPLE_KEY=SECRET)
    assert name in said
    assert "chmod 600" in said


async def test_a_book_that_was_changed(configure, spawn, places):
    folder = configure()
    assert (await spawn("people", "key", "alice", "--no-passphrase", "--config", folder)).code == 0
    (segment,) = (places.state / "data" / "audit").glob("book-*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b"alice", b"eliza"))
    said = await cannot(spawn, folder, places, EXAMPLE_KEY=SECRET)
    assert said.startswith("error: ")
    assert "audit verify" in said
    verified = await spawn("audit", "verify", "--config", folder)
    assert verified.code == 1


async def test_a_trust_file_that_is_no_certificate(configure, spawn, places):
    folder = configure(wharfinger=SETTINGS.format(port=0, console=0) + 'upstream: {ca: {"*": ca.pem}}\n')
    (folder / "ca.pem").write_text("nothing")
    said = await cannot(spawn, folder, places, EXAMPLE_KEY=SECRET)
    assert "holds no certificate that can be read" in said


async def test_run_tells_why_its_own_proxy_did_not_start(configure, spawn, places):
    folder = configure()
    assert (await spawn("people", "key", "alice", "--no-passphrase", "--config", folder)).code == 0
    ran = await spawn("run", "--no-isolate", "--config", folder, "--agent", "robot", "--", "true")
    assert ran.code == 125
    assert "the proxy did not start" in ran.err
    assert 'the environment variable "EXAMPLE_KEY" is not set' in ran.err
    called = await spawn(
        "call", "--config", folder, "--agent", "robot", "--tool", "get_thing", "--input", '{"id":"1"}'
    )
    assert called.code == 1
    assert 'the environment variable "EXAMPLE_KEY" is not set' in called.err


async def test_run_without_a_key_says_how_to_get_one(configure, spawn, places):
    ran = await spawn(
        "run", "--no-isolate", "--config", configure(), "--agent", "robot", "--", "true", EXAMPLE_KEY=SECRET
    )
    assert ran.code == 125
    assert "wharfinger people key NAME" in ran.err


async def test_run_refuses_a_configuration_that_others_can_write(configure, spawn):
    folder = configure()
    (folder / "agents.yaml").chmod(0o666)
    ran = await spawn(
        "run", "--no-isolate", "--config", folder, "--agent", "robot", "--", "true", EXAMPLE_KEY=SECRET
    )
    assert ran.code == 125
    assert "others may write the configuration: agents.yaml" in ran.err
