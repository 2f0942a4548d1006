"""A complete plugin that trains in milliseconds on numpy alone: for tests of the pipeline."""
