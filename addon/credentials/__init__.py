"""Credentials: where their values come from, how they are put into a request, who may reach them.

`sources`   the value itself: from the environment, a file, or a command
`command`   running such a command so that nothing of it shows
`values`    what a value must be to be put into a request
`kinds`     a value as it goes upstream: header, basic, query
`registry`  all current values, and every value that must never be shown: `Credentials`
`issued`    the placeholders that agents hold instead
"""
