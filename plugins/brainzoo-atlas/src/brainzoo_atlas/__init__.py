"""A simulated population of T1-weighted head scans around the MNI152 template."""
