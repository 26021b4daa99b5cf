"""`call`: make a tool's call as an agent, through the same gate as everything else."""

from __future__ import annotations

import base64
import json
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import httpx2
from wharfinger.cli.common import REFUSED, WRONG, as_option, config_option, fail, json_option, print_json
from wharfinger.cli.control import Here, here
from wharfinger.cli.issuing import Run, issued
from wharfinger.rules import sigv4
from wharfinger.rules.documents.problems import did_you_mean
from wharfinger.rules.protocols.speech import Protocol
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.tools.tool import CONTENT_TYPES, FORM_TYPE, FilledRequest, Tool
from wharfinger.rules.types import Place
from wharfinger.running.desk import DataFolder

_ANSWER_SECONDS = 600.0  # models take minutes over an answer
"""How long to wait for an answer where the tool does not say, beside the time that approvals are held."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    decision: str
    content: bytes
    message: str | None
    """The proxy's own words, where it refused."""


@click.command("call")
@click.option("--agent", required=True, metavar="NAME")
@click.option("--tool", "tool_name", required=True, metavar="TOOL")
@click.option("--input", "inputs", default="{}", metavar="JSON", help="The inputs; @FILE reads them.")
@click.option("--reason", metavar="R", help="Why the call is made.")
@as_option
@config_option
@json_option
def call_command(
    config: Path | None,
    agent: str,
    tool_name: str,
    inputs: str,
    reason: str | None,
    person: str | None,
    *,
    as_json: bool,
) -> None:
    """Fill in TOOL's template and send it as the agent NAME. Exit code 1 if it was refused, or failed.

    The answer's body goes to standard output, all else to standard error.
    """
    place = here(config)
    _known_agent(place, agent)
    tool = _tool(place, tool_name)
    filled = _filled(tool, _read(inputs))
    with issued(place, agent, reason, person) as run:
        answer = _send(place, run, tool, filled, reason)
    if as_json:
        print_json(_as_json(answer))
    else:
        _show(answer)
    sys.exit(0 if 200 <= answer.status < 300 else REFUSED)


def _known_agent(place: Here, agent: str) -> None:
    if agent not in place.configuration.agents:
        known = ", ".join(sorted(place.configuration.agents)) or "none is declared"
        fail(f'there is no agent "{agent}"', f"declared in agents.yaml: {known}", WRONG)


def _tool(place: Here, name: str) -> Tool:
    tools = place.configuration.tools
    tool = tools.get(name)
    if tool is None:
        hint = did_you_mean(name, tools.tools) or "see: wharfinger tools list"
        fail(f'there is no tool "{name}"', hint, WRONG)
    if tool.protocol is Protocol.WEBSOCKET:
        hint = "connect through the proxy with a WebSocket client: see wharfinger env"
        fail(f'"{name}" is about a WebSocket, which `call` does not speak', hint, WRONG)
    return tool


def _read(inputs: str) -> Mapping[str, Any]:
    try:
        text = Path(inputs[1:]).read_text("utf-8") if inputs.startswith("@") else inputs
        values = json.loads(text)
    except OSError as error:
        fail(
            f'"{inputs[1:]}" cannot be read: {(error.strerror or "unknown error").lower()}',
            "name a JSON file",
            WRONG,
        )
    except ValueError as error:
        fail(f"--input is not JSON: {error}", """write it like '{"payment_id": "pi_1"}'""", WRONG)
    if not isinstance(values, dict):
        fail("--input is not a JSON object", """write it like '{"payment_id": "pi_1"}'""", WRONG)
    return values


def _filled(tool: Tool, values: Mapping[str, Any]) -> FilledRequest:
    try:
        return tool.fill(values)
    except Refused as refused:
        fail(refused.refusal.reason, refused.refusal.help, WRONG)


