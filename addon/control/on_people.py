"""Actions on people: whose key speaks for whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wharfinger.control.dispatcher import Action, Context, Parameter, Proof, Role
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import Services
from wharfinger.keeping import people
from wharfinger.keeping.people import PublicKey
from wharfinger.rules.types import JSON


def actions(services: Services) -> tuple[Action, ...]:
    """Listing people; registering and revoking their keys, one's own or, for an admin, anyone's."""

    async def listing(context: Context, args: Mapping[str, Any]) -> JSON:
        keys = await services.store.run(people.registered)
        declared = services.configuration().people
        names = sorted(set(declared) | {key.person for key in keys})
        return [
            {
                "name": name,
                "role": declared[name].role if name in declared else None,
                "keys": [_shown(key) for key in keys if key.person == name],
            }
            for name in names
        ]

    async def register(context: Context, args: Mapping[str, Any]) -> JSON:
        person = args["person"]
        _own_or_admin(context, person)
        public = _public(args["public_key"])
        key = await services.store.run(people.register, person, public, services.clock.now())
        return {"person": person} | _shown(key)

    async def revoke(context: Context, args: Mapping[str, Any]) -> JSON:
        mark = args["fingerprint"]
        for key in await services.store.run(people.registered):
            if key.fingerprint == mark:
                _own_or_admin(context, key.person)
        key = await services.store.run(people.revoke, mark, services.clock.now())
        return {"person": key.person} | _shown(key)

    return (
        Action("people.list", listing),
        Action(
            "people.register",
            register,
            (Parameter("person"), Parameter("public_key")),
            Role.VIEWER,
            proof=Proof.KEY,
            first=True,
        ),
        Action("people.revoke", revoke, (Parameter("fingerprint"),), Role.VIEWER, proof=Proof.SESSION),
    )


def _own_or_admin(context: Context, person: str) -> None:
    if person != context.name and context.role < Role.ADMIN:
        raise ControlError(
            Code.FORBIDDEN, f'"{context.name}" may not decide on the keys of "{person[:100]}"', "an admin may"
        )


def _public(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ControlError(Code.BAD_REQUEST, '"public_key" is not hexadecimal') from None


def _shown(key: PublicKey) -> dict[str, JSON]:
    return {"fingerprint": key.fingerprint, "created": key.created.isoformat()}
