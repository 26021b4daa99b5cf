"""aiohttp, told to heed the environment."""

import asyncio
import os

import aiohttp
from telling import tell

HEADERS = {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}"}


async def fetch(method: str, path: str) -> dict[str, str]:
    async with (
        aiohttp.ClientSession(trust_env=True, headers=HEADERS) as session,
        session.request(method, f"https://api.github.com{path}") as response,
    ):
        content = await response.json()
        if not response.ok:
            raise PermissionError(content["message"])
        return content


tell(
    lambda: asyncio.run(fetch("DELETE", "/repos/acme/shop")),
    lambda: asyncio.run(fetch("GET", "/user"))["login"],
)
