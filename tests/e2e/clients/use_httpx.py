"""httpx, on the proxy and the roots that the environment names."""

import os

import httpx
from telling import tell

HEADERS = {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}"}


def refused() -> None:
    response = httpx.delete("https://api.github.com/repos/acme/shop", headers=HEADERS)
    if response.status_code != 204:
        raise PermissionError(response.json()["message"])


tell(refused, lambda: httpx.get("https://api.github.com/user", headers=HEADERS).json()["login"])
