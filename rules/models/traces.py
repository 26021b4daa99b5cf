"""`traces:` in wharfinger.yaml: where spans of requests are sent."""

from __future__ import annotations

from pydantic import Field
from wharfinger.rules.models.base import Text, Written
from wharfinger.rules.models.channels import Url


class Traces(Written):
    """A collector that takes OTLP over HTTP."""

    to: Url = Field(description="The collector's whole URL, such as https://otel.example.com/v1/traces.")
    token: Text | None = Field(
        default=None, min_length=1, description="A file with what stands after `Bearer`."
    )
    ca: Text | None = Field(default=None, min_length=1, description="A PEM file of the roots to trust.")
