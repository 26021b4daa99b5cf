"""TLS at both ends: our leaf towards the agent, full verification towards the upstream.

Takes the place of mitmproxy's own TLS addon, which looks at upstream certificates, answers a CRL path for
any host, and offers a compromised intermediate (MITMPROXY 0.2). Contexts are built once per host.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Mapping
from pathlib import Path

from mitmproxy import connection, tls
from mitmproxy.net import tls as net_tls
from OpenSSL import SSL
from wharfinger.certs.authority import Authority
from wharfinger.credentials import certificates
from wharfinger.credentials.registry import CredentialUnavailable
from wharfinger.deciding.answers import Answer
from wharfinger.flow.parts import Parts
from wharfinger.flow.shares import Shares
from wharfinger.limits.rates import Rate
from wharfinger.rules.requests.spelling import covers
from wharfinger.rules.types import Code
from wharfinger.secret import Secret

_lib = SSL._lib  # type: ignore[attr-defined] # pyOpenSSL has no public call for the name check
_NAME_FLAGS = _lib.X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | _lib.X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
_ALPN = b"http/1.1"
_SPOKEN = (b"h2", _ALPN)
CONTEXTS = 4096
"""Hosts' certificates that are kept ready, of all agents together."""
_TOO_MANY = Answer(Code.LIMIT, "this agent goes to more new hosts in a second than certificates are made for")

type TrustFor = Callable[[str], Path]
"""The file of roots that vouch for a host."""


class Tls:
    """Hooks `tls_start_client` and `tls_start_server`. Without them no handshake is made."""

    def __init__(self, parts: Parts, authority: Authority, trust_for: TrustFor, minting: Rate) -> None:
        """`minting`: how often a certificate is made that there is not yet."""
        self._parts = parts
        self._authority = authority
        self._minting = minting
        self._trust_for = trust_for
        self._contexts: Shares[tuple[object, SSL.Context]] = Shares(CONTEXTS)

    def tls_start_client(self, start: tls.TlsData) -> None:
        """Show the agent a certificate for the host of its CONNECT, if its server name fits it."""
        link = self._parts.sessions.link(start.context.client)
        if link is None or link.tunnel is None or not link.name_fits:
            return
        who = self._parts.who(link)
        agent, host = who.agent if who is not None else "", link.tunnel[0]
        if not self._authority.has(host.strip("[]")) and not self._minting.take(agent):
            self._parts.gate.reject_soon(_TOO_MANY, who)  # without a handshake, which the agent sees fail
            return
        context = self._agent_context(agent, host)
        start.ssl_conn = SSL.Connection(context)
        start.ssl_conn.set_accept_state()

    def _agent_context(self, agent: str, host: str) -> SSL.Context:
        leaf = self._authority.leaf(host.strip("[]"))
        known = self._contexts.get(agent, host)
        if known is not None and known[0] is leaf:
            return known[1]
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_alpn_select_callback(_select_alpn)
        context.use_certificate(leaf.certificate)
        context.use_privatekey(leaf.key)
        context.check_privatekey()
        self._contexts.put(agent, host, (leaf, context))
        return context

    def tls_start_server(self, start: tls.TlsData) -> None:
        """Verify the upstream against its roots and its name; a failure closes the connection."""
        server = start.conn
        if not isinstance(server, connection.Server):
            return
        route = self._parts.sessions.route(server)
        if route is None or server.sni is None:
            return
        roots = str(self._trust_for(route.host))
        context = _upstream_context(roots)
        if route.certificate is not None:
            try:
                context = _certified(roots, self._parts.live.secrets.current(route.certificate[0]))
            except CredentialUnavailable:
                return
        ssl_conn = SSL.Connection(context)
        _verify_name(ssl_conn, server.sni)
        # What an agent asks in HTTP/1 is asked of the upstream in HTTP/1: nothing is then translated.
        ssl_conn.set_alpn_protos(list(_SPOKEN) if start.context.client.alpn == _SPOKEN[0] else [_ALPN])
        ssl_conn.set_connect_state()
        start.ssl_conn = ssl_conn


def _select_alpn(_connection: SSL.Connection, offers: list[bytes]) -> bytes | SSL._NoOverlappingProtocols:
    """What the agent would rather speak, of what is spoken here."""
    return next((offer for offer in offers if offer in _SPOKEN), SSL.NO_OVERLAPPING_PROTOCOLS)


@functools.lru_cache(64)
def _upstream_context(roots: str) -> SSL.Context:
    return _trusting(roots)


@functools.lru_cache(16)
def _certified(roots: str, secret: Secret) -> SSL.Context:
    """A context that shows a client certificate, and so is no other credential's."""
    pair = certificates.pair(secret.reveal())
    context = _trusting(roots)
    context.use_certificate(pair.chain[0])
    for issuer in pair.chain[1:]:
        context.add_extra_chain_cert(issuer)
    context.use_privatekey(pair.key)
    context.check_privatekey()
    return context


def _trusting(roots: str) -> SSL.Context:
    made: SSL.Context = net_tls.create_proxy_server_context.__wrapped__(  # which keeps what it makes
        method=net_tls.Method.TLS_CLIENT_METHOD,
        min_version=net_tls.Version.TLS1_2,
        max_version=net_tls.Version.UNBOUNDED,
        cipher_list=None,
        ecdh_curve=None,
        verify=net_tls.Verify.VERIFY_PEER,
        ca_path=None,
        ca_pemfile=roots,
        client_cert=None,
        legacy_server_connect=False,
    )
    return made


def _verify_name(ssl_conn: SSL.Connection, name: str) -> None:
    """Have OpenSSL check the certificate's name (RFC 9525); a name is also sent as SNI."""
    param = _lib.SSL_get0_param(ssl_conn._ssl)
    _lib.X509_VERIFY_PARAM_set_hostflags(param, _NAME_FLAGS)
    try:
        packed = ipaddress.ip_address(name).packed
    except ValueError:
        encoded = name.encode("ascii")
        ssl_conn.set_tlsext_host_name(encoded)
        done = _lib.X509_VERIFY_PARAM_set1_host(param, encoded, len(encoded))
    else:
        done = _lib.X509_VERIFY_PARAM_set1_ip(param, packed, len(packed))
    if done != 1:
        raise ValueError("the upstream's name cannot be verified")


def roots_by_host(default: Path, extra: Mapping[str, Path]) -> TrustFor:
    """Choose a host's roots: its own entry, a `*.` entry, `*`, or the default."""

    def trust_for(host: str) -> Path:
        if host in extra:
            return extra[host]
        named = (path for pattern, path in extra.items() if pattern != "*" and covers(pattern, host))
        return next(named, extra.get("*", default))

    return trust_for
