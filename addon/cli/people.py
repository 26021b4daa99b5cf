"""`people`: keys and passwords of those who may see, approve and administer."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from wharfinger.authoring.places import Places
from wharfinger.cli.common import config_option, ending_where_refused, fail, json_option, print_json
from wharfinger.cli.control import command, control, here
from wharfinger.cli.people_keys import person_key
from wharfinger.control.protocol import ControlError
from wharfinger.keeping import people
from wharfinger.keeping.people import PersonKey


@click.group("people")
def people_command() -> None:
    """Keys and passwords of the people who may see, approve and administer."""


@people_command.command("list")
@config_option
@json_option
def list_people(config: Path | None, *, as_json: bool) -> None:
    """People, their roles, and the fingerprints of their keys."""
    with control(here(config)) as at:
        rows: Any = at.do("people.list")
    if as_json:
        print_json(rows)
        return
    table = Table("person", "role", Column("keys", no_wrap=True), box=None)
    for row in rows:
        keys = "\n".join(key["fingerprint"] for key in row["keys"]) or "none"
        table.add_row(escape(row["name"]), row["role"] or "not in people.yaml", keys)
    Console().print(table)


def make_key(name: str, *, no_passphrase: bool) -> PersonKey:
    """A new key of `name`, under a passphrase typed twice unless that was declined."""
    passphrase = None
    if not no_passphrase:
        if not sys.stdin.isatty():
            fail(
                "there is no terminal to type a passphrase on",
                "run this on a terminal, or say --no-passphrase (`doctor` will remark on it)",
                2,
            )
        passphrase = getpass.getpass(f"new passphrase for {name}'s key: ")
        if getpass.getpass("the same again: ") != passphrase:
            fail("the two were not the same", code=2)
    return people.create(Places.of_user().state, name, passphrase)


def register(config: Path | None, name: str, key: PersonKey, signer: PersonKey) -> None:
    """Register the public half of a key, signed for by `signer`."""
    args = {"person": name, "public_key": key.public.hex()}
    with control(here(config)) as at:
        at.do("people.register", args, signer)


@people_command.command("key")
@click.argument("name")
@click.option("--no-passphrase", is_flag=True, help="Leave the key file unencrypted.")
@click.option(
    "--as", "signer", metavar="NAME", help="Who signs for it (default: the key itself, if it is the first)."
)
@config_option
def key(config: Path | None, name: str, signer: str | None, *, no_passphrase: bool) -> None:
    """Make a key for NAME in your state folder, and register it.

    One that lies there already is not made again, but registered here, too: one key serves all installations.
    """
    place = here(config)
    if name not in place.configuration.people:
        fail(f'"{name}" is not in people.yaml', "add the person there first", 2)
    path = people.path_of(Places.of_user().state, name)
    there = path.exists()
    signing = person_key(signer) if signer and signer != name else None
    own = person_key(name) if there else make_key(name, no_passphrase=no_passphrase)
    try:
        register(config, name, own, signing or own)
    except ControlError as error:
        if not there:
            path.unlink()
        fail(error.message, error.hint or _how_to_register(config, signing))
    if there:
        click.echo("using the key that is there")
    click.echo(f"key of {name}: {people.fingerprint(own.public)}")
    click.echo(f"  {path}")


def _how_to_register(config: Path | None, signing: PersonKey | None) -> str:
    """What is in the way of a key: nobody to sign for it, or a proxy, which takes no first key."""
    with control(here(config)) as at:
        rows: Any = at.do("people.list")
    if any(row["keys"] for row in rows):
        return "have an admin sign for it: --as ADMIN"
    if signing is not None:
        return f"nobody has a key here yet; begin with: wharfinger people key {signing.person}"
    return "the first key is registered while no proxy runs: end it, and say this again"


@people_command.command("revoke")
@click.argument("fingerprint")
@click.option("--as", "signer", metavar="NAME", help="Whose key to sign with.")
@config_option
def revoke(config: Path | None, fingerprint: str, signer: str | None) -> None:
    """Let a key command nothing any more."""
    command(config, "people.revoke", {"fingerprint": fingerprint}, signer)
    click.echo(f"{fingerprint} is revoked")


@people_command.command("password")
@click.option("--as", "person", metavar="NAME", help="Whose password, and whose key to sign with.")
@config_option
def password(config: Path | None, person: str | None) -> None:
    """Set your password for the console; your sessions there end."""
    if not sys.stdin.isatty():
        fail("there is no terminal to type a password on", "or set it in the console: Account", 2)
    key = person_key(person)
    typed = getpass.getpass(f"new password of {key.person} for the console: ")
    if getpass.getpass("the same again: ") != typed:
        fail("the two were not the same", code=2)
    with control(here(config)) as at, ending_where_refused():
        at.do("people.password", {"password": typed}, key)
    click.echo(f"the password of {key.person} is set")


@people_command.command("link")
@click.argument("name")
@click.option("--as", "signer", metavar="NAME", help="Whose key to sign with.")
@config_option
def link(config: Path | None, name: str, signer: str | None) -> None:
    """Print a link with which NAME signs in to the console: once, within ten minutes."""
    if not sys.stdout.isatty():
        fail("a sign-in link is printed to a terminal only", "run this on a terminal", 2)
    with control(here(config)) as at, ending_where_refused():
        made: Any = at.do("people.link", {"person": name}, person_key(signer))
        status: Any = at.do("status")
    click.echo(f"{status['console']}/sign-in/link#{made['link']}")
    click.echo(f"good once, within {made['seconds'] // 60} minutes", err=True)
