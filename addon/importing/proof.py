"""For every tool: fill, then recognise, is the identity.

Made for importers and for the tests of the catalogue: `fault` fills a tool in with samples, once with what
it needs and once with all its inputs, and says what is wrong if another tool wins or other inputs come back.
"""

from __future__ import annotations

from collections.abc import Mapping

from wharfinger.importing import samples
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.types import JSON


def fault(toolset: Toolset, name: str) -> str:
    """Why the tool is not recognised by what it writes; empty if it is."""
    tool = toolset[name]
    for optional in (False, True):
        try:
            given = sample(tool, optional=optional)
        except ValueError as error:
            return str(error)
        if wrong := mistaken(toolset, tool, given):
            return wrong
    return ""


def sample(tool: Tool, *, optional: bool) -> dict[str, JSON]:
    """Inputs that the tool takes: those that it needs, or all. Raises `ValueError` if one has no sample."""
    return {name: samples.of(spec) for name, spec in tool.inputs.items() if optional or spec.required}


def mistaken(toolset: Toolset, tool: Tool, given: Mapping[str, JSON]) -> str:
    """Why the request of a call with these inputs is taken for something else; empty if it is not."""
    try:
        request = tool.fill(given).request("agent")
    except Refused as refused:
        return f"it cannot be filled in: {refused.refusal.reason}"
    read = toolset.recognise(request)
    if read.winner is not tool:
        other = read.winner.name if read.winner is not None else "no tool"
        return f"what it writes is recognised as {other}"
    if read.refusal is not None:
        return f"what it writes is refused: {read.refusal.reason}"
    return "" if dict(read.calls[0].inputs) == dict(given) else "its inputs are read back otherwise"
