"""Take out of responses what an agent must not see: own secrets, and fields named by a tool.

`forms`   how one secret may be spelled on the wire
`heads`   where forms may begin in a text, in one pass
`matcher` which form stands there, and what may still become one: `Layers`
`secrets` all secrets, and what stands in their place: `SecretSet`
`stream`  the same over a body that arrives in pieces: `SecretStream`
`lines`   what is broken over lines there: `LineStream`
`decode`  content codings undone as they stream, within bounds: `Decoder`
`body`    both in one: `BodyRedactor`
`fields`  members of a JSON document, named by JSONPath: `Fields`
`formats` answers of one JSON document, or of many: `format_of`
`answer`  all of it in one, with what detectors find: `AnswerRedactor`
`parts`   a part of an answer, cut out of more: `PartStream`
`accepting` what a request may ask its answer to be: `pinned`

Pure: no I/O, no clock. Everything works on bytes; nothing trusts a `Content-Type`.
"""
