"""The built-in tools, compiled, and the recorded corpus of what clients really send."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from wharfinger.rules.documents import Source
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.problems import Problems
from wharfinger.rules.recognise import Toolset
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
    return Line(where, record["call"], record["expect_tool"], record["expect_inputs"], request)


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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each line of the corpus, and for each built-in tool."""
    if "line" in metafunc.fixturenames:
        metafunc.parametrize("line", read_corpus(), ids=str)
    if "tool_name" in metafunc.fixturenames:
        names = [tool.tool for file in read_files(Problems()) for tool in file.tools]
        metafunc.parametrize("tool_name", names)


@pytest.fixture(scope="session")
def corpus() -> list[Line]:
    return read_corpus()


@pytest.fixture(scope="session")
def files() -> list[ToolFile]:
    problems = Problems()
    read = read_files(problems)
    assert not problems.errors, "\n".join(map(str, problems.errors))
    return read


def compiled(files: list[ToolFile]) -> Toolset:
    problems = Problems()
    toolset = Toolset.compile(files, problems)
    assert not problems.errors, "\n".join(map(str, problems.errors))
    return toolset


@pytest.fixture(scope="session")
def catalogue(files: list[ToolFile]) -> Toolset:
    """All tools that hold a credential in the agent's stead, or need none."""
    return compiled([file for file in files if file.name not in LOGINS])


@pytest.fixture(scope="session")
def logins(files: list[ToolFile]) -> Toolset:
    """The tools of agents that sign in by themselves."""
    return compiled([file for file in files if file.name in LOGINS])
