"""Actions on grants. They record what they do by themselves: every change is an event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, cast

from wharfinger.approvals import proposing
from wharfinger.approvals.granted import Draft, GrantError, StoredGrant
from wharfinger.approvals.proposing import Terms
from wharfinger.approvals.states import State
from wharfinger.control.dispatcher import Action, Context, Parameter, Role
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import Services
from wharfinger.keeping import agents
from wharfinger.rules.policies.drafting import Wish
from wharfinger.rules.types import JSON

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration

_TERMS = (
    Parameter("until"),
    Parameter("uses", int),
    Parameter("any", list, required=False),
    Parameter("min", dict, required=False),
    Parameter("max", dict, required=False),
    Parameter("any_extras", bool, required=False),
    Parameter("any_headers", bool, required=False),
    Parameter("reason", required=False),
)


def actions(services: Services) -> tuple[Action, ...]:
    """Listing, showing, proposing, giving and revoking grants."""
    at = _Grants(services)
    approver, answer = Role.APPROVER, (Parameter("id"), Parameter("reason", required=False))
    propose = (Parameter("approval"), Parameter("approve", bool, required=False), *_TERMS)
    add = (Parameter("agent"), Parameter("tool"), Parameter("fix", dict, required=False), *_TERMS)
    return (
        Action("grants.list", at.listing, (Parameter("all", bool, required=False),)),
        Action("grants.show", at.show, (Parameter("id"),)),
        Action("grants.propose", at.propose, propose, approver, recorded=False),
        Action("grants.add", at.add, add, approver, recorded=False),
        Action("grants.approve", at.approve, answer, approver, recorded=False),
        Action("grants.revoke", at.revoke, answer, approver, recorded=False),
    )


class _Grants:
    def __init__(self, services: Services) -> None:
        self._at = services
        self._grants = services.grants

    async def listing(self, context: Context, args: Mapping[str, Any]) -> JSON:
        found = await self._grants.list(everything=args.get("all", False))
        return [self._shown(grant) for grant in found]

    async def show(self, context: Context, args: Mapping[str, Any]) -> JSON:
        return self._shown(await self._grants.show(args["id"]))

    async def propose(self, context: Context, args: Mapping[str, Any]) -> JSON:
        """Grant calls like the one of an approval; with `approve` answer that with yes as well."""
        approval = await self._at.approvals.show(args["approval"])
        agent = await self._at.store.run(agents.find, approval.agent)
        if agent is None or agent.id != approval.agent_id:
            raise GrantError(f"the agent of approval {approval.id} is no longer in use")
        draft = proposing.like_call(approval, agent, _terms(args))
        self._may(draft, context.name)
        if args.get("approve", False):
            given = {each.seat.person for each in approval.given}
            if approval.state is not State.PENDING or context.name not in given:
                approval = await self._at.approvals.approve(approval.id, context.name, args.get("reason"))
        grant = await self._grants.propose(draft, context.name, args.get("reason"))
        return self._shown(grant) | {"answered": approval.as_json()}

    async def add(self, context: Context, args: Mapping[str, Any]) -> JSON:
        agent = await self._at.store.run(agents.get, args["agent"])
        configuration = cast("Configuration", self._at.configuration())
        draft = proposing.for_tool(configuration, agent, args["tool"], _terms(args))
        self._may(draft, context.name)
        return self._shown(await self._grants.propose(draft, context.name, args.get("reason")))

    async def approve(self, context: Context, args: Mapping[str, Any]) -> JSON:
        return self._shown(await self._grants.approve(args["id"], context.name, args.get("reason")))

    async def revoke(self, context: Context, args: Mapping[str, Any]) -> JSON:
        grant = await self._grants.show(args["id"])
        declared = self._at.configuration().agents.get(grant.draft.agent)
        owner = None if declared is None else declared.owner
        may = context.name in grant.draft.ask.everyone or context.name == owner or context.role >= Role.ADMIN
        if not may:
            raise ControlError(
                Code.FORBIDDEN,
                f'"{context.name}" may not revoke {grant.id}',
                "its approvers, the owner of its agent and admins may",
            )
        return self._shown(await self._grants.revoke(grant.id, context.name, args.get("reason")))

    def _may(self, draft: Draft, person: str) -> None:
        """Raise before anything is done where it could not be done whole."""
        self._grants.check(draft)
        now = self._at.clock.now()
        StoredGrant("the grant", draft, now).answered(person, now, None)

    def _shown(self, grant: StoredGrant) -> dict[str, Any]:
        return grant.as_json() | {"used": self._grants.used(grant.id)}


def _terms(args: Mapping[str, Any]) -> Terms:
    wrong: list[str] = []
    until = _instant(args["until"])
    if until is None:
        wrong.append('"until" is not an instant with its offset from UTC')
    free = args.get("any", [])
    if not all(isinstance(name, str) for name in free):
        wrong.append('"any" is a list of names')
    least, most = _bounds(args, "min", wrong), _bounds(args, "max", wrong)
    if wrong or until is None:
        raise ControlError(Code.BAD_REQUEST, "; ".join(wrong))
    wish = Wish(
        args.get("fix", {}),
        frozenset(free),
        least,
        most,
        args.get("any_extras", False),
        args.get("any_headers", False),
    )
    return Terms(wish, args["uses"], until)


def _instant(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if read.tzinfo is None else read


def _bounds(args: Mapping[str, Any], key: str, wrong: list[str]) -> dict[str, Decimal]:
    """Bounds by input; each a number, or its text, so that none is rounded on the way."""
    found: dict[str, Decimal] = {}
    for name, value in args.get(key, {}).items():
        try:
            number = Decimal(value if isinstance(value, str) else repr(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if isinstance(value, bool) or not number.is_finite() or abs(number.adjusted()) > 30:
            wrong.append(f'the bound of "{str(name)[:100]}" is no number')
        found[name] = number
    return found
