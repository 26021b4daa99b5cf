"""What text may hold that should not go on: secrets by their shape, personal data by check digits."""
