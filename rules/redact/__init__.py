"""Take out of responses what an agent must not see: own secrets, and fields named by a tool.

`forms`   how one secret may be spelled on the wire
`secrets` all secrets in all forms as one matcher: `SecretSet`
`stream`  the same over a body that arrives in pieces: `SecretStream`
`decode`  content codings undone as they stream, within bounds: `Decoder`
`body`    both in one: `BodyRedactor`
`fields`  members of a JSON document, named by JSONPath: `FieldPath`, `redact_fields`

Pure: no I/O, no clock. Everything works on bytes; nothing trusts a `Content-Type`.
"""
