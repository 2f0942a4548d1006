"""The folder of a run: found, gone on with, rounded."""
