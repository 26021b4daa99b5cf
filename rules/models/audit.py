"""`audit:` in wharfinger.yaml: how the book is written, how long it is kept, and where it is copied to."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema
from wharfinger.rules.models.base import Flag, Text, Written, listed, wrong
from wharfinger.rules.models.channels import web_url
from wharfinger.rules.models.values import Duration


def _checkpoint_place(value: Any) -> str:
    if value == "stdout":
        return "stdout"
    if isinstance(value, str) and value.startswith("file:"):
        if not value.startswith("file:/") or value.endswith("/"):
            raise wrong("expected the whole path of a file", "write it like file:/mnt/elsewhere/checkpoints")
        return value
    if isinstance(value, str) and value.startswith(("http:", "https:")):
        return web_url(value)
    raise wrong("expected a place for checkpoints", "write file:/path, https://… or stdout")


def _sink_place(value: Any) -> str:
    if isinstance(value, str) and value.startswith(("http:", "https:")):
        return web_url(value)
    if isinstance(value, str) and value.startswith("unix:/"):
        return value
    if isinstance(value, str) and value.startswith(("syslog+tls://", "syslog+udp://")):
        try:
            parts = urlsplit(value)
            good = bool(parts.hostname) and parts.port is not None and not parts.path and not parts.query
        except ValueError:
            good = False
        if good and parts.username is None:
            return value
        raise wrong("expected a host and a port", "write it like syslog+tls://logs.example.com:6514")
    raise wrong(
        "expected a place for events",
        "write https://…, syslog+tls://host:port, syslog+udp://host:port or unix:/dev/log",
    )


_TEXTS: Final = {"type": ["string", "array"], "items": {"type": "string"}}
CheckpointPlaces = Annotated[
    tuple[Annotated[str, BeforeValidator(_checkpoint_place)], ...],
    BeforeValidator(listed),
    WithJsonSchema(_TEXTS),
]
SinkPlace = Annotated[str, BeforeValidator(_sink_place), WithJsonSchema({"type": "string"})]


class Sink(Written):
    """A place that every event is sent to, at least once."""

    to: SinkPlace = Field(
        description="https://…, syslog+tls://host:port, syslog+udp://host:port or unix:/dev/log."
    )
    format: Literal["jsonl", "ocsf", "ecs", "cef", "cloudevents"] = Field(
        default="jsonl", description="What events are written as."
    )
    token: Text | None = Field(
        default=None, min_length=1, description="A file with what stands after `Bearer`, for https."
    )
    ca: Text | None = Field(default=None, min_length=1, description="A PEM file of extra trust.")


class Audit(Written):
    """How the book is written."""

    durable: Flag = Field(default=True, description="Whether an event is on disk before a request is sent.")
    keep: Duration | None = Field(
        default=None, description="How long events are kept; default: for ever. Proofs outlive them."
    )
    checkpoints: CheckpointPlaces = Field(
        default=(), description="Where checkpoints are copied to: file:/path, https://… or stdout."
    )
    sinks: tuple[Sink, ...] = Field(default=(), description="Where events are sent to.")
