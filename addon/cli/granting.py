"""Options with which a person says what a grant leaves open, and until when."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click
from wharfinger.cli.common import WRONG, fail
from wharfinger.rules.models.values import duration

_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_HINT = 'write it like "until 18:00", "for 2h" or "until 2026-01-14T18:00+01:00"'


def terms_options[F: Callable[..., Any]](command: F) -> F:
    """`--uses`, `--any`, `--min`, `--max` and their like."""
    for option in (
        click.option("--any-headers", is_flag=True, help="Whatever headers pass for the tool."),
        click.option("--any-extras", is_flag=True, help="Whatever fields the tool admits beyond its inputs."),
        click.option("--min", "least", multiple=True, metavar="INPUT=NUMBER", help="At least so much."),
        click.option("--max", "most", multiple=True, metavar="INPUT=NUMBER", help="At most so much."),
        click.option("--any", "free", multiple=True, metavar="INPUT", help="Whatever this input is."),
        click.option("--uses", type=click.IntRange(1), help="For how many calls."),
    ):
        command = option(command)
    return command


def terms(
    until: str,
    uses: int | None,
    free: tuple[str, ...],
    least: tuple[str, ...],
    most: tuple[str, ...],
    any_extras: bool,
    any_headers: bool,
) -> dict[str, Any]:
    """The arguments of `grants.propose` and `grants.add`; ends the command where something is missing."""
    if uses is None:
        fail("a grant is for a number of calls", "say --uses N", WRONG)
    return {
        "until": instant(until, datetime.now().astimezone()).isoformat(),
        "uses": uses,
        "any": list(free),
        "min": dict(pair(each, "--min") for each in least),
        "max": dict(pair(each, "--max") for each in most),
        "any_extras": any_extras,
        "any_headers": any_headers,
    }


def pair(text: str, option: str) -> tuple[str, str]:
    """`name=value`."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        fail(f'{option} "{text}" is not INPUT=VALUE', code=WRONG)
    return name, value


def instant(text: str, now: datetime) -> datetime:
    """When a grant ends: a time of day here, its next; a while from `now`; or an instant."""
    words = text.strip()
    plain = words.removeprefix("until ").removeprefix("for ").strip()
    if found := _CLOCK.fullmatch(plain):
        at = now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
        return at if at > now else at + timedelta(days=1)
    try:
        if words.startswith("for ") or "T" not in plain:
            return now + duration(plain)
        read = datetime.fromisoformat(plain)
    except ValueError:
        fail(f'"{text}" is no end for a grant', _HINT, WRONG)
    return read if read.tzinfo is not None else read.replace(tzinfo=now.tzinfo)
