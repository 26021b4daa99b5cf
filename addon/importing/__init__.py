"""Make tool files of what vendors publish: OpenAPI, AWS models, Google discovery, GraphQL, MCP, HAR.

Rules: only names, templates, types and limits are carried over, never a vendor's sentences; what cannot be
a tool is reported with the reason, never left out in silence; the same document gives the same file,
whatever its order; every tool that is written has been loaded, filled in and recognised again.

A format's module reads its documents into `Operation`s. `wharfinger.importing.assembling` makes tools of
them, the same way for all formats.
"""
