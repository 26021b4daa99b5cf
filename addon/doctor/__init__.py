"""What works and what does not, on this machine: one small check each, in one list, each with its remedy.

A check yields findings; a fault that it meets is a finding, too. Nothing here changes a configuration.
"""
