"""The live view: what a running proxy does, as a table in a terminal, with the questions that wait on top.

`calls` folds the audit log's events into one row for each call; `following` gets them, from the log's files
here or from the API elsewhere; `asking` lists the questions and answers them; `drawing` and `detail` make
what is seen, `screen` puts it on the terminal and takes the keys. Nothing here is in the proxy's process: it
sees what the audit log holds, which is no secret, and cannot slow the proxy down.
"""
