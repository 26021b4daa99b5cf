"""The pages of the office, a module for each; `table` lists them all."""
