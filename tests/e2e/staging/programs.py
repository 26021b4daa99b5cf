"""Programs that people give agents, and agents themselves, as they are installed; what each is asked to do.

What each is run with is what its vendor documents for a machine without a person before it. The APIs are
stand-ins that know the real key only; the program has a placeholder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from . import vendors

SHARE: Final = Path(__file__).parents[3] / ".venv" / "share"
PLACES: Final = (
    SHARE / "node" / "node_modules" / ".bin",
    SHARE / "clients" / "node_modules" / ".bin",
    SHARE / "aws" / "bin",
)
"""Where programs are looked for before PATH: `npm install --prefix .venv/share/clients`, a venv for aws."""
RUSTUP: Final = os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup"))
"""Where a cargo that is rustup's finds the real one, whatever HOME is."""
_VERSION: Final = re.compile(r"\d+\.\d+[\w.+-]{0,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Program:
    """One program, what it is asked to do, and what then must have been seen."""

    name: str
    command: tuple[str, ...]
    """`{folder}` stands for a folder of its own, with its `files`."""
    host: str
    sent: tuple[str, ...]
    """Method and path of requests that the API must have received, in their order."""
    says: str
    """What it prints of the API's answer."""
    key: str = ""
    """The credential whose real value must have arrived."""
    refused: tuple[str, ...] = ()
    """A command that policy denies."""
    reason: str = ""
    """What it prints then: our reason."""
    needs: tuple[str, ...] = ()
    """A command that ends well only where what it needs is installed."""
    version: tuple[str, ...] = ("--version",)
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    agent: bool = False
    """Whether it is an agent itself, which takes its time."""
    how: str = ""
    """How it is installed, where no package of the system has it."""
    remark: str = ""
    """What is worth knowing of it."""


def path_of(existing: str) -> str:
    """PATH with the places before it."""
    return ":".join([*(str(place) for place in PLACES if place.is_dir()), existing])


def installed(program: Program, path: str) -> str | None:
    """Its version; None where it cannot be run here."""
    found = shutil.which(program.command[0], path=path)
    if found is None:
        return None
    environment = {"PATH": path, "HOME": "/nonexistent", "RUSTUP_HOME": RUSTUP}
    for command in ((found, *program.version), program.needs):
        if not command:
            continue
        try:
            ran = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if ran.returncode:
            return None
        if command is not program.needs:
            told = _VERSION.search(ran.stdout + ran.stderr)
            version = told[0] if told else "?"
    return version


_RUBY = """\
require "net/http"
asked = (ARGV[0] == "delete" ? Net::HTTP::Delete.new("/repos/acme/shop") : Net::HTTP::Get.new("/user"))
asked["Authorization"] = "Bearer #{ENV["GITHUB_TOKEN"]}"
Net::HTTP.start("api.github.com", 443, use_ssl: true) { |http| puts http.request(asked).body }
"""
_FARADAY = """\
require "faraday"
api = Faraday.new("https://api.github.com", headers: {"Authorization" => "Bearer #{ENV["GITHUB_TOKEN"]}"})
puts((ARGV[0] == "delete" ? api.delete("/repos/acme/shop") : api.get("/user")).body)
"""
_FETCH = """\
const method = process.argv.at(-1) === "delete" ? "DELETE" : "GET"
const path = method === "DELETE" ? "/repos/acme/shop" : "/user"
const headers = {Authorization: `Bearer ${process.env.GITHUB_TOKEN}`}
console.log(await (await fetch(`https://api.github.com${path}`, {method, headers})).text())
"""
_HTTPS = """\
import https from "node:https"
const method = process.argv.at(-1) === "delete" ? "DELETE" : "GET"
const path = method === "DELETE" ? "/repos/acme/shop" : "/user"
const headers = {Authorization: `Bearer ${process.env.GITHUB_TOKEN}`, "User-Agent": "trial"}
const url = `https://api.github.com${path}`
https.request(url, {method, headers}, (answer) => answer.pipe(process.stdout)).end()
"""
_CRATE = (
    '[package]\nname = "trial"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\nwharf-trial = "=1.0.0"\n'
)
_DELETED = "Agents delete nothing at GitHub"
_GITHUB = {
    "host": vendors.GITHUB,
    "key": "GITHUB_TOKEN",
    "sent": ("GET /user",),
    "says": "acme-bot",
    "reason": _DELETED,
}
_NPM = "npm install --prefix .venv/share/clients"

_ASKED = "How long does a refund take?"
_SAID = "Refunds take ten days."

PROGRAMS: Final = (
    Program("Ruby net/http", ("ruby", "{folder}/ask.rb"), refused=("ruby", "{folder}/ask.rb", "delete"),
            files={"ask.rb": _RUBY}, **_GITHUB),
    Program("Ruby Faraday", ("ruby", "{folder}/ask.rb"), refused=("ruby", "{folder}/ask.rb", "delete"),
            files={"ask.rb": _FARADAY}, needs=("ruby", "-rfaraday", "-e", ""), **_GITHUB),
    Program("cargo", ("cargo", "fetch", "--manifest-path={folder}/Cargo.toml"), vendors.CRATES_INDEX,
            ("GET /config.json", "GET /wh/ar/wharf-trial"), "Downloaded wharf-trial v1.0.0",
            refused=("cargo", "search", "wharfinger"), reason="No rule allows this",
            files={"Cargo.toml": _CRATE, "src/lib.rs": ""},
            variables={"CARGO_HOME": "{folder}/home", "CARGO_NET_RETRY": "0", "RUSTUP_HOME": RUSTUP},
            remark="the index and the crate, from index.crates.io and static.crates.io"),
    Program("gh", ("gh", "api", "user"), refused=("gh", "api", "-X", "DELETE", "repos/acme/shop"), **_GITHUB),
    Program("aws", ("aws", "sts", "get-caller-identity", "--region=us-east-1"), vendors.STS, ("POST /",),
            "123456789012", "AWS_CREDENTIALS",
            refused=("aws", "sts", "get-session-token", "--region=us-east-1"), reason="No rule allows this",
            variables={"AWS_MAX_ATTEMPTS": "1"},
            how="python3 -m venv .venv/share/aws; .venv/share/aws/bin/pip install awscli",
            remark="signed with the placeholder, and anew by the proxy; it expects refusals in XML"),
    Program("Deno fetch", ("deno", "run", "--allow-all", "--quiet", "{folder}/ask.ts"),
            refused=("deno", "run", "--allow-all", "--quiet", "{folder}/ask.ts", "delete"),
            files={"ask.ts": 'import process from "node:process"\n' + _FETCH}, how=f"{_NPM} deno", **_GITHUB),
    Program("Bun fetch", ("bun", "{folder}/ask.mjs"), refused=("bun", "{folder}/ask.mjs", "delete"),
            files={"ask.mjs": _FETCH}, how=f"{_NPM} bun", **_GITHUB),
    Program("Bun node:https", ("bun", "{folder}/ask.mjs"), refused=("bun", "{folder}/ask.mjs", "delete"),
            files={"ask.mjs": _HTTPS}, how=f"{_NPM} bun", **_GITHUB),
    Program("Claude Code", ("claude", "-p", _ASKED), vendors.ANTHROPIC, ("POST /v1/messages",), _SAID,
            "ANTHROPIC_API_KEY", agent=True, how=f"{_NPM} @anthropic-ai/claude-code"),
    Program("Codex", ("codex", "exec", "--skip-git-repo-check", _ASKED), vendors.OPENAI,
            ("POST /v1/responses",), _SAID, "OPENAI_API_KEY", agent=True, how=f"{_NPM} @openai/codex",
            remark="it reads CODEX_API_KEY (`env: [OPENAI_API_KEY, CODEX_API_KEY]`); it tries a WebSocket "
            "first, several times, and shows its key to chatgpt.com as well, which is refused as misuse"),
    Program("Gemini CLI", ("gemini", "--skip-trust", "-m", "gemini-2.5-flash", "-p", _ASKED), vendors.GEMINI,
            ("POST /v1beta/models/",), _SAID, "GEMINI_API_KEY", agent=True, how=f"{_NPM} @google/gemini-cli",
            remark="the catalogue has no file for its API: three lines of your own"),
)  # fmt: skip
