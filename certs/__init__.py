"""Certificates: our own authority, what clients trust, and the environment that makes them use both.

`authority`   the CA of one installation, and leaf certificates for the hosts that agents ask for
`bundle`      files of roots: for agents (public roots and our CA), and for the upstream side
`clients`     everything a client reads at start, written into one folder
`hooks`       start-up hooks for Python and Node, which ignore an environment that others honour
`environment` the variables that put a process behind the proxy

Knows nothing of the proxy: no mitmproxy, nothing of the application.
"""
