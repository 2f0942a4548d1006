"""Datasets of OpenNeuro by their accession numbers."""
