"""Credentials: how they stand, and the values of the encrypted store. No value ever comes back from here.

The book is told the name of whatever is set, rotated or removed, and by whom; a value and a passphrase are
`secret`, which it is never told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wharfinger.control.dispatcher import Action, Context, Parameter, Proof, Role
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import Credentials, Services
from wharfinger.rules.types import JSON

_KEYS: Final = ("file", "passphrase", "keychain")


def actions(services: Services) -> tuple[Action, ...]:
    """Listing for anyone; everything else for an admin, who signs it with their key."""

    def held() -> Credentials:
        if services.credentials is None:
            raise ControlError(Code.FAILED, "there is no store of credentials here")
        return services.credentials

    async def listing(context: Context, args: Mapping[str, Any]) -> JSON:
        return await held().listing()

    async def put(context: Context, args: Mapping[str, Any], *, replace: bool) -> JSON:
        return await held().put(
            args["name"],
            args["value"],
            services.clock.now(),
            replace=replace,
            key=_key(args.get("key", "file")),
            passphrase=args.get("passphrase"),
        )

    async def set_(context: Context, args: Mapping[str, Any]) -> JSON:
        return await put(context, args, replace=False)

    async def rotate(context: Context, args: Mapping[str, Any]) -> JSON:
        return await put(context, args, replace=True)

    async def remove(context: Context, args: Mapping[str, Any]) -> JSON:
        return await held().remove(args["name"], args.get("passphrase"))

    async def rekey(context: Context, args: Mapping[str, Any]) -> JSON:
        return await held().rekey(_key(args["key"]), args.get("passphrase"), args.get("new_passphrase"))

    async def refresh(context: Context, args: Mapping[str, Any]) -> JSON:
        return await held().refresh(args["name"])

    name, value = Parameter("name"), Parameter("value", secret=True)
    passphrase = Parameter("passphrase", required=False, secret=True)
    new = Parameter("new_passphrase", required=False, secret=True)
    key = Parameter("key", required=False)

    return (
        Action("credentials.list", listing),
        Action("credentials.set", set_, (name, value, key, passphrase), Role.ADMIN, proof=Proof.KEY),
        Action("credentials.rotate", rotate, (name, value, passphrase), Role.ADMIN, proof=Proof.KEY),
        Action("credentials.remove", remove, (name, passphrase), Role.ADMIN, proof=Proof.KEY),
        Action("credentials.rekey", rekey, (Parameter("key"), passphrase, new), Role.ADMIN, proof=Proof.KEY),
        Action("credentials.refresh", refresh, (name,), Role.ADMIN),
    )


def _key(given: str) -> str:
    if given not in _KEYS:
        raise ControlError(Code.BAD_REQUEST, "there is no such key for the store", f"take {', '.join(_KEYS)}")
    return given
