"""A checkpoint and all that it needs in one file, for a machine without internet."""
