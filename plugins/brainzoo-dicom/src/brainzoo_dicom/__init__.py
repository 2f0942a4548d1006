"""DICOM for brainzoo: scans from a scanner in, synthetic series out."""
