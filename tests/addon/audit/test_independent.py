"""What we write, checked by programs that share no code with us: `scripts/verify-audit`, and Go's tlog."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from wharfinger.audit import prove, published, reader
from wharfinger.audit.book import Book
from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.event import Outcome
from wharfinger.audit.events import outcome
from wharfinger.audit.notes import parse
from wharfinger.audit.verify import Asked, verify

type Open = Callable[..., Book]

SCRIPT = Path(__file__).parents[3] / "scripts" / "verify-audit"
GO_SOURCES = Path("/usr/share/gocode")


@pytest.fixture
def log(opened: Open, folder: Path) -> Path:
    """A closed log of several files, with checkpoints."""
    book = opened(signing_key=b"s" * 32, segment_bytes=4000)
    for number in range(40):
        book.record(outcome(f"d_{number}", None, Outcome.COMPLETED))
    book.close()
    assert len(list(folder.glob("*.jsonl"))) > 3
    return folder


@pytest.fixture(scope="module")
def alone() -> ModuleType:
    """The stand-alone verifier, loaded as a module."""
    loader = SourceFileLoader("verify_audit", str(SCRIPT))
    module = module_from_spec(spec_from_loader("verify_audit", loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    return module


def run(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, args)], capture_output=True, text=True, check=False
    )


def test_it_shares_no_code_with_the_writer() -> None:
    lines = [line.strip() for line in SCRIPT.read_text().splitlines()]
    imports = [line.split()[1].split(".")[0] for line in lines if line.startswith(("import ", "from "))]
    assert imports
    assert set(imports) <= {*sys.stdlib_module_names, "cryptography"}


def test_both_say_the_same_of_a_whole_log(log: Path) -> None:
    ours, theirs = verify(log), run(log)
    assert theirs.returncode == 0, theirs.stderr
    assert f"ok: {ours.events} events, held against {ours.checkpoints} checkpoints" in theirs.stdout
    assert f"log {ours.log}, {ours.size} events, head {ours.head}" in theirs.stdout
    assert "proves nothing against whoever can write" in theirs.stdout


def test_both_hold_it_against_a_checkpoint_kept_elsewhere(log: Path, tmp_path: Path) -> None:
    kept, key = tmp_path / "kept", (log / "book.vkey").read_text().strip()
    kept.write_bytes(prove.latest(log).note())
    assert run(log, "--checkpoint", kept, "--key", key).returncode == 0
    # Events off the end, and everything in the folder that tells of them.
    last = max(log.glob("*.jsonl"))
    for path in (last, last.with_suffix(".checkpoints"), log / "book.head"):
        path.unlink()
    assert run(log).returncode == 0, "this cannot be told without the checkpoint"
    assert verify(log).ok
    assert "the log ends after" in run(log, "--checkpoint", kept).stderr
    found = verify(log, Asked(outside=[("kept", parse(kept.read_bytes()))]))
    assert "the log ends after" in str(found.failures[0])


def test_what_we_prove_is_proved(log: Path, tmp_path: Path) -> None:
    size = prove.latest(log).checkpoint.size
    key = (log / "book.vkey").read_text().strip()
    for seq in (0, 1, 17, size - 1):
        proof = prove.prove(log, seq)
        (tmp_path / "proof").write_text(proof.text())
        (tmp_path / "event").write_bytes(proof.line)
        (tmp_path / "other").write_bytes(prove.prove(log, (seq + 1) % size).line)
        found = run(log, "--proof", tmp_path / "proof")
        assert found.returncode == 0, found.stderr
        assert f"proved: event {seq} is among the {size} events" in found.stdout
        given = "--key", key, "--proof", tmp_path / "proof"
        assert run("/nowhere", *given, "--event", tmp_path / "event").returncode == 0
        assert run("/nowhere", *given, "--event", tmp_path / "other").returncode == 1


def test_a_proof_is_against_the_checkpoint_asked_for(log: Path) -> None:
    older = prove.prove(log, 3).signed
    first = min(log.glob("*.checkpoints")).read_bytes()
    signed = parse(b"\n\n".join(first.split(b"\n\n")[:2]) + b"\n")
    proof = prove.prove(log, 3, signed)
    assert proof.signed == signed != older
    with pytest.raises(Exception, match="not among"):
        prove.prove(log, signed.checkpoint.size, signed)


def test_nothing_is_proved_against_a_checkpoint_of_other_events(log: Path) -> None:
    right = prove.latest(log)
    wrong = replace(right, checkpoint=replace(right.checkpoint, root=b"x" * 32))
    with pytest.raises(BookDamaged, match="is not of the first"):
        prove.prove(log, 3, wrong)
    with pytest.raises(BookDamaged, match="is not of the first"):
        prove.between(log, wrong.checkpoint, right.checkpoint)
    with pytest.raises(BookDamaged, match="different logs"):
        prove.between(log, replace(right.checkpoint, origin="other"), right.checkpoint)


@pytest.mark.parametrize("name", ["book-000001.jsonl", "book-000002.checkpoints", "book.head", "book.vkey"])
def test_flipped_bits_are_found_by_both(
    log: Path, alone: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some bits of one file of each sort; `scripts/torture/tamper.py` flips every one."""
    monkeypatch.setattr(published, "_PAUSE", 0)
    outside = prove.latest(log)
    (log.parent / "kept").write_bytes(outside.note())
    arguments = [str(log), "--checkpoint", str(log.parent / "kept")]
    data = (log / name).read_bytes()
    step = 61 if name.endswith("jsonl") else 11
    for bit in range(0, len(data) * 8, step):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        (log / name).write_bytes(changed)
        assert not accepted(alone, arguments), (name, bit)
        assert not verify(log, Asked(outside=[("kept", outside)])).ok, (name, bit)
    (log / name).write_bytes(data)
    assert accepted(alone, arguments)


