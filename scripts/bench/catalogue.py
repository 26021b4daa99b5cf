#!/usr/bin/env python3
"""How long it takes to load the whole catalogue, as one configuration, and where that time goes.

Loaded is what `wharfinger check` would: all built-in tool files but those of agents that sign in by
themselves, each with its parameters, one agent and one policy about all tools. Time of the processor is
measured, the best of three, for others work on the same machine. Exits 1 if it is above 3 s.
"""

from __future__ import annotations

import importlib.resources
import sys
import time

import yaml
from wharfinger.rules import configuration
from wharfinger.rules.configuration import Sources
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.recognition.recognise import Toolset

SECONDS = 3.0
ROUNDS = 3
LOGINS = {"claude_code", "codex"}


def built_in() -> dict[str, bytes]:
    """The files of the catalogue, by name."""
    folder = importlib.resources.files("wharfinger.tools")
    return {
        entry.name.removesuffix(".yaml"): entry.read_bytes()
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml") and entry.name.removesuffix(".yaml") not in LOGINS
    }


def sources(files: dict[str, bytes]) -> Sources:
    """A configuration that names all of them, with `acme` for every parameter."""
    catalogue: list[object] = []
    for name, text in files.items():
        head = yaml.safe_load(text.partition(b"\ntools:")[0]) or {}
        parameters = head.get("parameters")
        catalogue.append({name: dict.fromkeys(parameters, "acme")} if parameters else name)
    written = {
        "wharfinger.yaml": {"version": 1, "catalogue": catalogue},
        "agents.yaml": {"agents": {"agent": {"owner": "alice", "policies": ["all"]}}},
        "people.yaml": {"people": {"alice": {"role": "admin"}}},
        "policies/all.yaml": {"policy": "all", "allow": [{"tool": "*"}]},
    }
    return Sources({name: yaml.safe_dump(held).encode() for name, held in written.items()}, files)


def parts(files: dict[str, bytes]) -> tuple[float, float]:
    """Seconds for reading the files into models, and for compiling these into tools."""
    problems = Problems()
    start = time.process_time()
    models = [
        model
        for name, text in files.items()
        if (model := read_model(ToolFile, Source(f"{name}.yaml", text, builtin=True), problems)) is not None
        and not model.parameters
    ]
    read = time.process_time()
    Toolset.compile(models, problems)
    return read - start, time.process_time() - read


def main() -> int:
    """Measure, print, and say whether the limit holds."""
    files = built_in()
    given = sources(files)
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        loaded = configuration.load(given)
        times.append(time.process_time() - start)
    size = sum(map(len, files.values()))
    print(f"{len(files)} files, {len(loaded.tools)} tools, {size / 1e6:.2f} MB of YAML")
    print(f"loading all of it: {min(times):.2f} s (limit {SECONDS} s); all rounds: {_listed(times)}")
    read, compiled = parts(files)
    print(f"of which reading is about {read:.2f} s, and compiling {compiled:.2f} s")
    return 0 if min(times) <= SECONDS else 1


def _listed(times: list[float]) -> str:
    return ", ".join(f"{seconds:.2f}" for seconds in times)


if __name__ == "__main__":
    sys.exit(main())
