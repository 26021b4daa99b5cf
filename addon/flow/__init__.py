"""The only code that touches mitmproxy: the master, the sealed HTTP layer, and one file per hook concern.

A request's way, top to bottom:

1. `handler`    one client connection; the only place that opens a socket, for a route the gate has opened
2. `identity`   which agent speaks (proxy credentials), or 407
3. `tunnel`     what runs inside a CONNECT: TLS then HTTP, or HTTP, and nothing else
4. `tls`        the certificate shown to the agent, the verification of the upstream
5. `http1`      the head of a message, read strictly before anything else looks at it
6. `admission`  the gate is asked; its permit is the only thing that opens a request
7. `sealed`     below the flow: the permit is redeemed, the real credential put in, the response redacted
8. `dial`       one resolution, every address checked, the checked address dialled
"""
