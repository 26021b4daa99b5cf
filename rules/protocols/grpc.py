"""gRPC (https://grpc.github.io/grpc/core/md_doc__p_r_o_t_o_c_o_l-_h_t_t_p2.html): by service and method.

The path says which; messages are frames of a schema that is not known here, and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from wharfinger.rules.protocols.speech import Asked, Form, Operation, Protocol, Speech
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import JSON, Code

if TYPE_CHECKING:
    from wharfinger.rules.models.runs import Run
    from wharfinger.rules.tools.tool import Tool

_TYPE: Final = re.compile(r"application/grpc(?:\+[a-z0-9.-]{1,32})?")
PASSED: Final = frozenset({"grpc-encoding", "grpc-timeout"})
"""Fields of the protocol itself; metadata of the API's own has to be declared like any header.

Not `grpc-accept-encoding`: what a server compresses could not be looked through for secrets.
"""


def lower(run: Run) -> Form:
    """The form of a tool that is a method of a service."""
    url = f"{run.url.removesuffix('/')}/{run.service}/{run.rpc}"
    return Form(
        Protocol.GRPC,
        ("POST",),
        url,
        headers=run.headers,
        encoding="any",
        passed=PASSED,
        stream=run.stream,
    )


def read(asked: Asked) -> Sequence[Operation]:
    """One operation, which the path has named."""
    (content_type,) = asked.reading.fields.get("content-type", ("",))[:1]
    if not _TYPE.fullmatch(content_type):
        raise Refused("the request is not gRPC", "Send it by a gRPC client.", Code.DENIED)
    return [Operation(("",), {})]


def write(tool: Tool, value: JSON) -> tuple[bytes, str]:
    """A message without fields, which is all that can be written without the schema."""
    return b"\0\0\0\0\0", "application/grpc"


SPEECH = Speech(lower, read, write, reads_body=False)
