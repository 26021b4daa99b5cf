"""`ca`: the certificate authority of this installation."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from wharfinger.certs.authority import Authority
from wharfinger.cli.common import as_option, config_option, fail, json_option, print_json
from wharfinger.cli.control import Here, here
from wharfinger.cli.people_keys import person_key
from wharfinger.control.dispatcher import Action, Context, Dispatcher, Role
from wharfinger.control.local import Local
from wharfinger.control.protocol import ControlError
from wharfinger.control.services import StoreAuthority
from wharfinger.keeping.lock import LockHeld
from wharfinger.rules.types import JSON
from wharfinger.running import door
from wharfinger.running.desk import DataFolder, Desk


@click.group("ca")
def ca_command() -> None:
    """Show or rotate the certificate authority that clients of the proxy trust."""


@ca_command.command("show")
@click.option("--pem", is_flag=True, help="The certificates alone, to be piped into a trust store.")
@config_option
@json_option
def show(config: Path | None, *, pem: bool, as_json: bool) -> None:
    """What is trusted, until when, and where it lies."""
    data = DataFolder(here(config).data)
    if not data.ca.is_dir():
        fail(
            f'there is no certificate authority in "{data.ca}" yet', "it is made by the first up, run or env"
        )
    authority = Authority.open(data.ca)
    if pem:
        click.echo(authority.trusted_pem, nl=False)
        return
    rows = [_row(certificate) for certificate in authority.trusted]
    if as_json:
        print_json({"file": str(authority.certificate_file), "certificates": rows})
        return
    click.echo(f"file         {authority.certificate_file}")
    for index, row in enumerate(rows):
        click.echo(f"{'in use' if index == 0 else 'still trusted':<12} {row['subject']}")
        click.echo(f"  sha256     {row['sha256']}")
        click.echo(f"  valid      {row['not_before']} to {row['not_after']} ({_days(row['not_after'])})")


def _row(certificate: x509.Certificate) -> dict[str, str]:
    return {
        "subject": certificate.subject.rfc4514_string(),
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
    }


def _days(moment: str) -> str:
    left = (datetime.fromisoformat(moment) - datetime.now(UTC)).days
    return f"{left} days left"


@ca_command.command("rotate")
@as_option
@config_option
def rotate(config: Path | None, person: str | None) -> None:
    """Make a new authority. The one before stays trusted by clients until it expires.

    The proxy must not be running: it goes on with the authority that it has read.
    """
    place = here(config)
    key = person_key(person)
    try:
        with Local.open(lambda: _rotation(place)) as at:
            result: Any = at.do("ca.rotate", {}, key)
    except LockHeld as held:
        who = f"process {held.pid}" if held.pid else "another process"
        fail(
            f"a proxy ({who}) is running with the authority",
            "end it with: wharfinger stop; then rotate, and start it again",
        )
    except ControlError as error:
        fail(error.message, error.hint)
    click.echo(f"new authority: sha256 {result['sha256']}, until {result['not_after'][:10]}")
    click.echo("agents get it with the next run or env; start the proxy again with: wharfinger up")


@contextlib.asynccontextmanager
async def _rotation(place: Here) -> AsyncIterator[Dispatcher]:
    """The one action, under the lock of the data folder, recorded in the book like any other."""
    desk = await Desk.open(place.data, place.configuration)

    async def work(context: Context, args: Mapping[str, Any]) -> JSON:
        authority = Authority.rotate(desk.data.ca)
        door.client_files(desk.data, place.configuration, place.found.snapshot.folder)
        return dict(_row(authority.certificate))

    try:
        people = StoreAuthority(desk.store, desk.sessions, lambda: place.configuration)
        yield Dispatcher((Action("ca.rotate", work, role=Role.ADMIN),), people, desk.record)
    finally:
        await desk.close()
