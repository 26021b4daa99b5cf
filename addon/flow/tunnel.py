"""What may run on a connection: HTTP/1 to the proxy, then TLS with HTTP/1 or 2 inside, or HTTP/1.

At a door to one API it is HTTP/1 alone; where a namespace is led to the proxy, all but the first of these.

Nothing else: no HTTP/2 without TLS, no HTTP/3 (QUIC), no raw TCP, no DNS, no UDP, no TLS in TLS. Bytes that
are not a TLS ClientHello are read as HTTP, and refused there if they are not.
"""

from __future__ import annotations

from mitmproxy import tls as mitm_tls
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.modes import HttpProxy
from wharfinger.deciding.answers import Answer
from wharfinger.flow.parts import Parts
from wharfinger.flow.records import AgentTls
from wharfinger.flow.sealed import SealedHttpLayer
from wharfinger.flow.sessions import Link
from wharfinger.flow.ways import UNNAMED, Reverse, Transparent, is_address
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Code

_LEFT_EARLY = "connection closed early"
_FAILURES = {
    "The client does not trust": "trust",
    "The client disconnected": "left",
    "Cannot parse ClientHello": "hello",
}
"""By how mitmproxy's words for it begin."""
_REASONS = {
    "trust": "the agent does not trust the certificate of this proxy",
    "left": "the agent broke off the TLS handshake: it may not trust the certificate of this proxy",
    "hello": "what came for a TLS handshake is none",
    "failed": "the TLS handshake with the agent failed",
}


class Tunnel:
    """Hooks `next_layer`, `tls_clienthello` and `tls_failed_client`."""

    name = "nextlayer"

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def next_layer(self, pending: layer.NextLayer) -> None:
        """Choose the next layer: see the module's head."""
        if pending.layer is not None:
            return
        context = pending.context
        link = self._parts.sessions.link(context.client)
        way = link.way if link is not None else None
        if len(context.layers) == 1 and isinstance(context.layers[0], HttpProxy):
            if way is None:
                pending.layer = SealedHttpLayer(context, HTTPMode.regular, self._parts)
                return
            if isinstance(way, Reverse):
                pending.layer = self._inside(context, (way.host, way.port), encrypted=True)
                return
        if link is None:
            return
        if link.session is None or (link.tunnel is None and (way is None or context.client.tls)):
            link.close()  # nobody has accepted this tunnel: what comes in it is neither read nor kept
            return
        data = pending.data_client()
        if len(data) < 3 and data[:1] == b"\x16":
            return
        if starts_like_tls_record(data) and not context.client.tls:
            pending.layer = AgentTls(context)
            return
        pending.layer = self._inside(context, link.tunnel or (UNNAMED, 0), encrypted=context.client.tls)

    def _inside(self, context: Context, leads: tuple[str, int], *, encrypted: bool) -> SealedHttpLayer:
        """HTTP as an origin is spoken to; what it leads to is known."""
        context.server.address = leads
        context.server.tls = encrypted
        return SealedHttpLayer(context, HTTPMode.transparent, self._parts)

    def tls_clienthello(self, data: mitm_tls.ClientHelloData) -> None:
        """The server name must be the host of the CONNECT; a name for an address is none at all.

        Where there is no CONNECT, it says where the connection leads.
        """
        data.establish_server_tls_first = False
        link = self._parts.sessions.link(data.context.client)
        if link is None:
            return
        if isinstance(link.way, Transparent):
            link.tunnel = link.way.named(data.client_hello.sni)
            link.name_fits, wrong = link.tunnel is not None, "the TLS connection names no host"
        else:
            link.name_fits = self._fits(data.client_hello.sni, link.tunnel)
            wrong = "the TLS server name is not the host of the CONNECT"
        if not link.name_fits:
            self._tell(link, "name", wrong)

    def tls_failed_client(self, data: mitm_tls.TlsData) -> None:
        """A handshake came to nothing: those alike are one event a second, as other refusals are."""
        link = self._parts.sessions.link(data.context.client)
        error = data.conn.error or ""
        if link is None or error == _LEFT_EARLY:  # it said nothing that could be refused, or was told already
            return
        why = next((why for beginning, why in _FAILURES.items() if error.startswith(beginning)), "failed")
        self._tell(link, why, _REASONS[why])

    def _tell(self, link: Link, why: str, reason: str) -> None:
        who = self._parts.who(link)
        self._parts.gate.meter.unshaken(who.agent if who is not None else "", why)
        self._parts.gate.reject_soon(Answer(Code.BAD_REQUEST, reason), who)

    def _fits(self, sni: str | None, tunnel: tuple[str, int] | None) -> bool:
        if tunnel is None:
            return False
        host = tunnel[0]
        if is_address(host):
            return sni is None
        try:
            return sni is not None and spelling.host(sni) == host
        except Refused:
            return False
