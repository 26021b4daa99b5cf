"""Credentials: where their values come from, how they are put into a request, who may reach them.

`sources`   the value itself, and how long it holds: from a variable, a file, a command, a store
`command`   running such a command so that nothing of it shows
`mounted`   files that Kubernetes mounts
`keychain`  the keychain of the system
`own_store` the encrypted store of the data folder; `store_key` is what opens it
`stores`    stores elsewhere: Vault, AWS, Google, Azure
`keeper`    what commands do to them
`values`    what a value must be to be put into a request
`kinds`     a value as it goes upstream: header, basic, query
`standings` what there is to say of them
`registry`  all current values, and every value that must never be shown: `Credentials`
`issued`    the placeholders that agents hold instead
"""
