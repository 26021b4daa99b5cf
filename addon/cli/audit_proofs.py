"""`audit verify`, `prove`, `consistency`, `checkpoint` and `key`: what the log proves, and to whom."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from wharfinger.audit import notes
from wharfinger.audit import prove as proving
from wharfinger.audit import verify as verifying
from wharfinger.audit.checkpoints import split
from wharfinger.audit.notes import NotANote, PublicKey, Signed, SigningKey, origin_of
from wharfinger.cli.common import config_option, fail, json_option, print_json
from wharfinger.cli.remote import data_of
from wharfinger.running.desk import DataFolder

data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="A copied audit folder, in place of the configuration's."
)


def book_folder(config: Path | None, data: Path | None = None) -> Path:
    """The folder of the audit log; ends with exit code 1 where there is none."""
    folder = data or DataFolder(data_of(config)).audit
    if not folder.is_dir():
        fail(f'there is no audit log in "{folder}"', "it is made when the proxy starts: wharfinger up")
    return folder


def read_checkpoints(path: Path) -> list[Signed]:
    """The checkpoints in a file, or on standard input for `-`: one, or a history of them."""
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return [notes.parse(note) for note in split(data)]
    except OSError as error:
        fail(f'"{path}" cannot be read: {error.strerror}', code=2)
    except NotANote as wrong:
        fail(f'"{path}" is not a checkpoint: {wrong}', "wharfinger audit checkpoint prints one", 2)


def read_checkpoint(path: Path) -> Signed:
    """The last of them."""
    return read_checkpoints(path)[-1]


def read_key(text: str | None) -> PublicKey | None:
    """A public key as given: itself, or the name of a file that holds it."""
    if text is None:
        return None
    try:
        return PublicKey.parse(Path(text).read_text("ascii") if "+" not in text else text)
    except (OSError, UnicodeDecodeError):
        fail(f'the key file "{text}" cannot be read', "wharfinger audit key prints the key", 2)
    except NotANote as wrong:
        fail(f"--key: {wrong}", "wharfinger audit key prints the key", 2)


@click.command("verify")
@data_option
@click.option("--from", "first", type=click.IntRange(0), default=0, metavar="SEQ", help="From this event on.")
@click.option("--to", "last", type=click.IntRange(0), metavar="SEQ", help="Up to this event.")
@click.option(
    "--checkpoint",
    "outside",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Checkpoints that were kept elsewhere: a file of one or many.",
)
@click.option("--key", metavar="KEY", help="Public key of the checkpoints, or the file it is in.")
@config_option
@json_option
def verify(
    config: Path | None,
    data: Path | None,
    first: int,
    last: int | None,
    outside: tuple[Path, ...],
    key: str | None,
    *,
    as_json: bool,
) -> None:
    """Check the log: every line, link, hash and checkpoint. Exit code 1 if anything was changed."""
    if last is not None and last < first:
        fail("--to is before --from", code=2)
    kept = [(str(path), signed) for path in outside for signed in read_checkpoints(path)]
    asked = verifying.Asked(first, last, kept, read_key(key))
    folder = book_folder(config, data)
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress:
        bar = progress.add_task("verifying")
        found = verifying.verify(
            folder, asked, progress=lambda done, total: progress.update(bar, completed=done, total=total)
        )
    if as_json:
        failures = [str(failure) for failure in found.failures]
        print_json({"ok": found.ok, "events": found.events, "files": found.files, "log": found.log,
                    "first": found.first, "size": found.size, "head": found.head, "root": found.root,
                    "checkpoints": found.checkpoints, "outside": len(kept), "failures": failures,
                    "notes": list(found.notes)})  # fmt: skip
    else:
        _tell(found)
    sys.exit(0 if found.ok else 1)


def _tell(found: verifying.Verification) -> None:
    for failure in found.failures:
        click.echo(f"FAILED {failure}", err=True)
    click.echo(
        f"{'ok' if found.ok else 'CHANGED'}: {found.events} events in {found.files} files, "
        f"held against {found.checkpoints} checkpoints"
    )
    click.echo(f"log {found.log}, {found.size} events, head {found.head}")
    if found.root:
        click.echo(f"root {base64.b64encode(bytes.fromhex(found.root)).decode()}")
    for note in found.notes:
        click.echo(f"note: {note}")


@click.command("prove")
@click.argument("seq", type=click.IntRange(0))
@click.option(
    "--checkpoint",
    "outside",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Prove against this checkpoint, in place of the last one.",
)
@data_option
@config_option
@json_option
def prove(config: Path | None, data: Path | None, seq: int, outside: Path | None, *, as_json: bool) -> None:
    """Prove that event SEQ is in the log of a checkpoint: for whoever has only that checkpoint."""
    folder = book_folder(config, data)
    proof = proving.prove(folder, seq, read_checkpoint(outside) if outside else None)
    if as_json:
        print_json(proof.as_json())
    else:
        click.echo(proof.text(), nl=False)


@click.command("consistency")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@data_option
@config_option
@json_option
def consistency(config: Path | None, data: Path | None, old: Path, new: Path, *, as_json: bool) -> None:
    """Prove that the log of checkpoint NEW continues that of OLD: files, or numbers of events."""
    folder = book_folder(config, data)
    if str(old).isdecimal() and str(new).isdecimal():
        found = proving.continuation(folder, int(str(old)), int(str(new)))
    else:
        found = proving.between(folder, read_checkpoint(old).checkpoint, read_checkpoint(new).checkpoint)
    if as_json:
        print_json({"old": found.old, "new": found.new, "old_root": found.old_root.hex(),
                    "new_root": found.new_root.hex(),
                    "hashes": [part.hex() for part in found.hashes]})  # fmt: skip
        return
    click.echo(f"old {found.old} {base64.b64encode(found.old_root).decode()}")
    click.echo(f"new {found.new} {base64.b64encode(found.new_root).decode()}")
    for part in found.hashes:
        click.echo(base64.b64encode(part).decode())


@click.command("checkpoint")
@data_option
@config_option
def checkpoint(config: Path | None, data: Path | None) -> None:
    """Print the last checkpoint: keep it where whoever can write the log cannot."""
    click.echo(proving.latest(book_folder(config, data)).note().decode(), nl=False)


@click.command("key")
@config_option
def key(config: Path | None) -> None:
    """Print the public key that checkpoints are checked with."""
    from wharfinger.audit import published
    from wharfinger.audit.folder import Folder
    from wharfinger.keeping.keys import Keys, Purpose

    path = book_folder(config)
    folder = Folder.open(path)
    try:
        position = published.read(folder)
    finally:
        folder.close()
    if position is None:
        fail("the audit log has not been begun", "start the proxy: wharfinger up")
    seed = Keys.open(path.parent).derive(Purpose.CHECKPOINTS)
    click.echo(str(SigningKey(origin_of(position.log), seed).public))


COMMANDS = (verify, prove, consistency, checkpoint, key)
