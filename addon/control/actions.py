"""All actions that can be commanded, in one list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wharfinger.control import (
    on_agents,
    on_approvals,
    on_audit,
    on_channels,
    on_configuration,
    on_credentials,
    on_denials,
    on_grants,
    on_limits,
    on_people,
    on_registering,
    on_runtime,
    on_sign_in,
    on_tools,
)
from wharfinger.control.dispatcher import Action, Dispatcher, Done
from wharfinger.control.services import Services, StoreAuthority

type Record = Callable[[Done], Awaitable[object]]


def actions(services: Services, record: Record) -> tuple[Action, ...]:
    """Every action, on these services."""
    return (
        *on_runtime.actions(services),
        *on_configuration.actions(services),
        *on_approvals.actions(services),
        *on_audit.actions(services),
        *on_grants.actions(services),
        *on_channels.actions(services),
        *on_agents.actions(services),
        *on_registering.actions(services),
        *on_credentials.actions(services),
        *on_limits.actions(services),
        *on_denials.actions(services),
        *on_people.actions(services),
        *on_tools.actions(services),
        *on_sign_in.actions(services, record),
    )


def dispatcher(services: Services, record: Record) -> Dispatcher:
    """All actions, for people with keys in the store and roles in the configuration.

    `record` writes to the book what is done, and returns when it is durable.
    """
    authority = StoreAuthority(services.store, services.sessions, services.configuration)
    return Dispatcher(actions(services, record), authority, record)
