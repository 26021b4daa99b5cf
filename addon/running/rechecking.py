"""Have a configuration checked in another process: a reload must not slow down the proxy that it is for."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Mapping

CHILD_TIMEOUT = 120
"""Seconds a configuration may take to be checked."""


async def check_in_child(files: Mapping[str, bytes]) -> dict[str, object]:
    """Check the files in another process: `{"digest": …, "problems": […], "failed": […]}`."""
    given = json.dumps({name: base64.b64encode(content).decode() for name, content in files.items()})
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wharfinger.authoring.checking",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(CHILD_TIMEOUT):
            answered, _ = await child.communicate(given.encode())
        result = json.loads(answered)
    except TimeoutError:
        child.kill()
        await child.wait()
        return {"digest": None, "problems": ["checking took too long"], "failed": []}
    except ValueError:
        return {"digest": None, "problems": ["the checking process failed"], "failed": []}
    return dict(result)
