"""The generator ``flow``: a rectified flow for slices and volumes of brain MRI."""
