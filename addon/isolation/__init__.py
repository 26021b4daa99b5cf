"""A command that has no way out but the door: what it sees, what it may ask of the kernel, and the door.

The namespaces are bubblewrap's and the filter is libseccomp's, which are kept by people who do nothing
else. Ours is the door, and the policy of what is shown.
"""
