"""What is kept in the data folder beside the book: the store, its lock, agents, people and keys."""
