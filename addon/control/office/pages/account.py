"""One's own account: password, sessions, tokens of machines."""

from __future__ import annotations

from starlette.responses import Response
from wharfinger.control.office.pages.page import Page
from wharfinger.control.office.visit import Visit
from wharfinger.control.protocol import Code, ControlError

_DAYS = {"1", "7", "30", "90", "365"}


async def show(visit: Visit) -> Response:
    """Everything of one's account."""
    return await _show(visit)


async def _show(visit: Visit, status: int = 200, **said: object) -> Response:
    values = {"trouble": None, "made": None, "done": ""} | said
    return visit.page(
        "account.html",
        status,
        sessions=await visit.ask("sessions.list"),
        tokens=await visit.ask("tokens.list"),
        **values,
    )


async def password(visit: Visit) -> Response:
    """Set one's password."""
    form = visit.form
    try:
        if form.get("password", "") != form.get("again", ""):
            raise ControlError(Code.BAD_REQUEST, "the two new passwords are not the same")
        await visit.ask(
            "people.password", password=form.get("password", ""), current=form.get("current") or None
        )
    except ControlError as error:
        if error.code is Code.SIGNED_OUT:
            raise
        return await _show(visit, 400, trouble=error)
    visit.person = type(visit.person)(visit.person.name, visit.person.role, visit.person.session, True)
    return await _show(visit, done="Your password is set. Your other sessions have ended.")


async def end_session(visit: Visit) -> Response:
    """End a session."""
    await visit.ask("sessions.end", id=visit.form.get("id", ""))
    return visit.to("/account")


async def add_token(visit: Visit) -> Response:
    """Make a token for a machine, shown once."""
    days = visit.form.get("days", "")
    try:
        made = await visit.ask(
            "tokens.add",
            label=visit.form.get("label", ""),
            role=visit.form.get("role", ""),
            days=int(days) if days in _DAYS else 0,
        )
    except ControlError as error:
        if error.code is Code.SIGNED_OUT:
            raise
        return await _show(visit, 400, trouble=error)
    return await _show(visit, made=made)


async def revoke_token(visit: Visit) -> Response:
    """Revoke a machine's token."""
    await visit.ask("tokens.revoke", id=visit.form.get("id", ""))
    return visit.to("/account")


PAGES = (
    Page("/account", show),
    Page("/account/password", password, post=True),
    Page("/account/sessions/end", end_session, post=True),
    Page("/account/tokens", add_token, post=True),
    Page("/account/tokens/revoke", revoke_token, post=True),
)
