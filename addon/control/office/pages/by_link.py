"""What a signed link shows, and the decision by it; and Slack's interactions, which come here by HTTP.

Whoever opens a link sees the question, and nothing is changed by that. To decide takes the code that was sent
to the same person: programs that open links, and press buttons, have none.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from wharfinger.control.office.pages.page import STATUS
from wharfinger.control.office.visit import Office, read_body, read_form, render
from wharfinger.control.protocol import Code, ControlError
from wharfinger.faults import Fault

SLACK = "/channels/slack"
_SIGNED = ("x-slack-request-timestamp", "x-slack-signature")


def routes(office: Office) -> list[Route]:
    """What is there for people who have not signed in, and for Slack."""

    async def show(request: Request) -> Response:
        return await _page(office, request)

    async def decide(request: Request) -> Response:
        try:
            form = await read_form(request)
            given = {name: form.get(name, "") for name in ("code", "decision", "reason")}
            if not given["code"].strip():
                raise ControlError(Code.BAD_REQUEST, "type the code that came with the link")
            done = await office.runtime.ask(
                None, "links.decide", {"link": request.path_params["link"], **given}
            )
        except ControlError as error:
            return await _page(office, request, STATUS[error.code], error)
        except Fault as fault:
            return await _page(office, request, 503, fault)
        return render(office, "by_link_done.html", approval=done)

    async def slack(request: Request) -> Response:
        timestamp, signature = (request.headers.get(name, "") for name in _SIGNED)
        try:
            body = (await read_body(request)).decode("utf-8")
            given = {"timestamp": timestamp, "signature": signature, "body": body}
            answer = await office.runtime.ask(None, "channels.slack", given)
        except (ControlError, UnicodeDecodeError):
            return Response(status_code=400)
        except Fault:
            return Response(status_code=503)
        return Response(status_code=answer["status"])

    return [
        Route("/approve/{link}", show, methods=["GET"]),
        Route("/approve/{link}", decide, methods=["POST"]),
        Route(SLACK, slack, methods=["POST"]),
    ]


async def _page(
    office: Office, request: Request, status: int = 200, trouble: Fault | None = None
) -> Response:
    try:
        approval = await office.runtime.ask(None, "links.show", {"link": request.path_params["link"]})
    except ControlError as error:
        shown = error if trouble is None else trouble
        return render(
            office, "trouble.html", 404 if status == 200 else status,
            message=shown.message, hint=shown.hint, code=404 if status == 200 else status,
        )  # fmt: skip
    except Fault as fault:
        return render(office, "trouble.html", 503, message=fault.message, hint=fault.hint, code=503)
    return render(office, "by_link.html", status, approval=approval, trouble=trouble)
