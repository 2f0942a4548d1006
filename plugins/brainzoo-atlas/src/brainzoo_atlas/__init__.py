"""A simulated population of head scans around the MNI152 template."""
