"""The pure part of wharfinger: what is written, what a request means, and what is decided about it.

No I/O, no clock but the one passed in, nothing of the application and no mitmproxy: the proxy,
`check`, `test`, `explain` and replay all come to their answers through here.

A request's way: `spelling` and `headers` read it, `recognise` finds its tool, `decide` answers.
A configuration's way: `documents` (YAML with positions), `models` (what may be written),
`configuration` (everything together, cross-checked and compiled).
"""
