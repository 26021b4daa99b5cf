"""Put a request together: each of its variables becomes an input, under a name of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from wharfinger.importing import samples
from wharfinger.importing.operations import Plain, Template, Unusable
from wharfinger.importing.schemas import short
from wharfinger.rules.requests import bracketed, fieldnames
from wharfinger.rules.requests.refusal import Refused

LONGEST: Final = 128
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
FORMS: Final = {"rest": "...", "encoded": ":encoded"}


@dataclass(slots=True)
class Request:
    """A request under construction. Places come in this order: path, query, headers, body."""

    run: Plain
    inputs: Plain = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def template(self) -> Template:
        """What has been put together."""
        return Template(self.run, self.inputs, tuple(self.notes))

    def variable(self, wanted: str, place: str, spec: Plain, *, required: bool) -> str:
        """Declare an input, under the name that it has in the API if that is free; `${name}`."""
        name = self._name(wanted, place)
        self.inputs[name] = short(spec, required=required)
        return f"${{{name}}}"

    def _name(self, wanted: str, place: str) -> str:
        plain = re.sub(r"[^A-Za-z0-9_]+", "_", wanted).strip("_")[: LONGEST - 20] or place
        if plain[0].isdigit():
            plain = f"{place}_{plain}"
        free = (name for name in (plain, f"{place}_{plain}") if name not in self.inputs)
        name = next(free, None)
        number = 2
        while name is None:
            tried = f"{place}_{plain}_{number}"
            name, number = (None if tried in self.inputs else tried), number + 1
        return name

    def url(self, path: str, specs: dict[str, Plain], forms: dict[str, str]) -> None:
        """The path, with its `{x}` as inputs: text and numbers; `forms` says which are no plain segments."""
        if "${" in path or "#" in path:
            raise Unusable("its path holds what no path can")
        last = _last(path)
        written: dict[str, str] = {}

        def filled(found: re.Match[str]) -> str:
            name = found[1].lstrip("+/.;?&").removesuffix("*").removesuffix("+")
            if not name:
                raise Unusable("its path has a variable without a name")
            if name not in written:
                spec = specs.get(name, {"type": "string"})
                form = self._form(name, found[1], forms, last=name == last)
                if not form and _has_slash(spec):
                    form = FORMS["encoded"]
                spec = spec | {"type": "string"} if form else spec
                written[name] = self.variable(name, "path", spec, required=True)[:-1] + form + "}"
            return written[name]

        self.run["url"] = _VARIABLE.sub(filled, path)

    @staticmethod
    def _form(name: str, written: str, forms: dict[str, str], *, last: bool) -> str:
        several = written != name
        form = forms.get(name) or ("rest" if several and last else "encoded" if several else "")
        if form == "rest" and not last:
            form = "encoded"
        return FORMS.get(form, "")

    def query(self, name: str, spec: Plain, *, required: bool) -> None:
        """A query parameter."""
        self._place("query", name, spec, required=required)

    def header(self, name: str, spec: Plain, *, required: bool) -> None:
        """A header field; those of every request, and those that end at the proxy, are none of the tool's."""
        low = name.lower()
        ours = fieldnames.HOP_BY_HOP | fieldnames.FRAMING | {"host", "content-encoding", "trailer", "cookie"}
        if low in fieldnames.BASE or low in ours or low in fieldnames.LOGIN_FIELDS:
            return
        if low.startswith(fieldnames.OWN_PREFIXES) or not _HEADER.fullmatch(name):
            self.notes.append(f'the header "{name}" cannot pass')
            return
        place: Plain = self.run.setdefault("headers", {})
        if low not in map(str.lower, place):
            place[name] = self.variable(name, "header", _scalar(spec), required=required)

    def field(self, name: str, spec: Plain, *, required: bool) -> None:
        """A field of the body."""
        self._place("body", name, spec, required=required)

    def _place(self, where: str, name: str, spec: Plain, *, required: bool) -> None:
        if not name or "${" in name or not name.isprintable() or not _plain(name):
            self.notes.append(f'"{name}" cannot be named in a {where}')
            return
        place: Plain = self.run.setdefault(where, {})
        if name.removesuffix("[]") not in {held.removesuffix("[]") for held in place}:
            place[name] = self.variable(name, where, spec, required=required)


def _plain(name: str) -> bool:
    """Whether the brackets of a name can be read in one way only."""
    try:
        bracketed.name_keys(name, "template")
    except Refused:
        return False
    return True


def _has_slash(spec: Plain) -> bool:
    """Whether the values of a path's variable have slashes, as far as is known."""
    if "pattern" in spec:
        return "/" in (samples.text(spec["pattern"], spec.get("min"), spec.get("max")) or "")
    return any("/" in str(value) for value in spec.get("enum", ()))


def _last(path: str) -> str:
    """The variable that is the path's last segment, if one is."""
    end = path.split("?", 1)[0].rsplit("/", 1)[-1]
    found = _VARIABLE.fullmatch(end)
    return found[1].lstrip("+/.;?&").removesuffix("*").removesuffix("+") if found else ""


def _scalar(spec: Plain) -> Plain:
    """The same for a place that holds text: lists and objects stand there as text."""
    kinds = spec["type"] if isinstance(spec["type"], list) else [spec["type"]]
    if {"array", "object"}.intersection(kinds):
        return {"type": "string"} | ({"sensitive": True} if spec.get("sensitive") else {})
    return spec
