"""The demo's own tools of proof can fail: a key is found where there is one, and a bit really flips."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest
from wharfinger.demo import folder
from wharfinger.demo.book import flip_one_bit
from wharfinger.demo.play import holds_key
from wharfinger.demo.processes import DemoFailed, Operator, Running, bare_environment

KEY = folder.make_keys().stripe


@pytest.mark.parametrize("prefix", ["", "x", "xx", "xxx", "Bearer "])
def test_a_key_is_found_in_every_form(prefix: str) -> None:
    text = f"{prefix}{KEY}:"
    assert holds_key({"A": text}, (KEY,))
    assert holds_key({"A": base64.b64encode(text.encode()).decode()}, (KEY,))
    assert not holds_key({"A": f"{prefix}sk_test_other"}, (KEY,))


@pytest.mark.parametrize("content", [b'{"a":1}\n{"amount":12000}\n', b"anything else at all"])
def test_one_bit_is_flipped(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "book-000001.jsonl").write_bytes(content)
    flip_one_bit(tmp_path)
    changed = (tmp_path / "book-000001.jsonl").read_bytes()
    assert len(changed) == len(content)
    assert sum((a ^ b).bit_count() for a, b in zip(changed, content, strict=True)) == 1


def test_keys_are_new_each_time_and_not_shown() -> None:
    first, second = folder.make_keys(), folder.make_keys()
    assert len({first.stripe, first.github, second.stripe, second.github}) == 4
    assert first.stripe not in repr(first)


def test_the_folder_is_written_with_private_secrets(tmp_path: Path) -> None:
    keys = folder.make_keys()
    folder.write(tmp_path, keys, {"api.stripe.com": "127.0.0.1:1", "api.github.com": "127.0.0.1:2"})
    assert "127.0.0.1:1" in (tmp_path / "wharfinger.yaml").read_text()
    assert (tmp_path / "secrets/stripe").stat().st_mode & 0o777 == 0o600
    written = [path for path in tmp_path.rglob("*") if path.is_file() and keys.stripe in path.read_text()]
    assert written == [tmp_path / "secrets/stripe"]


def test_a_process_that_hangs_is_ended(tmp_path: Path) -> None:
    code = "import time; print('begun', flush=True); time.sleep(60)"
    process = Running([sys.executable, "-c", code], bare_environment(tmp_path / "home"), tmp_path, "x")
    with pytest.raises(DemoFailed, match=r"more than 1 s\nbegun"):
        process.wait(1.0)
    assert not process.alive


def test_a_command_that_fails_says_what_it_printed(tmp_path: Path) -> None:
    operator = Operator(tmp_path / "none", bare_environment(tmp_path / "home"), tmp_path)
    with pytest.raises(DemoFailed, match=r"exit code 2\n[^$]*nonsense"):
        operator.run("nonsense")
