"""What leaves brainzoo: NIfTI volumes and PNG pictures."""
