"""Tools: templates of requests, compiled from what is written, matched and filled in."""
