"""Errors, files, locks, the console, processes and downloads: what everything else stands on."""
