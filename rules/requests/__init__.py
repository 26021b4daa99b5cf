"""What a request says: its spelling, header fields and body, read in one way or refused."""
