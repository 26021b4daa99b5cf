"""Make the placements of a tool's `auth:`, and see that each place is there in its template, for it alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wharfinger.rules.documents.problems import Position
from wharfinger.rules.hmacs import Signing
from wharfinger.rules.models.auth import Auth
from wharfinger.rules.protocols.speech import Form, Protocol
from wharfinger.rules.tools import trees
from wharfinger.rules.tools.places import PathTemplate
from wharfinger.rules.tools.template import Text
from wharfinger.rules.tools.trees import Fields, Node
from wharfinger.rules.types import Place, Placement

type Report = Callable[[Position, str, str], None]

_READABLE: Final = frozenset({None, "json", "form"})


@dataclass(frozen=True, slots=True)
class Template:
    """What of a tool's template its placements must fit."""

    form: Form
    path: PathTemplate
    host: tuple[Text, ...]
    query: Node | None
    body: Node | None


def of(auth: Auth, template: Template, report: Report) -> tuple[Placement, ...]:
    """The placements, in the order in which they are written; each problem is reported where it stands."""
    made = [_placement(each, template, report) for each in auth.places]
    counts = Counter((each.place, each.name.lower()) for each in made if each is not None)
    for (place, name), count in counts.items():
        if count > 1:
            report(
                auth.position, f'two credentials go to the {place} "{name}"', "give each a place of its own"
            )
    return tuple(each for each in made if each is not None)


def _placement(auth: Auth, template: Template, report: Report) -> Placement | None:
    also = tuple(name.lower() for name in auth.also)
    if auth.place is Place.PATH:
        return _in_path(auth, template, report)
    if auth.place is Place.HMAC:
        return _signing(auth, template, report)
    if auth.place is Place.BODY and (problem := _body_problem(auth, template)):
        report(auth.position, *problem)
        return None
    if (
        auth.place is Place.QUERY
        and isinstance(template.query, Fields)
        and auth.name in template.query.fields
    ):
        report(auth.position, *_taken(auth, "query"))
        return None
    return Placement(auth.secret, auth.place, auth.name, auth.format, also)


def _in_path(auth: Auth, template: Template, report: Report) -> Placement | None:
    """The one segment whose only variable stands for the credential."""
    segments = template.path.segments
    here = [i for i, text in enumerate(segments) if auth.name in {v.name for v in text.variables}]
    single = len(here) == 1 and len(segments[here[0]].variables) == 1
    variable = segments[here[0]].variables[0] if single else None
    if variable is None or variable.rest or variable.encoded:
        hint = f"write ${{{auth.name}}} once, in a segment without other variables"
        report(auth.position, f'the path has no place "{auth.name}" for the credential', hint)
        return None
    elsewhere = [node for node in (*template.host, template.query, template.body) if node is not None]
    if any(v.name == auth.name for node in elsewhere for v in trees.variables(node)):
        report(auth.position, *_taken(auth, "host, query or body"))
        return None
    whole = segments[here[0]].write({auth.name: "${secret}"})
    return Placement(auth.secret, Place.PATH, auth.name, whole, segment=here[0])


def _signing(auth: Auth, template: Template, report: Report) -> Placement | None:
    """A signature, of what can be read when it is made."""
    signing = Signing(
        auth.sign, auth.format, auth.digest, auth.encoding, auth.key, auth.time, auth.clock
    )  # fmt: skip
    if template.form.stream and signing.reads_body:
        report(auth.position, "a body that is not read cannot be signed", "sign what else there is")
        return None
    return Placement(auth.secret, auth.place, auth.name, signing=signing)


def _body_problem(auth: Auth, template: Template) -> tuple[str, str] | None:
    form = template.form
    if form.protocol is not Protocol.HTTP or form.stream or form.encoding not in _READABLE:
        return "only a body of JSON or a form takes a credential", "name another place"
    if not {"GET", "HEAD"}.isdisjoint(form.methods):
        return "a request without a body has no place for the credential in it", "name another place"
    if template.body is not None and not isinstance(template.body, Fields):
        return "only a body of named fields takes a credential", "name another place"
    if template.body is not None and auth.name in template.body.fields:
        return _taken(auth, "body")
    return None


def _taken(auth: Auth, where: str) -> tuple[str, str]:
    return (
        f"\"{auth.name}\" is the credential's place, and stands in the template's {where}, too",
        "leave it out of the template",
    )
