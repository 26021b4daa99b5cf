"""Links in use: made for one person, shown to whoever opens them, and decided by once, with the code.

Rules: to show changes nothing. A try is counted before its code is looked at, so that of a thousand at once
five are. A link that is used, has ended or has had its tries is good for nothing. It holds on wall and
monotonic clock, the stricter.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from wharfinger.approvals.approval import Approval
from wharfinger.approvals.approvals import Approvals
from wharfinger.approvals.deadlines import Deadline
from wharfinger.approvals.rows import Store
from wharfinger.approvals.states import State
from wharfinger.channels import links, rows
from wharfinger.channels.links import TRIES, Link, Signer, spelled
from wharfinger.clock import Clock
from wharfinger.faults import Fault

LINK = "approval link"
CODE = "approval code"
"""What stands in place of a link and of a code wherever they are redacted, and in alerts."""


class LinkRefused(Fault):
    """A link is good for nothing, or nothing was decided by it."""


class NoLink(LinkRefused):
    """It is no link of ours, or no longer one."""

    def __init__(self) -> None:
        """The same for all reasons, so that nothing can be learnt by trying."""
        super().__init__("this link is not valid, or no longer", "decide in the console")


class WrongCode(LinkRefused):
    """The code is not the one that was sent."""


class Links:
    """See the module's head."""

    def __init__(self, signer: Signer, store: Store, approvals: Approvals, clock: Clock) -> None:
        self._signer = signer
        self._store = store
        self._approvals = approvals
        self._clock = clock
        self._deadlines: dict[str, tuple[Link, Deadline]] = {}

    async def open(self) -> None:
        """Take up what an earlier run has made."""
        now = self._clock.now()
        await self._store.run(lambda conn: rows.prune(conn, now - timedelta(days=30)))
        for link in await self._store.run(lambda conn: rows.live_links(conn, now)):
            self._remember(link)

    async def make(self, approval: Approval, person: str) -> tuple[str, str]:
        """A new link of one person for one approval, durable, and its code."""
        link = links.new(approval.id, person, approval.digest, self._clock.now(), approval.expires)
        await self._store.run(lambda conn: rows.add_link(conn, link))
        self._remember(link)
        return self._signer.text(link), self._signer.code(link)

    def concealed(self) -> Mapping[str, str]:
        """What no agent may read or send: what all links have in common, and the codes that are in use."""
        self._deadlines = {
            key: known for key, known in self._deadlines.items() if not known[1].passed(self._clock)
        }
        codes = {spelled(self._signer.code(link)): CODE for link, _ in self._deadlines.values()}
        return {f"{links.PREFIX}{self._signer.tag}": LINK, **codes}

    async def find(self, text: str) -> tuple[Link, Approval]:
        """A link that can still be decided by, and its approval. Raises `NoLink`."""
        link_id = self._signer.id_of(text)
        link = None if link_id is None else await self._store.run(lambda conn: rows.link(conn, link_id))
        if link is None or not self._signer.holds(text, link) or not self._usable(link):
            raise NoLink
        approval = await self._approvals.show(link.approval)
        if approval.digest != link.digest or approval.state is not State.PENDING:
            raise NoLink
        return link, approval

    async def decide(self, text: str, code: str) -> tuple[Link, Approval]:
        """Use up a link by its code. Raises `NoLink` or `WrongCode`; whose answer it is, is the link's."""
        link, approval = await self.find(text)
        now = self._clock.now()
        if not await self._store.run(lambda conn: rows.take_try(conn, link.id, now)):
            raise NoLink
        if not self._signer.opens(code, link):
            left = TRIES - link.tries - 1
            raise WrongCode("this is not the code", f"it has eight digits; {max(left, 0)} tries are left")
        if not await self._store.run(lambda conn: rows.use(conn, link.id, now)):
            raise NoLink
        self._deadlines.pop(link.id, None)
        return link, approval

    def _remember(self, link: Link) -> None:
        deadline = Deadline.at(self._clock, link.expires, links.LIFETIME)
        self._deadlines[link.id] = (link, deadline)

    def _usable(self, link: Link) -> bool:
        known = self._deadlines.get(link.id)
        ended = known is None or known[1].passed(self._clock)
        return not ended and link.used is None and link.tries < TRIES
