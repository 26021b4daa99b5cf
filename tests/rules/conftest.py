"""What tests of the rules share: toolsets made of YAML, and requests."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping

import pytest
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.types import Request

type MakeTools = Callable[..., tuple[Toolset, Problems]]
type MakeRequest = Callable[..., Request]


def read_tools(name: str, text: str, problems: Problems, *, builtin: bool = False) -> ToolFile:
    file = read_model(ToolFile, Source(name, textwrap.dedent(text).encode(), builtin), problems)
    assert file is not None, "\n".join(map(str, problems))
    file._builtin = builtin
    return file


@pytest.fixture(scope="session")
def compile_tools() -> MakeTools:
    """`compile_tools(text, …, builtin=[text, …])`: the toolset of these files, and what was wrong."""

    def make(*texts: str, builtin: tuple[str, ...] = ()) -> tuple[Toolset, Problems]:
        problems = Problems()
        files = [read_tools(f"tools/{i}.yaml", text, problems) for i, text in enumerate(texts)]
        files += [read_tools(f"builtin:{i}.yaml", t, problems, builtin=True) for i, t in enumerate(builtin)]
        return Toolset.compile(files, problems), problems

    return make


@pytest.fixture(scope="session")
def make_request() -> MakeRequest:
    """`make_request("POST https://host/path", {"Name": "value"}, b"body")`, with a Host field."""

    def make(
        line: str, fields: Mapping[str, str] | tuple[tuple[str, str], ...] = (), body: bytes | None = b""
    ) -> Request:
        method, _, url = line.partition(" ")
        scheme, _, rest = url.partition("://")
        authority, slash, target = rest.partition("/")
        host, _, port = authority.partition(":")
        pairs = tuple(fields.items()) if isinstance(fields, Mapping) else fields
        return Request(
            agent="a",
            method=method,
            scheme=scheme,
            host=host,
            port=int(port) if port else {"http": 80, "https": 443}[scheme],
            target=(slash or "/") + target,
            headers=(("Host", authority), *pairs),
            body=body,
        )

    return make
