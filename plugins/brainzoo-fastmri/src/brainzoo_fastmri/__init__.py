"""The brain volumes of fastMRI."""
