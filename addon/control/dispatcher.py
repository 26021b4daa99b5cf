"""Who may command what: the registry of actions, and the one place that lets a command through.

The control socket, commands that run without a runtime, and the console's API all come through
`Dispatcher.run`, so they cannot differ in what they allow or in what the book hears of it. An action
that changes anything needs a person (proved before it gets here, by a key or by the session they signed
in to), a role, and a book that takes its event first: not written, not done.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from wharfinger.control.protocol import Code, ControlError
from wharfinger.rules.types import JSON


class Role(enum.IntEnum):
    """What a person may do; each includes those before it."""

    ANYONE = 0
    """No person is needed: whoever may open the socket."""
    VIEWER = 1
    APPROVER = 2
    ADMIN = 3


class Proof(enum.IntEnum):
    """What shows that a command is a person's; each is worth more than those before it."""

    TOKEN = 0
    """A token made for a machine, on the person's behalf."""
    SESSION = 1
    """They signed in."""
    KEY = 2
    """They signed it."""


@dataclass(frozen=True, slots=True)
class By:
    """How the person of a command was proved."""

    proof: Proof
    session: str = ""
    """Id of the session or token."""
    ceiling: Role = Role.ADMIN
    """The most that it may do, whatever the person may."""


SIGNED = By(Proof.KEY)


@dataclass(frozen=True, slots=True)
class Context:
    """Who gives a command."""

    person: str | None
    role: Role
    local: bool = False
    """Whether no runtime is there, and the command works on the data folder by itself."""
    by: By = SIGNED

    @property
    def name(self) -> str:
        """The person, for an action that has one by its role."""
        if self.person is None:
            raise ControlError(Code.UNSIGNED, "this needs a person's key")
        return self.person


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an action."""

    name: str
    kind: type[str] | type[bool] | type[int] | type[list[Any]] | type[dict[str, Any]] = str
    required: bool = True
    secret: bool = False
    """Whether the book must not have it."""


type Work = Callable[[Context, Mapping[str, Any]], Awaitable[JSON]]


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be commanded."""

    name: str
    work: Work
    parameters: tuple[Parameter, ...] = ()
    role: Role = Role.ANYONE
    recorded: bool = True
    """False where the work records what it does by itself."""
    proof: Proof = Proof.TOKEN
    """The least that will do to show that it is the person's."""
    first: bool = False
    """Whether it may be done, without a runtime, by the key it brings, as long as nobody has a key."""

    @property
    def changes(self) -> bool:
        """Whether it changes anything, and so needs a person."""
        return self.role is not Role.ANYONE

    def check(self, args: Mapping[str, Any]) -> None:
        """Raise `ControlError` that names everything wrong with `args`."""
        known = {parameter.name: parameter for parameter in self.parameters}
        wrong = [f'"{name}" is not an argument' for name in sorted(args.keys() - known.keys())]
        for name, parameter in known.items():
            if name not in args:
                wrong += [f'"{name}" is missing'] if parameter.required else []
            elif type(args[name]) is not parameter.kind:
                wrong.append(f'"{name}" is not of type {parameter.kind.__name__}')
        if wrong:
            raise ControlError(Code.BAD_REQUEST, f"{self.name}: {'; '.join(wrong)[:1000]}")


class Outcome(enum.StrEnum):
    """What the book is told of a command."""

    BEGUN = "begun"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Done:
    """One entry of the book about a command."""

    action: str
    person: str
    args: Mapping[str, Any]
    outcome: Outcome
    why: str = ""
    by: str = ""
    """Id of the session or token that it was given in; empty where it was signed."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whose session a token is of."""

    person: str
    by: By


