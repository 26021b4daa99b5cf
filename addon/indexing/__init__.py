"""A search index of the book: derived from it, never trusted, and made again where it does not fit."""
