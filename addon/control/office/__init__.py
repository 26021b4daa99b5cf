"""The office: console and JSON API, a process of its own beside the proxy.

It holds no credential, no CA key and no authority: whatever is seen or done here is a command on the
control socket, given in the session of the person who is signed in, and the proxy decides on it. The way
of a request: `guard` (hosts, origins, sizes, headers) → `application` (routes) → `visit` (who it is, the
form, the answer) → a page of `pages/`, or the `api`.
"""
