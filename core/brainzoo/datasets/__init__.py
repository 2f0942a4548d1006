"""The datasets of the core, registered through the same hook as anybody's."""
