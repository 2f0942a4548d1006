"""Heads recombined of several people, for other generators to learn from."""
