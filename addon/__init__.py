"""wharfinger: a forward proxy between AI agents and the APIs they call."""

__version__ = "0.1.0"
