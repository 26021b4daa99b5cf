"""The book: every decision and what became of it, durable before it matters and chained so that changes show.

`event` says what is recorded, `render` and `chain` how it is stored, `book` writes it, `reader` and
`verify` read it. The stored format is described in `docs/audit-format.md`.
"""
