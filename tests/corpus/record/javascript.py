"""Official JavaScript SDKs, each call a script of its own under Node.

NODE_SDKS names the folder whose node_modules has them, and undici: Node's `fetch` takes no proxy by itself
in the versions of the day, and undici's agent for all of a process is how its users give it one.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROXIED = """
import { EnvHttpProxyAgent, setGlobalDispatcher } from "undici";
setGlobalDispatcher(new EnvHttpProxyAgent());
"""


def folder() -> Path:
    """Where node_modules is."""
    return Path(os.environ.get("NODE_SDKS", "."))


def version(package: str) -> str:
    """The version of a package that is installed there."""
    return str(json.loads((folder() / "node_modules" / package / "package.json").read_text())["version"])


def namespace(setup: str) -> Mapping[str, Any]:
    """`js("CALL")` runs a call after the lines of `setup`, and does not care for what it answers."""

    def js(call: str) -> None:
        script = (
            f"{PROXIED}{setup}\ntry {{ await {call}; }} catch (error) {{ console.error(String(error)); }}"
        )
        subprocess.run(
            ["node", "--input-type=module", "-e", script],
            cwd=folder(), check=True, capture_output=True, timeout=60,
        )  # fmt: skip

    return {"js": js}
