"""Where things lie: the configuration folder, the user's own folders, the data folder (DESIGN 4).

A configuration folder is the one named by `--config`; else the nearest one upwards from the working
folder that the user has trusted; else the one in the user's configuration folder. What lies about in a
working folder may be an agent's work, or came with a repository: it counts only after `trust`, and only
as it was then.
"""

from __future__ import annotations

import enum
import json
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from wharfinger.authoring import snapshot
from wharfinger.authoring.snapshot import SETTINGS_FILE, Snapshot
from wharfinger.faults import Fault
from wharfinger.keeping import private

TRUST_FILE = "trusted.json"
_TRUST_LIMIT = 1 << 20


class NotTrusted(Fault):
    """A configuration folder is not, or no longer, to be used as it is."""


class How(enum.StrEnum):
    """How a configuration folder was come by."""

    GIVEN = "given"
    TRUSTED = "trusted"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Found:
    """The configuration folder to use, and what it held when it was looked at."""

    snapshot: Snapshot
    how: How
    notices: tuple[str, ...] = ()
    """What a person should be told: folders that were passed over, and why."""


@dataclass(frozen=True, slots=True)
class Places:
    """The user's own folders, by the XDG base directory specification; neither need exist."""

    config: Path
    """Configuration; what `init` writes."""
    state: Path
    """What is not configuration: data, the keys of people, what has been trusted."""

    @classmethod
    def of_user(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The folders of the user who runs this; relative XDG paths do not count, as specified."""
        home = Path(environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir)
        config = _absolute(environ.get("XDG_CONFIG_HOME")) or home / ".config"
        state = _absolute(environ.get("XDG_STATE_HOME")) or home / ".local" / "state"
        return cls(config / "wharfinger", state / "wharfinger")

    def find(self, given: Path | None, start: Path) -> Found:
        """The configuration folder for a command run in `start` with `--config given`.

        Raises `FolderUnreadable` if the folder cannot be read, and `NotTrusted` if one that was trusted
        has changed since: falling back to another then could allow more.
        """
        if given is not None:
            return Found(snapshot.read(given), How.GIVEN)
        trusted = self._trusted()
        notices: list[str] = []
        start = start.resolve()
        for folder in (start, *start.parents):
            if folder == self.config.resolve() or not _is_there(folder / SETTINGS_FILE):
                continue
            if str(folder) in trusted:
                return Found(self._still_trusted(folder, trusted[str(folder)]), How.TRUSTED, tuple(notices))
            notices.append(
                f'"{folder / SETTINGS_FILE}" is not used: it has not been trusted '
                f'(wharfinger trust "{folder}", or name it with --config)'
            )
        return Found(self._own(notices), How.USER, tuple(notices))

    def _own(self, notices: list[str]) -> Snapshot:
        """The user's own folder; where there is none, those that were passed over are the remedy."""
        try:
            return snapshot.read(self.config)
        except snapshot.FolderUnreadable as fault:
            raise snapshot.FolderUnreadable(fault.message, "; ".join(notices) or fault.hint) from fault

    def trust(self, folder: Path) -> Snapshot:
        """Remember the configuration folder as it is now, so that `find` may use it.

        Raises `NotTrusted` if someone else could write it or it has no settings, `FolderUnreadable` if
        it cannot be read.
        """
        seen = snapshot.read(folder)
        if SETTINGS_FILE not in seen.files:
            raise NotTrusted(f'"{seen.folder}" has no {SETTINGS_FILE} that can be read', "name its folder")
        _check_writers(seen)
        self._remember({**self._trusted(), str(seen.folder): seen.digest})
        return seen

    def distrust(self, folder: Path) -> bool:
        """Forget a folder that was trusted; whether there was anything to forget."""
        known = self._trusted()
        gone = known.pop(str(folder.resolve()), None)
        self._remember(known)
        return gone is not None

    def data(self, configured: str | None, folder: Path) -> Path:
        """The data folder: `data:` of the settings (relative to the configuration folder), or the user's."""
        if configured is None:
            return self.state / "data"
        return Path(os.path.normpath(folder / Path(configured).expanduser()))

    def _still_trusted(self, folder: Path, digest: str) -> Snapshot:
        seen = snapshot.read(folder)
        _check_writers(seen)
        if seen.digest != digest:
            raise NotTrusted(
                f'the configuration in "{folder}" has changed since it was trusted',
                f'look at what changed, then: wharfinger trust "{folder}" (or name a folder with --config)',
            )
        return seen

    def _trusted(self) -> dict[str, str]:
        """Digests by folder, as remembered; an unreadable memory is an error, not an empty one."""
        path = self.state / TRUST_FILE
        try:
            known = json.loads(private.read(path, limit=_TRUST_LIMIT))["folders"]
            if not all(isinstance(text, str) for item in known.items() for text in item):
                raise TypeError
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError, AttributeError):
            raise NotTrusted(f'"{path}" cannot be read', "remove it, and trust your folders again") from None
        return dict(known)

    def _remember(self, known: Mapping[str, str]) -> None:
        private.folder(self.state)
        text = json.dumps({"version": 1, "folders": dict(sorted(known.items()))}, indent=1)
        private.replace(self.state / TRUST_FILE, text.encode() + b"\n")


def _check_writers(seen: Snapshot) -> None:
    if seen.open_to_others:
        names = ", ".join(f'"{name}"' for name in seen.open_to_others[:5])
        raise NotTrusted(
            f'in the configuration folder "{seen.folder}", others may write {names}',
            f'make it your own: chown -R {os.geteuid()} "{seen.folder}" && chmod -R go-w "{seen.folder}"',
        )


def _is_there(path: Path) -> bool:
    """Whether there is something at `path`, as far as this user may know."""
    try:
        path.lstat()
    except OSError:
        return False
    return True


def _absolute(text: str | None) -> Path | None:
    path = Path(text or "")
    return path if path.is_absolute() else None
