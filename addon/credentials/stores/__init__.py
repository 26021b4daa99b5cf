"""Stores of secrets elsewhere, each a client that signs in and reads.

`asking`   one question to a server, bounded in size and time
`reading`  what an answer must be, and a field of it
`opening`  which client is for which kind
"""
