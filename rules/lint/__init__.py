"""What `check` remarks on in a configuration that is good: kinds of findings, one module for each concern.

Rules: nothing here decides anything. A remark about rules is made only where it is certain, for every
request there can be; what cannot be proved is not said.
"""
