"""Models of AWS services, as botocore ships them: each operation becomes a tool.

What tells operations apart depends on the service's protocol: path and method (`rest-json`, `rest-xml`), the
header `X-Amz-Target` (`json`), or the form's field `Action` (`query`, `ec2`). XML bodies are not read.
Requests are signed, and no `auth:` is written for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from wharfinger.importing import effects, naming
from wharfinger.importing.assembling import Header, assemble
from wharfinger.importing.inputs import Request
from wharfinger.importing.operations import (
    Imported,
    ImportFault,
    Operation,
    Options,
    Plain,
    Template,
    Unusable,
)
from wharfinger.importing.schemas import is_secret
from wharfinger.rules.types import Effect

PASSED: Final = (
    "Amz-Sdk-Invocation-Id",
    "Amz-Sdk-Request",
    "X-Amz-Content-Sha256",
    "X-Amz-Date",
    "X-Amz-User-Agent",
)
"""Headers that the SDKs send with every request."""
REGION: Final = "us-east-1"
MAX_LISTED: Final = 5
"""Items of a list that are inputs of their own, where lists are written as `Id.1`, `Id.2`."""
_KINDS: Final = {
    "string": "string", "character": "string", "timestamp": "string", "blob": "string", "integer": "integer",
    "long": "integer", "float": "number", "double": "number", "boolean": "boolean", "list": "array",
    "map": "object", "structure": "object",
}  # fmt: skip
_FORMS: Final = frozenset({"query", "ec2"})


def convert(model: Mapping[str, Any], options: Options) -> Imported:
    """The model as a tool file. Raises `ImportFault` if it is none, or of a protocol that is not read."""
    about = model.get("metadata")
    known = isinstance(about, Mapping) and isinstance(model.get("operations"), Mapping)
    if not known or not isinstance(about, Mapping):
        raise ImportFault("this is no model of an AWS service", 'it has no "metadata" and "operations"')
    spoken = about.get("protocols") or [about.get("protocol")]
    protocol = next((one for one in ("json", "rest-json", "query", "ec2", "rest-xml") if one in spoken), "")
    if not protocol:
        raise ImportFault(f"the service speaks {', '.join(map(str, spoken))}, which is not read")
    return _Model(model, about, protocol, options).imported()


class _Model:
    def __init__(
        self, model: Mapping[str, Any], about: Mapping[str, Any], protocol: str, options: Options
    ) -> None:
        self.operations: Mapping[str, Any] = model["operations"]
        self.shapes: Mapping[str, Any] = model.get("shapes", {})
        self.about = about
        self.protocol = protocol
        self.options = options

    def imported(self) -> Imported:
        base = self.options.base or (self._base(),)
        region = "param.region" in base[0]
        header = Header(
            title=self.options.title
            or str(self.about.get("serviceAbbreviation") or self.about.get("serviceId")),
            base=base,
            parameters={"region": "the region, like eu-central-1"} if region else {},
            auth=dict(self.options.auth or {}),
            passed=PASSED,
            notes=() if self.options.auth else ("requests are signed (sigv4); no `auth:` is written",),
        )
        found = [
            self._operation(name, node) for name, node in self.operations.items() if isinstance(node, Mapping)
        ]
        return assemble(header, found, self.options)

    def _base(self) -> str:
        whole = self.about.get("globalEndpoint")
        if isinstance(whole, str) and not self.options.parameters:
            return f"https://{whole}"
        region = "${param.region}" if self.options.parameters else REGION
        return f"https://{self.about.get('endpointPrefix')}.{region}.amazonaws.com"

    def _operation(self, name: str, node: Mapping[str, Any]) -> Operation:
        method, path = _http(node)
        effect = Effect.DESTRUCTIVE if method == "DELETE" else effects.of_verb(name)
        return Operation(
            key=name,
            phrase=naming.of_name(name),
            effect=effect,
            template=partial(self._template, name, node),
            aliases=(f"{method} {path}", path),
        )

    # One operation

    def _template(self, name: str, node: Mapping[str, Any]) -> Template:
        method, path = _http(node)
        request = Request({"method": method})
        shape = self._shape(node.get("input"))
        members = _members(shape)
        required = {str(one) for one in shape.get("required", ())}
        if self.protocol == "json":
            request.run["url"] = "/"
            request.run["headers"] = {"X-Amz-Target": f"{self.about.get('targetPrefix')}.{name}"}
            request.run["encoding"] = "json"
            self._fields(members, required, request)
        elif self.protocol in _FORMS:
            request.run["url"] = "/"
            request.run["body"] = {"Action": name, "Version": str(self.about.get("apiVersion"))}
            request.run["encoding"] = "form"
            for member in _by_need(members, required):
                self._form(member, members[member], request, required=member in required)
        else:
            self._rest(path, shape, members, required, request)
        return request.template()

    def _fields(self, members: Mapping[str, Mapping[str, Any]], required: set[str], request: Request) -> None:
        for member in _by_need(members, required):
            name = members[member].get("locationName", member)
            request.field(str(name), self._spec(members[member], member), required=member in required)

    def _rest(
        self,
        path: str,
        shape: Mapping[str, Any],
        members: Mapping[str, Mapping[str, Any]],
        required: set[str],
        request: Request,
    ) -> None:
        placed: dict[str, list[str]] = {}
        for member in _by_need(members, required):
            placed.setdefault(str(members[member].get("location", "body")), []).append(member)
        specs = {
            str(members[m].get("locationName", m)): self._spec(members[m], m, textual=True)
            for m in placed.get("uri", ())
        }
        path, hint = re.subn(r"([?&])x-id=\w+", r"\1", path)
        request.url(path.rstrip("?&"), specs, dict(self.options.forms))
        for member in placed.get("querystring", ()):
            name = str(members[member].get("locationName", member))
            spec = self._spec(members[member], member)
            request.query(
                name, {"type": "string"} if spec["type"] == "object" else spec, required=member in required
            )
        if hint:
            request.query("x-id", {"type": "string"}, required=False)
        for member in placed.get("header", ()):
            name = str(members[member].get("locationName", member))
            request.header(
                name, self._spec(members[member], member, textual=True), required=member in required
            )
        for member in placed.get("headers", ()):
            request.notes.append(f'the headers "{members[member].get("locationName", member)}…" are left out')
        self._rest_body(shape, members, placed.get("body", []), required, request)

    def _rest_body(
        self,
        shape: Mapping[str, Any],
        members: Mapping[str, Mapping[str, Any]],
        inside: list[str],
        required: set[str],
        request: Request,
    ) -> None:
        payload = shape.get("payload")
        if isinstance(payload, str) and payload in members:
            held = self._shape(members[payload])
            if held.get("type") != "structure" or self.protocol == "rest-xml":
                request.run["encoding"] = "any"
                request.notes.append("its body is not read")
            else:
                request.run["encoding"] = "json"
                self._fields(_members(held), {str(one) for one in held.get("required", ())}, request)
        elif inside and self.protocol == "rest-xml":
            request.run["encoding"] = "any"
            request.notes.append("its body is not read")
        elif inside:
            request.run["encoding"] = "json"
            self._fields({member: members[member] for member in inside}, required, request)

    def _form(self, member: str, node: Mapping[str, Any], request: Request, *, required: bool) -> None:
        """A member as forms write it: `Name`, `Name.Inner`, `Name.1`. Deeper ones are left out."""
        shape = self._shape(node)
        name = self._form_name(member, node)
        kind = shape.get("type")
        if kind == "structure":
            for inner, below in sorted(_members(shape).items()):
                if self._shape(below).get("type") not in {"structure", "list", "map"}:
                    within = f"{name}.{self._form_name(inner, below)}"
                    request.field(within, self._spec(below, inner), required=False)
                else:
                    request.notes.append(f'"{name}.{inner}" is left out')
        elif kind == "list":
            self._form_list(name, shape, request, required=required)
        elif kind == "map":
            request.notes.append(f'"{name}" is left out')
        else:
            request.field(name, self._spec(node, member), required=required)

    def _form_list(self, name: str, shape: Mapping[str, Any], request: Request, *, required: bool) -> None:
        item = shape.get("member", {})
        if self._shape(item).get("type") in {"structure", "list", "map"}:
            request.notes.append(f'"{name}" is left out')
            return
        if self.protocol == "ec2" or shape.get("flattened"):
            named = item.get("locationName") if shape.get("flattened") and self.protocol == "query" else None
            name = str(named or name)
        else:
            name = f"{name}.{item.get('locationName', 'member')}"
        for number in range(1, MAX_LISTED + 1):
            request.field(f"{name}.{number}", self._spec(item, name), required=required and number == 1)

    def _form_name(self, member: str, node: Mapping[str, Any]) -> str:
        said = str(node.get("locationName", member))
        if self.protocol == "ec2":
            return str(node.get("queryName") or said[:1].upper() + said[1:])
        return said

    # Shapes

    def _shape(self, node: Any) -> Mapping[str, Any]:
        name = node.get("shape") if isinstance(node, Mapping) else None
        if name is None:
            return {}
        shape = self.shapes.get(name)
        if not isinstance(shape, Mapping):
            raise Unusable(f'there is no shape "{name}"')
        return shape

    def _spec(self, node: Mapping[str, Any], name: str, *, textual: bool = False) -> Plain:
        shape = self._shape(node)
        kind = _KINDS.get(str(shape.get("type")), "string")
        if textual and kind in {"array", "object"}:
            kind = "string"
        if shape.get("type") == "timestamp" and self.protocol == "json":
            return {"type": ["string", "number"]}
        spec: Plain = {"type": kind}
        if kind == "string" and isinstance(shape.get("enum"), list) and len(shape["enum"]) <= _MANY:
            spec["enum"] = list(dict.fromkeys(map(str, shape["enum"])))
        elif kind not in {"boolean", "object"}:
            spec |= _bounds(shape, kind)
        if is_secret(name) or shape.get("sensitive") is True:
            spec["sensitive"] = True
        return spec


_MANY: Final = 32
"""Values of an enum; longer ones grow with every release of AWS."""


def _http(node: Mapping[str, Any]) -> tuple[str, str]:
    http = node.get("http")
    said = http if isinstance(http, Mapping) else {}
    return str(said.get("method", "POST")), str(said.get("requestUri", "/"))


def _members(shape: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    held = shape.get("members")
    return {str(k): v for k, v in held.items() if isinstance(v, Mapping)} if isinstance(held, Mapping) else {}


def _by_need(members: Mapping[str, Any], required: set[str]) -> Iterator[str]:
    yield from sorted(members, key=lambda member: (member not in required, member))


def _bounds(shape: Mapping[str, Any], kind: str) -> Plain:
    low, high = shape.get("min"), shape.get("max")
    bounds: Plain = {}
    if isinstance(low, int) and not (low == 0 and kind in {"string", "array"}):
        bounds["min"] = low
    if isinstance(high, int) and -(2**63) <= high < 2**63:
        bounds["max"] = high
    return bounds if bounds.get("min", 0) <= bounds.get("max", 2**63) else {}
