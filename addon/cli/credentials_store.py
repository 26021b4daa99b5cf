"""`credentials set|rotate|remove|rekey|refresh`: values that the proxy keeps itself, encrypted.

A value is read from standard input or typed at a terminal, and is never an argument: arguments can be seen by
everyone on the machine, and stay in the history of the shell.
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Any

import click
from wharfinger.cli.common import as_option, config_option, fail, json_option, print_json
from wharfinger.cli.control import Here, command, here
from wharfinger.rules.documents.problems import did_you_mean
from wharfinger.secret import PASSPHRASE

_KEYS = ("file", "passphrase", "keychain")

passphrase_option = click.option(
    "--passphrase", "ask", is_flag=True, help=f"Ask for the store's passphrase (else ${PASSPHRASE}, if set)."
)


@click.command("set")
@click.argument("name")
@click.option(
    "--key",
    type=click.Choice(_KEYS),
    default="file",
    show_default=True,
    help="What the store's key is, when it is made: a file beside it, a passphrase, or the keychain's entry.",
)
@passphrase_option
@config_option
@as_option
@json_option
def set_command(
    name: str, key: str, config: Path | None, person: str | None, *, ask: bool, as_json: bool
) -> None:
    """Put a value into the encrypted store, from standard input or typed: `from: store:NAME` has it.

    A running proxy uses it from the next request on.
    """
    _put(
        "credentials.set", name, {"key": key}, config, person, ask=ask or key == "passphrase", as_json=as_json
    )


@click.command("rotate")
@click.argument("name")
@passphrase_option
@config_option
@as_option
@json_option
def rotate_command(name: str, config: Path | None, person: str | None, *, ask: bool, as_json: bool) -> None:
    """Replace a value of the encrypted store by another, without a restart."""
    _put("credentials.rotate", name, {}, config, person, ask=ask, as_json=as_json)


@click.command("remove")
@click.argument("name")
@passphrase_option
@config_option
@as_option
def remove_command(name: str, config: Path | None, person: str | None, *, ask: bool) -> None:
    """Take a value out of the encrypted store."""
    command(config, "credentials.remove", {"name": name, **_passphrase(ask=ask)}, person)
    click.echo(f"{name} is removed")


@click.command("rekey")
@click.option("--key", type=click.Choice(_KEYS), required=True, help="What the new key is.")
@passphrase_option
@config_option
@as_option
def rekey_command(key: str, config: Path | None, person: str | None, *, ask: bool) -> None:
    """Seal the encrypted store under a new key, as after a passphrase was seen."""
    args = {"key": key, **_passphrase(ask=ask)}
    if key == "passphrase":
        args["new_passphrase"] = _typed_twice("New passphrase of the store")
    done = command(config, "credentials.rekey", args, person)
    click.echo(f"{done['entries']} values are sealed under a new key ({key})")


@click.command("refresh")
@click.argument("name")
@config_option
@as_option
def refresh_command(name: str, config: Path | None, person: str | None) -> None:
    """Have the running proxy fetch a credential again, now."""
    done = command(config, "credentials.refresh", {"name": name}, person)
    click.echo(f"{name} is fetched (generation {done['generation']})")


def _put(
    action: str,
    name: str,
    args: dict[str, Any],
    config: Path | None,
    person: str | None,
    *,
    ask: bool,
    as_json: bool,
) -> None:
    place = here(config)
    given = {"name": name, "value": _value(name), **args, **_passphrase(ask=ask)}
    done = command(config, action, given, person)
    if as_json:
        print_json(done)
        return
    click.echo(f"{name} is set (generation {done['generation']})")
    _say_who_has_it(place, name)


def _say_who_has_it(place: Here, name: str) -> None:
    declared = place.configuration.credentials
    having = [
        each
        for each, credential in declared.items()
        if any((origin.scheme, origin.text) == ("store", name) for origin in credential.origins.values())
    ]
    if having:
        click.echo(f"  it is had by: {', '.join(sorted(having))}")
        return
    hint = did_you_mean(name, declared)
    click.echo(f"  note: no credential is had from it yet; write into credentials.yaml: from: store:{name}")
    if hint:
        click.echo(f"  {hint}")


def _value(name: str) -> str:
    """The value, without one line break at its end."""
    if sys.stdin.isatty():
        return _typed_twice(f"Value of {name}")
    try:
        text = sys.stdin.buffer.read(1 << 20).decode()
    except UnicodeDecodeError:
        fail("the value on standard input is not text in UTF-8")
    text = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
    if not text:
        fail("there is no value on standard input", f'printf %s "$VALUE" | wharfinger credentials set {name}')
    return text


def _passphrase(*, ask: bool) -> dict[str, str]:
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return {"passphrase": given}
    if not ask:
        return {}
    if not sys.stdin.isatty():
        fail("there is no terminal to ask for the passphrase on", f"set {PASSPHRASE}")
    return {"passphrase": getpass.getpass("Passphrase of the store: ")}


def _typed_twice(prompt: str) -> str:
    if not sys.stdin.isatty():
        fail("there is no terminal to type it on")
    first = getpass.getpass(f"{prompt}: ")
    if not first:
        fail("nothing was typed")
    if getpass.getpass("Once more: ") != first:
        fail("the two are not the same")
    return first


COMMANDS = (set_command, rotate_command, remove_command, rekey_command, refresh_command)
