"""From a request to the calls that it is, whatever protocol it speaks and whoever it logs in as."""
