"""Signing in: passwords, one-time links, sessions of browsers and tokens of machines.

All of it is kept and checked by the proxy. The office passes on what a browser presents and holds no
authority of its own.
"""
