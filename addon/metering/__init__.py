"""What a running proxy counts of its own work, and how that is shown: to Prometheus, and as traces."""
