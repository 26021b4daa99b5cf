"""Where commands are carried out: the running proxy of a configuration, or its data folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wharfinger.authoring import checking
from wharfinger.authoring.places import Found, Places
from wharfinger.cli.common import WRONG, data_folder, ending_where_refused, fail, find, report
from wharfinger.cli.people_keys import person_key
from wharfinger.rules.configuration import Configuration

if TYPE_CHECKING:
    from wharfinger.control.client import Control


@dataclass(frozen=True, slots=True)
class Here:
    """The configuration of this command, and where its data lies."""

    found: Found
    configuration: Configuration
    data: Path

    @property
    def folders(self) -> dict[str, Path]:
        """What of ours no command of an agent's is to see or change, by what it is."""
        own = Places.of_user()
        return {
            "configuration folder": self.found.snapshot.folder, "data folder": self.data,
            "folder of your own configuration": own.config, "folder of people's keys": own.state,
        }  # fmt: skip


def here(config: Path | None) -> Here:
    """Load the configuration (its tests are not run); ends with exit code 2 if it cannot be used."""
    found = find(config)
    checked = checking.check(found.snapshot, run_cases=False)
    if checked.configuration is None or checked.errors:
        report(checked.errors)
        fail("the configuration cannot be used", "see all of it with: wharfinger check", WRONG)
    return Here(found, checked.configuration, data_folder(found, checked.configuration.settings.data))


@contextlib.contextmanager
def control(place: Here) -> Iterator[Control]:
    """The running proxy if there is one, else the folder itself for the duration of the block."""
    from wharfinger.control.local import connect
    from wharfinger.running.desk import without_runtime

    with connect(place.data, lambda: without_runtime(place.data, place.configuration)) as open_control:
        yield open_control


def ask(config: Path | None, action: str, args: dict[str, Any]) -> Any:
    """What an action answers that changes nothing and needs no key; ends with its error."""
    with control(here(config)) as at, ending_where_refused():
        return at.do(action, args)


def command(config: Path | None, action: str, args: dict[str, Any], person: str | None) -> Any:
    """What an action answers that a person's key signs; ends with its error."""
    with control(here(config)) as at, ending_where_refused():
        return at.do(action, args, person_key(person))


def approved_tools(place: Here) -> frozenset[str]:
    """The digests of proposed tools that a person has approved: none where nothing was ever run."""
    if not place.data.is_dir() or not any(tool.proposed for tool in place.configuration.tools):
        return frozenset()
    with control(place) as at:
        rows: Any = at.do("tools.approved", {}, None)
    return frozenset(row["digest"] for row in rows)
