"""`init` and `trust`: where a configuration comes from, and where one may be found."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click
from wharfinger.authoring import starters
from wharfinger.authoring.places import Places
from wharfinger.authoring.snapshot import FOLDERS, TOP_FILES, FolderUnreadable, Snapshot
from wharfinger.authoring.starters import Kind, Plan
from wharfinger.cli.common import REFUSED, WRONG, fail, report
from wharfinger.keeping import people
from wharfinger.keeping.people import PersonKey

_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")


@click.command("init")
@click.option(
    "--for",
    "kind",
    type=click.Choice([kind.value for kind in Kind]),
    help="What it is for (asked for on a terminal if left out).",
)
@click.option("--config", type=click.Path(path_type=Path), metavar="DIR", help="Where (default: the user's).")
@click.option("--agent", default="agent", show_default=True, metavar="NAME", help="Name of the agent.")
@click.option("--person", metavar="NAME", help="Your name (default: that of your login).")
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="NAME=SOURCE",
    help="Where a credential is read from, like STRIPE_API_KEY=file:/run/secrets/stripe "
    "(default: variables of the environment that are set).",
)
@click.option("--no-passphrase", is_flag=True, help="Leave the file of your own key unencrypted.")
def init_command(
    kind: str | None,
    config: Path | None,
    agent: str,
    person: str | None,
    keys: tuple[str, ...],
    *,
    no_passphrase: bool,
) -> None:
    """Write a first configuration, and make and register the key of the person who runs this.

    Nothing is overwritten, and nothing is written that `check` does not pass. Data goes to your state folder.
    """
    chosen = Kind(kind) if kind else _ask_kind()
    name = person or _login_name()
    _check_names({"--agent": agent, "--person": name})
    plan = Plan(chosen, name, agent, _sources(chosen, keys, asked=kind is None))
    folder = (config or Places.of_user().config).absolute()
    _refuse_overwriting(folder)
    files = starters.files(plan)
    _check(files)
    key = _key_of(name, no_passphrase=no_passphrase)
    _write(folder, files)
    _say_what_was_written(folder, files, plan)
    _register(folder, key)
    _say_what_is_next(folder, plan, by_default=config is None)


def _check_names(given: Mapping[str, str]) -> None:
    """Told of the option, and once: in the files a name stands many times."""
    from wharfinger.rules.models.values import NAME_RULE, is_name

    for option, name in given.items():
        if not is_name(name):
            fail(f'{option}: "{name[:100]}" is not a name', NAME_RULE, WRONG)


def _ask_kind() -> Kind:
    if not sys.stdin.isatty():
        names = ", ".join(Kind)
        fail("there is no terminal to ask on what this is for", f"say it with --for, one of: {names}", WRONG)
    for number, (kind, meaning) in enumerate(starters.MEANINGS.items(), 1):
        click.echo(f"  {number}  {kind:<17} {meaning}")
    number = click.prompt("What is it for?", type=click.IntRange(1, len(starters.MEANINGS)), default=1)
    return list(starters.MEANINGS)[number - 1]


def _login_name() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = ""
    return "".join(character for character in name if character in _ALLOWED).strip(".-_")[:64] or "me"


def _sources(kind: Kind, given: tuple[str, ...], *, asked: bool) -> Mapping[str, str]:
    """Where each credential is read from: as given, asked for, or from a variable that is set."""
    sources = dict(_given(entry) for entry in given)
    services = starters.offered(kind)
    strange = [name for name in sources if name not in {service.credential for service in services}]
    if strange:
        offered = ", ".join(service.credential for service in services) or "none"
        fail(
            f'"{strange[0]}" is no credential of a configuration for {kind}',
            f"it can have: {offered}; others are added to credentials.yaml by hand",
            WRONG,
        )
    for service in services:
        if service.credential in sources:
            continue
        source = f"env:{service.credential}" if os.environ.get(service.credential) else ""
        if asked:
            source = _ask_source(service.title, service.credential, source)
        if source:
            sources[service.credential] = source
    _check_sources(kind, sources)
    return sources


def _check_sources(kind: Kind, sources: Mapping[str, str]) -> None:
    """A configuration that could do nothing of what it is for is not written."""
    needed = {service.credential for service in starters.offered(kind)}
    if kind is Kind.CODING:
        needed -= {"GITHUB_TOKEN"}
    if kind in {Kind.CODING, Kind.API} and not needed & set(sources):
        names = ", ".join(sorted(needed))
        more = ", or use --for coding-signed-in" if kind is Kind.CODING else ""
        fail(
            f"there is no credential for any {'model' if kind is Kind.CODING else 'API'}",
            f"set one of {names} where this is run, or say where one is with --key NAME=env:VARIABLE{more}",
            WRONG,
        )


def _given(entry: str) -> tuple[str, str]:
    """`NAME=SOURCE`; never repeats the source, which may be a value by mistake."""
    name, equals, source = entry.partition("=")
    if not equals or not name:
        fail("--key takes NAME=SOURCE", "like STRIPE_API_KEY=env:STRIPE_API_KEY", WRONG)
    if not source.startswith(("env:", "file:", "exec:")):
        fail(
            f"--key {name}=… gives no source, and a value is never written in a file",
            "write env:VARIABLE, file:/path or exec:[/command, …]",
            WRONG,
        )
    return name, source


def _ask_source(title: str, credential: str, default: str) -> str:
    while True:
        source: str = click.prompt(
            f"{title}: where is {credential} read from? (env:NAME, file:/path; empty: leave it out)",
            default=default,
            show_default=bool(default),
        ).strip()
        if not source or source.startswith(("env:", "file:", "exec:")):
            return source
        click.echo("  that is no source; a value is never written in a file", err=True)


def _refuse_overwriting(folder: Path) -> None:
    there = [name for name in TOP_FILES if (folder / name).exists()]
    there += [f"{name}/" for name in FOLDERS if (folder / name).is_dir() and any((folder / name).iterdir())]
    if there:
        fail(
            f'there is a configuration in "{folder}" already: {", ".join(there)}',
            "name another folder with --config, or move this one away",
        )


def _check(files: Mapping[str, bytes]) -> None:
    """Nothing is written that could not be used: a wrong name, for instance, is told here."""
    from wharfinger.authoring import checking

    checked = checking.check_files(files)
    if checked.good:
        return
    report(checked.errors)
    for case in checked.failed:
        click.echo(str(case), err=True)
    hint = "mend what is named: it comes from --agent, --person or --key"
    fail("the configuration could not be used, so nothing is written", hint, WRONG)


def _key_of(person: str, *, no_passphrase: bool) -> PersonKey:
    """The key that the person has already, or a new one."""
    from wharfinger.cli.people import make_key
    from wharfinger.cli.people_keys import person_key

    state = Places.of_user().state
    path = people.path_of(state, person)
    if path.exists():
        click.echo(f'using the key of {person} that is there: "{path}"')
        return person_key(person)
    unencrypted = no_passphrase or not sys.stdin.isatty()
    made = make_key(person, no_passphrase=unencrypted)
    why = "" if no_passphrase or not unencrypted else ", for want of a terminal to type a passphrase on"
    protection = f"not encrypted{why}" if unencrypted else "encrypted"
    click.echo(f'made the key of {person}, {protection}: "{path}"')
    return made


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        for name, content in files.items():
            target = folder / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(
                target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
            with os.fdopen(handle, "wb") as file:
                file.write(content)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        fail(f'"{error.filename or folder}" cannot be written: {reason}', "name another folder with --config")


def _say_what_was_written(folder: Path, files: Mapping[str, bytes], plan: Plan) -> None:
    click.echo(f'wrote "{folder}":')
    for name in files:
        click.echo(f"  {name}")
    for service in plan.services:
        click.echo(f"  {service.credential} is read from {plan.sources[service.credential]}")
    for service in starters.offered(plan.kind):
        if service.credential not in plan.sources:
            click.echo(f"  left out for want of {service.credential}: {service.title}")


def _register(folder: Path, key: PersonKey) -> None:
    """Register the key, unless it is known: several configurations may share one data folder."""
    from wharfinger.cli.control import control, here
    from wharfinger.control.protocol import ControlError

    mark = people.fingerprint(key.public)
    args = {"person": key.person, "public_key": key.public.hex()}
    try:
        with control(here(folder)) as at:
            rows = at.do("people.list")
            known = rows if isinstance(rows, list) else []
            if not any(mark in str(row) for row in known):
                at.do("people.register", args, key)
    except ControlError as error:
        fail(f"the key could not be registered: {error.message}", error.hint or _ADMIN.format(key.person))


_ADMIN = "have an admin do it: wharfinger people key {} --as ADMIN"


def _say_what_is_next(folder: Path, plan: Plan, *, by_default: bool) -> None:
    at = "" if by_default else f' --config "{folder}"'
    click.echo(
        "the configuration passes `wharfinger check`; see what works here with: wharfinger doctor" + at
    )
    if plan.kind is Kind.EMPTY:
        click.echo(f"next: declare an agent in agents.yaml, then: wharfinger check{at}")
        return
    if plan.coding:
        codex = "OPENAI_API_KEY" in plan.sources and "ANTHROPIC_API_KEY" not in plan.sources
        command = "codex" if codex else "claude"
    else:
        command = "python your_agent.py"
    click.echo(f"next: wharfinger run{at} --agent {plan.agent} -- {command}")


@click.command("trust")
@click.argument("folder", type=click.Path(path_type=Path), default=".", metavar="[DIR]")
@click.option("--forget", is_flag=True, help="Trust it no longer.")
def trust_command(folder: Path, *, forget: bool) -> None:
    """Let the configuration in DIR be found from within it, as it is now.

    When it changes it has to be trusted again: whoever changed it may have allowed more.
    """
    places = Places.of_user()
    if forget:
        known = places.distrust(folder)
        click.echo(f'"{folder.resolve()}" is {"trusted no longer" if known else "not trusted, as before"}')
        sys.exit(0 if known else REFUSED)
    try:
        seen = places.trust(folder)
    except FolderUnreadable as fault:
        fail(fault.message, "name the folder of a wharfinger.yaml", WRONG)
    _say_trusted(seen)


def _say_trusted(seen: Snapshot) -> None:
    click.echo(f'"{seen.folder}" is trusted as it is now: {len(seen.files)} files, digest {seen.digest[:12]}')
    report(seen.problems)
