"""What is written: YAML read strictly, with where everything stands and what is wrong with it."""
