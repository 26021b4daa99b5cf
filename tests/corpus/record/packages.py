"""pip and npm, fetching one package each from stand-ins of their registries."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cases import Expected, Suite, case
from recorder import Answer, Recorded


def wheel() -> bytes:
    """A wheel of an empty package called `demo`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("demo.py", "")
        archive.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
        archive.writestr(
            "demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("demo-1.0.dist-info/RECORD", "")
    return file.getvalue()


def tarball(name: str) -> bytes:
    """An npm package."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        data = json.dumps({"name": name, "version": "1.0.0"}).encode()
        member = tarfile.TarInfo("package/package.json")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


WHEEL = wheel()
WHEEL_PATH = "/packages/aa/bb/cc/demo-1.0-py3-none-any.whl"


def reply(request: Recorded) -> Answer:
    """The index page, the wheel, its metadata; the package document and the tarball."""
    path = request.target
    if request.host == "pypi.org":
        url = f"https://files.pythonhosted.org{WHEEL_PATH}#sha256={hashlib.sha256(WHEEL).hexdigest()}"
        page = f'<!DOCTYPE html><html><body><a href="{url}">demo-1.0-py3-none-any.whl</a></body></html>'
        return Answer(page.encode(), "text/html")
    if request.host == "files.pythonhosted.org":
        return Answer(WHEEL, "application/octet-stream")
    if path.endswith(".tgz"):
        return Answer(tarball(path.split("/-/")[0].strip("/")), "application/octet-stream")
    name = path.strip("/").replace("%2f", "/")
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball(name)).digest()).decode()
    dist = {"tarball": f"https://registry.npmjs.org/{name}/-/demo-1.0.0.tgz", "integrity": integrity}
    version = {"name": name, "version": "1.0.0", "dist": dist}
    return Answer.json({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}})


def run(command: str) -> None:
    """Run in an empty folder; `pip` is this interpreter's own."""
    words = command.split(" ")
    program = [sys.executable, "-m", *words] if words[0] == "pip" else words
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "package.json").write_text('{"name": "here", "version": "0.0.1"}')
        done = subprocess.run(program, cwd=folder, check=False, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr[-600:])


def namespace() -> Mapping[str, Any]:
    return {"run": run}


def _version() -> str:
    npm = subprocess.run(["npm", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], check=True, capture_output=True, text=True
    ).stdout
    return f"pip {pip.split()[1]}, npm {npm}"


NPM = "npm install --no-audit --no-fund --no-update-notifier --ignore-scripts"
SUITE = Suite(
    name="packages",
    client="pip and npm",
    version=_version,
    hosts=("pypi.org", "files.pythonhosted.org", "registry.npmjs.org"),
    namespace=namespace,
    reply=reply,
    cases=(
        case('run("pip download --no-cache-dir --disable-pip-version-check --no-deps demo")', "pypi_list_files",
             {"project": "demo"}, Expected("pypi_download", {})),
        case(f'run("{NPM} demo")', "npm_get_package", {"package": "demo"},
             Expected("npm_download", {"package": "demo"})),
        case(f'run("{NPM} @acme/demo")', "npm_get_package", {"package": "@acme/demo"},
             Expected("npm_download_scoped", {"scope": "@acme", "package": "demo"})),
    ),
)  # fmt: skip
