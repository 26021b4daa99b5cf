"""Stores of secrets elsewhere, each a client that signs in and reads.

`remote`   what they have in common; how a server is asked is in `wharfinger.credentials.asking`
`reading`  what an answer must be, and a field of it
`opening`  which client is for which kind
"""
