"""Evaluated runs side by side: what can be compared, and the page that shows it."""
