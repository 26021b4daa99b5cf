"""Start-up hooks for clients that an environment alone does not move: the Stripe SDKs above all.

They are written into a folder of their own, because the programs that load them are not ours: another
Python, another version, none of our packages.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from wharfinger.certs import files

PRELOAD = "preload.cjs"
"""For Node: NODE_OPTIONS=--require."""

PYTHON = "python"
"""For Python: a folder for PYTHONPATH."""


def materialise(folder: Path) -> None:
    """Write the hooks into `folder`, each file only if it differs; others read them, nobody else writes.

    Raises `wharfinger.certs.errors.CertificateError` where the folder cannot be written.
    """
    ours = resources.files(__name__)
    files.make_folder(folder)
    _copy(ours / PRELOAD, folder / PRELOAD)
    python = folder / PYTHON
    files.make_folder(python)
    _copy(ours / PYTHON / "sitecustomize.py", python / "sitecustomize.py")


def _copy(source: Traversable, target: Path) -> None:
    data = source.read_bytes()
    if not target.is_file() or target.is_symlink() or target.read_bytes() != data:
        files.write_whole(target, data, files.PUBLIC)
