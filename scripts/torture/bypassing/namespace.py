"""A network and mount namespace in which the names and addresses of `world` are all there is.

Root makes it, or an ordinary user where the kernel lets users make namespaces. Inside, the loopback has
the origins' public addresses, the resolver of the system asks the mock name server, and no packet leaves.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bypassing.world import ADDRESSES, ALIAS, PRIVATE, PRIVATE_6

_INSIDE = "WHARFINGER_BYPASS_INSIDE"
_FILES = {
    "/etc/resolv.conf": "nameserver 127.0.0.53\noptions timeout:2 attempts:1\n",
    "/etc/hosts": f"127.0.0.1 localhost\n10.0.0.5 {ALIAS}\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def command() -> list[str]:
    """What makes such a namespace and runs the rest of the command line in it; empty where nothing does."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return []
    flags = "-nm" if os.geteuid() == 0 else "-Urnm"
    tried = subprocess.run(["unshare", flags, "true"], capture_output=True, check=False)
    return ["unshare", flags, "--"] if tried.returncode == 0 else []


def enter() -> None:
    """Start this program again inside, unless it is there; end it where that cannot be done."""
    if os.environ.pop(_INSIDE, None):
        _furnish()
        return
    how = command()
    if not how:
        raise SystemExit("needs unshare(1), ip(8) and the right to make namespaces")
    os.environ[_INSIDE] = "1"
    os.execvp(how[0], [*how, sys.executable, *sys.argv])


def _furnish() -> None:
    lines = ["link set lo up"]
    lines += [f"addr add {address}/32 dev lo" for address in (*ADDRESSES.values(), *PRIVATE)]
    lines += [f"addr add {address}/128 dev lo" for address in PRIVATE_6]
    subprocess.run(
        ["ip", "-force", "-batch", "-"], input="\n".join(lines), text=True, check=False, capture_output=True
    )
    with tempfile.TemporaryDirectory() as folder:
        for place, text in _FILES.items():
            file = Path(folder) / Path(place).name
            file.write_text(text)
            if Path(place).exists():  # what is mounted stays when its own name is gone
                subprocess.run(["mount", "--bind", str(file), str(Path(place).resolve())], check=True)