class Authority(Protocol):
    """Who is who, at this moment."""

    async def keys(self, person: str) -> Iterable[bytes]:
        """The public keys in use of a person; none for one who is unknown."""
        ...

    async def any_keys(self) -> bool:
        """Whether anyone has a key at all."""
        ...

    async def session(self, token: str, *, background: bool) -> SignedIn | None:
        """Who has signed in to the session of this token; None for one that is not good (any more).

        It counts as a use of the session, unless it happens in the background.
        """
        ...

    def role(self, person: str) -> Role | None:
        """The role of a person in the configuration in force; None for one it does not have."""
        ...


class Dispatcher:
    """All actions, and who may have them done."""

    def __init__(
        self, actions: Iterable[Action], authority: Authority, record: Callable[[Done], Awaitable[object]]
    ) -> None:
        """`record` writes to the book, and returns when that is durable."""
        self._actions = {action.name: action for action in actions}
        self.authority = authority
        self._record = record

    def action(self, name: str) -> Action:
        """One action; raises `ControlError` with the nearest names."""
        try:
            return self._actions[name]
        except KeyError:
            known = ", ".join(sorted(self._actions))
            raise ControlError(
                Code.UNKNOWN, f'there is no action "{name[:100]}"', f"known: {known}"
            ) from None

    async def context_of(
        self, action: Action, token: str, *, local: bool, background: bool = False
    ) -> Context:
        """The context of whoever has signed in to the session of `token`; raises `ControlError`."""
        signed_in = await self.authority.session(token, background=background)
        if signed_in is None or self.authority.role(signed_in.person) is None:
            raise ControlError(Code.SIGNED_OUT, "this session has ended", "sign in again")
        return self.context(action, signed_in.person, local=local, by=signed_in.by)

    def context(self, action: Action, person: str | None, *, local: bool, by: By = SIGNED) -> Context:
        """The context of `person`, who has been proved; raises `ControlError` for too low a role."""
        role = None if person is None else self.authority.role(person)
        if role is not None:
            role = min(role, by.ceiling)
        if not action.changes:
            return Context(person if role is not None else None, role or Role.ANYONE, local, by)
        if person is None:
            raise ControlError(Code.UNSIGNED, f"{action.name} needs a person's key")
        if role is None:
            raise ControlError(Code.FORBIDDEN, f'"{person}" is not a person of this configuration', _PEOPLE)
        if role < action.role:
            raise ControlError(
                Code.FORBIDDEN,
                f'"{person}" may not do {action.name}',
                f"it needs the role {action.role.name.lower()}",
            )
        if by.proof < action.proof:
            raise ControlError(Code.FORBIDDEN, f"{action.name} cannot be done so", _PROOFS[action.proof])
        return Context(person, role, local, by)

    async def run(self, action: Action, context: Context, args: Mapping[str, Any]) -> JSON:
        """Do it. The book hears of it first, and again if it fails."""
        action.check(args)
        if context.role < action.role:
            raise ControlError(Code.FORBIDDEN, f"{action.name} needs the role {action.role.name.lower()}")
        if not (action.changes and action.recorded):
            return await action.work(context, args)
        await self._tell(action, context, args, Outcome.BEGUN)
        try:
            return await action.work(context, args)
        except Exception as error:
            await self._tell(action, context, args, Outcome.FAILED, str(error) or type(error).__name__)
            raise

    async def refused(self, action: str, person: str, why: str) -> None:
        """Tell the book of a command that was not let through though it came with a person's name."""
        await self._record(Done(action[:100], person[:100], {}, Outcome.REFUSED, why))

    async def _tell(
        self, action: Action, context: Context, args: Mapping[str, Any], outcome: Outcome, why: str = ""
    ) -> None:
        hidden = {parameter.name for parameter in action.parameters if parameter.secret}
        shown = {name: value for name, value in args.items() if name not in hidden}
        await self._record(Done(action.name, context.name, shown, outcome, why[:500], context.by.session))


_PEOPLE = "add them to people.yaml and reload"
_PROOFS = {
    Proof.SESSION: "a person has to sign in for it: a machine's token does not do",
    Proof.KEY: "it needs the person's key: do it with the wharfinger command, in a terminal",
}