@pytest.mark.parametrize("ending", [b"", b"\r\n", b"\x0b", b"\n\n"])
def test_a_key_that_ends_otherwise_is_found_by_both(log: Path, alone: ModuleType, ending: bytes) -> None:
    outside = prove.latest(log)
    key = (log / "book.vkey").read_bytes()
    assert accepted(alone, [str(log)])
    (log / "book.vkey").write_bytes(key.removesuffix(b"\n") + ending)
    assert not accepted(alone, [str(log)])
    assert not verify(log, Asked(outside=[("kept", outside)])).ok


def accepted(alone: ModuleType, arguments: list[str]) -> bool:
    held = sys.argv
    sys.argv = ["verify-audit", *arguments]
    try:
        alone.main()
    except (alone.Wrong, ValueError, KeyError, TypeError, IndexError, OSError):
        return False
    finally:
        sys.argv = held
    return True


GO_PROGRAM = r"""
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Key    string
	Events []string
	Note   string
	Proofs []struct {
		Index  int64
		Size   int64
		Hashes []string
	}
	Continuations []struct {
		Old    int64
		New    int64
		Hashes []string
	}
}

func must(err error) {
	if err != nil {
		fmt.Println("FAILED", err)
		os.Exit(1)
	}
}

func hashes(texts []string) (out []tlog.Hash) {
	for _, text := range texts {
		var h tlog.Hash
		data, err := hex.DecodeString(text)
		must(err)
		copy(h[:], data)
		out = append(out, h)
	}
	return
}

func main() {
	var asked question
	must(json.NewDecoder(os.Stdin).Decode(&asked))
	verifier, err := note.NewVerifier(asked.Key)
	must(err)
	opened, err := note.Open([]byte(asked.Note), note.VerifierList(verifier))
	must(err)
	var origin string
	var size int64
	var encoded string
	_, err = fmt.Sscanf(opened.Text, "%s\n%d\n%s\n", &origin, &size, &encoded)
	must(err)
	root, err := tlog.ParseHash(encoded)
	must(err)

	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, err error) {
		for _, index := range indexes {
			out = append(out, stored[index])
		}
		return
	})
	for n, event := range asked.Events {
		more, err := tlog.StoredHashes(int64(n), []byte(event), reader)
		must(err)
		stored = append(stored, more...)
	}
	theirs, err := tlog.TreeHash(size, reader)
	must(err)
	if theirs != root {
		must(fmt.Errorf("the root of %d events is %v, not %v", size, theirs, root))
	}
	for _, p := range asked.Proofs {
		leaf := tlog.RecordHash([]byte(asked.Events[p.Index]))
		must(tlog.CheckRecord(hashes(p.Hashes), p.Size, root, p.Index, leaf))
	}
	for _, c := range asked.Continuations {
		old, err := tlog.TreeHash(c.Old, reader)
		must(err)
		must(tlog.CheckTree(hashes(c.Hashes), c.New, root, c.Old, old))
	}
	fmt.Println("ok", len(asked.Proofs), len(asked.Continuations))
}
"""


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Go's own transparency log, which its module proxy is checked with, as a program."""
    if shutil.which("go") is None or not (GO_SOURCES / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("needs go and golang-golang-x-mod-dev (.ci/run installs them)")
    place = tmp_path_factory.mktemp("go")
    (place / "main.go").write_text(GO_PROGRAM)
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GO_SOURCES), "GOCACHE": str(place / "cache"),
           "GOFLAGS": "", "CGO_ENABLED": "0"}  # fmt: skip
    subprocess.run(["go", "build", "-o", "check", "main.go"], cwd=place, env=env, check=True)
    return place / "check"


def question(log: Path) -> dict[str, Any]:
    signed = prove.latest(log)
    size = signed.checkpoint.size
    lines = [record.line for record in reader.records(log)][:size]
    proofs = [prove.prove(log, seq) for seq in range(0, size, 3)]
    olds = [prove.continuation(log, old, size) for old in range(1, size + 1)]
    return {
        "Key": (log / "book.vkey").read_text().strip(),
        "Events": [line[:-75].decode() + "}" for line in lines],
        "Note": signed.note().decode(),
        "Proofs": [
            {"Index": one.index, "Size": size, "Hashes": [part.hex() for part in one.hashes]}
            for one in proofs
        ],
        "Continuations": [
            {"Old": one.old, "New": one.new, "Hashes": [part.hex() for part in one.hashes]} for one in olds
        ],
    }


def ask(go: Path, asked: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([go], input=json.dumps(asked), capture_output=True, text=True, check=False)


def test_gos_transparency_log_agrees(log: Path, go: Path) -> None:
    """Signature, root, every third inclusion proof and every consistency proof."""
    asked = question(log)
    found = ask(go, asked)
    assert found.stdout == f"ok {len(asked['Proofs'])} {len(asked['Continuations'])}\n", found.stdout
    assert len(asked["Continuations"]) > 40


@pytest.mark.parametrize("what", ["Key", "Events", "Note", "Proofs", "Continuations"])
def test_and_would_tell_if_it_did_not(log: Path, go: Path, what: str) -> None:
    asked = question(log)
    if what == "Events":
        asked["Events"][5] += " "
    elif what in {"Key", "Note"}:
        asked[what] = asked[what].replace("log/", "log/0")
    else:
        asked[what][5]["Hashes"][0] = "00" * 32
    assert ask(go, asked).returncode == 1
