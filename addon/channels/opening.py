"""The channels of a runtime, put together: links, buttons, the courier, and the process beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wharfinger.channels import secrets
from wharfinger.channels.alarming import Alarming
from wharfinger.channels.beside import Beside
from wharfinger.channels.buttons import Buttons
from wharfinger.channels.courier import Courier
from wharfinger.channels.deciding import Links
from wharfinger.channels.links import Signer
from wharfinger.keeping.keys import Keys, Purpose

if TYPE_CHECKING:
    from wharfinger.deciding.live import Live
    from wharfinger.running.desk import Desk
    from wharfinger.running.tasks import Tasks
    from wharfinger.secret import Secret


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels of a runtime."""

    courier: Courier
    beside: Beside
    alarming: Alarming

    def start(self, tasks: Tasks) -> None:
        """Begin to tell and to listen."""
        tasks.start(self.beside.run(self.courier.hear, self.courier.started_again), name="channels beside")
        tasks.start(self.courier.run(), name="channels")


def signer(keys: Keys) -> Signer:
    """What signs the links of this installation."""
    return Signer(keys.derive(Purpose.LINKS), keys.derive(Purpose.CODES))


async def opened(
    desk: Desk, live: Live, values: Mapping[str, Secret], folder: Path, console: str
) -> Channels | None:
    """The channels that the configuration declares, not yet started; None where it declares none.

    `console` is where people open it, as long as the settings do not say.
    """
    settings = live.configuration.settings.channels
    if not settings.declared:
        return None
    url = settings.url or console
    links = Links(signer(desk.keys), desk.store, desk.approvals, desk.clock)
    await links.open()
    beside = Beside(secrets.setup(settings, values, url, folder))
    courier = Courier(
        approvals=desk.approvals,
        store=desk.store,
        clock=desk.clock,
        links=links,
        buttons=Buttons(desk.keys.derive(Purpose.BUTTONS)),
        configuration=lambda: live.configuration,
        conceal=live.secrets.conceal,
        record=desk.book.write,
        url=url,
        peer=beside,
    )
    await live.secrets.conceal(links.concealed())
    return Channels(courier, beside, Alarming(lambda: live.configuration, beside))


__all__ = ["Channels", "opened", "signer"]
