"""Distances, diversity, coverage and anatomy of synthetic brain MRI: a plugin of brainzoo."""
