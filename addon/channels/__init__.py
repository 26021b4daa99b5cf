"""Channels: how people are told of what waits for them, and how their answers come back (docs/channels.md).

`card`      what a person reads of one question; `shown` makes it safe for each kind of text
`links`     signed links and the codes that go with them
`notices`   what the proxy and the process of the channels say to each other
`process`   the process that posts: `slack`, `email` and `webhook`, each behind a queue of its own
`courier`   the proxy's side: tells of changes, checks every answer, keeps what was posted
"""
