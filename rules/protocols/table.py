"""The table of protocols, and what a definition is as HTTP requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from wharfinger.rules.protocols import batch, git, graphql, grpc, jsonrpc, websocket
from wharfinger.rules.protocols.speech import Form, Protocol, Speech

if TYPE_CHECKING:
    from wharfinger.rules.models.runs import Run

SPEECHES: Final[Mapping[Protocol, Speech]] = {
    Protocol.GRAPHQL: graphql.SPEECH,
    Protocol.BATCH: batch.SPEECH,
    Protocol.GIT: git.SPEECH,
    Protocol.GRPC: grpc.SPEECH,
    Protocol.JSONRPC: jsonrpc.SPEECH,
    Protocol.WEBSOCKET: websocket.SPEECH,
}


def form_of(run: Run) -> Form:
    """A definition as the HTTP requests it is made of."""
    if run.type == "http":
        return Form(
            Protocol.HTTP,
            run.method,
            run.url,
            run.query,
            run.headers,
            run.body,
            run.has_body,
            encoding=run.encoding,
            stream=run.stream,
        )
    return SPEECHES[Protocol(run.type)].lower(run)
