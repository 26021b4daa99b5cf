"""wharfinger: a forward proxy between AI agents and the APIs they call."""