def with_placeholders(tool: Tool, filled: FilledRequest, held: Mapping[str, str]) -> FilledRequest:
    """The request with the placeholders that the agent holds in the places of their credentials."""
    fields, url, body = list(filled.headers), filled.url, filled.body
    cookies: list[str] = []
    for placed in tool.placements:
        placeholder = held.get(placed.credential)
        if placeholder is None:
            continue
        text = placed.format.replace("${secret}", placeholder)
        if placed.place is Place.QUERY:
            url += f"{'&' if '?' in url else '?'}{quote(placed.name, safe='')}={quote(text, safe='')}"
        elif placed.place is Place.BASIC:
            fields.append((placed.name, f"Basic {base64.b64encode(text.encode()).decode()}"))
        elif placed.place is Place.PATH:
            url = url.replace(quote(placed.unfilled), quote(placeholder, safe=""), 1)
        elif placed.place is Place.TLS:
            continue
        elif placed.place is Place.SIGV4:
            fields.append(("Authorization", sigv4.written(placeholder, filled.host)))
        elif placed.place is Place.COOKIE:
            cookies.append(f"{placed.name}={text}")
        elif placed.place is Place.BODY:
            body, filled = _with_field(body, placed.name, text, filled)
        else:
            fields.append((placed.name, text))
    if cookies:
        fields.append(("Cookie", "; ".join(cookies)))
    return replace(filled, headers=tuple(fields), url=url, body=body)


def _with_field(body: bytes, name: str, text: str, filled: FilledRequest) -> tuple[bytes, FilledRequest]:
    """The body with one more field, and the request with a body's type."""
    if filled.content_type == FORM_TYPE:
        return body + f"{'&' if body else ''}{name}={quote(text, safe='')}".encode(), filled
    held = json.loads(body) if body else {}
    written = json.dumps({**held, name: text}, ensure_ascii=False, separators=(",", ":")).encode()
    return written, replace(filled, content_type=filled.content_type or CONTENT_TYPES["json"])


def _send(place: Here, run: Run, tool: Tool, filled: FilledRequest, reason: str | None) -> Answer:
    sent = with_placeholders(tool, filled, run.environment)
    fields = [(name.encode(), value.encode()) for name, value in sent.headers]
    if sent.content_type:
        fields.append((b"Content-Type", sent.content_type.encode()))
    if reason:
        fields.append((b"Wharfinger-Reason", reason.encode()))
    wait = _ANSWER_SECONDS + place.configuration.settings.approvals.hold.total_seconds()
    trusted = ssl.create_default_context(cafile=str(DataFolder(place.data).client / "bundle.pem"))
    try:
        with httpx2.Client(proxy=run.door.url, verify=trusted, trust_env=False, timeout=wait) as client:
            response = client.request(sent.method, sent.url, headers=fields, content=sent.body)
    except httpx2.HTTPError as error:
        fail(
            f"no answer came back: {str(error) or type(error).__name__}",
            "see what became of it with: wharfinger audit tail",
        )
    decision = response.headers.get("wharfinger-decision", "")
    return Answer(response.status_code, decision, response.content, _message(response))


def _message(response: httpx2.Response) -> str | None:
    """What the proxy says, if it is the proxy that answers; an API's answer has no words of ours."""
    if response.is_success or not response.headers.get("wharfinger-decision"):
        return None
    try:
        body = response.json()
        error = body["error"]
        return str(error["message"]) if error["type"] == "wharfinger" else None
    except (ValueError, TypeError, KeyError):
        text = response.text.strip()
        return text if text.startswith("wharfinger: ") else None


def _show(answer: Answer) -> None:
    click.echo(f"{answer.status}  {answer.decision}", err=True)
    if answer.message is not None:
        click.echo(f"refused: {answer.message}", err=True)
        return
    sys.stdout.buffer.write(answer.content)
    if answer.content and not answer.content.endswith(b"\n") and sys.stdout.isatty():
        click.echo()


def _as_json(answer: Answer) -> dict[str, Any]:
    try:
        body: Any = json.loads(answer.content)
    except ValueError:
        body = answer.content.decode("utf-8", "replace")
    return {
        "status": answer.status,
        "decision": answer.decision,
        "refused": answer.message,
        "body": body,
    }
