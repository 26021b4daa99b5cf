"""The built-in tools, compiled, and the recorded corpus of what clients really send."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from wharfinger.rules import configuration
from wharfinger.rules.configuration import Configuration, Sources
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.types import Request

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "corpus"
TOOLS = ROOT / "tools"
LOGINS = ("claude_code.yaml", "codex.yaml")
"""Files for agents that sign in by themselves: in place of others, and not recorded, for want of a login."""


@dataclass(frozen=True, slots=True)
class Line:
    """One recorded request, and what it should be recognised as."""

    where: str
    client: str
    call: str
    tool: str
    inputs: dict[str, Any]
    request: Request

    def __str__(self) -> str:
        return f"{self.where} {self.tool}"


def read_line(file: Path, number: int, text: str) -> Line:
    record = json.loads(text)
    body = record["body"].encode() if "body" in record else base64.b64decode(record["body_base64"])
    headers = tuple((name, value.encode().decode("latin-1")) for name, value in record["headers"])
    request = Request(
        "agent", record["method"], "https", record["host"], 443, record["target"], headers, body
    )
    where = f"{file.name}:{number}"
    return Line(where, record["sdk"], record["call"], record["expect_tool"], record["expect_inputs"], request)


def read_corpus() -> list[Line]:
    return [
        read_line(file, number, text)
        for file in sorted(CORPUS.glob("*.jsonl"))
        for number, text in enumerate(file.read_text().splitlines(), 1)
    ]


def read_files(problems: Problems) -> list[ToolFile]:
    files = []
    for path in sorted(TOOLS.glob("*.yaml")):
        file = read_model(ToolFile, Source(path.name, path.read_bytes(), builtin=True), problems)
        if file is not None:
            file._builtin = True
            files.append(file)
    return files


MARK = "\n  # Imported; made by scripts/catalogue"
"""Stands between the tools of a file that people wrote and those that were imported."""
SAMPLE = "acme"
SAMPLES = {"region": "eu-central-1"}
"""What the parameters of tool files are filled with, for everyone's hosts."""


def imported_tools() -> frozenset[str]:
    """The names of tools that scripts/catalogue made; all others are written by hand."""
    found: set[str] = set()
    for path in TOOLS.glob("*.yaml"):
        text = path.read_text()
        made = text if text.startswith(MARK.strip()) else text.partition(MARK)[2]
        found |= {line.split()[2] for line in made.splitlines() if line.startswith("  - tool: ")}
    return frozenset(found)


def entries(names: list[str]) -> list[Any]:
    """What `catalogue:` says to have these files, each with its parameters."""
    listed: list[Any] = []
    for name in names:
        head = (TOOLS / f"{name}.yaml").read_text().partition("\ntools:")[0]
        parameters = (yaml.safe_load(head) or {}).get("parameters")
        listed.append(
            {name: {parameter: SAMPLES.get(parameter, SAMPLE) for parameter in parameters}}
            if parameters
            else name
        )
    return listed


def load(names: list[str], written: dict[str, Any]) -> Configuration:
    """A configuration with these files of the catalogue, and what else is written."""
    settings = {"wharfinger.yaml": {"version": 1, "catalogue": entries(names)}}
    files = {name: yaml.safe_dump(content).encode() for name, content in (settings | written).items()}
    built_in = {name: (TOOLS / f"{name}.yaml").read_bytes() for name in names}
    return configuration.load(Sources(files, built_in))


def names_of_files() -> list[str]:
    return sorted(path.stem for path in TOOLS.glob("*.yaml"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each line of the corpus, and for each file of tools."""
    if "line" in metafunc.fixturenames:
        metafunc.parametrize("line", read_corpus(), ids=str)
    if "file_name" in metafunc.fixturenames:
        metafunc.parametrize("file_name", names_of_files())


@pytest.fixture(scope="session")
def corpus() -> list[Line]:
    return read_corpus()


@pytest.fixture(scope="session")
def files() -> list[ToolFile]:
    problems = Problems()
    read = read_files(problems)
    assert not problems.errors, "\n".join(map(str, problems.errors))
    return read


@pytest.fixture(scope="session")
def loaded() -> Callable[[list[str], dict[str, Any]], Configuration]:
    """Makes a configuration with some files of the catalogue."""
    return load


@pytest.fixture(scope="session")
def imported() -> frozenset[str]:
    return imported_tools()


@pytest.fixture(scope="session")
def catalogue() -> Toolset:
    """All tools that hold a credential in the agent's stead, or need none."""
    return load([name for name in names_of_files() if f"{name}.yaml" not in LOGINS], {}).tools


@pytest.fixture(scope="session")
def logins() -> Toolset:
    """The tools of agents that sign in by themselves."""
    return load([name.removesuffix(".yaml") for name in LOGINS], {}).tools
