"""The most specific template wins, in whatever order they were written; the cost is that of the path."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.recognition.index import Index
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.requests import spelling

ORDER = [
    'c1: {method: GET, url: "https://a.b.example/x/y"}',
    'c2: {method: GET, url: "https://a.b.example/x/y", query: {k: v, l: w}}',
    'm1: {method: GET, url: "https://a.b.example/x/yy${p}"}',
    'm2: {method: GET, url: "https://a.b.example/x/y${p}"}',
    'v1: {method: GET, url: "https://a.b.example/x/${p}"}',
    'e1: {method: GET, url: "https://a.b.example/x/${p:encoded}"}',
    'r1: {method: GET, url: "https://a.b.example/x/${p...}"}',
    'v2: {method: GET, url: "https://a.b.example/${q}/y"}',
    'r2: {method: GET, url: "https://a.b.example/${p...}"}',
    'h1: {method: GET, url: "https://${h}-a.b.example/x/y"}',
    'h2: {method: GET, url: "https://${h}.b.example/x/y"}',
    'h3: {method: GET, url: "https://a.${h}.example/x/y"}',
]


def build(compile_tools: Any, runs: tuple[str, ...]) -> Toolset:
    entries = (run.partition(": ") for run in runs)
    text = "api: x\ntools:\n" + "".join(f"  - {{tool: {name}, run: {run}}}\n" for name, _, run in entries)
    toolset, problems = compile_tools(text)
    assert not problems.errors
    return toolset


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("https://a.b.example/x/y", ["c1", "v1", "e1", "r1", "v2", "r2", "h2", "h3"]),
        ("https://a.b.example/x/y?k=v&l=w", ["c2", "c1", "v1", "e1", "r1", "v2", "r2", "h2", "h3"]),
        ("https://a.b.example/x/yyz", ["m1", "m2", "v1", "e1", "r1", "r2"]),
        ("https://a.b.example/x/p%2Fq", ["e1"]),
        ("https://z-a.b.example/x/y", ["h1", "h2"]),
    ],
)
def test_total_order(compile_tools: Any, make_request: Any, url: str, names: list[str]) -> None:
    request = make_request(f"GET {url}")
    for order in (ORDER, ORDER[::-1], ORDER[5:] + ORDER[:5]):
        read = build(compile_tools, tuple(order)).recognise(request)
        assert [fit.tool.name for fit in read.fitting] == names


SEGMENTS = ["a", "b", "a${x}", "${x}", "${x:encoded}", ""]
PATHS = ["/" + "/".join(parts) for n in (1, 2, 3) for parts in itertools.product(SEGMENTS[:5], repeat=n)]


@pytest.fixture(scope="module")
def many(compile_tools: Any) -> tuple[Toolset, Index]:
    """Every path of up to three segments, each of each kind."""
    runs = []
    for i, path in enumerate(PATHS):
        numbered = ""
        for j, part in enumerate(path.split("${x")):
            numbered += part if not j else f"${{x{j}{part}"
        runs.append(f't{i}: {{method: GET, url: "https://a.example{numbered}"}}')
        runs.append(f't{i}r: {{method: GET, url: "https://a.example{numbered}/${{rest...}}"}}')
    toolset = build(compile_tools, tuple(runs))
    index = Index()
    for tool in toolset:
        index.add(tool)
    return toolset, index


@given(st.lists(st.sampled_from(["a", "b", "ab", "c", "a%2Fb", "aa"]), min_size=1, max_size=5))
def test_the_index_finds_what_trying_every_template_finds(
    many: tuple[Toolset, Index], parts: list[str]
) -> None:
    toolset, index = many
    path = spelling.path("/" + "/".join(parts))
    found, _ = index.find("https", "a.example", 443, "GET", path)
    assert {entry.tool.name for entry in found} == {t.name for t in toolset if t.path.read(path) is not None}
    assert [entry.rank for entry in found] == sorted(entry.rank for entry in found)


def test_cost_grows_with_the_path_and_not_with_the_number_of_tools(
    compile_tools: Any, make_request: Any
) -> None:
    request = make_request("GET https://a.example/v1/r7/1/s")

    def cost(number: int) -> float:
        runs = (f't{i}: {{method: GET, url: "https://a.example/v1/r{i}/${{id}}/s"}}' for i in range(number))
        toolset = build(compile_tools, tuple(runs))
        assert toolset.recognise(request).winner is toolset["t7"]
        best = 1.0
        for _ in range(300):
            start = time.perf_counter()
            toolset.recognise(request)
            best = min(best, time.perf_counter() - start)
        return best

    assert cost(1000) < 3 * cost(10)
