"""The demo: stand-ins for two APIs, a real proxy, unmodified clients, and claims checked by what arrived.

What a claim says is checked against the stand-ins' own record of connections and requests, never against
what the proxy says of itself. Everything runs on loopback, in a temporary folder, with keys made for the run.
"""
